package engine

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/sys"

	"github.com/holdfast-run/holdfast/guest-sdk/abi"
	"github.com/holdfast-run/holdfast/runtime/engine/rewrite"
)

// Instance is one running guest. One goroutine at a time may use it. After an
// error of Event, Complete or Tick it is dead: only Close is left.
type Instance struct {
	image  *Image
	calls  Calls
	slot   slot
	module api.Module
	memory api.Memory
	ctx    *callContext
	stack  [4]uint64

	enter     api.Function // while it is hot: it holds a stack of 10 KiB
	bufferPtr uint32       // of the guest's first buffer
	bufferCap uint32

	stash     []byte // a result that did not fit
	deadline  int64  // of the guest's next timer, as Mono; 0: none
	clockRead bool   // the guest has read its monotonic clock since it was idle
	output    [2][]byte

	fuel api.MutableGlobal
	pace pace
}

// Trap is the end of an instance: a panic, exit, memory exhaustion, a bad
// pointer or an abort.
type Trap struct {
	Kind   TrapKind
	Reason string
}

// TrapKind says why an instance ended.
type TrapKind uint8

// The kinds of trap.
const (
	TrapGuest   TrapKind = iota // panic, exit, unreachable, out of memory
	TrapPointer                 // a pointer or length outside the memory
	TrapAbort                   // the guest called abort
	TrapTime                    // it ran for too long
)

func (t *Trap) Error() string { return t.Reason }

// callContext lets host functions find their instance without a map.
type callContext struct {
	context.Context
	in *Instance
}

type instanceKey struct{}

// Value answers the instance, and asks the parent for anything else.
func (c *callContext) Value(key any) any {
	if key == (instanceKey{}) {
		return c.in
	}
	return c.Context.Value(key)
}

func instanceOf(ctx context.Context) *Instance {
	if c, ok := ctx.(*callContext); ok {
		return c.in
	}
	in, _ := ctx.Value(instanceKey{}).(*Instance)
	return in
}

// bufferBytesFirst is what the guest's standing buffer is asked to hold.
const bufferBytesFirst = 64 << 10

// The exports that ExportEnter reaches, by number.
var entries = []string{abi.ExportBuffer, abi.ExportEvent, abi.ExportCompletion, abi.ExportTick}

const (
	entryBuffer = iota
	entryEvent
	entryCompletion
	entryTick
)

// call enters the guest once.
func (in *Instance) call(doing string, entry uint64, a, b, c uint64) (uint32, error) {
	if in.enter == nil {
		in.enter = in.module.ExportedFunction(rewrite.ExportEnter)
	}
	in.stack = [4]uint64{entry, a, b, c}
	in.pace.turn++
	if err := in.enter.CallWithStack(in.ctx, in.stack[:]); err != nil {
		return 0, in.trap(doing, err)
	}
	return uint32(in.stack[0]), nil
}

// Close frees the instance. It may be called once, also after a trap.
func (in *Instance) Close() {
	in.flushOutput()
	_ = in.module.Close(in.ctx) // an instance has nothing that closing could lose
}

// MemoryBytes is the memory that belongs to this instance alone, in bytes:
// what it has changed of its image, and the stack that it runs on. Finding it
// takes some microseconds.
func (in *Instance) MemoryBytes() int64 {
	n := int64(instanceBytes)
	if in.enter != nil {
		n += stackBytes
	}
	return n + int64(in.slot.resident(int(in.memory.Size())))
}

// What an instance takes beside its memory, roughly.
const (
	instanceBytes = 3 << 10
	stackBytes    = 12 << 10
)

// Deadline is when the guest's next timer is due, on the monotonic clock.
func (in *Instance) Deadline() (int64, bool) { return in.deadline, in.deadline != 0 }

// ClockRead reports whether the guest has read its monotonic clock since it
// was last pumped idle, so that it may have armed a timer.
func (in *Instance) ClockRead() bool { return in.clockRead }

// write puts a message where the guest expects it.
func (in *Instance) write(msg []byte) error {
	ptr := in.bufferPtr
	if uint32(len(msg)) > in.bufferCap {
		var err error
		if ptr, err = in.call("buffer", entryBuffer, uint64(len(msg)), 0, 0); err != nil {
			return err
		}
	}
	if !in.memory.Write(ptr, msg) {
		return &Trap{TrapPointer, fmt.Sprintf("hf_buffer(%d) answered %d, outside the memory of %d bytes", len(msg), ptr, in.memory.Size())}
	}
	return nil
}

// ErrRefused is the answer of a guest that could not decode a message.
var ErrRefused = errors.New("the guest refused the message")

// Event delivers an event and runs the guest until it is idle.
func (in *Instance) Event(kind abi.EventKind, msg []byte) error {
	if err := in.write(msg); err != nil {
		return err
	}
	return in.run(entryEvent, uint64(kind), uint64(len(msg)), 0)
}

// Complete delivers the end of an operation and runs the guest until idle.
func (in *Instance) Complete(op uint32, st abi.Status, payload []byte) error {
	if err := in.write(payload); err != nil {
		return err
	}
	return in.run(entryCompletion, uint64(op), uint64(st), uint64(len(payload)))
}

// Tick runs the guest until it is idle.
func (in *Instance) Tick() error { return in.run(entryTick, 0, 0, 0) }

// run enters the guest. A guest that skipped the pump after it read the clock
// may have armed a timer that the host does not know: ClockRead says so.
func (in *Instance) run(entry, a, b, c uint64) error {
	answer, err := in.call("run", entry, a, b, c)
	if err != nil {
		return err
	}
	in.flushOutput()
	if answer&abi.AnswerRefused != 0 {
		return ErrRefused
	}
	if answer&abi.AnswerPumped != 0 {
		in.clockRead = false
	}
	return nil
}

// trap makes a Trap of what ended the instance.
func (in *Instance) trap(doing string, err error) error {
	in.flushOutput()
	var t *Trap
	if errors.As(err, &t) {
		return t
	}
	var exit *sys.ExitError
	if errors.As(err, &exit) {
		return &Trap{TrapGuest, fmt.Sprintf("%s: the guest exited with code %d", doing, exit.ExitCode())}
	}
	first, _, _ := strings.Cut(err.Error(), "\n")
	return &Trap{TrapGuest, doing + ": " + first}
}
