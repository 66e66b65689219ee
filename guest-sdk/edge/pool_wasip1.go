//go:build wasip1

package edge

import (
	"fmt"
	"iter"
	"os"
	"runtime"
	"runtime/debug"

	"github.com/holdfast-run/holdfast/guest-sdk/abi"
)

// poolIdleMax is how many goroutines wait for the next event.
const poolIdleMax = 32

// breathEvery is after how many events the scheduler is let in where nothing
// asks for it, so that a collection which goes on gets on.
const breathEvery = 16

// pool keeps the goroutines that run handlers: their stacks have grown to what
// handlers need, and growing one costs more than most events.
//
// The goroutine of the export hands control to a runner, and gets it back, as
// a coroutine: where a handler ends or waits for an operation, no scheduler has
// to look for what is next. Only where the guest's own code blocks - a
// channel, a lock, a sleep - does the scheduler decide; what then notices that
// nothing is left to run is the watcher, which gives control back in the
// runner's place.
var pool = runners{pumped: make(chan struct{})}

type runners struct {
	idle     []*runner
	count    int     // runners that exist
	lost     int     // of them: those whose handlers blocked by themselves
	watchers int     // watchers that exist: one on the watch, one for each runner it stands in for
	onWatch  int     // of them: those that are on the watch, or about to be
	running  *runner // whom the export's goroutine has handed control to
	pumped   chan struct{}

	woken    []*runner     // whose operations have ended
	jobs     []handler     // that no runner has begun
	begun    int           // of jobs: those before it are gone
	in       *instance     // has an event that no runner has begun, in the buffer
	kind     abi.EventKind // of that event
	length   uint32        // of its message
	decoding bool          // a runner decodes a message
	next     handler       // and this, if it has an instance, is what it goes on with
	refused  bool          // the last message could not be decoded
	breath   int           // events since the scheduler was let in
}

// runner is one goroutine of the pool.
type runner struct {
	resume func() (struct{}, bool) // by the export's goroutine: hands control over, until it comes back
	yield  func(struct{}) bool     // by the runner or its watcher: gives it back
	lost   bool                    // a watcher has given it back, and is what resume resumes
	again  chan struct{}           // by that watcher: go on
}

// spawn runs a handler on a goroutine: on the one that decodes an event, if
// that is where it comes from.
func spawn(h handler) {
	if pool.decoding && pool.next.in == nil {
		pool.next = h
		return
	}
	pool.jobs = append(pool.jobs, h)
}

// event gives an instance the message in the buffer; settle begins it.
func (p *runners) event(in *instance, kind abi.EventKind, length uint32) {
	p.refused = false
	p.in, p.kind, p.length = in, kind, length
}

// begin runs the event, or the job that has waited longest. Nothing of it is
// left here once code of the guest runs.
func (p *runners) begin() {
	in := p.in
	if in == nil {
		h := &p.jobs[p.begun]
		if p.begun++; p.begun == len(p.jobs) {
			p.jobs, p.begun = p.jobs[:0], 0
		}
		h.run()
		return
	}
	p.in = nil
	message := taken(p.length)
	if p.kind == abi.EventFetch { // what most are, the short way
		if r := newArrival(in, message); r != nil {
			in.current = r.event
			in.fetch(r)
		} else {
			p.refused = true
		}
		return
	}
	p.decoding = true
	p.refused = !in.Event(p.kind, message)
	p.decoding = false
	if p.next.in != nil {
		p.next.run()
	}
}

// settle begins the event and all jobs, in their order, and runs what was
// woken, until every goroutine is parked. It pumps only where that is not known
// already.
func (p *runners) settle() uint32 {
	if p.breath++; p.breath >= breathEvery {
		p.breath = 0
		runtime.Gosched()
	}
	for {
		p.work()
		if runtime.NumGoroutine() <= p.parked() {
			return 0
		}
		runtime.Gosched()
		if !p.has() && runtime.NumGoroutine() <= p.parked() {
			return 0
		}
		if p.pump(); !p.has() {
			return abi.AnswerPumped
		}
	}
}

// tick runs what a timer has woken until every goroutine is parked.
func (p *runners) tick() uint32 {
	if p.pump(); p.has() {
		return p.settle()
	}
	return abi.AnswerPumped
}

