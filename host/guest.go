package host

import (
	"errors"
	"fmt"
	"time"

	"github.com/holdfast-run/holdfast/guest-sdk/abi"
	"github.com/holdfast-run/holdfast/host/hostcall"
	"github.com/holdfast-run/holdfast/runtime/engine"
	"github.com/holdfast-run/holdfast/runtime/object"
)

// guest is an object's instance on the engine: object.Guest while it runs, and
// object.Frozen while it is at rest. Its host calls keep what they have
// issued, so that no handle is issued twice.
type guest struct {
	image   *engine.Image
	freezer *engine.Freezer
	calls   *hostcall.Calls
	in      *engine.Instance // nil at rest
	frozen  *engine.Frozen   // nil while it runs
	bytes   int64            // of frozen, before the freezer had it
}

// newGuest makes an instance in the state of its image.
func newGuest(img *engine.Image, z *engine.Freezer, calls *hostcall.Calls) (object.Guest, error) {
	in, err := img.Instantiate(calls)
	if err != nil {
		return nil, noRoom(err)
	}
	return &guest{image: img, freezer: z, calls: calls, in: in}, nil
}

func noRoom(err error) error {
	if errors.Is(err, engine.ErrNoRoom) {
		return fmt.Errorf("%w: %w", object.ErrNoRoom, err)
	}
	return err
}

// Event is object.Guest's.
func (g *guest) Event(kind abi.EventKind, msg []byte) error { return timeout(g.in.Event(kind, msg)) }

// Complete is object.Guest's.
func (g *guest) Complete(op uint32, st abi.Status, payload []byte) error {
	return timeout(g.in.Complete(op, st, payload))
}

// Tick is object.Guest's.
func (g *guest) Tick() error { return timeout(g.in.Tick()) }

// timeout gives the trap of a guest that ran for too long its status.
func timeout(err error) error {
	var t *engine.Trap
	if err != nil && errors.As(err, &t) && t.Kind == engine.TrapTime {
		return &object.Error{Status: abi.Timeout, Message: t.Reason + ", which caused the object to be reset", Flags: abi.FailureRetryable}
	}
	return err
}

// Deadline is object.Guest's.
func (g *guest) Deadline() (int64, bool) { return g.in.Deadline() }

// ClockRead is object.Guest's.
func (g *guest) ClockRead() bool { return g.in.ClockRead() }

// MemoryBytes is object.Guest's.
func (g *guest) MemoryBytes() int64 { return g.in.MemoryBytes() }

// SetLimit is object.Guest's.
func (g *guest) SetLimit(d time.Duration) { g.in.SetLimit(d) }

// Close is object.Guest's.
func (g *guest) Close() {
	g.in.Close()
	g.in = nil
}

// Freeze is object.Guest's.
func (g *guest) Freeze(pinned bool) (object.Frozen, error) {
	f, err := g.in.Freeze()
	if err != nil {
		return nil, err
	}
	g.calls.Rest()
	g.frozen, g.bytes = f, f.Bytes()
	g.freezer.Keep(f, pinned)
	return g, nil
}

// Thaw is object.Frozen's.
func (g *guest) Thaw() (object.Guest, error) {
	if err := g.freezer.Take(g.frozen); err != nil {
		return nil, fmt.Errorf("%w: %w", object.ErrFrozenLost, err)
	}
	in, err := g.image.Thaw(g.frozen, g.calls)
	if err != nil {
		return nil, noRoom(err)
	}
	g.in, g.frozen = in, nil
	return g, nil
}

// Drop is object.Frozen's.
func (g *guest) Drop() { g.freezer.Drop(g.frozen) }

// Bytes is object.Frozen's.
func (g *guest) Bytes() int64 { return g.bytes }
