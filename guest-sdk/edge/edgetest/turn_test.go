package edgetest_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/holdfast-run/holdfast/guest-sdk/edge"
	"github.com/holdfast-run/holdfast/guest-sdk/edge/edgetest"
)

func put(n int) func(p *probe) error {
	return func(p *probe) error { return edge.Put(p.state.Storage.KV, "n", n) }
}

func number(h *edgetest.Handle) string { return string(h.KV()["n"]) }

func TestTurn_AnErrorKeepsItsWrites(t *testing.T) {
	h := edgetest.New(t).Object("Probe", "a")
	r := h.Fetch("GET", fetching(func(p *probe, _ *edge.Request) (*edge.Response, error) {
		_ = put(1)(p)
		return nil, errors.New("sorry")
	}), nil).Want(500)
	if !strings.Contains(r.Text(), "sorry") || number(h) != "1" {
		t.Fatalf("answer %s, n is %q", r.Text(), number(h))
	}
}

func TestTurn_AbortAndPanicDropIt(t *testing.T) {
	for name, end := range map[string]func(p *probe){
		"abort": func(p *probe) { p.state.Abort("enough") },
		"panic": func(*probe) { panic("enough") },
	} {
		t.Run(name, func(t *testing.T) {
			w := edgetest.New(t)
			h := w.Object("Probe", "a")
			must(t, h, func(p *probe) error { p.cell = 7; return put(1)(p) })
			r := h.Fetch("GET", fetching(func(p *probe, _ *edge.Request) (*edge.Response, error) {
				_ = put(2)(p)
				end(p)
				return edge.Text(200, "not reached"), nil
			}), nil).Want(500)
			if !strings.Contains(r.Text(), `"reset"`) || !strings.Contains(r.Text(), "enough") || number(h) != "1" {
				t.Fatalf("answer %s, n is %q", r.Text(), number(h))
			}
			must(t, h, func(p *probe) error {
				if p.cell != 0 || p.born != 1 {
					return errors.New("the instance lives on")
				}
				return nil
			})
		})
	}
}

func TestTurn_AWaitCommitsWhatWasWritten(t *testing.T) {
	h := edgetest.New(t).Object("Probe", "a")
	h.Fetch("GET", fetching(func(p *probe, _ *edge.Request) (*edge.Response, error) {
		_ = put(1)(p)
		if err := p.state.Storage.Sync(); err != nil {
			return nil, err
		}
		_ = put(2)(p)
		panic("late")
	}), nil).Want(500)
	if number(h) != "1" {
		t.Fatalf("n is %q", number(h))
	}
}

func TestTime_SleepTimersAndContextsFollowTheClock(t *testing.T) {
	w := edgetest.New(t)
	h := w.Object("Probe", "a")
	start := w.Now()
	p := h.Begin("GET", fetching(func(p *probe, _ *edge.Request) (*edge.Response, error) {
		time.Sleep(time.Minute / 4)
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		<-ctx.Done()
		if !time.Now().Equal(p.state.Now()) {
			return nil, errors.New("two clocks")
		}
		return edge.Text(200, p.state.Now().Sub(start).String()), put(1)(p)
	}), nil)
	w.Advance(time.Minute/4 + time.Second - 1)
	if p.Answered() {
		t.Fatal("answered before its time")
	}
	w.Advance(1)
	if got := p.Response().Text(); got != "16s" || number(h) != "1" {
		t.Fatalf("answered at %s, n is %q", got, number(h))
	}
}

func TestExclusive_TakesOneEventAtATime(t *testing.T) {
	for class, want := range map[string]string{"Probe": "12", "Open": "21"} {
		w := edgetest.New(t)
		h := w.Object(class, "a")
		var order string
		slow := h.Begin("GET", fetching(func(p *probe, _ *edge.Request) (*edge.Response, error) {
			time.Sleep(time.Second)
			p.state.Now() // for the race detector, which does not see that the clock has moved
			order += "1"
			return edge.Text(200, ""), nil
		}), nil)
		quick := h.Begin("GET", fetching(func(*probe, *edge.Request) (*edge.Response, error) {
			order += "2"
			return edge.Text(200, ""), nil
		}), nil)
		if quick.Answered() != (class == "Open") {
			t.Fatalf("%s: the second was answered first: %v", class, quick.Answered())
		}
		w.Advance(time.Second)
		slow.Response()
		if quick.Response(); order != want {
			t.Fatalf("%s: order %s, want %s", class, order, want)
		}
	}
}

