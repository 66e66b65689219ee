package object

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/holdfast-run/holdfast/guest-sdk/abi"
	"github.com/holdfast-run/holdfast/runtime/gate"
	"github.com/holdfast-run/holdfast/runtime/store"
)

// effect adds to what leaves when the turn is durable.
func (o *Object) effect(e gate.Effect) { o.effects = append(o.effects, e) }

// undo adds what takes a change of the turn back if it is aborted.
func (o *Object) undo(fn func()) { o.undos = append(o.undos, fn) }

// deliver starts an event: its first turn.
func (o *Object) deliver(e *Event) {
	o.nextEvent++
	e.number(o.nextEvent)
	e.began, e.entered = o.dir.now(), time.Now()
	if o.events == nil {
		o.events = map[uint64]*Event{}
	}
	o.events[e.id] = e
	o.busy.Store(true)
	o.unsettled.Store(true)
	o.dir.waits.start(o, e, !o.version.Interleave || e.Kind == abi.EventConstruct)
	if e.Upgrade != nil {
		if o.sockets.offers == nil {
			o.sockets.offers = map[uint64]*Offer{}
		}
		o.sockets.offers[e.Upgrade.Socket.ID()] = e.Upgrade
	}
	o.buf = e.Message.Append(o.buf[:0])
	o.turn(func(g Guest) error { return g.Event(e.Kind, o.buf) })
	if cap(o.buf) > bufKept {
		o.buf = nil
	}
}

// bufKept is the largest encoding buffer that an object keeps.
const bufKept = 16 << 10

// turn enters the guest once, thawing it first if need be, and settles what it
// did: storage commits as one, effects wait for it.
func (o *Object) turn(enter func(g Guest) error) {
	o.turns++
	err := o.thaw()
	if err == nil {
		o.guest.SetLimit(o.turnLimit())
		err = enter(o.guest)
	}
	if err == nil && o.tx > 0 {
		err = errors.New("a transaction was left open at the end of its turn")
	}
	if err != nil {
		o.crash(err)
		return
	}
	if err := o.commit(); err != nil {
		o.crash(fmt.Errorf("commit: %w", err))
	}
}

// commit ends the turn.
func (o *Object) commit() error {
	t := o.gate.Open()
	pending := false
	if o.storage != nil {
		var err error
		if pending, err = o.storage.Commit(t.Durable); err != nil {
			return err
		}
	}
	effects := o.effects
	o.effects = nil
	clear(o.undos)
	o.undos = o.undos[:0]
	o.gate.Seal(t, effects, pending)
	return nil
}

// Finished ends an event whose answer is f, an effect of this turn.
func (o *Object) finished(e *Event, f gate.Effect) {
	if e.done {
		return
	}
	e.done = true
	delete(o.events, e.id)
	o.dir.waits.stop(o, e)
	o.forget(e)
	if e.Upgrade != nil {
		delete(o.sockets.offers, e.Upgrade.Socket.ID())
	}
	if f != nil {
		o.effect(f)
	}
}

// Event answers the unfinished event with an id.
func (o *Object) event(id uint64) (*Event, error) {
	e := o.events[id]
	if e == nil {
		return nil, refusal(abi.NotFound, "event %d is not unfinished", id)
	}
	return e, nil
}

// Respond answers a fetch event; it keeps r.
func (o *Object) Respond(id uint64, r *abi.Response) error {
	e, err := o.event(id)
	if err != nil {
		return err
	}
	if e.Kind != abi.EventFetch || e.answered {
		return refusal(abi.Invalid, "respond: event %d is no fetch, or has been answered", id)
	}
	if r.Status < 100 || r.Status > 999 {
		return refusal(abi.Invalid, "respond: status is %d, expected 100 to 999", r.Status)
	}
	if r.Status == 101 && (e.Upgrade == nil || !e.Upgrade.Accepted) {
		return refusal(abi.Invalid, "respond: status 101 needs a WebSocket upgrade that an object has accepted")
	}
	e.answered = true
	if r.Streamed {
		o.effect(&respondEffect{e, r})
		return nil
	}
	o.finished(e, &respondEffect{e, r})
	return nil
}

// RespondChunk continues a streamed answer; it keeps data.
func (o *Object) RespondChunk(id uint64, data []byte, last bool) error {
	e, err := o.event(id)
	if err != nil {
		return err
	}
	if !e.answered {
		return refusal(abi.Invalid, "respond_chunk: event %d has no streamed answer", id)
	}
	if last {
		o.finished(e, &chunkEffect{e, data, true})
		return nil
	}
	o.effect(&chunkEffect{e, data, false})
	return nil
}

// Done ends an event with a result or a Failure; it keeps payload.
func (o *Object) Done(id uint64, st abi.Status, payload []byte) error {
	e, err := o.event(id)
	if err != nil {
		return err
	}
	if e.Kind == abi.EventConstruct {
		o.constructed(e, st, payload)
		return nil
	}
	if e.Kind == abi.EventAlarm {
		o.alarmDone(st, payload)
	}
	if st != abi.OK {
		payload = o.remote(e, st, payload)
	}
	o.finished(e, &doneEffect{e, st, payload})
	return nil
}

