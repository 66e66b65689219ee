//go:build wasip1

package edge

// poolIdleMax is how many goroutines wait for the next event.
const poolIdleMax = 32

// pool keeps the goroutines that run handlers: their stacks have grown to what
// handlers need, and growing one costs more than most events.
var pool runners

type runners struct {
	idle        []*runner
	dispatching bool   // a runner decodes a message
	next        func() // and this is the handler it is to go on with
}

// runner is one goroutine of the pool.
type runner struct{ work chan func() }

// spawn runs fn on a goroutine: on the one that decodes an event, if that is
// where it comes from.
func spawn(fn func()) {
	if pool.dispatching {
		pool.next = fn
		return
	}
	pool.run(fn)
}

// dispatch runs decode on a goroutine of the pool, and there also the handler
// that decode spawns.
func (p *runners) dispatch(decode func()) {
	p.run(func() {
		p.dispatching = true
		decode()
		p.dispatching = false
		if fn := p.next; fn != nil {
			p.next = nil
			fn()
		}
	})
}

func (p *runners) run(fn func()) {
	if n := len(p.idle); n > 0 {
		r := p.idle[n-1]
		p.idle = p.idle[:n-1]
		r.work <- fn
		return
	}
	r := &runner{work: make(chan func(), 1)}
	r.work <- fn
	go r.loop(p)
}

func (r *runner) loop(p *runners) {
	for fn := range r.work {
		fn()
		if len(p.idle) >= poolIdleMax {
			return
		}
		p.idle = append(p.idle, r)
	}
}
