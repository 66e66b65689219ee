//go:build wasip1

package edge

import (
	"os"
	"runtime"
	"runtime/debug"
	"syscall"
	"unsafe"

	"github.com/holdfast-run/holdfast/guest-sdk/abi"
	"github.com/holdfast-run/holdfast/guest-sdk/edge/internal/bridge"
)

// bufferBytesFirst holds most events; a larger one gets a buffer of its own.
const bufferBytesFirst = 64 << 10

// baseGoroutines is how many goroutines a guest has when nothing runs: the
// one of the export itself. The one that ran the initialisers is not counted.
const baseGoroutines = 1

var (
	guest  = newInstance(bridge.NewWasm())
	first  = make([]byte, bufferBytesFirst)
	buffer = first
	idle   = idleConn()
)

func idleConn() syscall.RawConn {
	c, err := os.NewFile(abi.IdleDescriptor, "idle").SyscallConn()
	if err != nil {
		panic("edge: the host has no idle descriptor: " + err.Error())
	}
	return c
}

// gcPercent keeps the heap of a guest with little state near 1 MiB: many
// guests share the machine's caches.
const gcPercent = 25

func init() { debug.SetGCPercent(gcPercent) }

func announce(c *class) {
	m := c.message()
	if err := guest.post(bridge.Register, &m); err != nil {
		panic("edge: register " + c.name + ": " + err.Error())
	}
}

// pump runs every other goroutine until all are parked: it parks on a
// descriptor that the host calls ready only when nothing else can run.
func pump() uint32 {
	parked := false
	err := idle.Read(func(uintptr) bool {
		if parked {
			return true
		}
		parked = true
		return false
	})
	if err != nil {
		panic("edge: pump: " + err.Error())
	}
	return abi.AnswerPumped
}

// settle runs what was woken, and pumps unless every goroutine is known to be
// parked: that of the export, idle ones of the pool, and those that wait for
// an operation.
func settle() uint32 {
	runtime.Gosched()
	if runtime.NumGoroutine() <= baseGoroutines+guest.parked+len(pool.idle) {
		return 0
	}
	return pump()
}

//go:wasmexport hf_buffer
func hfBuffer(n uint32) unsafe.Pointer {
	buffer = first
	if n > uint32(len(first)) {
		buffer = make([]byte, n)
	}
	return unsafe.Pointer(unsafe.SliceData(buffer))
}

func taken(n uint32) []byte {
	b := buffer[:n]
	buffer = first
	return b
}

//go:wasmexport hf_event
func hfEvent(kind, n uint32) uint32 {
	pool.refused = false
	pool.run(job{handler: handler{in: guest}, kind: abi.EventKind(kind), message: taken(n)})
	answer := settle()
	if pool.refused {
		answer |= abi.AnswerRefused
	}
	return answer
}

//go:wasmexport hf_completion
func hfCompletion(op, status, n uint32) uint32 {
	if !guest.Complete(op, abi.Status(status), taken(n)) {
		return abi.AnswerRefused
	}
	return settle()
}

//go:wasmexport hf_tick
func hfTick() uint32 {
	if guest.class == nil && !warmed {
		warmed = true
		warm()
	}
	return pump()
}

// warmed is set once the guest has been ticked for its image.
var warmed bool
