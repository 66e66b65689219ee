package native

import (
	"errors"

	"github.com/holdfast-run/holdfast/guest-sdk/abi"
)

// constructFailed is the fault of an instance whose constructor failed.
type constructFailed struct {
	status  abi.Status
	payload []byte
}

func (c *constructFailed) Error() string { return failed(c.status, c.payload).Error() }

// endTurn commits what the object did since its last turn, or drops it with
// the instance.
func (o *object) endTurn() {
	if o.fault == nil && o.tx > 0 {
		o.fault = errors.New("a transaction was left open at the end of its turn")
	}
	if o.fault == nil {
		o.fault = o.commit()
	}
	if err := o.fault; err != nil {
		o.fault = nil
		o.crash(err)
	}
	o.rouse()
}

// commit keeps the turn's writes and lets its effects go.
func (o *object) commit() error {
	if o.store != nil {
		if err := o.store.commit(); err != nil {
			return err
		}
	}
	o.turn++
	o.cursors = nil
	o.undos = nil
	effects := o.effects
	o.effects = nil
	for _, f := range effects {
		f.release()
	}
	return nil
}

// rollback drops the turn.
func (o *object) rollback(cause error) {
	for i := len(o.undos) - 1; i >= 0; i-- {
		o.undos[i]()
	}
	effects := o.effects
	o.undos, o.effects, o.cursors, o.tx = nil, nil, nil, 0
	o.turn++
	if o.store != nil {
		o.store.abort()
	}
	for _, f := range effects {
		switch e := f.answers; {
		case e != nil && e.kind != abi.EventAlarm && e.kind != abi.EventConstruct:
			if e.ended = false; e.forwarded != nil {
				o.w.endCall(e.forwarded)
				e.forwarded = nil
			}
			o.events[e.id] = e
		case f.dropped != nil:
			f.dropped(cause)
		}
	}
}

// crash discards the instance: unfinished events fail as retryable, sockets
// live on.
func (o *object) crash(cause error) {
	o.w.log(o, "ERROR instance discarded", cause.Error())
	o.rollback(cause)
	aborted := o.abort
	o.abort = nil
	o.discard(cause)
	if o.run != nil {
		if aborted != nil && !aborted.RetryAlarm {
			o.alarmDropped()
		} else {
			o.alarmFailed(cause.Error())
		}
	}
}

// discard ends the instance and fails what it had not finished.
func (o *object) discard(cause error) {
	err := cause
	var own *failure
	var made *constructFailed
	switch {
	case errors.As(cause, &made):
		var f abi.Failure
		if f.Decode(made.payload) != nil {
			f.Message = made.status.String()
		}
		err = &failure{made.status, f.Message, f.Flags | abi.FailureRemote}
	case !errors.As(cause, &own):
		err = &failure{abi.Reset, "the object was reset: " + cause.Error(), abi.FailureRetryable}
	}
	for _, op := range o.ops {
		o.w.dropCall(op)
	}
	events := o.events
	o.ops, o.events = map[uint32]*operation{}, map[uint64]*event{}
	for _, e := range sorted(events) {
		o.w.stopEvent(o, e)
		o.forget(e)
		if e.kind != abi.EventConstruct && e.kind != abi.EventAlarm {
			e.fail(err)
		}
	}
	o.sockets.offers = map[uint64]*socket{}
	o.blocks, o.background, o.constructing = 0, 0, false
	o.closeGuest()
	if e := o.waiting; e != nil {
		o.waiting = nil
		o.w.endCall(e)
		o.forget(e)
		if e.kind == abi.EventAlarm {
			o.alarmFailed(err.Error())
			return
		}
		e.fail(err)
	}
}

// sorted is events in the order they began.
func sorted[T any](all map[uint64]*T) []*T {
	var out []*T
	for id := uint64(0); len(out) < len(all); id++ {
		if e := all[id]; e != nil {
			out = append(out, e)
		}
	}
	return out
}

func (o *object) closeGuest() {
	if o.guest != nil {
		o.guest.close()
		o.guest = nil
		o.dropPlain()
	}
}

// finished ends an event; f, where not nil, answers it when the turn commits.
func (o *object) finished(e *event, f func()) {
	e.ended = true
	delete(o.events, e.id)
	o.w.stopEvent(o, e)
	o.forget(e)
	if e.offer != nil {
		delete(o.sockets.offers, e.offer.id)
	}
	if f != nil {
		o.effects = append(o.effects, effect{release: f, answers: e})
	}
}

// forget drops what is known of a socket whose close event has ended.
func (o *object) forget(e *event) {
	if m, ok := e.message.(*abi.SocketCloseEvent); ok {
		o.sockets.forget(m.Socket)
	}
}

func (o *object) event(id uint64) (*event, error) {
	if e := o.events[id]; e != nil {
		return e, nil
	}
	return nil, refuse(abi.NotFound, "event %d is not unfinished", id)
}

func (o *object) undo(fn func()) { o.undos = append(o.undos, fn) }
