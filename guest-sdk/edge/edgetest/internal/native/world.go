package native

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"testing/synctest"
	"time"

	"github.com/holdfast-run/holdfast/guest-sdk/abi"
	"github.com/holdfast-run/holdfast/guest-sdk/edge/edgetest/internal/appconfig"
	"github.com/holdfast-run/holdfast/guest-sdk/edge/internal/bridge"
)

// Config is what a world consists of.
type Config struct {
	App      *appconfig.Config
	Mode     string
	Start    time.Time
	Outbound map[string]http.Handler // by host
	Sockets  map[string][]string     // subprotocols of the WebSocket servers, by host
}

// World is the host. Its exported methods are the test's; they run on the loop
// and return when all that is due has run.
type World struct {
	cfg     Config
	bubble  *bubble
	classes map[string]*class

	// mu guards the rest: the loop holds it between turns, host calls of
	// guests within them. Nothing waits while it is held.
	mu        sync.Mutex
	wake      chan struct{} // a guest goroutine made a host call on its own
	objects   map[[32]byte]*object
	order     []*object // objects, in the order they were made
	workers   []*object
	ready     []*object // have something to do
	touched   []*object // made host calls since the last end of turns
	grants    []chan struct{}
	databases map[string]*database
	crons     []*trigger
	sockets   uint64
	dialed    map[string][]*socket // opened by guests, by host; not taken by the test yet
	logs      []string
	counters  map[string]int64
	spared    int // so many next D1 calls work,
	failures  int // and so many behind them fail
	failure   error
	random    *rand.ChaCha8
	ended     bool
}

// class is a registered class, or the worker where its name is "".
type class struct {
	abi.RegisterRequest
	namespace string
}

// New makes a world of the classes that the program registers.
func New(cfg Config) (*World, error) {
	w := &World{
		dialed: map[string][]*socket{},
		cfg:    cfg, classes: map[string]*class{}, objects: map[[32]byte]*object{},
		databases: map[string]*database{}, counters: map[string]int64{}, random: rand.NewChaCha8([32]byte{1}),
	}
	for _, r := range bridge.Classes() {
		r.Interleave = r.Interleave || cfg.App.Interleave
		w.classes[r.Class] = &class{RegisterRequest: r, namespace: cfg.App.Name + "." + r.Class}
	}
	for _, n := range cfg.App.Namespaces {
		if w.classes[n.Class] == nil {
			return nil, fmt.Errorf("binding %s: no class %q is registered; import the package that registers it", n.Binding, n.Class)
		}
	}
	w.bubble = newBubble(cfg.Start)
	var err error
	if derr := w.bubble.do(func() {
		w.wake = make(chan struct{}, 1)
		if err = w.openDatabases(); err == nil {
			err = w.openCrons()
		}
	}); derr != nil {
		return nil, derr
	}
	return w, err
}

// do runs fn, with mu held, and then everything that is due.
func (w *World) do(fn func() error) error {
	var err error
	if derr := w.bubble.do(func() {
		w.mu.Lock()
		err = fn()
		w.mu.Unlock()
		w.settle()
	}); derr != nil {
		return derr
	}
	return err
}

// settle runs what is due now, to the end.
func (w *World) settle() {
	for {
		w.pump()
		w.mu.Lock()
		enter := w.next()
		w.mu.Unlock()
		if enter == nil {
			return
		}
		enter()
	}
}

// pump runs guest goroutines until all are parked, and ends the turns.
func (w *World) pump() {
	for {
		synctest.Wait()
		w.mu.Lock()
		var g chan struct{}
		if len(w.grants) > 0 {
			g, w.grants = w.grants[0], w.grants[1:]
		}
		w.mu.Unlock()
		if g == nil {
			break
		}
		close(g)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	select {
	case <-w.wake:
	default:
	}
	for len(w.touched) > 0 {
		o := w.touched[0]
		w.touched = w.touched[1:]
		o.touched = false
		o.endTurn()
	}
}

// next is the next thing to do, which may enter a guest; nil where there is
// none. w.mu is held, and is not while it runs.
func (w *World) next() func() {
	for len(w.ready) > 0 {
		o := w.ready[0]
		w.ready = w.ready[1:]
		o.queued = false
		if enter := o.step(); enter != nil {
			o.rouse()
			return enter
		}
	}
	if w.fireAlarm() || w.fireCron() {
		return func() {}
	}
	return nil
}

func nothing() {}

// now is the world's clock; only the bubble's goroutines ask.
func (w *World) now() time.Time { return time.Now().UTC() }

func (w *World) nowMs() int64 { return time.Now().UnixMilli() }

// Now is where the clock stands.
func (w *World) Now() (now time.Time, err error) {
	err = w.do(func() error { now = w.now(); return nil })
	return now, err
}

// Settle returns when everything that is due has run, as every method does.
func (w *World) Settle() error { return w.do(func() error { return nil }) }

// Advance moves the clock. Timers of guests, alarms and crons run in the order
// of their times.
func (w *World) Advance(d time.Duration) error {
	return w.bubble.do(func() {
		w.settle()
		target := w.now().Add(d)
		for w.now().Before(target) {
			w.mu.Lock()
			stop := w.nextDue(target)
			w.mu.Unlock()
			w.sleepUntil(stop)
			w.settle()
			w.mu.Lock()
			w.overdue()
			w.mu.Unlock()
			w.settle()
		}
	})
}

// sleepUntil moves the clock to a time, or to when a guest's timer led to a
// host call.
func (w *World) sleepUntil(at time.Time) {
	timer := time.NewTimer(time.Until(at))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-w.wake:
	}
}

// nextDue is when the host itself has something to do next, at most target.
func (w *World) nextDue(target time.Time) time.Time {
	at := target
	earlier := func(t time.Time) {
		if t.After(w.now()) && t.Before(at) {
			at = t
		}
	}
	for _, o := range w.order {
		if o.store != nil && o.store.hasAlarm {
			earlier(time.UnixMilli(o.store.alarm.due))
		}
	}
	for _, o := range w.all() {
		for _, e := range o.events {
			earlier(e.began.Add(o.limit(e)))
		}
	}
	for _, c := range w.crons {
		earlier(c.next)
	}
	return at
}

func (w *World) all() []*object {
	return append(append([]*object(nil), w.order...), w.workers...)
}

// Close ends every instance and the loop.
func (w *World) Close() error {
	err := w.bubble.do(func() {
		w.mu.Lock()
		w.ended = true
		for _, o := range w.all() {
			o.closeGuest()
			if o.store != nil {
				o.store.close()
			}
		}
		for _, db := range w.databases {
			db.close()
		}
		w.mu.Unlock()
		synctest.Wait()
	})
	if err == nil {
		w.bubble.end()
	}
	return err
}

// Logs is what guests and the host logged, a line each.
func (w *World) Logs() (lines []string) {
	_ = w.do(func() error { lines = append(lines, w.logs...); return nil }) // a world that ended has none
	return lines
}
