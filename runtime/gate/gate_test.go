package gate_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/holdfast-run/holdfast/runtime/gate"
)

// diary is what left an object, in order.
type diary struct {
	mu    sync.Mutex
	lines []string
}

func (d *diary) write(format string, args ...any) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lines = append(d.lines, fmt.Sprintf(format, args...))
}

// expect waits until nothing moves any more and compares.
func (d *diary) expect(t *testing.T, want ...string) {
	t.Helper()
	synctest.Wait()
	d.mu.Lock()
	defer d.mu.Unlock()
	if !slices.Equal(d.lines, want) {
		t.Fatalf("the diary says %q, want %q", d.lines, want)
	}
}

// note is an effect that writes into a diary.
type note struct {
	d    *diary
	name string
}

func (n note) Release()       { n.d.write("%s", n.name) }
func (n note) Drop(err error) { n.d.write("%s dropped: %v", n.name, err) }

func (d *diary) effects(names string) []gate.Effect {
	var out []gate.Effect
	for _, n := range strings.Fields(names) {
		out = append(out, note{d, n})
	}
	return out
}

// bubble runs a test in a bubble with a gate whose news go into a diary.
func bubble(t *testing.T, fn func(t *testing.T, g *gate.Gate, d *diary)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		d := &diary{}
		g := gate.New(gate.NewPool(2), func() {}, func(err error) { d.write("broke: %v", err) })
		fn(t, g, d)
		synctest.Wait()
		if !g.Quiet() {
			t.Error("something is held at the end")
		}
	})
}

func TestGate_HoldsUntilDurable(t *testing.T) {
	bubble(t, func(t *testing.T, g *gate.Gate, d *diary) {
		a := g.Open()
		g.Seal(a, d.effects("a1 a2"), true)
		d.expect(t)
		if g.Quiet() {
			t.Fatal("a held effect counts as quiet")
		}
		a.Durable(nil)
		d.expect(t, "a1", "a2")
	})
}

func TestGate_DurableBeforeSeal(t *testing.T) {
	bubble(t, func(t *testing.T, g *gate.Gate, d *diary) {
		a := g.Open()
		a.Durable(nil)
		g.Seal(a, d.effects("a"), true)
		d.expect(t, "a")
	})
}

func TestGate_TurnsLeaveInOrderWhateverIsDurableFirst(t *testing.T) {
	bubble(t, func(t *testing.T, g *gate.Gate, d *diary) {
		var tickets []*gate.Ticket
		for _, name := range []string{"a", "b", "c"} {
			k := g.Open()
			g.Seal(k, d.effects(name), true)
			tickets = append(tickets, k)
		}
		read := g.Open()
		g.Seal(read, d.effects("read"), false) // wrote nothing, but waits for what it may reveal
		tickets[2].Durable(nil)
		d.expect(t)
		tickets[0].Durable(nil)
		d.expect(t, "a")
		tickets[1].Durable(nil)
		d.expect(t, "a", "b", "c", "read")
	})
}

func TestGate_ReadsLeaveAtOnceOnTheCallersGoroutine(t *testing.T) {
	bubble(t, func(t *testing.T, g *gate.Gate, d *diary) {
		k := g.Open()
		g.Seal(k, []gate.Effect{probe{func() {
			if !g.Inline() {
				t.Error("released on another goroutine")
			}
			d.write("read")
		}}}, false)
		d.mu.Lock() // no wait: it is there when Seal returns
		if !slices.Equal(d.lines, []string{"read"}) {
			t.Errorf("the diary says %q", d.lines)
		}
		d.mu.Unlock()
		w := g.Open()
		g.Seal(w, []gate.Effect{probe{func() {
			if g.Inline() {
				t.Error("a held effect claims the loop's goroutine")
			}
		}}}, true)
		w.Durable(nil)
	})
}

// probe is an effect that runs a function.
type probe struct{ fn func() }

func (p probe) Release()   { p.fn() }
func (p probe) Drop(error) {}

func TestGate_FailedSyncDropsItAndEverythingLater(t *testing.T) {
	bubble(t, func(t *testing.T, g *gate.Gate, d *diary) {
		lost := errors.New("lost")
		a, b, c := g.Open(), g.Open(), g.Open()
		g.Seal(a, d.effects("a"), true)
		g.Seal(b, d.effects("b"), true)
		g.Seal(c, d.effects("c"), true)
		b.Durable(lost)
		c.Durable(nil) // its own batch is on disk, but stands on a lost one
		d.expect(t)
		a.Durable(nil)
		d.expect(t, "a", "broke: lost", "b dropped: lost", "c dropped: lost")
		e := g.Open()
		g.Seal(e, d.effects("e"), false)
		f := g.Open()
		g.Seal(f, d.effects("f"), true)
		f.Durable(errors.New("lost again"))
		d.expect(t, "a", "broke: lost", "b dropped: lost", "c dropped: lost", "e dropped: lost", "f dropped: lost")
	})
}

func TestGate_FailedSyncWithoutEffectsBreaksToo(t *testing.T) {
	bubble(t, func(t *testing.T, g *gate.Gate, d *diary) {
		a := g.Open()
		g.Seal(a, nil, true)
		g.Seal(g.Open(), d.effects("read"), false)
		a.Durable(errors.New("lost"))
		d.expect(t, "broke: lost", "read dropped: lost")
	})
}

