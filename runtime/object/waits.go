package object

import (
	"errors"
	"slices"
	"sync"
)

// ErrCallCycle is the answer to a call for which the object would wait on
// itself.
var ErrCallCycle = errors.New("call cycle: the object would wait for itself")

// waits is the wait-for graph of a host. An event waits for the events of its
// calls; a queued event waits for the unfinished events of a target that
// takes no other. A call that would close a circle is refused, whichever of
// the chains comes second.
type waits struct {
	mu sync.Mutex
}

// begin notes that caller waits for callee, which is to be queued at target,
// unless that would be for ever.
func (w *waits) begin(caller, callee *Event, target *Object) error {
	return w.link(caller, callee, target, nil)
}

// hand is begin for an event that ends with its call, and blocks nobody then.
func (w *waits) hand(from, to *Event, target *Object) error {
	return w.link(from, to, target, from)
}

func (w *waits) link(caller, callee *Event, target *Object, ended *Event) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	seen := map[*Event]bool{}
	for _, b := range target.blockers {
		if b != ended && w.reaches(b, caller, seen) {
			return ErrCallCycle
		}
	}
	callee.at, callee.Caller = target, caller
	caller.calls = append(caller.calls, callee)
	return nil
}

// reaches reports whether from waits, over any number of steps, for goal.
func (w *waits) reaches(from, goal *Event, seen map[*Event]bool) bool {
	if from == goal {
		return true
	}
	if seen[from] {
		return false
	}
	seen[from] = true
	for _, c := range from.calls {
		if c == goal {
			return true
		}
		if c.started {
			if w.reaches(c, goal, seen) {
				return true
			}
			continue
		}
		for _, b := range c.at.blockers {
			if w.reaches(b, goal, seen) {
				return true
			}
		}
	}
	return false
}

// moved notes that a call is queued at another Object of the same id.
func (w *waits) moved(callee *Event, target *Object) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if callee.Caller != nil {
		callee.at = target
	}
}

// end forgets that the caller waits for callee.
func (w *waits) end(callee *Event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if callee.Caller == nil {
		return
	}
	calls := callee.Caller.calls
	for i, c := range calls {
		if c == callee {
			callee.Caller.calls = slices.Delete(calls, i, i+1)
			return
		}
	}
}

// start notes that e runs at o; blocks says that o takes no other event now.
func (w *waits) start(o *Object, e *Event, blocks bool) {
	w.mu.Lock()
	e.started = true
	if blocks {
		o.blockers = append(o.blockers, e)
	}
	w.mu.Unlock()
}

// stop notes that e blocks o no longer.
func (w *waits) stop(o *Object, e *Event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i, b := range o.blockers {
		if b == e {
			o.blockers = slices.Delete(o.blockers, i, i+1) // and not kept in the array
			return
		}
	}
}
