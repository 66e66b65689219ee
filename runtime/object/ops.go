package object

import (
	"context"
	"slices"
	"time"

	"github.com/holdfast-run/holdfast/guest-sdk/abi"
	"github.com/holdfast-run/holdfast/runtime/store"
)

// operation is a host call that waits.
type operation struct {
	id       uint32
	cancel   context.CancelFunc
	callee   *Event // of a stub's call
	receives *plain // waits for a peer, who may be silent for ever
	given    bool   // a receive that is given up; its socket's lock
}

// Start begins a waiting call: work starts when the turn so far is durable,
// must not block, and calls done once from any goroutine. ctx ends with the
// instance, with op_cancel, or after the class's OpTimeout.
func (o *Object) Start(work func(ctx context.Context, done func(abi.Status, []byte))) (uint32, error) {
	op, done, err := o.operation(nil)
	if err != nil {
		return 0, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	timer := o.dir.cfg.After(o.class.Limits.OpTimeout, func() {
		done(abi.Timeout, fail("the call took too long", abi.FailureRetryable))
	})
	op.cancel = func() {
		timer.Stop()
		cancel()
	}
	o.effect(&funcEffect{
		release: func() { work(ctx, done) },
		drop:    func(err error) { done(abi.StorageFault, fail("the turn was lost: "+err.Error(), abi.FailureRetryable)) },
	})
	return op.id, nil
}

func fail(message string, flags uint8) []byte {
	f := failure(message, flags)
	return f.Append(nil)
}

// operation makes an operation and the function that completes it.
func (o *Object) operation(callee *Event) (*operation, func(abi.Status, []byte), error) {
	if len(o.ops) >= abi.OperationsMax {
		return nil, nil, &Error{abi.Overloaded, "too many waiting calls: an instance may have 4096", abi.FailureOverloaded}
	}
	if o.tx > 0 {
		return nil, nil, refusal(abi.WrongPhase, "nothing may wait inside a transaction")
	}
	o.nextOp++
	op := &operation{id: o.nextOp, cancel: func() {}, callee: callee}
	if o.ops == nil {
		o.ops = map[uint32]*operation{}
	}
	o.ops[op.id] = op
	life := o.life
	return op, func(st abi.Status, payload []byte) {
		o.post(func() { o.complete(life, op, st, payload) })
	}, nil
}

// complete delivers the end of an operation, once and only to the instance
// that began it.
func (o *Object) complete(life uint64, op *operation, st abi.Status, payload []byte) {
	if o.life != life || o.ops[op.id] != op {
		return
	}
	delete(o.ops, op.id)
	op.cancel()
	o.dropCall(op)
	o.received(op, payload)
	o.turn(func(g Guest) error { return g.Complete(op.id, st, payload) })
}

func (o *Object) dropCall(op *operation) {
	if op.callee != nil {
		o.dir.waits.end(op.callee)
	}
}

// CancelOp gives up an operation; its completion comes with status cancelled.
func (o *Object) CancelOp(id uint32) error {
	op := o.ops[id]
	if op == nil {
		return refusal(abi.NotFound, "operation %d does not wait", id)
	}
	op.cancel()
	life := o.life
	o.post(func() { o.complete(life, op, abi.Cancelled, fail("the call was cancelled", 0)) })
	return nil
}

// Sync completes when everything written so far is durable: it is an effect
// behind the turn's batch, and the gate keeps order.
func (o *Object) Sync() (uint32, error) {
	return o.Start(func(_ context.Context, done func(abi.Status, []byte)) { done(abi.OK, nil) })
}

// backgroundWork is one work of waitUntil.
type backgroundWork struct {
	event uint64
	name  string
	at    time.Time
}

// WaitUntil counts background work, each piece of which has a time limit.
func (o *Object) WaitUntil(event uint64, name string, delta int32) error {
	if delta != 1 && delta != -1 || o.background+int(delta) < 0 {
		return refusal(abi.Invalid, "wait_until: delta is %d with %d running, expected 1, or -1 to end one", delta, o.background)
	}
	if delta > 0 {
		o.begun = append(o.begun, backgroundWork{event, name, o.dir.now()})
	} else {
		ended := slices.IndexFunc(o.begun, func(w backgroundWork) bool { return w.event == event && w.name == name })
		o.begun = slices.Delete(o.begun, max(ended, 0), max(ended, 0)+1)
	}
	o.background += int(delta)
	return nil
}

// Block begins or ends a section in which no event is delivered.
func (o *Object) Block(event uint64, on bool) error {
	if on {
		if o.blocks >= blocksMax {
			return refusal(abi.Invalid, "block: nested deeper than %d", blocksMax)
		}
		o.blocks++
		if e := o.events[event]; e != nil && o.version.Interleave {
			o.dir.waits.start(o, e, true)
		}
		return nil
	}
	if o.blocks == 0 {
		return refusal(abi.Invalid, "block: no section is open")
	}
	o.blocks--
	if e := o.events[event]; e != nil && o.version.Interleave {
		o.dir.waits.stop(o, e)
	}
	return nil
}

// blocksMax is how deep BlockConcurrencyWhile may nest.
const blocksMax = 64

// callReply completes the caller's operation.
type callReply struct {
	caller   *Object
	complete func(st abi.Status, payload []byte) // on the caller's loop
	via      *Object                             // set while via's gate releases the answer
	resp     *abi.Response                       // of a streamed answer, until its end
}

// done gives the answer to the caller's loop.
func (r *callReply) done(st abi.Status, payload []byte) {
	start, _ := r.caller.give(func() { r.complete(st, payload) })
	if !start {
		return
	}
	if via := r.via; via != nil {
		r.via = nil
		via.start(r.caller)
		return
	}
	go r.caller.run()
}

// Respond completes a stub's fetch; a streamed body is gathered first.
func (r *callReply) Respond(resp *abi.Response) {
	if resp.Streamed {
		c := *resp
		c.Body = append([]byte(nil), resp.Body...)
		r.resp = &c
		return
	}
	r.done(abi.OK, resp.Append(nil))
}

// Chunk gathers a streamed body.
func (r *callReply) Chunk(data []byte, last bool) {
	r.resp.Body = append(r.resp.Body, data...)
	if last {
		r.resp.Streamed = false
		r.done(abi.OK, r.resp.Append(nil))
	}
}

// Done completes a call, or fails a fetch.
func (r *callReply) Done(st abi.Status, payload []byte) { r.done(st, payload) }

// CallObject sends e to another object as a waiting call of event. The
// operation fails at once with CallCycle where it would never end.
func (o *Object) CallObject(event uint64, class *Class, ref store.Ref, e *Event) (uint32, error) {
	caller := o.events[event]
	op, done, err := o.operation(e)
	if err != nil {
		return 0, err
	}
	life := o.life
	e.Reply = &callReply{caller: o, complete: func(st abi.Status, payload []byte) { o.complete(life, op, st, payload) }}
	target, err := o.dir.get(class, ref)
	if err == nil && caller != nil {
		err = o.dir.waits.begin(caller, e, target)
	}
	if err != nil {
		delete(o.ops, op.id)
		return 0, err
	}
	timer := o.dir.cfg.After(o.class.Limits.OpTimeout, func() {
		done(abi.Timeout, fail("the call took too long", abi.FailureRetryable))
	})
	op.cancel = func() { timer.Stop() }
	o.effect(&funcEffect{
		release: func() {
			woken, err := o.dir.queue(target, class, e)
			if err != nil {
				st, f := describe(overloaded(err))
				done(st, f.Append(nil))
				return
			}
			if woken != nil {
				o.start(woken)
			}
		},
		drop: func(err error) { done(abi.StorageFault, fail("the turn was lost: "+err.Error(), abi.FailureRetryable)) },
	})
	return op.id, nil
}
