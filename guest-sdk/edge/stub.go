package edge

import (
	"encoding/json"

	"github.com/holdfast-run/holdfast/guest-sdk/abi"
	"github.com/holdfast-run/holdfast/guest-sdk/edge/internal/bridge"
)

// Namespace is the objects of one class, as a binding names it.
type Namespace struct {
	in      *instance
	binding string
}

// IDFromName is the id that a name always has in this namespace.
func (n *Namespace) IDFromName(name string) (ID, error) {
	text, err := n.id(bridge.IDFromName, name)
	return ID{text, name}, err
}

// IDFromString checks an id's text: 64 hex digits of this namespace.
func (n *Namespace) IDFromString(s string) (ID, error) {
	text, err := n.id(bridge.IDFromString, s)
	return ID{text: text}, err
}

// NewUniqueID is an id that no object has yet.
func (n *Namespace) NewUniqueID() (ID, error) {
	text, err := n.id(bridge.IDUnique, "")
	return ID{text: text}, err
}

func (n *Namespace) id(fn bridge.Fn, text string) (string, error) {
	out, err := n.in.sync(fn, &abi.IDRequest{Binding: n.binding, Text: text})
	return string(out), err
}

// Get is a stub of an object. It makes nothing: the first call does.
func (n *Namespace) Get(id ID) *Stub {
	return &Stub{in: n.in, binding: n.binding, id: id.text, name: id.name}
}

// GetByName is a stub of the object with a name.
func (n *Namespace) GetByName(name string) *Stub {
	return &Stub{in: n.in, binding: n.binding, name: name}
}

// Stub reaches one object. Its calls wait; an object that would wait for
// itself gets ErrCallCycle.
type Stub struct {
	in      *instance
	binding string
	id      string
	name    string
}

// Fetch sends a request. A request with an offered WebSocket hands it on, and
// the answer 101 is to be returned as it is.
func (s *Stub) Fetch(r *Request) (*Response, error) {
	in := s.in
	in.lock()
	op, err := in.beginRaw(bridge.StubFetch, s.encode(in.current, r))
	in.unlock()
	if err != nil {
		return nil, err
	}
	out, err := in.wait(op)
	if err != nil {
		return nil, err
	}
	return responseOf(out)
}

// Forward is the response that the object will give to r: a Fetch handler
// returns it, and is done. Nothing waits here, and the object's answer, its
// stream or its WebSocket goes to the client as it is; so does its error. r is
// sent when the handler has returned and its writes are durable. There is
// nothing to read in the response, and nothing to change: its fields are not
// looked at. A request may be forwarded abi.ForwardsMax times, 16, and then
// fails with ErrCallCycle.
func (s *Stub) Forward(r *Request) *Response {
	f := &forwarding{stub: *s, request: r}
	f.forward = f
	return &f.Response
}

// forwarding is a response that another object gives.
type forwarding struct {
	Response
	stub    Stub // a copy, so that the caller's needs no memory
	request *Request
}

// encode is the message of a request to the object for an event, in the
// instance's scratch. The instance is locked.
func (s *Stub) encode(event uint64, r *Request) []byte {
	m, method := r.begins(), r.Method
	if method == "" {
		method = "GET"
	}
	r.deadlineMs = 0
	if !r.Deadline.IsZero() {
		r.deadlineMs = r.Deadline.UnixMilli()
	}
	s.in.req = abi.AppendStubFetch(s.in.req[:0], event, s.binding, s.id, s.name, r.upgrade, method, m)
	return s.in.req
}

// Call calls a method that the class declared with Method.
func Call[Out, In any](s *Stub, method string, in In) (Out, error) {
	var out Out
	arg, err := json.Marshal(in)
	if err != nil {
		return out, err
	}
	b, err := s.in.await(bridge.StubCall, &abi.StubCallRequest{
		Event: s.in.current, Binding: s.binding, ID: s.id, Name: s.name, Method: method, Payload: arg,
	})
	if err != nil {
		return out, err
	}
	return out, json.Unmarshal(b, &out)
}
