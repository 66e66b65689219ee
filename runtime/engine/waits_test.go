package engine_test

import (
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/holdfast-run/holdfast/guest-sdk/abi"
	"github.com/holdfast-run/holdfast/runtime/engine"
)

// mixer runs handlers that wait in all ways at once, and lets them go on in
// any order.
type mixer struct {
	t      *testing.T
	in     *engine.Instance
	c      *calls
	random *rand.Rand
	open   []uint32          // operations that have not ended
	seen   int               // of c.ops
	wanted map[uint64]string // what events are to answer
	next   uint64
}

func (m *mixer) check(err error) {
	m.t.Helper()
	if err != nil {
		m.t.Fatal(err)
	}
	m.open = append(m.open, m.c.ops[m.seen:]...)
	m.seen = len(m.c.ops)
	for _, r := range m.c.replies {
		want, ok := m.wanted[r.Event]
		if !ok || want != string(r.Response.Body) {
			m.t.Fatalf("event %d answered %q, expected %q", r.Event, r.Response.Body, want)
		}
		delete(m.wanted, r.Event)
	}
	m.c.replies = m.c.replies[:0]
	if len(m.c.failed) > 0 {
		m.t.Fatalf("failed: %q", m.c.failed)
	}
}

// begin is an event with a script of 0 to 8 waits.
func (m *mixer) begin(ways string) {
	script := make([]byte, m.random.IntN(9))
	for i := range script {
		script[i] = ways[m.random.IntN(len(ways))]
	}
	m.next++
	m.wanted[m.next] = string(script)
	m.check(fetch(m.in, m.next, "/mix", script))
}

func (m *mixer) complete() {
	i := m.random.IntN(len(m.open))
	op := m.open[i]
	m.open = slices.Delete(m.open, i, i+1)
	m.check(m.in.Complete(op, abi.OK, nil))
}

func (m *mixer) tick() {
	m.c.mono += int64(2 * time.Millisecond)
	m.check(m.in.Tick())
}

// settle lets everything end.
func (m *mixer) settle() {
	for range 10_000 {
		switch {
		case len(m.open) > 0:
			m.complete()
		case len(m.wanted) > 0:
			m.tick()
		default:
			return
		}
	}
	m.t.Fatalf("%d events have no answer, with no operation open", len(m.wanted))
}

// mixes are ways to wait that are tried together.
var mixes = []string{"s", "sm", "sgc", "smy", "smt", "sy", "soy", "omy", "smgqoctys"}

// TestGuest_WaitsInEveryWay: handlers wait for the host, for each other, for
// goroutines and for time, at once; each goes on when what it waits for is
// there, none twice, and no goroutine is left.
func TestGuest_WaitsInEveryWay(t *testing.T) {
	in, c := goGuest(t)
	m := &mixer{t: t, in: in, c: c, wanted: map[uint64]string{}, next: 100}
	for seed := range uint64(90) {
		m.random = rand.New(rand.NewPCG(seed, 1))
		ways := mixes[seed%uint64(len(mixes))]
		for range 150 {
			switch n := m.random.IntN(10); {
			case n < 4 && len(m.wanted) < 60:
				m.begin(ways)
			case n < 9 && len(m.open) > 0:
				m.complete()
			default:
				m.tick()
			}
		}
		m.settle()
		m.expectQuiet()
	}
}

// expectQuiet: nothing is left that the guest would have to be pumped for, and
// no more goroutines than the pool may keep.
func (m *mixer) expectQuiet() {
	m.t.Helper()
	m.next++
	if err := fetch(m.in, m.next, "/goroutines", nil); err != nil {
		m.t.Fatal(err)
	}
	if n, err := strconv.Atoi(string(m.c.replies[0].Response.Body)); err != nil || n > 2*poolIdleMax+2 {
		m.t.Fatalf("%d goroutines are left, expected at most %d, %v", n, 2*poolIdleMax+2, err)
	}
	m.c.replies = m.c.replies[:0]
	m.c.mono += int64(time.Second)
	if err := m.in.Tick(); err != nil {
		m.t.Fatal(err)
	}
	m.next++
	if err := fetch(m.in, m.next, "/arm", nil); err != nil {
		m.t.Fatal(err)
	}
	if _, armed := m.in.Deadline(); armed {
		m.t.Fatal("an event that left nothing was pumped: a goroutine was not accounted for")
	}
	m.c.logged = nil
	m.next++
	if err := fetch(m.in, m.next, "/spin", nil); err != nil {
		m.t.Fatal(err)
	}
	if len(m.c.logged) != 1 {
		m.t.Fatalf("logged %q: the event ended before its goroutine", m.c.logged)
	}
	m.c.replies = m.c.replies[:0]
	m.c.mono += int64(time.Second)
	for range 2 {
		if err := m.in.Tick(); err != nil {
			m.t.Fatal(err)
		}
	}
}

// poolIdleMax is the SDK's.
const poolIdleMax = 32
