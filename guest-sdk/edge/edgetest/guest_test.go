package edgetest_test

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/holdfast-run/holdfast/guest-sdk/edge"
	"github.com/holdfast-run/holdfast/guest-sdk/edge/edgetest"
)

// probe is a class whose handlers are functions of the tests: a request's path
// ends with the number of the function that answers it.
type probe struct {
	state *edge.State
	env   *edge.Env
	born  int // a value that a constructor read from storage
	cell  int // memory only
}

type (
	fetchFunc func(p *probe, r *edge.Request) (*edge.Response, error)
	hooks     struct {
		alarm   func(p *probe, a edge.AlarmInfo) error
		message func(p *probe, ws *edge.WebSocket, m edge.Message) error
		open    func(p *probe, ws *edge.WebSocket) error
		close   func(p *probe, ws *edge.WebSocket, code int, reason string, clean bool) error
		create  func(p *probe) error
	}
)

var (
	fetches  sync.Map // number → fetchFunc
	fetchNo  int
	hooksOf  sync.Map // object's name → *hooks
	cronRuns func(edge.Scheduled, *edge.Env) error
)

func init() {
	edge.Register("Probe", newProbe)
	edge.Register("Open", func(s *edge.State, e *edge.Env) (*open, error) {
		p, err := newProbe(s, e)
		return &open{p}, err
	}, edge.Interleave())
	edge.Register("Bare", func(*edge.State, *edge.Env) (bare, error) { return bare{}, nil })
	edge.RegisterWorker(edge.Worker{
		Fetch: func(r *edge.Request, e *edge.Env) (*edge.Response, error) {
			return answer(&probe{env: e}, r)
		},
		Scheduled: func(s edge.Scheduled, e *edge.Env) error { return cronRuns(s, e) },
	})
	edge.Method("add", func(p *probe, n int) (int, error) {
		if n < 0 {
			return 0, errors.New("negative")
		}
		p.cell += n
		return p.cell, nil
	})
	edge.Method("through", func(p *probe, names []string) (string, error) {
		if len(names) == 0 {
			return p.state.ID.Name(), nil
		}
		return edge.Call[string](p.env.Namespace("PROBE").GetByName(names[0]), "through", names[1:])
	})
}

// open is a probe that interleaves.
type open struct{ *probe }

// bare has no handler but Fetch.
type bare struct{}

func (bare) Fetch(*edge.Request) (*edge.Response, error) { return edge.Text(200, "bare"), nil }

func newProbe(s *edge.State, e *edge.Env) (*probe, error) {
	p := &probe{state: s, env: e}
	n, _, err := edge.Get[int](s.Storage.KV, "n")
	if err != nil {
		return nil, err
	}
	p.born = n
	if h := hook(p); h.create != nil {
		return p, h.create(p)
	}
	return p, nil
}

func hook(p *probe) *hooks {
	if h, ok := hooksOf.Load(p.state.ID.Name()); ok {
		return h.(*hooks)
	}
	return &hooks{}
}

func answer(p *probe, r *edge.Request) (*edge.Response, error) {
	path := r.Path()
	n, err := strconv.Atoi(path[strings.LastIndexByte(path, '/')+1:])
	if err != nil {
		return edge.Text(200, "ok"), nil
	}
	fn, _ := fetches.Load(n)
	return fn.(fetchFunc)(p, r)
}

func (p *probe) Fetch(r *edge.Request) (*edge.Response, error) { return answer(p, r) }

func (p *probe) Alarm(a edge.AlarmInfo) error {
	if h := hook(p); h.alarm != nil {
		return h.alarm(p, a)
	}
	return nil
}

func (p *probe) WebSocketOpen(ws *edge.WebSocket) error {
	if h := hook(p); h.open != nil {
		return h.open(p, ws)
	}
	return nil
}

func (p *probe) WebSocketMessage(ws *edge.WebSocket, m edge.Message) error {
	if h := hook(p); h.message != nil {
		return h.message(p, ws, m)
	}
	return ws.Send(m)
}

func (p *probe) WebSocketClose(ws *edge.WebSocket, code int, reason string, clean bool) error {
	if h := hook(p); h.close != nil {
		return h.close(p, ws, code, reason, clean)
	}
	return nil
}

// fetching gives fn a path that leads to it.
func fetching(fn fetchFunc) string {
	fetchNo++
	fetches.Store(fetchNo, fn)
	return "/do/" + strconv.Itoa(fetchNo)
}

// on sets the hooks of an object for the time of a test.
func on(t *testing.T, name string, h *hooks) {
	hooksOf.Store(name, h)
	t.Cleanup(func() { hooksOf.Delete(name) })
}

// do runs fn as the handler of a request of the object and answers its error
// as text, or "".
func do(h *edgetest.Handle, fn func(p *probe) error) string {
	r := h.Fetch("POST", fetching(func(p *probe, _ *edge.Request) (*edge.Response, error) {
		if err := fn(p); err != nil {
			return edge.Text(400, err.Error()), nil
		}
		return edge.Text(200, ""), nil
	}), nil)
	if r.Status != 200 && r.Text() == "" {
		return fmt.Sprint("status ", r.Status)
	}
	return r.Text()
}

// must is do without an error.
func must(t *testing.T, h *edgetest.Handle, fn func(p *probe) error) {
	t.Helper()
	if text := do(h, fn); text != "" {
		t.Fatal(text)
	}
}

// sockets is a handler that accepts an upgrade.
func sockets(tags ...string) fetchFunc {
	return func(p *probe, r *edge.Request) (*edge.Response, error) {
		ws, ok := r.Upgrade()
		if !ok {
			return edge.Text(426, "no upgrade"), nil
		}
		if err := p.state.AcceptWebSocket(ws, tags...); err != nil {
			return nil, err
		}
		return edge.Switch(ws, ""), nil
	}
}
