package hostcall_test

import (
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/holdfast-run/holdfast/guest-sdk/abi"
	"github.com/holdfast-run/holdfast/runtime/clock"
	"github.com/holdfast-run/holdfast/runtime/object"
	"github.com/holdfast-run/holdfast/runtime/store"
	"github.com/holdfast-run/holdfast/runtime/store/memstore"
)

// toBob is a request that goes to the object bob, whose act is given.
func (s *stage) toBob(event uint64, fn act) *abi.StubFetchRequest {
	return &abi.StubFetchRequest{Event: event, Binding: "PUPPET", Name: "bob", Request: abi.Request{Method: "GET", URL: "http://bob/", DeadlineMs: int64(s.plan(fn))}}
}

// answering is an act that answers with a body.
func answering(body string) act {
	return func(p *puppet, event uint64) bool {
		if err := p.o.Respond(event, &abi.Response{Status: 200, Body: []byte(body)}); err != nil {
			p.s.t.Error(err)
		}
		return true
	}
}

func TestForward_Refuses(t *testing.T) {
	s := newStage(t)
	s.perform("ann", func(p *puppet, event uint64) bool {
		try := func(change func(m *abi.StubFetchRequest)) answer {
			m := s.toBob(event, answering(""))
			change(m)
			return p.call("forward", m)
		}
		expect(t, "no such event", try(func(m *abi.StubFetchRequest) { m.Event = 77 }), abi.NotFound, "77")
		expect(t, "no binding", try(func(m *abi.StubFetchRequest) { m.Binding = "NONE" }), abi.NotFound, `"NONE"`)
		expect(t, "no object", try(func(m *abi.StubFetchRequest) { m.Name = "" }), abi.Invalid, "id or a name")
		expect(t, "no upgrade", try(func(m *abi.StubFetchRequest) { m.Upgrade = 77 }), abi.NotFound, "forward: the upgrade")
		if err := p.o.Respond(event, &abi.Response{Status: 200, Streamed: true}); err != nil {
			t.Error(err)
		}
		expect(t, "after an answer", try(func(*abi.StubFetchRequest) {}), abi.Invalid, "has been answered")
		if err := p.o.RespondChunk(event, nil, true); err != nil {
			t.Error(err)
		}
		return true
	})
}

func TestForward_AnAbortedTurnSendsNothing(t *testing.T) {
	s := newStage(t)
	reached := false
	e := s.perform("ann", func(p *puppet, event uint64) bool {
		a := p.call("forward", s.toBob(event, func(*puppet, uint64) bool { reached = true; return false }))
		if a.st != abi.OK {
			t.Errorf("forward: %v %q", a.st, a.body)
		}
		p.trap = errors.New("after all")
		return true
	})
	if e.st != abi.Reset {
		t.Errorf("the event ended with %v %q", e.st, e.payload)
	}
	if e := s.perform("bob", answering("free")); string(e.payload) != "free" || reached {
		t.Errorf("bob answers %q, was reached: %v", e.payload, reached)
	}
}

// full is storage in memory that takes no commit of one object.
type full struct{ store.Engine }

type fullObject struct{ store.Object }

// Open is store.Engine's.
func (f *full) Open(r store.Ref) (store.Object, error) {
	o, err := f.Engine.Open(r)
	return &fullObject{o}, err
}

// Commit takes the turn, and says later that it was lost.
func (o *fullObject) Commit(durable func(error)) (bool, error) {
	changed, err := o.Object.Commit(func(error) {})
	if changed {
		go durable(errors.New("torn"))
	}
	return changed, err
}

func TestForward_NothingLeavesBeforeItsTurnIsDurable(t *testing.T) {
	s := stageOver(t, &full{memstore.New(memstore.Options{})})
	reached := false
	e := s.perform("ann", func(p *puppet, event uint64) bool {
		if a := p.call("kv_put", entries(1, "v")); a.st != abi.OK {
			t.Errorf("put: %v %q", a.st, a.body)
		}
		if a := p.call("forward", s.toBob(event, func(*puppet, uint64) bool { reached = true; return false })); a.st != abi.OK {
			t.Errorf("forward: %v %q", a.st, a.body)
		}
		return true
	})
	if e.st != abi.StorageFault || reached {
		t.Errorf("the event ended with %v %q, bob was reached: %v", e.st, e.payload, reached)
	}
}

// alarmClock keeps the time limits of calls, which a test lets run out.
type alarmClock struct {
	mu    sync.Mutex
	later []*ring
}

type ring struct {
	fn      func()
	stopped bool
}

func (r *ring) Stop() bool { was := !r.stopped; r.stopped = true; return was }

func (c *alarmClock) after(d time.Duration, fn func()) clock.Timer {
	if d != object.DefaultOpTimeout {
		return time.AfterFunc(d, fn)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.later = append(c.later, &ring{fn: fn})
	return c.later[len(c.later)-1]
}

func TestForward_TakesTooLong(t *testing.T) {
	c := &alarmClock{}
	s := newStage(t, func(cfg *object.Config) { cfg.After = c.after })
	var bob func()
	forwarding := func(fn act) act {
		return func(p *puppet, event uint64) bool {
			if a := p.call("forward", s.toBob(event, fn)); a.st != abi.OK {
				t.Errorf("forward: %v %q", a.st, a.body)
			}
			return true
		}
	}
	e := s.perform("ann", forwarding(func(p *puppet, event uint64) bool {
		bob = func() { answering("late")(p, event) }
		go c.later[0].fn()
		return true
	}))
	if e.st != abi.Timeout {
		t.Errorf("the event ended with %v %q", e.st, e.payload)
	}
	// The late answer goes nowhere; the next one in time stops its timer.
	s.perform("bob", func(_ *puppet, _ uint64) bool { bob(); return false })
	if e := s.perform("ann", forwarding(answering("in time"))); string(e.payload) != "in time" || !c.later[1].stopped {
		t.Errorf("got %v %q, the timer is stopped: %v", e.st, e.payload, c.later[1].stopped)
	}
	c.later[1].fn() // a timer that ran while it was stopped
}
