// Package bridge carries encoded messages between the SDK and a host: the
// real one through Wasm imports, or an in-memory one in native tests. It owns
// the calls and their buffers; it refuses to know what a message means.
package bridge

import "github.com/holdfast-run/holdfast/guest-sdk/abi"

// Fn is a host function's place in abi.Functions.
type Fn uint8

// String is the function's name in the ABI.
func (f Fn) String() string { return abi.Functions[f].Name }

// Host is what a guest calls. A result or failure is valid until the next
// call of the same host.
type Host interface {
	Sync(fn Fn, req []byte) (abi.Status, []byte)
	Async(fn Fn, req []byte) (op uint32, st abi.Status, failure []byte)
	Post(fn Fn, req []byte) (abi.Status, []byte)
	// Now is the host's clock in nanoseconds since 1970.
	Now() int64
	Random(p []byte)
}

// Guest is one instance of the SDK: what a host calls. Event and Complete
// return once the message is decoded and its goroutine started; they report
// false for a message that could not be decoded. The message is borrowed.
type Guest interface {
	Event(kind abi.EventKind, msg []byte) bool
	Complete(op uint32, st abi.Status, payload []byte) bool
}

// NewGuest is set by the SDK: it makes an instance that calls h. Each native
// object has its own; a Wasm guest has one.
var NewGuest func(h Host) Guest

// Classes is set by the SDK: what the program has registered, in order.
var Classes func() []abi.RegisterRequest

// Runner is what a Host is besides in native tests: it runs the guest's
// goroutines, so that two of an instance never begin or go on at once and a
// turn ends where all of them wait, as on the real host. Under wasip1 the
// guest has one thread, and no Host is a Runner.
type Runner interface {
	// Go runs fn as guest code on a goroutine of its own, once no other runs.
	// A panic of fn discards the instance.
	Go(fn func())
	// Wait returns when done has been sent to and no other guest code runs.
	// It ends the goroutine where the instance is gone by then.
	Wait(done <-chan struct{})
}