func TestGate_NothingToSay(t *testing.T) {
	bubble(t, func(t *testing.T, g *gate.Gate, d *diary) {
		g.Seal(g.Open(), nil, false)
		a := g.Open()
		g.Seal(a, nil, true)
		a.Durable(nil)
		d.expect(t)
	})
}

// TestDurable_DoesNotWaitForASlowEffect holds the sync goroutine to its rule:
// it marks and goes on, also while an effect of that object is stuck.
func TestDurable_DoesNotWaitForASlowEffect(t *testing.T) {
	bubble(t, func(t *testing.T, g *gate.Gate, d *diary) {
		stuck, resume := make(chan bool), make(chan bool)
		a, b := g.Open(), g.Open()
		g.Seal(a, []gate.Effect{probe{func() { close(stuck); <-resume; d.write("a") }}}, true)
		g.Seal(b, d.effects("b"), true)
		a.Durable(nil)
		<-stuck
		b.Durable(nil)
		g.Seal(g.Open(), d.effects("read"), false) // nor does the loop
		d.expect(t)
		close(resume)
		d.expect(t, "a", "b", "read")
	})
}

func TestFlush_RunsAfterEachPassNotAfterEachTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &diary{}
		g := gate.New(gate.NewPool(1), func() { d.write("flush") }, func(error) {})
		a, b := g.Open(), g.Open()
		g.Seal(a, d.effects("a"), true)
		g.Seal(b, d.effects("b"), true)
		b.Durable(nil)
		a.Durable(nil)
		d.expect(t, "a", "b", "flush")
		g.Seal(g.Open(), d.effects("c"), false)
		d.expect(t, "a", "b", "flush", "c", "flush")
	})
}

// ordered checks that effects of one gate come in order, each once.
type ordered struct {
	t      *testing.T
	next   int
	lost   bool // a sync of this gate failed
	last   int  // the last turn whose effects may leave
	broken int
	total  int
}

type turnEffect struct {
	o    *ordered
	turn int
}

func (e turnEffect) Release() {
	if e.turn != e.o.next || e.o.lost && e.turn > e.o.last {
		e.o.t.Errorf("turn %d left, expected %d, the last that may is %d", e.turn, e.o.next, e.o.last)
	}
	e.o.next++
	e.o.total++
}

func (e turnEffect) Drop(error) {
	if !e.o.lost || e.turn <= e.o.last {
		e.o.t.Errorf("turn %d was dropped, the last that leaves is %d", e.turn, e.o.last)
	}
	e.o.next++
	e.o.total++
}

// TestHammer_ManyGatesOnePool seals turns from one goroutine a gate, while
// others mark them durable in any order, and some syncs fail.
func TestHammer_ManyGatesOnePool(t *testing.T) {
	const gates, turns = 12, 400
	pool := gate.NewPool(3)
	var wg sync.WaitGroup
	var all []*ordered
	for n := range gates {
		o := &ordered{t: t, lost: n%3 == 0, last: turns / 2}
		all = append(all, o)
		done := make(chan struct{})
		g := gate.New(pool, func() {}, func(error) { o.broken++ })
		marks := make(chan func(), turns)
		wg.Go(func() {
			for i := range turns {
				k := g.Open()
				writes := i%4 != 3 || i == o.last+1
				effects := []gate.Effect{turnEffect{o, i}}
				if i == turns-1 {
					effects = append(effects, ending{done})
				}
				if writes {
					var err error
					if o.lost && i == o.last+1 {
						err = errors.New("lost")
					}
					marks <- func() { k.Durable(err) }
				}
				g.Seal(k, effects, writes)
			}
			close(marks)
		})
		for range 2 {
			wg.Go(func() {
				for mark := range marks {
					mark()
				}
			})
		}
		wg.Go(func() { <-done })
	}
	wg.Wait()
	for n, o := range all {
		if o.total != turns || o.lost != (o.broken == 1) {
			t.Errorf("gate %d: %d of %d turns ended, broke %d times", n, o.total, turns, o.broken)
		}
	}
}

// ending is the effect behind all others of a gate.
type ending struct{ done chan struct{} }

func (e ending) Release()   { close(e.done) }
func (e ending) Drop(error) { close(e.done) }

func TestPool_IsBoundedAndRunsEverything(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := gate.NewPool(3)
		var mu sync.Mutex
		running, most, ran := 0, 0, 0
		gateway := make(chan bool)
		for range 50 {
			p.Go(func() {
				mu.Lock()
				running++
				most = max(most, running)
				mu.Unlock()
				<-gateway
				mu.Lock()
				running--
				ran++
				mu.Unlock()
			})
		}
		synctest.Wait()
		if running != 3 {
			t.Errorf("%d run at a time, want 3", running)
		}
		close(gateway)
		synctest.Wait()
		if ran != 50 || most != 3 {
			t.Errorf("%d ran, at most %d at a time", ran, most)
		}
	})
}

func BenchmarkSealDurable(b *testing.B) {
	g := gate.New(gate.NewPool(1), func() {}, func(error) {})
	effects := []gate.Effect{probe{func() {}}}
	b.ReportAllocs()
	for b.Loop() {
		k := g.Open()
		k.Durable(nil)
		g.Seal(k, effects, true)
	}
}
