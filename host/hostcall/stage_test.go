package hostcall_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/holdfast-run/holdfast/guest-sdk/abi"
	"github.com/holdfast-run/holdfast/host/hostcall"
	"github.com/holdfast-run/holdfast/host/storage"
	"github.com/holdfast-run/holdfast/runtime/object"
	"github.com/holdfast-run/holdfast/runtime/store"
	"github.com/holdfast-run/holdfast/runtime/store/memstore"
)

// number is a host function's number.
func number(t testing.TB, name string) int {
	t.Helper()
	for i, f := range abi.Functions {
		if f.Name == name {
			return i
		}
	}
	t.Fatalf("no host function %s", name)
	return 0
}

// stage is a directory whose guests do what tests tell them.
type stage struct {
	t    testing.TB
	app  *hostcall.App
	dir  *object.Directory
	kind *object.Class // with storage
	log  *bytes.Buffer // guarded by mu
	mu   sync.Mutex
	acts map[uint64]act // by event
	next uint64
	d1   *fakeD1

	counters tally
}

// tally keeps what was counted last, and refuses the name "full".
type tally map[string]int64

func (c tally) Count(name string, delta int64) error {
	if name == "full" {
		return &object.Error{Status: abi.TooLarge, Message: "one counter too many"}
	}
	c[name] += delta
	return nil
}

// act is what a guest does with an event; it runs on the object's loop. With
// later set the event ends when an operation completes.
type act func(p *puppet, event uint64) (later bool)

// puppet is an instance on the stage.
type puppet struct {
	s     *stage
	o     *object.Object
	calls *hostcall.Calls
	ended func(op uint32, st abi.Status, payload []byte)
	trap  error // what ended the instance
}

// Write takes the app's log.
func (s *stage) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.log.Write(p)
}

func (s *stage) logged() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.log.String()
}

