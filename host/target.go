package host

import (
	"github.com/holdfast-run/holdfast/guest-sdk/abi"
	"github.com/holdfast-run/holdfast/host/ingress"
	"github.com/holdfast-run/holdfast/runtime/object"
)

// objectTarget is a route that leads straight to an object.
type objectTarget struct {
	h     *Host
	class *object.Class
	name  string
	limit int64
	a     *running
}

// BodyBytesMax is the route's limit.
func (t *objectTarget) BodyBytesMax() int64 { return t.limit }

// Serve sends the request to the object.
func (t *objectTarget) Serve(x *ingress.Exchange) {
	e := fetchEvent(x, t.a)
	if err := t.h.dir.SendHere(t.class, t.class.RefByName(t.name), e); err != nil {
		refuse(x, err)
	}
}

// workerTarget is a route that leads to an app's worker.
type workerTarget struct {
	pool  *object.Workers
	limit int64
	a     *running
}

// BodyBytesMax is the route's limit.
func (t *workerTarget) BodyBytesMax() int64 { return t.limit }

// Serve sends the request to an instance of the worker.
func (t *workerTarget) Serve(x *ingress.Exchange) {
	if err := t.pool.SendHere(fetchEvent(x, t.a)); err != nil {
		refuse(x, err)
	}
}

// fetchEvent makes the event of a request to an app.
func fetchEvent(x *ingress.Exchange, a *running) *object.Event {
	m := &abi.FetchEvent{Request: x.Request}
	r := &exchangeReply{x: x}
	e := &object.Event{Kind: abi.EventFetch, Message: m, Reply: r, Bytes: len(x.Request.Body) + len(x.Request.URL)}
	if x.Upgrade != nil {
		m.Upgrade = x.Upgrade.ID()
		if a.cfg.Compression {
			x.Compress()
		}
		e.Upgrade = &object.Offer{Socket: newConnection(x.Upgrade, a.cfg.Limits.SocketMessageMiB<<20)}
		r.offer = e.Upgrade
	}
	x.OnCancel(e.Cancel)
	return e
}

// exchangeReply answers an exchange.
type exchangeReply struct {
	x     *ingress.Exchange
	offer *object.Offer
}

// Respond answers with what the guest made.
func (r *exchangeReply) Respond(resp *abi.Response) {
	r.x.Respond(resp)
	if resp.Status == 101 && r.offer != nil {
		r.offer.Opened()
	}
}

// Chunk continues a streamed answer.
func (r *exchangeReply) Chunk(data []byte, last bool) { r.x.Chunk(data, last) }

// Done is the end of a request that failed.
func (r *exchangeReply) Done(st abi.Status, payload []byte) {
	var f abi.Failure
	if f.Decode(payload) != nil {
		f.Message = st.String()
	}
	fail(r.x, st, f)
}

// refuse answers a request that no object has taken.
func refuse(x *ingress.Exchange, err error) {
	st, f := object.Describe(err)
	fail(x, st, f)
}

// fail maps a status to HTTP. A guest's own error is a 500 with its message:
// whoever may reach a route may read what its app says.
func fail(x *ingress.Exchange, st abi.Status, f abi.Failure) {
	own := f.Flags&abi.FailureRemote == 0 // the host's, not the handler's
	switch {
	case st == abi.Overloaded, st == abi.Unavailable, st == abi.StorageFault:
		x.Fail(503, st.String(), f.Message)
	case st == abi.Timeout:
		x.Fail(504, st.String(), f.Message)
	case st == abi.NotFound && own:
		x.Fail(404, st.String(), f.Message)
	case st == abi.TooLarge && own:
		x.Fail(413, st.String(), f.Message)
	default:
		x.Fail(500, st.String(), f.Message)
	}
}