// remote marks a handler's error as the object's own.
func (o *Object) remote(e *Event, st abi.Status, payload []byte) []byte {
	var f abi.Failure
	if f.Decode(payload) != nil {
		f.Message = "the guest failed with " + st.String()
	}
	f.Flags |= abi.FailureRemote
	if e.Kind != abi.EventCall {
		o.log(slog.LevelError, "handler failed", "event", kindName(e.Kind), "error", f.Message)
	}
	return f.Append(nil)
}

func kindName(k abi.EventKind) string {
	for _, e := range abi.Events {
		if e.Kind == k {
			return e.Name
		}
	}
	return "unknown"
}

// Abort makes the guest call trap and the turn be dropped.
func (o *Object) Abort(m *abi.AbortRequest) error {
	o.abort = m
	return errors.New("aborted: " + m.Reason)
}

// crash discards the instance: its turn's writes and effects are dropped, its
// unfinished events fail as retryable, sockets live on.
func (o *Object) crash(cause error) {
	o.dir.metrics.crashes.Add(1)
	o.log(slog.LevelError, "instance discarded", "error", cause.Error())
	o.rollback()
	aborted := o.abort
	o.abort = nil
	st, f := describe(cause)
	if st == abi.Internal {
		st, f = abi.Reset, failure("the object was reset: "+cause.Error(), abi.FailureRetryable)
	}
	o.discard(st, f)
	if o.alarmRun != nil {
		if aborted != nil && !aborted.RetryAlarm {
			o.alarmDropped()
		} else {
			o.alarmFailed(cause, !isStorage(cause))
		}
	}
}

func isStorage(err error) bool {
	return errors.Is(err, store.ErrReadOnly) || errors.Is(err, store.ErrDiskFull) || errors.Is(err, store.ErrTables) || errors.Is(err, errBroken)
}

// rollback drops the turn.
func (o *Object) rollback() {
	for i := len(o.undos) - 1; i >= 0; i-- {
		o.undos[i]()
	}
	clear(o.undos)
	o.undos = o.undos[:0]
	effects := o.effects
	o.effects = nil
	o.tx = 0
	if o.storage != nil {
		if err := o.storage.Abort(); err != nil {
			o.log(slog.LevelError, "abort of a turn failed", "error", err.Error())
		}
	}
	for _, f := range effects {
		switch f := f.(type) {
		case *respondEffect:
			o.reopen(f.e)
		case *chunkEffect:
			o.reopen(f.e)
		case *doneEffect:
			o.reopen(f.e)
		case *forwardEffect:
			f.from.forwarded.Store(nil)
			o.dir.waits.end(f.e)
			o.reopen(f.from)
		case *funcEffect:
			f.Drop(errDiscarded)
		}
	}
}

var errDiscarded = errors.New("the instance was discarded")

// reopen takes back that an event was answered in the turn that is dropped.
func (o *Object) reopen(e *Event) {
	if e.Kind == abi.EventAlarm || o.events[e.id] == e {
		return
	}
	e.done = false
	if o.events == nil {
		o.events = map[uint64]*Event{}
	}
	o.events[e.id] = e
}

// discard closes the guest and fails what it had not finished.
func (o *Object) discard(st abi.Status, f abi.Failure) {
	for _, op := range o.ops {
		op.cancel()
		o.dropCall(op)
	}
	o.ops = nil
	events := o.events
	o.events = nil
	for _, e := range events {
		o.dir.waits.stop(o, e)
		o.forget(e)
		if e.Upgrade != nil && !e.Upgrade.Accepted {
			e.Upgrade.Socket.Drop()
		}
		if e.Kind != abi.EventConstruct && e.Kind != abi.EventAlarm {
			e.fail(st, f)
		}
	}
	o.sockets.offers = nil
	o.blocks, o.background, o.begun = 0, 0, nil
	o.constructing = false
	o.closeGuest()
	if w := o.waiting; w != nil && st != abi.OK {
		o.waiting = nil
		o.refuse(w, &Error{Status: st, Message: f.Message, Flags: f.Flags})
	}
}

func (o *Object) closeGuest() {
	if !o.live {
		return
	}
	if o.timer != nil {
		o.timer.Stop()
		o.timer, o.timerAt = nil, 0
	}
	o.dropPlain()
	o.dropFrozen()
	if o.guest != nil {
		o.guest.Close()
		o.guest = nil
	}
	o.live = false
	o.life++
	o.tier.Store(int32(TierCold))
	o.dir.cooled(o)
}

// describe is the status and failure of an error.
func describe(err error) (abi.Status, abi.Failure) {
	var e *Error
	switch {
	case errors.As(err, &e):
		return e.Status, failure(e.Message, e.Flags)
	case errors.Is(err, ErrCallCycle):
		return abi.CallCycle, failure(err.Error(), 0)
	case errors.Is(err, store.ErrReadOnly), errors.Is(err, store.ErrDiskFull), errors.Is(err, store.ErrTables), errors.Is(err, errBroken):
		return abi.StorageFault, failure(err.Error(), abi.FailureRetryable)
	}
	return abi.Internal, failure(err.Error(), abi.FailureRetryable)
}

func (o *Object) log(level slog.Level, msg string, args ...any) {
	o.dir.cfg.Log.Log(context.Background(), level, msg, append([]any{"app", o.class.App, "class", o.class.Name, "object", o.label()}, args...)...)
}

func (o *Object) label() string {
	if o.ref.Name != "" || o.Worker() {
		return o.ref.Name
	}
	return o.ref.ID.String()
}
