package object

import (
	"errors"
	"fmt"
	"log/slog"

	"github.com/holdfast-run/holdfast/guest-sdk/abi"
)

var (
	errGone   = errors.New("the object has left memory")
	errBroken = errors.New("storage failed")
)

// activate makes the instance and sends it the construct event. On return the
// object is live, or constructing, or there is an error for the event that
// woke it.
func (o *Object) activate() error {
	if o.frozen != nil {
		if err := o.thaw(); !errors.Is(err, ErrFrozenLost) {
			return err
		}
		o.closeGuest() // it was idle, or it would have been kept
	}
	if err := o.dir.admit(o); err != nil {
		return err
	}
	if err := o.ready(); err != nil {
		o.dir.cooled(o)
		return err
	}
	o.version = o.class.Current.Load()
	o.versionNo.Store(int64(o.version.Number))
	g, err := o.dir.room(func() (Guest, error) { return o.version.New(o) })
	if err != nil {
		o.dir.cooled(o)
		var refused *Error
		if errors.As(err, &refused) {
			return err
		}
		return &Error{abi.Internal, fmt.Sprintf("activate %s: %v", o.label(), err), abi.FailureRetryable}
	}
	o.guest, o.live, o.unfreezable = g, true, false
	o.life++
	o.tier.Store(int32(TierHot))
	o.dir.metrics.activations.Add(1)
	m := o.version.Construct
	m.RandomSeed = make([]byte, 32)
	o.dir.cfg.Random(m.RandomSeed)
	if !o.Worker() {
		m.ID, m.Name = o.ref.ID.String(), o.ref.Name
	}
	o.constructing = true
	o.deliver(&Event{Kind: abi.EventConstruct, Message: &m})
	return nil
}

// open opens the storage of a class's object, once for as long as the Object
// is in the directory.
func (o *Object) open() error {
	if o.Worker() || o.storage != nil {
		return nil
	}
	st, err := o.dir.cfg.Engine.Open(o.ref)
	if err != nil {
		return fmt.Errorf("open storage of %s: %w", o.label(), err)
	}
	o.storage = st
	return nil
}

// constructed ends the construct event.
func (o *Object) constructed(e *Event, st abi.Status, payload []byte) {
	o.finished(e, nil)
	o.constructing = false
	if st == abi.OK {
		return
	}
	var f abi.Failure
	if f.Decode(payload) != nil {
		f.Message = st.String()
	}
	f.Flags |= abi.FailureRemote
	o.post(func() {
		o.log(slog.LevelError, "constructor failed", "error", f.Message)
		o.rollback()
		o.discard(st, f)
	})
	o.constructing = true // nothing is delivered until that has run
}

// canLeave reports whether the Object itself may go: nothing in memory is
// worth keeping.
func (o *Object) canLeave() bool {
	return !o.live && len(o.sockets.members) == 0 && !o.Worker() && o.idle() && o.gate.Quiet() && o.alarmRun == nil
}

// leave takes a cold object without sockets out of the directory. False where
// something has come in meanwhile.
func (o *Object) leave() bool {
	sh := o.dir.shard(o.ref)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	o.mu.Lock()
	defer o.mu.Unlock()
	if n, _ := o.box.Len(); n > 0 || len(o.inbox) > 0 {
		return false
	}
	o.gone, o.running = true, false
	delete(sh.objects, key(o.ref))
	o.closeStorage()
	return true
}

func (o *Object) closeStorage() {
	if o.storage == nil {
		return
	}
	if err := o.storage.Close(); err != nil {
		o.log(slog.LevelError, "close of storage failed", "error", err.Error())
	}
	o.storage = nil
}

// evict makes an idle object cold; false where it is not idle. Loop only.
func (o *Object) evict() bool {
	if !o.live {
		return true
	}
	return o.idle() && o.dismiss()
}

// dismiss makes a live object cold, as one who asks for it wants: a timer
// that no event waits for does not keep it. The Go runtime of a guest arms
// such timers for itself, and with a manual clock they never come.
func (o *Object) dismiss() bool {
	if !o.live {
		return true
	}
	if !o.settled() || !o.gate.Quiet() {
		return false
	}
	o.closeGuest()
	o.dir.metrics.evictions.Add(1)
	return true
}

// switchVersion lets a newer version take over between events. Sockets of the
// instance's own end: their clients meet the new version.
func (o *Object) switchVersion() {
	if !o.live || o.version == o.class.Current.Load() || !o.resting() {
		return
	}
	o.discard(abi.OK, abi.Failure{}) // no event is unfinished
}

// broke is the gate's: a sync has failed.
func (o *Object) broke(err error) {
	o.post(func() {
		o.dir.metrics.broken.Add(1)
		if o.live {
			o.crash(fmt.Errorf("%w: %w", errBroken, err))
		}
	})
}
