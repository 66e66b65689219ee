package edgetest

import (
	"cmp"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-run/holdfast/guest-sdk/edge/edgetest/internal/backend"
	"github.com/holdfast-run/holdfast/guest-sdk/edge/edgetest/internal/native"
)

// World is a host with one app, for one test. Its methods belong to the test's
// goroutine, and end the test where what they are asked for does not come.
type World struct {
	t testing.TB
	b backend.Backend
}

// New makes a native world of the classes and the worker that the program has
// registered. It ends with the test; guest code that waits then is left
// behind, with its clock stopped.
func New(t testing.TB, o ...Option) *World {
	t.Helper()
	s, err := settingsOf(o)
	if err != nil {
		t.Fatalf("edgetest: %v", err)
	}
	n, err := native.New(native.Config{App: s.app, Mode: s.mode, Start: cmp.Or(s.start, startDefault), Outbound: s.outbound, Sockets: s.sockets})
	if err != nil {
		t.Fatalf("edgetest: %v", err)
	}
	return newWorld(t, n)
}

func newWorld(t testing.TB, b backend.Backend) *World {
	w := &World{t: t, b: b}
	t.Cleanup(func() {
		if t.Failed() {
			if lines := b.Logs(); len(lines) > 0 {
				t.Logf("log of the world:\n%s", strings.Join(lines, "\n"))
			}
		}
		if err := b.Close(); err != nil {
			t.Errorf("edgetest: end of the world: %v", err)
		}
	})
	return w
}

// check ends the test on an error; what the host cannot do skips it.
func (w *World) check(what string, err error) {
	if err == nil {
		return
	}
	w.t.Helper()
	if errors.Is(err, backend.ErrUnsupported) {
		w.t.Skipf("%s: %v", what, err)
	}
	w.t.Fatalf("%s: %v", what, err)
}

// Now is where the clock stands, in UTC.
func (w *World) Now() time.Time {
	w.t.Helper()
	now, err := w.b.Now()
	w.check("Now", err)
	return now
}

// Advance moves the clock. Alarms, timers and crons that come due run in the
// order of their times, each to its end, before the clock moves on.
func (w *World) Advance(d time.Duration) {
	w.t.Helper()
	w.check("Advance "+d.String(), w.b.Advance(d))
}

// Settle returns when everything due now has run: WaitUntil, alarms, calls. A
// native world is always settled; a real host may still be at work when a
// request has been answered.
func (w *World) Settle() {
	w.t.Helper()
	w.check("Settle", w.b.Settle())
}

// Object is an object by its class and name. It makes none: the first request
// does.
func (w *World) Object(class, name string) *Handle {
	return &Handle{w: w, to: backend.Target{Class: class, Name: name}}
}

// FailD1 lets the next n D1 calls, of whatever binding, fail with err; 0 ends
// that. An *edge.Error keeps its code and flags, any other error is D1's own
// (edge.ErrD1). A real host has no such switch: there the test is skipped from
// here on, unless n is 0.
func (w *World) FailD1(n int, err error) { w.t.Helper(); w.FailD1After(0, n, err) }

// FailD1After is FailD1 behind so many calls that work.
func (w *World) FailD1After(calls, n int, err error) {
	w.t.Helper()
	w.check("FailD1", w.b.FailD1(calls, n, err))
}

// Scheduled runs a cron trigger now and answers the handler's error.
func (w *World) Scheduled(cron string) error {
	w.t.Helper()
	err := w.b.Scheduled(cron)
	if errors.Is(err, backend.ErrUnsupported) || errors.Is(err, backend.ErrNothing) {
		w.check("Scheduled "+cron, err)
	}
	return err
}

// Counter is what the app's guests have counted under a name (State.Count and
// Env.Count); 0 if nothing. A real host is asked for its metrics page.
func (w *World) Counter(name string) int64 {
	w.t.Helper()
	n, err := w.b.Counter(name)
	w.check("Counter "+name, err)
	return n
}

// Logs is what guests and the host have logged, a line each.
func (w *World) Logs() []string { return w.b.Logs() }