// newStage makes a stage over the host's own storage.
func newStage(t testing.TB, change ...func(*object.Config)) *stage {
	t.Helper()
	e, err := storage.Open(storage.Config{Dir: t.TempDir(), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	return stageOver(t, e, change...)
}

func stageOver(t testing.TB, e store.Engine, change ...func(*object.Config)) *stage {
	t.Helper()
	s := &stage{t: t, log: &bytes.Buffer{}, acts: map[uint64]act{}, d1: &fakeD1{}, counters: tally{}}
	log := slog.New(slog.NewTextHandler(s, &slog.HandlerOptions{Level: slog.LevelDebug}))
	random := byte(0)
	fill := func(p []byte) {
		for i := range p {
			random++
			p[i] = random
		}
	}
	cfg := object.Config{
		Engine: e, Log: log, Random: func([]byte) {},
		Frames: func(_ bool, data []byte) []byte { return bytes.Clone(data) },
	}
	for _, fn := range change {
		fn(&cfg)
	}
	dir, err := object.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	s.dir = dir
	t.Cleanup(func() {
		if err := dir.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	version := func(class string) *object.Version {
		return &object.Version{
			Number: 1, Interleave: true, Construct: abi.ConstructEvent{Class: class},
			Handlers: abi.HandlesFetch | abi.HandlesCall,
			New: func(o *object.Object) (object.Guest, error) {
				return &puppet{s: s, o: o, calls: hostcall.New(s.app, o)}, nil
			},
		}
	}
	s.kind = object.NewClass("stage", "Puppet", object.Limits{}, version("Puppet"))
	s.app = &hostcall.App{
		Name: "stage", D1: s.d1, Outbound: hostcall.NewOutbound(nil), Random: fill, Log: log, Counters: s.counters,
		Namespace: func(binding string) *object.Class {
			if binding == "PUPPET" {
				return s.kind
			}
			return nil
		},
	}
	dir.AddClass(s.kind)
	dir.AddClass(object.NewClass("stage", "", object.Limits{}, version("")))
	return s
}

// ending is how an event on the stage ended.
type ending struct {
	st      abi.Status
	payload []byte
}

// waiter is a Reply that a test waits for.
type waiter chan ending

func (w waiter) Respond(r *abi.Response) { w <- ending{abi.OK, r.Body} }
func (w waiter) Chunk([]byte, bool)      {}
func (w waiter) Done(st abi.Status, payload []byte) {
	w <- ending{st, bytes.Clone(payload)}
}

// perform sends an event with an act to an object, or to the worker where the
// name is empty, and waits for its end.
func (s *stage) perform(name string, fn act) ending {
	s.t.Helper()
	id := s.plan(fn)
	w := make(waiter, 1)
	s.t.Cleanup(func() {
		if len(w) > 0 {
			s.t.Errorf("%q answered twice: %v", name, <-w)
		}
	})
	e := &object.Event{Kind: abi.EventFetch, Reply: w, Message: &abi.FetchEvent{Request: abi.Request{Method: "GET", URL: "http://stage/", DeadlineMs: int64(id)}}}
	var err error
	if name == "" {
		err = s.dir.Workers("stage").Send(e)
	} else {
		err = s.dir.Send(s.kind, object.RefByName(s.kind.Namespace, name), e)
	}
	if err != nil {
		s.t.Fatal(err)
	}
	return <-w
}

// plan is the number by which a request finds its act.
func (s *stage) plan(fn act) uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.next++
	s.acts[s.next] = fn
	return s.next
}

// newBroken is storage in memory whose reads fail.
func newBroken() *broken { return &broken{Engine: memstore.New(memstore.Options{})} }

// Event is object.Guest's.
func (p *puppet) Event(kind abi.EventKind, msg []byte) error {
	switch kind {
	case abi.EventFetch:
		var m abi.FetchEvent
		if err := m.Decode(msg); err != nil {
			return err
		}
		p.s.mu.Lock()
		fn := p.s.acts[uint64(m.Request.DeadlineMs)]
		p.s.mu.Unlock()
		later := fn(p, m.Event)
		if p.trap != nil || later {
			return p.trap
		}
		return p.o.Respond(m.Event, &abi.Response{Status: 200})
	case abi.EventCall:
		var m abi.CallEvent
		if err := m.Decode(msg); err != nil {
			return err
		}
		return p.o.Done(m.Event, abi.OK, append([]byte(m.Method+" "), m.Payload...))
	}
	var m abi.ConstructEvent
	if err := m.Decode(msg); err != nil {
		return err
	}
	return p.o.Done(m.Event, abi.OK, nil)
}

// Complete is object.Guest's.
func (p *puppet) Complete(op uint32, st abi.Status, payload []byte) error {
	if p.ended != nil {
		p.ended(op, st, payload)
	}
	return nil
}

// The rest of object.Guest.
func (p *puppet) Tick() error             { return nil }
func (p *puppet) Deadline() (int64, bool) { return 0, false }
func (p *puppet) ClockRead() bool         { return false }
func (p *puppet) MemoryBytes() int64      { return 1 << 16 }
func (p *puppet) SetLimit(time.Duration)  {}
func (p *puppet) Close()                  {}
func (p *puppet) Freeze(bool) (object.Frozen, error) {
	return nil, errors.New("a puppet does not rest")
}

// answer is a host function's answer.
type answer struct {
	st   abi.Status
	body []byte
}

// message is a Failure's text.
func (a answer) message(t testing.TB) string {
	t.Helper()
	var f abi.Failure
	if err := f.Decode(a.body); err != nil {
		t.Fatalf("status %v with %x: %v", a.st, a.body, err)
	}
	return f.Message
}

// request is any message.
type request interface{ Append([]byte) []byte }

func encode(m request) []byte {
	if m == nil {
		return nil
	}
	return m.Append(nil)
}

// call calls a host function of shape Sync or Post.
func (p *puppet) call(fn string, m request) answer {
	p.s.t.Helper()
	return p.raw(number(p.s.t, fn), encode(m))
}

// raw calls any host function with any request.
func (p *puppet) raw(fn int, req []byte) answer {
	switch abi.Functions[fn].Shape {
	case abi.Sync:
		st, body := p.calls.Sync(fn, req)
		return answer{st, bytes.Clone(body)}
	case abi.Async:
		_, st, failure := p.calls.Async(fn, req)
		return answer{st, failure}
	}
	st, failure, trap := p.calls.Post(fn, req)
	if trap != nil {
		p.trap = trap
		return answer{abi.Internal, (&abi.Failure{Message: "trap: " + trap.Error()}).Append(nil)}
	}
	return answer{st, failure}
}

// ask calls a host function in an event of its own.
func (s *stage) ask(name, fn string, m request) answer {
	s.t.Helper()
	var a answer
	if e := s.perform(name, func(p *puppet, _ uint64) bool {
		a = p.call(fn, m)
		return false
	}); e.st != abi.OK {
		s.t.Fatalf("%s: the event ended with %v %s", fn, e.st, e.payload)
	}
	return a
}

// await calls a waiting host function and answers how its operation ended;
// make gets the event's number.
func (s *stage) await(name, fn string, make func(event uint64) request) answer {
	s.t.Helper()
	var a answer
	s.perform(name, func(p *puppet, event uint64) bool {
		op, st, failure := p.calls.Async(number(s.t, fn), encode(make(event)))
		if st != abi.OK {
			a = answer{st, failure}
			return false
		}
		p.ended = func(got uint32, st abi.Status, payload []byte) {
			if got != op {
				s.t.Errorf("operation %d ended, %d was begun", got, op)
			}
			a = answer{st, bytes.Clone(payload)}
			_ = p.o.Respond(event, &abi.Response{Status: 200}) // perform waits for it
		}
		return true
	})
	return a
}

// broken is storage whose reads fail.
type broken struct {
	store.Engine
	err error
}

type brokenObject struct {
	store.Object
	of *broken
}

// Open is store.Engine's.
func (b *broken) Open(r store.Ref) (store.Object, error) {
	o, err := b.Engine.Open(r)
	return &brokenObject{o, b}, err
}

// Get fails.
func (o *brokenObject) Get(string) ([]byte, bool, error) { return nil, false, o.of.err }

// fakeD1 answers or fails as told.
type fakeD1 struct {
	err     error
	queries []*abi.D1QueryRequest
}

func (f *fakeD1) Query(m *abi.D1QueryRequest) func(context.Context) (*abi.D1Results, error) {
	f.queries = append(f.queries, m)
	return func(context.Context) (*abi.D1Results, error) { return &abi.D1Results{Bookmark: "b1"}, f.err }
}

func (f *fakeD1) Exec(*abi.D1ExecRequest) func(context.Context) (*abi.D1ExecResult, error) {
	return func(context.Context) (*abi.D1ExecResult, error) { return &abi.D1ExecResult{Count: 2}, f.err }
}
