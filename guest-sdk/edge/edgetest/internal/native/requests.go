package native

import (
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/holdfast-run/holdfast/guest-sdk/abi"
	"github.com/holdfast-run/holdfast/guest-sdk/edge/edgetest/internal/backend"
)

var _ backend.Backend = (*World)(nil)

// workersMax is how many instances of the worker there may be.
const workersMax = 128

// vars are the app's variables and the host's own.
func (w *World) vars() []abi.Header {
	out := []abi.Header{{Name: "HOLDFAST_MODE", Value: w.cfg.Mode}}
	for k, v := range w.cfg.App.Vars {
		out = append(out, abi.Header{Name: k, Value: v})
	}
	slices.SortFunc(out, func(a, b abi.Header) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// instance chooses the least loaded instance of the worker that may take an
// event, or makes one.
func (w *World) instance() (*object, error) {
	c := w.classes[""]
	if c == nil {
		return nil, refuse(abi.NotFound, "no worker is registered: RegisterWorker, or reach objects with World.Object")
	}
	for _, o := range w.workers {
		load := len(o.box) + len(o.events) + o.background
		if load == 0 || c.Interleave && load < concurrentMax {
			return o, nil
		}
	}
	if len(w.workers) == workersMax {
		return nil, &failure{abi.Overloaded, "all instances of the worker are busy", abi.FailureOverloaded}
	}
	o := newObject(w, c, [32]byte{}, "")
	w.workers = append(w.workers, o)
	return o, nil
}

// find is the object, or worker, that answers a target.
func (w *World) find(to backend.Target, path string) (*object, error) {
	if to.Class != "" {
		c := w.classes[to.Class]
		if c == nil {
			return nil, refuse(abi.NotFound, "no class %q is registered; import the package that registers it", to.Class)
		}
		return w.object(c, c.idOf(to.Name), to.Name), nil
	}
	routes := w.cfg.App.Routes
	if routes == nil {
		return w.instance()
	}
	m, ok := routes.Match(path)
	switch {
	case !ok:
		return nil, refuse(abi.NotFound, "no route leads here")
	case m.Binding == "":
		return w.instance()
	}
	c, err := w.bound(m.Binding)
	if err != nil {
		return nil, err
	}
	return w.object(c, c.idOf(m.Name), m.Name), nil
}

// request is a request of the test on its way.
type request struct {
	w *World
	e *event
	a *asked
}

// Begin sends a request and runs what is due.
func (w *World) Begin(to backend.Target, r *abi.Request) (backend.Pending, error) {
	q, err := w.begin(to, r, false)
	if err != nil {
		return nil, err
	}
	return q, nil
}

func (w *World) begin(to backend.Target, r *abi.Request, upgrade bool) (*request, error) {
	u, err := url.Parse(r.URL)
	if err != nil {
		return nil, err
	}
	q := &request{w: w, a: &asked{}}
	return q, w.do(func() error {
		f := &abi.FetchEvent{Request: *r}
		q.e = &event{kind: abi.EventFetch, message: f, reply: q.a}
		if upgrade {
			w.sockets++
			q.a.socket = &socket{w: w, id: w.sockets}
			q.e.offer, f.Upgrade = q.a.socket, q.a.socket.id
		}
		o, err := w.find(to, u.EscapedPath())
		if err == nil {
			err = o.push(q.e)
		}
		if err != nil {
			q.e.fail(err)
		}
		return nil
	})
}

// Done reports whether the answer is there.
func (q *request) Done() (is bool) {
	_ = q.w.do(func() error { is = q.a.finished; return nil }) // a world that ended answers nothing
	return is
}

// Response is the answer, as a client of the real host would get it.
func (q *request) Response() (resp *abi.Response, err error) {
	err = q.w.do(func() error {
		switch {
		case !q.a.finished:
			return backend.ErrNothing
		case q.a.response != nil:
			resp = q.a.response
		default:
			var f abi.Failure
			if f.Decode(q.a.payload) != nil {
				f.Message = q.a.status.String()
			}
			resp = answer(httpStatus(q.a.status, &f), q.a.status.String(), f.Message)
		}
		return nil
	})
	return resp, err
}

// Cancel tells the handler that nobody waits any more.
func (q *request) Cancel() {
	_ = q.w.do(func() error { // a world that ended has no handler
		e := q.e.last()
		o := e.target
		if e.cancelled = true; o == nil || o.guest == nil || o.events[e.id] != e {
			return nil
		}
		o.post(func() func() {
			g := o.guest
			if g == nil || o.events[e.id] != e {
				return nothing
			}
			m := abi.CancelledEvent{Event: e.id}
			return func() { g.sdk.Event(abi.EventCancelled, m.Append(nil)) }
		})
		return nil
	})
}

// Connect opens a WebSocket.
func (w *World) Connect(to backend.Target, r *abi.Request) (backend.Conn, error) {
	q, err := w.begin(to, r, true)
	if err != nil {
		return nil, err
	}
	resp, err := q.Response()
	if err != nil {
		return nil, err
	}
	if resp.Status != 101 {
		return nil, &backend.Refused{Response: resp}
	}
	for _, h := range resp.Headers {
		if strings.EqualFold(h.Name, "Sec-WebSocket-Protocol") {
			q.a.socket.protocol = h.Value
		}
	}
	return &conn{q.a.socket}, nil
}

// Call calls a method of an object.
func (w *World) Call(to backend.Target, method string, payload []byte) ([]byte, error) {
	a := &asked{}
	err := w.do(func() error {
		o, err := w.find(to, "")
		if err != nil {
			return err
		}
		return o.push(&event{kind: abi.EventCall, message: &abi.CallEvent{Method: method, Payload: payload}, reply: a})
	})
	if err != nil {
		return nil, failed(describe(err))
	}
	if !a.finished {
		return nil, backend.ErrNothing
	}
	return a.payload, failed(a.status, a.payload)
}

// Scheduled runs a cron trigger of the worker now.
func (w *World) Scheduled(cron string) error {
	a := &asked{}
	err := w.do(func() error { return w.runCron(cron, w.nowMs(), a) })
	if err != nil {
		return failed(describe(err))
	}
	if !a.finished {
		return backend.ErrNothing
	}
	return failed(a.status, a.payload)
}

// Evict makes an object cold.
func (w *World) Evict(to backend.Target) error {
	return w.do(func() error {
		o, err := w.find(to, "")
		if err != nil {
			return err
		}
		if !o.settled() {
			return refuse(abi.Invalid, "%s is busy: an event, a call or WaitUntil is unfinished", to)
		}
		o.closeGuest()
		return nil
	})
}

// Crash discards an object's instance, as a panic would.
func (w *World) Crash(to backend.Target) error {
	return w.do(func() error {
		o, err := w.find(to, "")
		if err == nil && o.guest != nil {
			o.fault = &failure{abi.Reset, "the object was reset: crashed by the test", abi.FailureRetryable}
			o.endTurn()
		}
		return err
	})
}

// KV is what an object has stored under its keys.
func (w *World) KV(to backend.Target) (kv map[string][]byte, err error) {
	err = w.do(func() error {
		o, err := w.find(to, "")
		if err == nil {
			kv = o.kvCopy()
		}
		return err
	})
	return kv, err
}

// Alarm is when an object's alarm runs next.
func (w *World) Alarm(to backend.Target) (at time.Time, ok bool, err error) {
	err = w.do(func() error {
		o, err := w.find(to, "")
		if err == nil && o.store.hasAlarm {
			at, ok = time.UnixMilli(o.store.alarm.due).UTC(), true
		}
		return err
	})
	return at, ok, err
}

// RunAlarm runs an object's alarm now.
func (w *World) RunAlarm(to backend.Target) error {
	return w.do(func() error {
		o, err := w.find(to, "")
		if err != nil {
			return err
		}
		if !o.store.hasAlarm {
			return refuse(abi.NotFound, "%s has no alarm", to)
		}
		o.store.alarm.due = w.nowMs()
		return nil
	})
}

// FailD1 lets D1 calls fail, after so many that do not.
func (w *World) FailD1(after, calls int, err error) error {
	return w.do(func() error {
		w.spared, w.failures, w.failure = after, calls, err
		return nil
	})
}
