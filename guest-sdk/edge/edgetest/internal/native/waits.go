package native

import "github.com/holdfast-run/holdfast/guest-sdk/abi"

// The wait-for graph: an event waits for the events of its calls; a queued
// event waits for the unfinished events of a target that takes no other. A
// call that would close a circle is refused, whichever chain comes second.

var errCallCycle = refuse(abi.CallCycle, "call cycle: the object would wait for itself")

// beginCall notes that caller waits for callee, which is to be queued at
// target, unless that would be for ever.
func (w *World) beginCall(caller, callee *event, target *object) error {
	return link(caller, callee, target, nil)
}

// handCall is beginCall for an event that ends with its call, and blocks
// nobody then.
func (w *World) handCall(from, to *event, target *object) error {
	return link(from, to, target, from)
}

func link(caller, callee *event, target *object, ended *event) error {
	seen := map[*event]bool{}
	for _, b := range target.blockers {
		if b != ended && reaches(b, caller, seen) {
			return errCallCycle
		}
	}
	callee.target, callee.caller = target, caller
	caller.calls = append(caller.calls, callee)
	return nil
}

// reaches reports whether from waits, over any number of steps, for goal.
func reaches(from, goal *event, seen map[*event]bool) bool {
	if from == goal {
		return true
	}
	if seen[from] {
		return false
	}
	seen[from] = true
	for _, c := range from.calls {
		if c == goal || c.started && reaches(c, goal, seen) {
			return true
		}
		if c.started {
			continue
		}
		for _, b := range c.target.blockers {
			if reaches(b, goal, seen) {
				return true
			}
		}
	}
	return false
}

// endCall forgets that a caller waits for callee.
func (w *World) endCall(callee *event) {
	if callee.caller == nil {
		return
	}
	calls := callee.caller.calls
	for i, c := range calls {
		if c == callee {
			callee.caller.calls = append(calls[:i:i], calls[i+1:]...)
			return
		}
	}
}

func (w *World) dropCall(op *operation) {
	if op.callee != nil {
		w.endCall(op.callee)
	}
}

// startEvent notes that e runs at o; blocks says that o takes no other now.
func (w *World) startEvent(o *object, e *event, blocks bool) {
	if e.started = true; blocks {
		o.blockers = append(o.blockers, e)
	}
}

// stopEvent notes that e blocks o no longer.
func (w *World) stopEvent(o *object, e *event) {
	for i, b := range o.blockers {
		if b == e {
			o.blockers = append(o.blockers[:i:i], o.blockers[i+1:]...)
			return
		}
	}
}
