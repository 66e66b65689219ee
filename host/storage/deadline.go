package storage

import (
	"context"
	"sync/atomic"
	"time"
)

// deadline ends SQL statements that run too long. Interrupt may come from any
// goroutine; the rest is the loop's.
type deadline struct {
	at          atomic.Int64 // Unix nanoseconds; 0: none
	interrupted atomic.Bool
}

func (d *deadline) err() error {
	if d.interrupted.Load() {
		return context.Canceled
	}
	if at := d.at.Load(); at != 0 && time.Now().UnixNano() > at {
		return context.DeadlineExceeded
	}
	return nil
}

// SetDeadline ends statements that run beyond t, and refuses further ones,
// until it is set again; the zero time is none. It also takes back an
// Interrupt.
func (o *Object) SetDeadline(t time.Time) {
	o.limit.interrupted.Store(false)
	if t.IsZero() {
		o.limit.at.Store(0)
		return
	}
	o.limit.at.Store(t.UnixNano())
}

// Interrupt ends the statement that is running and refuses further ones until
// the next SetDeadline. It may be called from any goroutine.
func (o *Object) Interrupt() { o.limit.interrupted.Store(true) }
