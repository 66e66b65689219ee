package native

import "github.com/holdfast-run/holdfast/guest-sdk/abi"

// forward ends a fetch event: what another object answers is its answer.
func forward(o *object, m *abi.StubFetchRequest) error {
	from, err := o.event(m.Event)
	if err != nil {
		return err
	}
	if from.kind != abi.EventFetch || from.answered {
		return refuse(abi.Invalid, "forward: event %d is no fetch, or has been answered", m.Event)
	}
	target, e, err := o.fetchOf("forward", m)
	if err != nil {
		return err
	}
	if e.hops = from.hops + 1; e.hops > abi.ForwardsMax {
		return refuse(abi.CallCycle, "forward: the request has been handed on %d times", abi.ForwardsMax)
	}
	if from.caller != nil {
		if err := o.w.handCall(from, e, target); err != nil {
			return err
		}
	}
	e.reply, e.target, from.forwarded = from.reply, target, e
	o.finished(from, func() {
		if err := target.push(e); err != nil {
			e.fail(err)
		}
	})
	return nil
}

// last is the event that answers e: e itself, or the one at the end of what it
// was forwarded to.
func (e *event) last() *event {
	for e.forwarded != nil {
		e = e.forwarded
	}
	return e
}
