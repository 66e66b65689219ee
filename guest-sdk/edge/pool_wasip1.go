//go:build wasip1

package edge

import "github.com/holdfast-run/holdfast/guest-sdk/abi"

// poolIdleMax is how many goroutines wait for the next event.
const poolIdleMax = 32

// pool keeps the goroutines that run handlers: their stacks have grown to what
// handlers need, and growing one costs more than most events.
var pool runners

type runners struct {
	idle     []*runner
	jobs     []job   // that no runner has begun
	begun    int     // of jobs: those before it are gone
	decoding bool    // a runner decodes a message
	next     handler // and this, if it has an instance, is what it goes on with
	refused  bool    // the last message could not be decoded
}

// runner is one goroutine of the pool.
type runner struct{ work chan struct{} }

// job is a message to decode, and then its handler; or a handler alone.
type job struct {
	handler
	kind    abi.EventKind // 0: the handler alone
	message []byte
}

// spawn runs a handler on a goroutine: on the one that decodes an event, if
// that is where it comes from.
func spawn(h handler) {
	if pool.decoding && pool.next.in == nil {
		pool.next = h
		return
	}
	pool.run(job{handler: h})
}

// run gives a job to the pool and wakes a runner for it. Which runner the
// scheduler lets go on first is its own affair, and the last one woken is often
// it; whoever comes takes the job that has waited longest. So jobs begin in
// their order.
func (p *runners) run(j job) {
	p.jobs = append(p.jobs, j)
	if n := len(p.idle); n > 0 {
		r := p.idle[n-1]
		p.idle = p.idle[:n-1]
		r.work <- struct{}{}
		return
	}
	r := &runner{work: make(chan struct{}, 1)}
	r.work <- struct{}{}
	go r.loop(p)
}

// take is the job that has waited longest. There is one for each wake.
func (p *runners) take() job {
	j := p.jobs[p.begun]
	p.jobs[p.begun] = job{}
	if p.begun++; p.begun == len(p.jobs) {
		p.jobs, p.begun = p.jobs[:0], 0
	}
	return j
}

func (r *runner) loop(p *runners) {
	for range r.work {
		j := p.take()
		if j.kind != 0 {
			j.handler = p.decode(&j)
		}
		if j.in != nil {
			j.run()
		}
		if len(p.idle) >= poolIdleMax {
			return
		}
		p.idle = append(p.idle, r)
	}
}

// decode reads a message and answers the handler that it starts; one without
// an instance where there is none.
func (p *runners) decode(j *job) handler {
	p.decoding = true
	if !j.in.Event(j.kind, j.message) {
		p.refused = true
	}
	p.decoding = false
	h := p.next
	p.next = handler{}
	return h
}