// has reports whether there is work to begin.
func (p *runners) has() bool { return len(p.woken) > 0 || p.in != nil || p.begun < len(p.jobs) }

// work goes on with whoever was woken, and begins the jobs.
func (p *runners) work() {
	for {
		if n := len(p.woken); n > 0 {
			r := p.woken[n-1]
			p.woken = p.woken[:n-1]
			p.control(r)
			continue
		}
		if p.in == nil && p.begun == len(p.jobs) {
			return
		}
		p.control(p.runner())
	}
}

// parked is how many goroutines are known to be parked while that of the
// export runs, that one included.
func (p *runners) parked() int {
	return baseGoroutines + p.watchers + p.count - p.lost + guest.parked
}

// pump runs every other goroutine until all are parked.
func (p *runners) pump() {
	p.watch()
	<-p.pumped
}

// control hands control to r until it ends its job, waits for an operation, or
// blocks by itself.
func (p *runners) control(r *runner) {
	p.watch()
	p.running = r
	r.resume()
	p.running = nil
}

// sole is the runner whose code this is, if nothing else can be: no goroutine
// exists but those of the pool, and all of them but one are parked.
func (p *runners) sole() *runner {
	if p.lost == 0 && p.running != nil && runtime.NumGoroutine() == baseGoroutines+p.watchers+p.count {
		return p.running
	}
	return nil
}

func (p *runners) runner() *runner {
	if n := len(p.idle); n > 0 {
		r := p.idle[n-1]
		p.idle = p.idle[:n-1]
		return r
	}
	r := &runner{}
	p.count++
	r.resume, _ = iter.Pull(func(yield func(struct{}) bool) {
		r.yield = yield
		r.loop(p)
	})
	return r
}

func (r *runner) loop(p *runners) {
	ended := false
	defer func() {
		if !ended {
			fatal(recover())
		}
	}()
	for {
		p.begin()
		if r.lost {
			p.lost--
		}
		if len(p.idle) >= poolIdleMax {
			break
		}
		p.idle = append(p.idle, r)
		if r.lost {
			<-r.again
			r.lost = false
		} else {
			r.yield(struct{}{})
		}
	}
	p.count--
	ended = true
}

// fatal ends the guest as a panic would that nobody recovers. The runtime's own
// report would have the stack of who called the runner, not of the handler.
func fatal(reason any) {
	if reason == nil {
		reason = "runtime.Goexit was called by the code of an event"
	}
	fmt.Fprintf(os.Stderr, "panic: %v\n\n%s", reason, debug.Stack())
	os.Exit(2)
}

// watch sees to it that a watcher is on the watch.
func (p *runners) watch() {
	if p.onWatch == 0 {
		p.watchers++
		p.onWatch++
		go p.watcher()
	}
}

// watcher parks on a descriptor that the host calls ready only when nothing
// else can run. Whoever handed control over, or pumps, gets it then.
func (p *runners) watcher() {
	for {
		standby()
		r := p.running
		if r == nil {
			p.pumped <- struct{}{}
			continue
		}
		r.lost = true
		if r.again == nil {
			r.again = make(chan struct{})
		}
		p.lost++
		p.onWatch--
		if r.yield(struct{}{}) {
			r.again <- struct{}{}
		} // else the runner has ended
		if p.onWatch > 0 {
			p.watchers--
			return
		}
		p.onWatch++
	}
}

// standby parks until nothing else can run.
func standby() {
	parked := false
	err := idle.Read(func(uintptr) bool {
		if parked {
			return true
		}
		parked = true
		return false
	})
	if err != nil {
		panic("edge: pump: " + err.Error())
	}
}

// park waits for op: as a coroutine where the code is known to be a runner's.
func park(in *instance, op *operation) {
	if op.ended {
		return
	}
	if r := pool.sole(); r != nil {
		op.waiter = r
		r.yield(struct{}{})
		return
	}
	in.parked++
	op.channel = true
	<-op.done
}

// wake lets whoever waits for op go on, once the export's goroutine settles.
func wake(in *instance, op *operation) {
	switch {
	case op.waiter != nil:
		pool.woken = append(pool.woken, op.waiter)
		op.waiter = nil
	case op.channel:
		op.channel = false
		in.parked--
		op.done <- struct{}{}
	}
}
