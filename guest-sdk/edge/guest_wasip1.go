//go:build wasip1

package edge

import (
	"os"
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
	pool.event(guest, abi.EventKind(kind), n)
	answer := pool.settle()
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
	return pool.settle()
}

//go:wasmexport hf_tick
func hfTick() uint32 {
	if guest.class == nil && !warmed {
		warmed = true
		warm()
	}
	return pool.tick()
}

// warmed is set once the guest has been ticked for its image.
var warmed bool
