package native

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"net/url"

	"github.com/holdfast-run/holdfast/guest-sdk/abi"
)

// operation is a host call that waits.
type operation struct {
	id       uint32
	callee   *event // of a stub's call
	receives *socket
}

// operate makes an operation and the function that completes it.
func (o *object) operate(callee *event) (*operation, func(abi.Status, []byte), error) {
	if len(o.ops) >= abi.OperationsMax {
		return nil, nil, &failure{abi.Overloaded, "too many waiting calls: an instance may have 4096", abi.FailureOverloaded}
	}
	if o.tx > 0 {
		return nil, nil, refuse(abi.WrongPhase, "nothing may wait inside a transaction")
	}
	o.nextOp++
	op := &operation{id: o.nextOp, callee: callee}
	o.ops[op.id] = op
	return op, func(st abi.Status, payload []byte) {
		o.post(func() func() { return o.complete(op, st, payload) })
	}, nil
}

// complete delivers the end of an operation, once and only to the instance
// that began it.
func (o *object) complete(op *operation, st abi.Status, payload []byte) func() {
	if o.ops[op.id] != op {
		return nothing
	}
	delete(o.ops, op.id)
	o.w.dropCall(op)
	o.ended(op, payload)
	g := o.guest
	return func() { g.sdk.Complete(op.id, st, payload) }
}

// start begins a waiting call: work runs when the turn has committed.
func (o *object) start(work func() (message, error)) (uint32, error) {
	op, done, err := o.operate(nil)
	if err != nil {
		return 0, err
	}
	o.effects = append(o.effects, effect{release: func() {
		m, err := work()
		if err != nil {
			done(describe(err))
			return
		}
		done(abi.OK, m.Append(nil))
	}})
	return op.id, nil
}

func syncWrites(o *object, _ *abi.EventRequest) (uint32, error) {
	if o.store == nil {
		return 0, errNoStorage
	}
	return o.start(func() (message, error) { return raw(nil), nil })
}

func opCancel(o *object, m *abi.OpRequest) error {
	op := o.ops[m.Op]
	if op == nil {
		return refuse(abi.NotFound, "operation %d does not wait", m.Op)
	}
	st, payload := describe(refuse(abi.Cancelled, "the call was cancelled"))
	o.post(func() func() { return o.complete(op, st, payload) })
	return nil
}

// call sends e to another object as a waiting call of an event.
func (o *object) call(id uint64, target *object, e *event) (uint32, error) {
	op, done, err := o.operate(e)
	if err != nil {
		return 0, err
	}
	if caller := o.events[id]; caller != nil {
		if err := o.w.beginCall(caller, e, target); err != nil {
			delete(o.ops, op.id)
			return 0, err
		}
	}
	e.reply = &stubReply{complete: done}
	o.effects = append(o.effects, effect{release: func() {
		if err := target.push(e); err != nil {
			done(describe(err))
		}
	}})
	return op.id, nil
}

// stubReply completes the operation of a stub; a streamed body is gathered.
type stubReply struct {
	complete func(abi.Status, []byte)
	head     *abi.Response
}

func (r *stubReply) respond(resp *abi.Response) {
	if resp.Streamed {
		c := *resp
		c.Body = bytes.Clone(resp.Body)
		r.head = &c
		return
	}
	r.complete(abi.OK, resp.Append(nil))
}

func (r *stubReply) chunk(data []byte, last bool) {
	r.head.Body = append(r.head.Body, data...)
	if last {
		r.head.Streamed = false
		r.complete(abi.OK, r.head.Append(nil))
	}
}

func (r *stubReply) done(st abi.Status, payload []byte) { r.complete(st, payload) }

func stubFetch(o *object, m *abi.StubFetchRequest) (uint32, error) {
	target, e, err := o.fetchOf("stub_fetch", m)
	if err != nil {
		return 0, err
	}
	return o.call(m.Event, target, e)
}

// fetchOf is the event of a stub's request, and the object that it goes to.
func (o *object) fetchOf(fn string, m *abi.StubFetchRequest) (*object, *event, error) {
	target, err := o.w.stub(m.Binding, m.ID, m.Name)
	if err != nil {
		return nil, nil, err
	}
	f := &abi.FetchEvent{Request: m.Request}
	e := &event{kind: abi.EventFetch, message: f}
	if m.Upgrade != 0 {
		e.offer = o.sockets.offers[m.Upgrade]
		if e.offer == nil || e.offer.accepted() {
			return nil, nil, refuse(abi.NotFound, "%s: the upgrade is not on offer", fn)
		}
		f.Upgrade = m.Upgrade
	}
	return target, e, nil
}

func stubCall(o *object, m *abi.StubCallRequest) (uint32, error) {
	if len(m.Payload) > abi.CallBytesMax {
		return 0, refuse(abi.TooLarge, "stub_call: the argument is over 32 MiB")
	}
	target, err := o.w.stub(m.Binding, m.ID, m.Name)
	if err != nil {
		return 0, err
	}
	return o.call(m.Event, target, &event{kind: abi.EventCall, message: &abi.CallEvent{Method: m.Method, Payload: m.Payload}})
}

// outbound answers from the handlers that the test gave; other hosts are
// denied, as where a configuration does not list them.
func outbound(o *object, m *abi.FetchRequest) (uint32, error) {
	return o.start(func() (message, error) {
		u, err := url.Parse(m.Request.URL)
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			return nil, refuse(abi.Invalid, "fetch: %q is no absolute http or https URL", m.Request.URL)
		}
		h := o.w.cfg.Outbound[u.Host]
		if h == nil {
			return nil, refuse(abi.Denied, "fetch: host %q is not listed under holdfast.outbound", u.Host)
		}
		req, err := http.NewRequest(m.Request.Method, m.Request.URL, bytes.NewReader(m.Request.Body))
		if err != nil {
			return nil, refuse(abi.Invalid, "fetch: %v", err)
		}
		for _, l := range m.Request.Headers {
			req.Header.Add(l.Name, l.Value)
		}
		rec := httptest.NewRecorder()
		h.ServeHTTP(rec, req)
		out := &abi.Response{Status: uint32(rec.Code), Body: rec.Body.Bytes()}
		for name, values := range rec.Result().Header {
			for _, v := range values {
				out.Headers = append(out.Headers, abi.Header{Name: name, Value: v})
			}
		}
		return out, nil
	})
}
