package engine

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/holdfast-run/holdfast/runtime/engine/rewrite"
)

const (
	// watchEvery is how often the watchdog looks at guests that run.
	watchEvery = 5 * time.Millisecond
	// slice is how long a guest runs before it lets others in.
	slice = 10 * time.Millisecond
	// restAfter is how long there is no guest before the watchdog sleeps.
	restAfter = 200
	// initialiseMax bounds what runs before an instance has an owner.
	initialiseMax = 30 * time.Second
)

// lanes bounds the guests that run at a time and watches over them. Compiled
// code cannot be preempted by the Go scheduler: while it spins, its thread
// does nothing else, and a collection waits for it. So there are fewer lanes
// than threads, a guest that has run for a slice is made to call back, and
// one over its limit is stopped there.
type lanes struct {
	free  chan *lane
	all   []*lane
	idle  atomic.Bool // the watchdog sleeps
	wake  chan struct{}
	stop  chan struct{}
	ended sync.WaitGroup
}

// lane is a place for one running guest.
type lane struct{ in atomic.Pointer[Instance] }

func newLanes(n int) *lanes {
	if n <= 0 {
		n = max(runtime.NumCPU(), 2)
	}
	if runtime.GOMAXPROCS(0) <= n {
		runtime.GOMAXPROCS(n + 1)
	}
	l := &lanes{free: make(chan *lane, n), wake: make(chan struct{}, 1), stop: make(chan struct{})}
	for range n {
		one := &lane{}
		l.all = append(l.all, one)
		l.free <- one
	}
	l.ended.Add(1)
	go l.watch()
	return l
}

func (l *lanes) close() {
	close(l.stop)
	l.ended.Wait()
}

// enter waits for a lane; first come, first served.
func (l *lanes) enter(in *Instance) {
	one := <-l.free
	in.lane = one
	one.in.Store(in)
	if l.idle.Load() && l.idle.CompareAndSwap(true, false) {
		l.wake <- struct{}{}
	}
}

func (l *lanes) leave(in *Instance) {
	one := in.lane
	in.lane = nil
	one.in.Store(nil)
	l.free <- one
}

// watch is the watchdog.
func (l *lanes) watch() {
	defer l.ended.Done()
	t := time.NewTicker(watchEvery)
	defer t.Stop()
	for quiet := 0; ; {
		select {
		case <-l.stop:
			return
		case <-t.C: // after a rest its value is when the first tick was due: long ago
			if l.look(time.Now()) {
				quiet = 0
				continue
			}
			if quiet++; quiet < restAfter {
				continue
			}
		}
		l.idle.Store(true)
		if l.look(time.Now()) && l.idle.CompareAndSwap(true, false) {
			quiet = 0
			continue
		}
		select {
		case <-l.stop:
			return
		case <-l.wake:
			quiet = 0
		}
	}
}

// look notes who runs, and moves the epoch of those that have run for long.
func (l *lanes) look(now time.Time) (busy bool) {
	for _, one := range l.all {
		in := one.in.Load()
		if in == nil {
			continue
		}
		busy = true
		turn := in.turn.Load()
		if in.seenTurn != turn {
			in.seenTurn, in.seenAt = turn, now
			continue
		}
		ran := now.Sub(in.seenAt) + watchEvery
		if ran > time.Duration(in.limit.Load()) {
			in.kill.Store(turn)
		}
		if ran >= slice {
			in.interrupt(1)
		}
	}
	return busy
}

// interrupt moves the epoch. A guest that has ended its turn meanwhile merely
// calls back once more in its next.
func (in *Instance) interrupt(v uint64) {
	in.epochMu.Lock()
	defer in.epochMu.Unlock()
	if in.epoch != nil {
		in.epoch.Set(v)
	}
}

// inLane runs fn, which enters the guest, as one turn in a lane.
func (in *Instance) inLane(fn func() error) error {
	l := in.image.engine.lanes
	in.turn.Add(1)
	l.enter(in)
	defer l.leave(in)
	return fn()
}

// linkYield provides what guests call when they find their epoch moved.
func linkYield(ctx context.Context, r wazero.Runtime) error {
	b := r.NewHostModuleBuilder(rewrite.HostModule)
	b.NewFunctionBuilder().WithGoModuleFunction(api.GoModuleFunc(func(ctx context.Context, _ api.Module, _ []uint64) {
		instanceOf(ctx).yield()
	}), nil, nil).Export(rewrite.HostYield)
	if _, err := b.Instantiate(ctx); err != nil {
		return fmt.Errorf("engine: link %s: %w", rewrite.HostModule, err)
	}
	return nil
}

// yield lets others in, or ends a guest that is over its limit.
func (in *Instance) yield() {
	in.interrupt(0)
	if in.kill.Load() == in.turn.Load() {
		panic(&Trap{TrapTime, fmt.Sprintf("the guest ran for longer than %s without a pause", time.Duration(in.limit.Load()))})
	}
	l := in.image.engine.lanes
	l.leave(in)
	runtime.Gosched()
	l.enter(in)
}

// SetLimit bounds how long the guest may run in one go, from its next turn
// on. Over it, it is stopped with TrapTime.
func (in *Instance) SetLimit(d time.Duration) { in.limit.Store(int64(d)) }
