package hostcall

import (
	"bytes"
	"context"

	"github.com/holdfast-run/holdfast/guest-sdk/abi"
	"github.com/holdfast-run/holdfast/runtime/object"
	"github.com/holdfast-run/holdfast/runtime/store"
)

// asyncNamed is every function of shape Async that is served.
var asyncNamed = map[string]asyncFunc{
	"sync": func(c *Calls, req []byte) (uint32, error) {
		if _, err := c.storage(); err != nil {
			return 0, err
		}
		var m abi.EventRequest
		if err := m.Decode(req); err != nil {
			return 0, err
		}
		return c.o.Sync()
	},
	"d1_query":   d1Query,
	"d1_exec":    d1Exec,
	"stub_fetch": stubFetch,
	"stub_call":  stubCall,
	"fetch":      outboundFetch,
	"ws_connect": wsConnect,
	"ws_flush":   wsFlush,
	"ws_receive": wsReceive,
}

func (c *Calls) class(binding string) (*object.Class, error) {
	if cl := c.app.Namespace(binding); cl != nil {
		return cl, nil
	}
	return nil, &object.Error{Status: abi.NotFound, Message: "the app has no Durable Object binding " + quote(binding)}
}

func quote(s string) string { return `"` + s + `"` }

func idFromName(c *Calls, req []byte) ([]byte, error) {
	var m abi.IDRequest
	if err := m.Decode(req); err != nil {
		return nil, err
	}
	cl, err := c.class(m.Binding)
	if err != nil {
		return nil, err
	}
	return []byte(object.IDFromName(cl.Origin, m.Text).String()), nil
}

func idFromString(c *Calls, req []byte) ([]byte, error) {
	var m abi.IDRequest
	if err := m.Decode(req); err != nil {
		return nil, err
	}
	cl, err := c.class(m.Binding)
	if err != nil {
		return nil, err
	}
	id, err := object.IDFromString(cl.Origin, m.Text)
	if err != nil {
		return nil, err
	}
	return []byte(id.String()), nil
}

func idUnique(c *Calls, req []byte) ([]byte, error) {
	var m abi.IDRequest
	if err := m.Decode(req); err != nil {
		return nil, err
	}
	cl, err := c.class(m.Binding)
	if err != nil {
		return nil, err
	}
	var random [16]byte
	c.app.Random(random[:])
	return []byte(object.UniqueID(cl.Origin, random[:]).String()), nil
}

// ref names the object that a stub means: by name, or by the text of its id.
func ref(cl *object.Class, id, name string) (store.Ref, error) {
	if name == "" && id == "" {
		return store.Ref{}, invalid("a stub needs an id or a name")
	}
	if name != "" {
		r := cl.RefByName(name)
		if id != "" && id != r.ID.String() {
			return store.Ref{}, invalid("the id is not that of the name %s", quote(name))
		}
		return r, nil
	}
	parsed, err := object.IDFromString(cl.Origin, id)
	return store.Ref{Namespace: cl.Namespace, ID: parsed}, err
}

func stubFetch(c *Calls, req []byte) (uint32, error) {
	t, err := c.target("stub_fetch", req)
	if err != nil {
		return 0, err
	}
	return c.o.CallObject(t.event, t.class, t.ref, t.fetch)
}

// forward has an event answered by the object that a request goes to.
func forward(c *Calls, req []byte) error {
	t, err := c.target("forward", req)
	if err != nil {
		return err
	}
	return c.o.Forward(t.event, t.class, t.ref, t.fetch)
}

// target is where a stub's request goes, for which event, and as what.
type target struct {
	event uint64
	class *object.Class
	ref   store.Ref
	fetch *object.Event
}

func (c *Calls) target(fn string, req []byte) (t target, err error) {
	var m abi.StubFetchRequest
	if err := m.DecodeShared(bytes.Clone(req)); err != nil {
		return t, err
	}
	if t.class, err = c.class(m.Binding); err != nil {
		return t, err
	}
	if t.ref, err = ref(t.class, m.ID, m.Name); err != nil {
		return t, err
	}
	f := &abi.FetchEvent{Request: m.Request}
	t.event, t.fetch = m.Event, &object.Event{Kind: abi.EventFetch, Message: f, Bytes: len(req)}
	if m.Upgrade != 0 {
		if t.fetch.Upgrade = c.o.Offered(m.Upgrade); t.fetch.Upgrade == nil {
			return t, &object.Error{Status: abi.NotFound, Message: fn + ": the upgrade is not on offer"}
		}
		f.Upgrade = m.Upgrade
	}
	return t, nil
}

func stubCall(c *Calls, req []byte) (uint32, error) {
	var m abi.StubCallRequest
	if err := m.Decode(req); err != nil {
		return 0, err
	}
	if len(m.Payload) > abi.CallBytesMax {
		return 0, &object.Error{Status: abi.TooLarge, Message: "stub_call: the argument is over 32 MiB"}
	}
	cl, err := c.class(m.Binding)
	if err != nil {
		return 0, err
	}
	r, err := ref(cl, m.ID, m.Name)
	if err != nil {
		return 0, err
	}
	e := &object.Event{
		Kind: abi.EventCall, Bytes: len(req),
		Message: &abi.CallEvent{Method: m.Method, Payload: bytes.Clone(m.Payload)},
	}
	return c.o.CallObject(m.Event, cl, r, e)
}

// answer completes an operation with a message or an error.
func answer(done func(abi.Status, []byte), m object.Message, err error) {
	if err == nil {
		done(abi.OK, m.Append(nil))
		return
	}
	st, f := object.Describe(err)
	done(st, f.Append(nil))
}

func d1Query(c *Calls, req []byte) (uint32, error) {
	m := new(abi.D1QueryRequest)
	if err := m.DecodeShared(bytes.Clone(req)); err != nil {
		return 0, err
	}
	if len(m.Statements) > abi.D1StatementsMax {
		return 0, &object.Error{Status: abi.TooLarge, Message: "d1_query: over 10,000 statements"}
	}
	db := c.app.D1
	return c.o.Start(func(ctx context.Context, done func(abi.Status, []byte)) {
		run := db.Query(m)
		go func() {
			rs, err := run(ctx)
			if err != nil {
				answer(done, nil, err)
				return
			}
			answer(done, rs, nil)
		}()
	})
}

func d1Exec(c *Calls, req []byte) (uint32, error) {
	m := new(abi.D1ExecRequest)
	if err := m.Decode(req); err != nil {
		return 0, err
	}
	db := c.app.D1
	return c.o.Start(func(ctx context.Context, done func(abi.Status, []byte)) {
		run := db.Exec(m)
		go func() {
			r, err := run(ctx)
			if err != nil {
				answer(done, nil, err)
				return
			}
			answer(done, r, nil)
		}()
	})
}

func outboundFetch(c *Calls, req []byte) (uint32, error) {
	m := new(abi.FetchRequest)
	if err := m.DecodeShared(bytes.Clone(req)); err != nil {
		return 0, err
	}
	out := c.app.Outbound
	return c.o.Start(func(ctx context.Context, done func(abi.Status, []byte)) {
		go func() {
			r, err := out.Fetch(ctx, &m.Request)
			if err != nil {
				answer(done, nil, err)
				return
			}
			answer(done, r, nil)
		}()
	})
}
