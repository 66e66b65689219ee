package sim

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/holdfast-run/holdfast/guest-sdk/abi"
	"github.com/holdfast-run/holdfast/runtime/object"
)

var errTrap = errors.New("the guest panics as asked")

// The operations of a simulated guest; the request's body.
const (
	opAdd      = "add"   // count up, store, broadcast, answer the number
	opTrap     = "trap"  // count up, store, then panic
	opFail     = "fail"  // count up, store, then return an error
	opRead     = "read"  // answer the number
	opAlarm    = "alarm" // set an alarm in a second
	opWait     = "wait"  // count up, wait for a sync, count up again
	countKey   = "n"
	countBytes = 8
)

// guest is one instance: it keeps the count in memory and in storage, as an
// object with a cache would.
type guest struct {
	w       *world
	o       *object.Object
	n       uint64
	waiting map[uint32]uint64 // operation to event
}

func (w *world) newGuest(o *object.Object) (object.Guest, error) {
	g := &guest{w: w, o: o, waiting: map[uint32]uint64{}}
	w.born(o.Ref().Name)
	return g, nil
}

func (g *guest) count() error {
	g.n++
	return g.o.Storage().Put(countKey, binary.BigEndian.AppendUint64(nil, g.n))
}

// Event runs one event to its end, or to its wait.
func (g *guest) Event(kind abi.EventKind, msg []byte) error {
	switch kind {
	case abi.EventConstruct:
		var m abi.ConstructEvent
		if err := m.Decode(msg); err != nil {
			return err
		}
		b, ok, err := g.o.Storage().Get(countKey)
		if err != nil {
			return err
		}
		if ok {
			g.n = binary.BigEndian.Uint64(b)
		}
		return g.o.Done(m.Event, abi.OK, nil)
	case abi.EventFetch:
		var m abi.FetchEvent
		if err := m.Decode(msg); err != nil {
			return err
		}
		return g.fetch(&m)
	case abi.EventAlarm:
		var m abi.AlarmEvent
		if err := m.Decode(msg); err != nil {
			return err
		}
		if err := g.count(); err != nil {
			return err
		}
		g.broadcast()
		return g.o.Done(m.Event, abi.OK, nil)
	}
	return fmt.Errorf("sim: no handler for event %d", kind)
}

func (g *guest) broadcast() {
	_, _ = g.o.Broadcast("", false, nil, true, binary.BigEndian.AppendUint64(nil, g.n)) // binary: never refused
}

func (g *guest) respond(event uint64) error {
	return g.o.Respond(event, &abi.Response{Status: 200, Body: binary.BigEndian.AppendUint64(nil, g.n)})
}

func (g *guest) fetch(m *abi.FetchEvent) error {
	switch string(m.Request.Body) {
	case opRead:
		return g.respond(m.Event)
	case opAlarm:
		if err := g.o.SetAlarm(g.w.clock.Now().UnixMilli() + 1000); err != nil {
			return err
		}
		return g.respond(m.Event)
	case "join":
		if err := g.o.Accept(m.Upgrade, nil, true); err != nil {
			return err
		}
		if err := g.o.SendSocket(m.Upgrade, true, binary.BigEndian.AppendUint64(nil, g.n)); err != nil {
			return err
		}
		return g.o.Respond(m.Event, &abi.Response{Status: 101})
	}
	if err := g.count(); err != nil {
		return err
	}
	g.broadcast()
	switch string(m.Request.Body) {
	case opTrap:
		return errTrap
	case opFail:
		return g.o.Done(m.Event, abi.GuestFailed, (&abi.Failure{Message: "as asked"}).Append(nil))
	case opWait:
		op, err := g.o.Sync()
		if err != nil {
			return err
		}
		g.waiting[op] = m.Event
		return nil
	}
	return g.respond(m.Event)
}

// Complete goes on behind a wait.
func (g *guest) Complete(op uint32, st abi.Status, _ []byte) error {
	event := g.waiting[op]
	delete(g.waiting, op)
	if st != abi.OK {
		return fmt.Errorf("sim: sync ended with %v", st)
	}
	if err := g.count(); err != nil {
		return err
	}
	g.broadcast()
	return g.respond(event)
}

// Tick has nothing to do.
func (g *guest) Tick() error { return nil }

// Deadline is none.
func (g *guest) Deadline() (int64, bool) { return 0, false }

// ClockRead is never.
func (g *guest) ClockRead() bool { return false }

// SetLimit bounds nothing: no simulated turn takes time.
func (g *guest) SetLimit(time.Duration) {}

// Freeze keeps the guest as it is; one that nobody waits for may be lost.
func (g *guest) Freeze(pinned bool) (object.Frozen, error) {
	return &frozen{g: g, lost: !pinned && g.w.loses()}, nil
}

// frozen is a guest at rest.
type frozen struct {
	g    *guest
	lost bool
}

// Thaw gives the guest back.
func (f *frozen) Thaw() (object.Guest, error) {
	if f.lost {
		return nil, object.ErrFrozenLost
	}
	f.g.w.born(f.g.o.Ref().Name)
	return f.g, nil
}

// Drop ends it.
func (f *frozen) Drop() {}

// Bytes is the count's.
func (f *frozen) Bytes() int64 { return countBytes }

// MemoryBytes is a page.
func (g *guest) MemoryBytes() int64 { return 65536 }

// Close ends the instance.
func (g *guest) Close() { g.w.died(g.o.Ref().Name) }
