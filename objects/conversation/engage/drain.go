package engage

import (
	"errors"
	"maps"
	"slices"
	"time"
)

// errBehind says that D1 does not take what it is owed.
var errBehind = errors.New("D1 does not take what it is owed")

// drainMax is how long a drain waits for D1.
const drainMax = 10 * time.Second

// drain is a wait for what the ledger owed D1 at one moment. What comes later
// is not waited for, so it ends under any load that D1 keeps up with.
type drain struct {
	through uint64          // the last place in the chain
	owed    map[string]*row // by kind/key
	done    chan struct{}
	err     error // once done is closed
}

// over reports whether D1 has all that the drain waits for.
func (d *drain) over(l *Ledger) bool {
	if l.audit.Last()-uint64(l.audit.Len()) < d.through {
		return false
	}
	for key, w := range d.owed {
		if l.owed[key] == w {
			return false
		}
	}
	return true
}

// drain brings all that is owed to D1 now, whatever the backoff says. What
// takes longer than drainMax goes on by itself, and the answer is errBehind.
func (l *Ledger) drain() error {
	if !l.pending() {
		return nil
	}
	d := &drain{through: l.head.Seq, owed: maps.Clone(l.owed), done: make(chan struct{})}
	l.drains = append(l.drains, d)
	l.pump.Retry()
	l.pump.Kick()
	late := time.NewTimer(drainMax)
	defer late.Stop()
	select {
	case <-d.done:
		return d.err
	case <-late.C:
		return errBehind
	}
}

// drained ends the drains that a step was the last of, or failed.
func (l *Ledger) drained(failed error) {
	l.drains = slices.DeleteFunc(l.drains, func(d *drain) bool {
		if failed != nil {
			d.err = errBehind
		} else if !d.over(l) {
			return false
		}
		close(d.done)
		return true
	})
}
