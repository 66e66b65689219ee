package object

import (
	"errors"
	"fmt"
	"time"

	"github.com/holdfast-run/holdfast/guest-sdk/abi"
)

// ErrFrozenLost is wrapped by Frozen.Thaw where the memory is no longer kept.
var ErrFrozenLost = errors.New("the frozen memory is no longer kept")

// ErrNoRoom is wrapped by Version.New and Frozen.Thaw where the machine has no
// room for another instance until others have gone. Either may be tried again.
var ErrNoRoom = errors.New("no room for another instance")

// Frozen is the memory of a guest at rest: a cache, for the Object that froze
// it and no other. Its methods are called by the object's loop. After a Thaw
// that did not fail with ErrNoRoom, and after Drop, it may not be used.
type Frozen interface {
	// Thaw makes a guest that goes on where the frozen one was.
	Thaw() (Guest, error)
	Drop()
	Bytes() int64 // of memory, when it was frozen
}

// freeze puts the instance to rest: whatever it waits for, it will be thawed
// for. False where it cannot be. Loop only.
func (o *Object) freeze() bool {
	if o.guest == nil || !o.freezable() || !o.gate.Quiet() {
		return false
	}
	f, err := o.guest.Freeze(!o.idle())
	if err != nil {
		o.unfreezable = true
		return false
	}
	o.guest.Close()
	o.guest, o.frozen = nil, f
	o.dir.cooled(o)
	o.tier.Store(int32(TierFrozen))
	o.memory.Store(f.Bytes())
	o.buf = nil
	if len(o.events) == 0 {
		o.events = nil
	}
	o.dir.metrics.freezes.Add(1)
	o.dir.metrics.frozen.Add(1)
	return true
}

// freezable reports that nothing but the gate may keep the instance from being
// frozen.
func (o *Object) freezable() bool {
	return !o.unfreezable && !o.constructing && o.waiting == nil && !o.asking && !(o.guest != nil && o.guest.ClockRead())
}

// thaw brings a frozen instance back. ErrFrozenLost where there is nothing to
// bring back; where there is no room it stays frozen.
func (o *Object) thaw() error {
	if o.frozen == nil {
		return nil
	}
	if err := o.dir.admit(o); err != nil {
		return err
	}
	g, err := o.dir.room(o.frozen.Thaw)
	if err != nil {
		o.dir.cooled(o)
		var full *Error
		if !errors.As(err, &full) {
			o.dropFrozen()
		}
		return fmt.Errorf("thaw %s: %w", o.label(), err)
	}
	o.frozen, o.guest, o.thawed = nil, g, true
	o.tier.Store(int32(TierHot))
	o.dir.metrics.frozen.Add(-1)
	o.dir.metrics.thaws.Add(1)
	return nil
}

func (o *Object) dropFrozen() {
	if o.frozen == nil {
		return
	}
	o.frozen.Drop()
	o.frozen = nil
	o.memory.Store(0)
	o.dir.metrics.frozen.Add(-1)
}

// room makes an instance, after others have gone where there is no room.
func (d *Directory) room(make func() (Guest, error)) (Guest, error) {
	for range admitTries {
		g, err := make()
		if !errors.Is(err, ErrNoRoom) {
			return g, err
		}
		if !d.relieve() {
			time.Sleep(admitPause)
		}
	}
	d.metrics.overloads.Add(1)
	return nil, &Error{abi.Overloaded, "the machine has no room for another instance", abi.FailureOverloaded}
}

// relieve sends some of the least recently used instances to rest.
func (d *Directory) relieve() bool {
	d.hot.mu.Lock()
	victims := d.oldest(evictBatch, time.Time{}, func(o *Object) bool { return !o.restless.Load() || !o.busy.Load() })
	d.hot.mu.Unlock()
	return restAll(victims, func(o *Object) bool { return o.freeze() || o.evict() })
}

func restAll(victims []*Object, how func(o *Object) bool) bool {
	rested := false
	for _, v := range victims {
		rested = v.tryRest(how) || rested
	}
	return rested
}

// tryRest sends an object that no loop runs to rest, on the caller's
// goroutine.
func (o *Object) tryRest(how func(o *Object) bool) bool {
	o.mu.Lock()
	if o.gone || !o.claim() {
		o.mu.Unlock()
		return false
	}
	o.mu.Unlock()
	done := o.live && how(o)
	if next := o.step(); next != nil {
		go next.run()
	}
	return done
}
