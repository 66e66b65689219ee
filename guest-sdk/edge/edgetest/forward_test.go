package edgetest_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-run/holdfast/guest-sdk/edge"
)

// to is an event of a probe that forwards its request to a named one, which
// answers it with fn.
func to(name string, fn fetchFunc) fetchFunc {
	path := fetching(fn)
	return func(p *probe, r *edge.Request) (*edge.Response, error) {
		r.URL = "http://x" + path
		return p.env.Namespace("PROBE").GetByName(name).Forward(r), nil
	}
}

func whose(p *probe, r *edge.Request) (*edge.Response, error) {
	return edge.Text(200, p.state.ID.Name()+" "+string(r.Body)), nil
}

func TestForward_AnswersWhatTheObjectAnswers(t *testing.T) {
	w := world(t)
	if got := w.Fetch("POST", fetching(to("a", to("b", whose))), []byte("body")).Text(); got != "b body" {
		t.Fatal(got)
	}
	stream := func(*probe, *edge.Request) (*edge.Response, error) {
		return &edge.Response{Body: []byte("head"), Stream: func(s *edge.StreamWriter) error {
			_, err := s.Write([]byte(" tail"))
			return err
		}}, nil
	}
	if got := w.Fetch("GET", fetching(to("a", stream)), nil).Text(); got != "head tail" {
		t.Fatal(got)
	}
	bad := func(*probe, *edge.Request) (*edge.Response, error) { return nil, errors.New("refused by b") }
	if r := w.Fetch("GET", fetching(to("a", to("b", bad))), nil); r.Status != 500 || !strings.Contains(r.Text(), "refused by b") {
		t.Fatal(r.Status, r.Text())
	}
	circle := fetchFunc(whose)
	for i := range 16 {
		circle = to(string("ab"[i%2]), circle)
	}
	w.Fetch("GET", fetching(circle), nil).Want(200)
	if r := w.Fetch("GET", fetching(to("c", circle)), nil); r.Status != 500 || !strings.Contains(r.Text(), "handed on 16 times") {
		t.Fatal(r.Status, r.Text())
	}
}

func TestForward_HandsOnSocketAndCancellation(t *testing.T) {
	w := world(t)
	c := w.Connect(fetching(to("a", to("b", sockets()))))
	c.Send("hello")
	c.Expect("hello")

	gone := false
	r := w.Begin("GET", fetching(to("a", to("b", func(_ *probe, r *edge.Request) (*edge.Response, error) {
		for !r.Cancelled() {
			time.Sleep(time.Second)
		}
		gone = true
		return edge.Text(200, ""), nil
	}))), nil)
	// a is free, while b works for it.
	if got := w.Object("Probe", "a").Fetch("GET", fetching(whose), nil).Text(); got != "a " {
		t.Fatal(got)
	}
	r.Cancel()
	w.Advance(2 * time.Second)
	if !gone {
		t.Fatal("the handler was not told")
	}
}

func TestForward_NothingLeavesAnAbortedTurn(t *testing.T) {
	w := world(t)
	reached := false
	forward := to("b", func(*probe, *edge.Request) (*edge.Response, error) { reached = true; return edge.Text(200, ""), nil })
	r := w.Object("Probe", "a").Fetch("GET", fetching(func(p *probe, r *edge.Request) (*edge.Response, error) {
		p.state.WaitUntil("panics", func() error { panic("after the answer") })
		return forward(p, r)
	}), nil)
	if r.Status != 500 || reached {
		t.Fatal(r.Status, r.Text(), reached)
	}
}

func TestForward_ACallerWaitsForWhatItsRequestBecame(t *testing.T) {
	w := world(t)
	fetchOf := func(fn fetchFunc) func(p *probe) error {
		path := fetching(fn)
		return func(p *probe) error {
			_, err := p.env.Namespace("PROBE").GetByName("a").Fetch(edge.NewRequest("GET", "http://x"+path, nil))
			return err
		}
	}
	x := w.Object("Probe", "x")
	for name, fn := range map[string]fetchFunc{"back": to("x", whose), "later": to("b", func(p *probe, _ *edge.Request) (*edge.Response, error) {
		_, err := p.env.Namespace("PROBE").GetByName("x").Fetch(edge.NewRequest("GET", "http://x/ok", nil))
		return nil, err
	})} {
		must(t, x, func(p *probe) error {
			if err := fetchOf(fn)(p); !errors.Is(err, edge.ErrCallCycle) {
				return fmt.Errorf("%s: %v", name, err)
			}
			return nil
		})
	}
	must(t, x, fetchOf(to("a", whose)))
}