func TestGoroutines_RunOneAtATime(t *testing.T) {
	h := edgetest.New(t).Object("Open", "a")
	must(t, h, func(p *probe) error {
		var wg sync.WaitGroup
		results := make(chan int, 10)
		for i := range 10 {
			wg.Add(1)
			p.state.WaitUntil("part", func() error {
				defer wg.Done()
				p.cell++ // no lock: one at a time
				results <- i
				return p.state.Storage.Sync()
			})
		}
		wg.Wait()
		if p.cell != 10 || <-results != 0 {
			return errors.New("not all, or not in order")
		}
		return nil
	})
}

func TestOverdue_ResetsTheObject(t *testing.T) {
	w := edgetest.New(t)
	h := w.Object("Probe", "a")
	p := h.Begin("GET", fetching(func(p *probe, _ *edge.Request) (*edge.Response, error) {
		time.Sleep(time.Hour)
		return edge.Text(200, ""), put(1)(p)
	}), nil)
	w.Advance(29 * time.Second)
	if p.Answered() {
		t.Fatal("answered early")
	}
	w.Advance(time.Second)
	p.Response().Want(504)
	w.Advance(2 * time.Hour)
	if number(h) != "" {
		t.Fatal("an instance that is gone wrote")
	}
}

func TestConstructor_RunsFirstAndMayFail(t *testing.T) {
	w := edgetest.New(t)
	h := w.Object("Probe", "made")
	tries := 0
	on(t, "made", &hooks{create: func(p *probe) error {
		if tries++; tries == 1 {
			_ = put(9)(p)
			return errors.New("not yet")
		}
		return p.state.Storage.Sync()
	}})
	if r := h.Fetch("GET", "/ok", nil).Want(500); !strings.Contains(r.Text(), "not yet") || number(h) != "" {
		t.Fatalf("answer %s, n is %q", r.Text(), number(h))
	}
	h.Fetch("GET", "/ok", nil).Want(200)
	h.Evict()
	h.Fetch("GET", "/ok", nil).Want(200)
	if tries != 3 {
		t.Fatalf("constructed %d times", tries)
	}
}

func TestBlockConcurrencyWhile_HoldsOthersBack(t *testing.T) {
	w := edgetest.New(t)
	h := w.Object("Open", "a")
	first := h.Begin("GET", fetching(func(p *probe, _ *edge.Request) (*edge.Response, error) {
		return edge.Text(200, ""), p.state.BlockConcurrencyWhile(func() error { time.Sleep(time.Second); return nil })
	}), nil)
	second := h.Begin("GET", "/ok", nil)
	if second.Answered() {
		t.Fatal("delivered into the section")
	}
	w.Advance(time.Second)
	first.Response().Want(200)
	second.Response().Want(200)
	h.Fetch("GET", fetching(func(p *probe, _ *edge.Request) (*edge.Response, error) {
		err := p.state.BlockConcurrencyWhile(func() error { return errors.New("broken") })
		return nil, err
	}), nil).Want(500)
}

func TestWaitUntil_OutlivesTheAnswerAndEndsWithACrash(t *testing.T) {
	w := edgetest.New(t)
	h := w.Object("Probe", "a")
	later := func(p *probe) error {
		p.state.WaitUntil("later", func() error { time.Sleep(time.Second); return put(1)(p) })
		return nil
	}
	must(t, h, later)
	h.Crash()
	w.Advance(time.Second)
	if number(h) != "" {
		t.Fatal("work of a crashed instance went on")
	}
	must(t, h, later)
	w.Advance(time.Second)
	if number(h) != "1" {
		t.Fatal("work did not go on")
	}
}

func TestStream_IsWhole(t *testing.T) {
	h := edgetest.New(t).Object("Probe", "a")
	r := h.Fetch("GET", fetching(func(p *probe, _ *edge.Request) (*edge.Response, error) {
		return &edge.Response{Body: []byte("a"), Stream: func(w *edge.StreamWriter) error {
			for range 3 {
				if err := p.state.Storage.Sync(); err != nil {
					return err
				}
				if _, err := w.Write([]byte("b")); err != nil {
					return err
				}
			}
			return nil
		}}, nil
	}), nil)
	if r.Text() != "abbb" {
		t.Fatalf("body %q", r.Text())
	}
}

func TestCancel_ReachesTheHandler(t *testing.T) {
	w := edgetest.New(t)
	var told bool
	p := w.Object("Probe", "a").Begin("GET", fetching(func(_ *probe, r *edge.Request) (*edge.Response, error) {
		time.Sleep(time.Second)
		told = r.Cancelled()
		return edge.Text(200, ""), nil
	}), nil)
	p.Cancel()
	w.Advance(time.Second)
	if !told {
		t.Fatal("the handler was not told")
	}
}
