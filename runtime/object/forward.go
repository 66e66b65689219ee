package object

import (
	"sync/atomic"

	"github.com/holdfast-run/holdfast/guest-sdk/abi"
	"github.com/holdfast-run/holdfast/runtime/clock"
	"github.com/holdfast-run/holdfast/runtime/store"
)

// Forward ends a fetch event: what another object answers to e is its answer,
// streamed or not. e leaves when the turn is durable, and has the class's
// OpTimeout until its answer begins. The event occupies this object no longer;
// whoever waits for it waits for e from here on, so that a circle of calls is
// found, and a request that goes in a circle ends after abi.ForwardsMax steps.
func (o *Object) Forward(id uint64, class *Class, ref store.Ref, e *Event) error {
	from, err := o.event(id)
	if err != nil {
		return err
	}
	if from.Kind != abi.EventFetch || from.answered {
		return refusal(abi.Invalid, "forward: event %d is no fetch, or has been answered", id)
	}
	if e.hops = from.hops + 1; e.hops > abi.ForwardsMax {
		return refusal(abi.CallCycle, "forward: the request has been handed on %d times", abi.ForwardsMax)
	}
	target, err := o.dir.get(class, ref)
	if err != nil {
		return err
	}
	if from.Caller != nil {
		if err := o.dir.waits.hand(from, e, target); err != nil {
			return err
		}
	}
	reply := &forwardReply{to: from.Reply}
	e.Reply = reply
	e.target.Store(target)
	from.forwarded.Store(e)
	o.finished(from, &forwardEffect{o: o, from: from, e: e, target: target, class: class, reply: reply})
	return nil
}

// forwardEffect sends the request on.
type forwardEffect struct {
	o      *Object
	from   *Event
	e      *Event
	target *Object
	class  *Class
	reply  *forwardReply
}

func (f *forwardEffect) Release() {
	f.reply.timer = f.o.dir.cfg.After(f.o.class.Limits.OpTimeout, f.reply.expire)
	woken, err := f.o.dir.queue(f.target, f.class, f.e)
	if err != nil {
		st, failed := describe(overloaded(err))
		f.reply.Done(st, failed.Append(nil))
		return
	}
	if woken != nil {
		f.o.start(woken)
	}
}

func (f *forwardEffect) Drop(err error) { f.from.fail(abi.StorageFault, lost(err)) }

// How far the answer to a forwarded request is.
const (
	forwardWaits int32 = iota
	forwardAnswers
	forwardExpired // a late answer is dropped
)

// forwardReply answers whoever sent the request that was forwarded.
type forwardReply struct {
	to    Reply
	timer clock.Timer
	state atomic.Int32
}

// begin reports whether the answer may be given.
func (r *forwardReply) begin() bool {
	if r.state.CompareAndSwap(forwardWaits, forwardAnswers) {
		r.timer.Stop()
	}
	return r.to != nil && r.state.Load() == forwardAnswers
}

func (r *forwardReply) expire() {
	if r.state.CompareAndSwap(forwardWaits, forwardExpired) && r.to != nil {
		r.to.Done(abi.Timeout, fail("the call took too long", abi.FailureRetryable))
	}
}

// Respond begins the answer.
func (r *forwardReply) Respond(resp *abi.Response) {
	if r.begin() {
		r.to.Respond(resp)
	}
}

// Chunk continues a streamed answer.
func (r *forwardReply) Chunk(data []byte, last bool) {
	if r.begin() {
		r.to.Chunk(data, last)
	}
}

// Done is the end of a request that failed, or of a stream that broke off.
func (r *forwardReply) Done(st abi.Status, payload []byte) {
	if r.begin() {
		r.to.Done(st, payload)
	}
}
