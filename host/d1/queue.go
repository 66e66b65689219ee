package d1

import (
	"container/list"
	"context"
	"errors"
	"sync"
)

// queue lets one query at a time to a database, in the order in which they
// joined.
type queue struct {
	max int // that wait

	mu      sync.Mutex
	owned   bool
	waiting list.List // of turn
}

// turn is closed when its query owns the database.
type turn chan struct{}

func newQueue(max int) *queue { return &queue{max: max} }

// join takes a place without waiting; wait must follow.
func (q *queue) join() (turn, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	mine := make(turn)
	switch {
	case !q.owned:
		q.owned = true
		close(mine)
	case q.waiting.Len() >= q.max:
		return nil, &Error{Kind: KindOverloaded, Message: textQueueFull, Retryable: true}
	default:
		q.waiting.PushBack(mine)
	}
	return mine, nil
}

// wait returns when the database is the query's; leave must follow if there is
// no error.
func (q *queue) wait(ctx context.Context, mine turn) error {
	select {
	case <-mine:
		if ctx.Err() == nil {
			return nil
		}
	case <-ctx.Done():
	}
	q.giveUp(mine)
	return waited(ctx)
}

// giveUp takes a place back, which may have become the first meanwhile.
func (q *queue) giveUp(mine turn) {
	q.mu.Lock()
	for e := q.waiting.Front(); e != nil; e = e.Next() {
		if e.Value.(turn) == mine {
			q.waiting.Remove(e)
			q.mu.Unlock()
			return
		}
	}
	q.mu.Unlock()
	q.leave()
}

// enter joins and waits.
func (q *queue) enter(ctx context.Context) error {
	mine, err := q.join()
	if err != nil {
		return err
	}
	return q.wait(ctx, mine)
}

// leave gives the database to the next one.
func (q *queue) leave() {
	q.mu.Lock()
	defer q.mu.Unlock()
	first := q.waiting.Front()
	if first == nil {
		q.owned = false
		return
	}
	close(q.waiting.Remove(first).(turn))
}

// waited is why a wait has ended with ctx.
func waited(ctx context.Context) error {
	if errors.Is(context.Cause(ctx), context.Canceled) {
		return &Error{Kind: KindCanceled, Message: "The query was canceled.", Cause: ctx.Err()}
	}
	return &Error{Kind: KindOverloaded, Message: textQueueSlow, Retryable: true, Cause: ctx.Err()}
}

// Place is a query's place in the line before a database: it joins the
// database's queue behind those that took their places before, however long
// each of them needs to get there. The nil Place is in no line.
type Place struct {
	host   *Host
	source Source
	before *Place        // nil: none
	left   chan struct{} // closed when the query has joined the queue, or never will
	leave  sync.Once
}

// Join takes a place. It does not block; Leave must follow, which a query with
// the place in its Source does.
func (h *Host) Join(src Source) *Place {
	h.mu.Lock()
	defer h.mu.Unlock()
	p := &Place{host: h, source: src.key(), left: make(chan struct{})}
	p.before = h.lines[p.source]
	h.lines[p.source] = p
	return p
}

// reached returns when those before have joined the queue. One that gave up has
// left its own before to whoever is behind it.
func (p *Place) reached(ctx context.Context) error {
	if p == nil {
		return nil
	}
	for b := p.before; b != nil; b = b.before {
		select {
		case <-b.left:
		case <-ctx.Done():
			return waited(ctx)
		}
	}
	p.before = nil
	return nil
}

// Leave lets those behind go on. It may be called more than once.
func (p *Place) Leave() {
	if p == nil {
		return
	}
	p.leave.Do(func() {
		p.host.mu.Lock()
		if p.host.lines[p.source] == p {
			delete(p.host.lines, p.source)
		}
		p.host.mu.Unlock()
		close(p.left)
	})
}
