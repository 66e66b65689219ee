package edge

import (
	"log/slog"
	"time"

	"github.com/holdfast-run/holdfast/guest-sdk/abi"
	"github.com/holdfast-run/holdfast/guest-sdk/edge/internal/bridge"
)

// ID is an object's identity: 64 hex digits, and the name it was made from.
type ID struct {
	text string
	name string
}

// String is the id as 64 hex digits.
func (id ID) String() string { return id.text }

// Name is the name the id was made from, if it was and is known.
func (id ID) Name() string { return id.name }

// Equal compares ids; names play no part.
func (id ID) Equal(o ID) bool { return id.text == o.text }

// State is an object's own view of itself. It belongs to the object's code.
type State struct {
	ID      ID
	Storage *Storage
	Log     *slog.Logger
	in      *instance
}

// Now is the host's clock. Tests and dev's manual clock move it.
func (s *State) Now() time.Time { return time.Unix(0, s.in.host.Now()) }

// BlockConcurrencyWhile delivers no other event until fn returns. An error
// resets the object, as in Durable Objects; so does taking over 30 s.
func (s *State) BlockConcurrencyWhile(fn func() error) error {
	event := s.in.current
	if err := s.in.post(bridge.Block, &abi.BlockRequest{Event: event, On: true}); err != nil {
		return err
	}
	if err := fn(); err != nil {
		s.Abort("blockConcurrencyWhile: " + err.Error())
		return err
	}
	return s.in.post(bridge.Block, &abi.BlockRequest{Event: event, On: false})
}

// WaitUntil runs fn beside the handler and does not delay its answer. The
// object stays in memory for it up to 15 minutes; it ends with an eviction or
// a crash, so work that must happen needs storage and an alarm. Works begin in
// the order of the calls. An error is logged under name.
func (s *State) WaitUntil(name string, fn func() error) { s.in.waitUntil(name, s.Log, fn) }

func (in *instance) waitUntil(name string, log *slog.Logger, fn func() error) {
	event := in.current
	if err := in.post(bridge.WaitUntil, &abi.WaitUntilRequest{Event: event, Name: name, Delta: 1}); err != nil {
		log.Error("waitUntil refused", "name", name, "error", err.Error())
		return
	}
	in.start(event, func() {
		if err := fn(); err != nil {
			log.Error("waitUntil failed", "name", name, "error", err.Error())
		}
		_ = in.post(bridge.WaitUntil, &abi.WaitUntilRequest{Event: event, Name: name, Delta: -1})
	})
}

// AbortOption changes an Abort.
type AbortOption func(*abi.AbortRequest)

// NoAlarmRetry keeps an interrupted alarm from running again.
func NoAlarmRetry() AbortOption { return func(m *abi.AbortRequest) { m.RetryAlarm = false } }

// Abort discards the instance and what its turn wrote. It does not return:
// callers of this object get a retryable error, sockets live on, and the next
// event meets a fresh instance.
func (s *State) Abort(reason string, opts ...AbortOption) {
	m := abi.AbortRequest{Reason: reason, RetryAlarm: true}
	for _, o := range opts {
		o(&m)
	}
	_ = s.in.post(bridge.Abort, &m)
	panic("edge: Abort returned")
}

// Rand fills p with random bytes of the host: never the same in two objects,
// unlike math/rand, whose state is part of the captured program.
func (s *State) Rand(p []byte) { s.in.host.Random(p) }
