// Package gate is the output gate: it holds what a turn sends until the
// writes that it reveals are durable. It owns the order of an object's
// effects; it refuses to know what an effect does.
//
// The life of a turn's effects:
//
//  1. the loop seals them, in order, with the news whether a batch is pending
//  2. the engine's sync goroutine calls Durable, which only marks
//  3. a pool worker drains the object's entries from the front, as far as
//     they are durable; one worker an object at a time
//  4. a failed sync breaks the gate: this entry's effects and all later ones
//     are dropped with the error
//
// A turn that wrote nothing, with none in flight before it, is released on
// the caller's goroutine at once.
package gate

import (
	"runtime"
	"sync"
)

// Effect is something that leaves an object. Exactly one of its methods is
// called, once; neither may block.
type Effect interface {
	Release()
	Drop(err error)
}

// Gate is one object's output gate.
type Gate struct {
	pool  *Pool
	flush func()
	broke func(error)

	mu       sync.Mutex
	queue    []*Ticket
	draining bool
	err      error

	inline bool // of whoever drains: effects run inside Seal
}

// Ticket is a sealed turn.
type Ticket struct {
	g       *Gate
	effects []Effect
	durable bool
	err     error
}

// New makes a gate. flush runs after each pass of releases, on the goroutine
// that released; broke runs once when a sync fails, on a pool worker.
func New(pool *Pool, flush func(), broke func(error)) *Gate {
	return &Gate{pool: pool, flush: flush, broke: broke}
}

// Open announces a batch: call it before Commit, and Seal after it, both on
// the loop.
func (g *Gate) Open() *Ticket { return &Ticket{g: g} }

// Seal puts a turn's effects behind those of earlier turns. With pending
// false the turn wrote nothing.
func (g *Gate) Seal(t *Ticket, effects []Effect, pending bool) {
	g.mu.Lock()
	t.effects = effects
	if !pending {
		t.durable = true
	}
	if !pending && len(effects) == 0 {
		g.mu.Unlock()
		return
	}
	if g.err == nil && t.durable && len(g.queue) == 0 && !g.draining {
		g.draining = true
		g.mu.Unlock()
		g.inline = true
		g.release(t)
		g.inline = false
		g.drain()
		return
	}
	g.queue = append(g.queue, t)
	start := g.wants()
	g.mu.Unlock()
	if start {
		g.pool.Go(g.drain)
	}
}

// Inline reports, to an effect that is being released, whether that happens
// on the goroutine of the loop, inside Seal.
func (g *Gate) Inline() bool { return g.inline }

// wants claims the drain where the front may go; g.mu is held.
func (g *Gate) wants() bool {
	if g.draining || len(g.queue) == 0 || !(g.queue[0].durable || g.queue[0].err != nil || g.err != nil) {
		return false
	}
	g.draining = true
	return true
}

// Durable marks the turn's batch as on disk, or as lost. It never blocks and
// may come before Seal.
func (t *Ticket) Durable(err error) {
	g := t.g
	g.mu.Lock()
	t.durable, t.err = err == nil, err
	start := len(g.queue) > 0 && g.queue[0] == t && g.wants()
	g.mu.Unlock()
	if start {
		g.pool.Go(g.drain)
	}
}

// drain releases from the front; the caller has claimed draining.
func (g *Gate) drain() {
	for {
		g.mu.Lock()
		if len(g.queue) == 0 {
			g.draining = false
			g.mu.Unlock()
			return
		}
		t := g.queue[0]
		if g.err == nil && t.err != nil {
			g.err = t.err
			g.mu.Unlock()
			g.broke(t.err)
			continue
		}
		if g.err == nil && !t.durable {
			g.draining = false
			g.mu.Unlock()
			return
		}
		n := 1
		for n < len(g.queue) && (g.err != nil || g.queue[n].durable) {
			n++
		}
		pass := g.queue[:n:n]
		g.queue = g.queue[n:]
		if len(g.queue) == 0 {
			g.queue = nil
		}
		err := g.err
		g.mu.Unlock()
		if err != nil {
			for _, t := range pass {
				drop(t.effects, err)
			}
			continue
		}
		g.release(pass...)
	}
}

func (g *Gate) release(pass ...*Ticket) {
	for _, t := range pass {
		for _, e := range t.effects {
			e.Release()
		}
		t.effects = nil
	}
	g.flush()
}

func drop(effects []Effect, err error) {
	for _, e := range effects {
		e.Drop(err)
	}
}

// Quiet reports whether nothing is held or being released.
func (g *Gate) Quiet() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.queue) == 0 && !g.draining
}

// Pool is the bounded workers that drain the gates of a host.
type Pool struct {
	mu      sync.Mutex
	queue   []func()
	workers int
	max     int
}

// NewPool makes a pool of at most max workers; 0 means GOMAXPROCS.
func NewPool(max int) *Pool {
	if max <= 0 {
		max = runtime.GOMAXPROCS(0)
	}
	return &Pool{max: max}
}

// Go runs fn on a worker soon. It never blocks.
func (p *Pool) Go(fn func()) {
	p.mu.Lock()
	p.queue = append(p.queue, fn)
	if p.workers >= p.max {
		p.mu.Unlock()
		return
	}
	p.workers++
	p.mu.Unlock()
	go p.work()
}

func (p *Pool) work() {
	for {
		p.mu.Lock()
		if len(p.queue) == 0 {
			p.workers--
			p.queue = nil
			p.mu.Unlock()
			return
		}
		fn := p.queue[0]
		p.queue = p.queue[1:]
		p.mu.Unlock()
		fn()
	}
}
