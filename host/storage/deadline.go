package storage

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/holdfast-run/holdfast/runtime/store"
)

// deadline ends SQL statements that run too long: beyond a time, or beyond
// the steps of SQLite's machine that a turn may take. Interrupt may come from
// any goroutine; the rest is the loop's.
type deadline struct {
	at          atomic.Int64 // Unix nanoseconds; 0: none
	interrupted atomic.Bool

	ops    int64 // steps that the turn has left; loop only
	opsMax int64
}

// opsPerPoll is how many steps SQLite takes between two questions whether to
// stop. Statements that end before are not counted.
const opsPerPoll = 1000

var errOps = errors.New("too many steps")

// poll is SQLite's question, after opsPerPoll steps.
func (d *deadline) poll() error {
	if d.ops -= opsPerPoll; d.ops < 0 {
		return errOps
	}
	return d.err()
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

// renew gives a new turn its steps.
func (d *deadline) renew() { d.ops = d.opsMax }

// explain says of an interrupted statement that it was the budget.
func (d *deadline) explain(err error) error {
	var fault *store.SQLError
	if d.ops >= 0 || !errors.As(err, &fault) || fault.Code != "SQLITE_INTERRUPT" {
		return err
	}
	return sqlFault(fmt.Sprintf("interrupted: the turn's SQL took more than %d steps: SQLITE_INTERRUPT", d.opsMax), "SQLITE_INTERRUPT")
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
