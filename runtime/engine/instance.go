package engine

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/sys"

	"github.com/holdfast-run/holdfast/guest-sdk/abi"
)

// Instance is one running guest. One goroutine at a time may use it. After an
// error of Event, Complete or Tick it is dead: only Close is left.
type Instance struct {
	calls  Calls
	module api.Module
	memory api.Memory
	ctx    *callContext
	stack  [4]uint64

	buffer, event, completion, tick api.Function
	bufferPtr                       uint32 // of the guest's first buffer
	bufferCap                       uint32

	stash     []byte // a result that did not fit
	deadline  int64  // of the guest's next timer, as Mono; 0: none
	clockRead bool   // the guest has read its monotonic clock since it was idle
	output    [2][]byte
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

// Instantiate makes an instance whose host calls go to calls, once it has been
// initialised: initialisers see what they saw when the image was made.
func (i *Image) Instantiate(calls Calls) (*Instance, error) {
	in, err := i.instantiate(&registrar{})
	if err != nil {
		return nil, err
	}
	in.calls = calls
	return in, nil
}

func (i *Image) instantiate(calls Calls) (*Instance, error) {
	in := &Instance{calls: calls}
	in.ctx = &callContext{context.Background(), in}
	cfg := wazero.NewModuleConfig().WithName("").WithStartFunctions()
	m, err := i.runtime.InstantiateModule(withMemory(in.ctx), i.compiled, cfg)
	if err != nil {
		return nil, fmt.Errorf("engine: instantiate: %w", err)
	}
	in.module, in.memory = m, m.Memory()
	if _, err := m.ExportedFunction(abi.ExportInitialize).Call(in.ctx); err != nil {
		err = in.trap("initialise", err)
		in.Close()
		return nil, err
	}
	in.buffer, in.event = m.ExportedFunction(abi.ExportBuffer), m.ExportedFunction(abi.ExportEvent)
	in.completion, in.tick = m.ExportedFunction(abi.ExportCompletion), m.ExportedFunction(abi.ExportTick)
	in.stack[0] = bufferBytesFirst
	if err := in.buffer.CallWithStack(in.ctx, in.stack[:1]); err != nil {
		err = in.trap("buffer", err)
		in.Close()
		return nil, err
	}
	in.bufferPtr, in.bufferCap = uint32(in.stack[0]), bufferBytesFirst
	in.clockRead = false
	return in, nil
}

// Close frees the instance. It may be called once, also after a trap.
func (in *Instance) Close() {
	in.flushOutput()
	_ = in.module.Close(in.ctx) // an instance has nothing that closing could lose
}

// MemoryBytes is the size of the guest's memory.
func (in *Instance) MemoryBytes() int64 { return int64(in.memory.Size()) }

// Deadline is when the guest's next timer is due, on the monotonic clock.
func (in *Instance) Deadline() (int64, bool) { return in.deadline, in.deadline != 0 }

// ClockRead reports whether the guest has read its monotonic clock since it
// was last pumped idle, so that it may have armed a timer.
func (in *Instance) ClockRead() bool { return in.clockRead }

// write puts a message where the guest expects it.
func (in *Instance) write(msg []byte) error {
	ptr := in.bufferPtr
	if uint32(len(msg)) > in.bufferCap {
		in.stack[0] = uint64(len(msg))
		if err := in.buffer.CallWithStack(in.ctx, in.stack[:1]); err != nil {
			return in.trap("buffer", err)
		}
		ptr = uint32(in.stack[0])
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
	in.stack[0], in.stack[1] = uint64(kind), uint64(len(msg))
	return in.run(in.event, 2)
}

// Complete delivers the end of an operation and runs the guest until idle.
func (in *Instance) Complete(op uint32, st abi.Status, payload []byte) error {
	if err := in.write(payload); err != nil {
		return err
	}
	in.stack[0], in.stack[1], in.stack[2] = uint64(op), uint64(st), uint64(len(payload))
	return in.run(in.completion, 3)
}

// Tick runs the guest until it is idle.
func (in *Instance) Tick() error { return in.run(in.tick, 0) }

// run enters the guest. A guest that skipped the pump after it read the clock
// may have armed a timer that the host does not know: ClockRead says so.
func (in *Instance) run(fn api.Function, params int) error {
	if err := fn.CallWithStack(in.ctx, in.stack[:max(params, 1)]); err != nil {
		return in.trap("run", err)
	}
	answer := uint32(in.stack[0])
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
