package native

import (
	"time"

	"github.com/holdfast-run/holdfast/guest-sdk/abi"
)

// The retry rules of Durable Objects' alarms.
const (
	alarmBackoffFirst  = 2 * time.Second
	alarmBackoffShifts = 9 // the delay grows to 2 s << 9 = 1,024 s
	alarmRetriesMax    = 6 // counted retries; then the alarm is dead
	alarmJitterParts   = 4 // the jitter is up to a 4th of the delay
)

// alarmRun is the alarm whose handler runs.
type alarmRun struct {
	alarm   alarm
	touched bool // set or deleted anew while it runs
	event   *event
}

func alarmGet(o *object) (message, error) {
	if !o.store.hasAlarm || o.run != nil && !o.run.touched {
		return &abi.AlarmState{}, nil
	}
	return &abi.AlarmState{Set: true, TimeMs: o.store.alarm.scheduled}, nil
}

func alarmSet(o *object, m *abi.TimeRequest) error {
	if m.TimeMs <= 0 {
		return refuse(abi.Invalid, "alarm_set: setAlarm() cannot be called with an alarm time <= 0")
	}
	at := max(m.TimeMs, o.w.nowMs())
	o.store.setAlarm(alarm{scheduled: at, due: at}, true)
	o.touchAlarm()
	return nil
}

func alarmDelete(o *object) error {
	o.store.setAlarm(alarm{}, false)
	o.touchAlarm()
	return nil
}

func (o *object) touchAlarm() {
	if r := o.run; r != nil && !r.touched {
		r.touched = true
		o.undo(func() { r.touched = false })
	}
}

// fireAlarm queues the earliest alarm that is due, if one is.
func (w *World) fireAlarm() bool {
	var first *object
	for _, o := range w.order {
		if o.firing || !o.store.hasAlarm || o.store.alarm.due > w.nowMs() {
			continue
		}
		if first == nil || o.store.alarm.due < first.store.alarm.due {
			first = o
		}
	}
	if first == nil {
		return false
	}
	o := first
	o.firing = true
	e := &event{kind: abi.EventAlarm, message: &abi.AlarmEvent{}, reply: &alarmReply{o}}
	if err := o.push(e); err != nil {
		o.firing = false
		return false
	}
	return true
}

// alarmReply is told when a run has ended.
type alarmReply struct{ o *object }

func (r *alarmReply) respond(*abi.Response)   {}
func (r *alarmReply) chunk([]byte, bool)      {}
func (r *alarmReply) done(abi.Status, []byte) { r.o.firing = false }

// alarmDue decides whether an alarm event still stands, and makes it the
// running one.
func (o *object) alarmDue(e *event, handles bool) bool {
	s := o.store
	if !s.hasAlarm || s.alarm.due > o.w.nowMs() || o.run != nil {
		o.firing = false
		return false
	}
	o.run = &alarmRun{alarm: s.alarm, event: e}
	if !handles {
		o.w.log(o, "WARN alarm dropped", "the class has no alarm handler")
		o.alarmDropped()
		return false
	}
	m := e.message.(*abi.AlarmEvent)
	m.ScheduledMs, m.RetryCount, m.IsRetry = s.alarm.scheduled, uint32(s.alarm.attempts), s.alarm.attempts > 0
	return true
}

// alarmDone is the end of the handler: what follows commits with its turn.
func (o *object) alarmDone(st abi.Status, payload []byte) {
	r := o.run
	if r == nil {
		return
	}
	if st != abi.OK {
		o.retryAlarm(failed(st, payload).Error())
		return
	}
	if !r.touched {
		o.store.setAlarm(alarm{}, false)
	}
	o.alarmEnd()
}

// alarmEnd forgets the run; an abort of the turn brings it back.
func (o *object) alarmEnd() {
	r := o.run
	o.run = nil
	o.undo(func() { o.run = r })
}

// alarmFailed is the end of a run whose turn was lost; it writes in a turn of
// its own.
func (o *object) alarmFailed(reason string) {
	if o.run != nil {
		o.retryAlarm(reason)
		o.settleAlarm()
	}
}

// alarmDropped ends a run without a retry.
func (o *object) alarmDropped() {
	o.store.setAlarm(alarm{}, false)
	o.settleAlarm()
}

func (o *object) settleAlarm() {
	o.run, o.firing = nil, false
	o.fault = o.commit()
}

// retryAlarm sets the next try, or gives the alarm up. One that was set anew
// meanwhile takes the retry's place.
func (o *object) retryAlarm(reason string) {
	r := o.run
	o.alarmEnd()
	if r.touched {
		return
	}
	a := r.alarm
	a.retries++
	a.attempts++
	if a.retries > alarmRetriesMax {
		o.store.setAlarm(alarm{}, false)
		o.w.log(o, "ERROR alarm out of retries", reason)
		return
	}
	delay := alarmBackoffFirst << min(a.retries-1, alarmBackoffShifts)
	delay += time.Duration(o.w.random.Uint64() % uint64(delay/alarmJitterParts))
	a.due = o.w.now().Add(delay).UnixMilli()
	o.store.setAlarm(a, true)
}
