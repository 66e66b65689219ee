package object

import (
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/holdfast-run/holdfast/guest-sdk/abi"
	"github.com/holdfast-run/holdfast/runtime/store"
)

// The retry rules of Durable Objects' alarms.
const (
	alarmBackoffFirst  = 2 * time.Second
	alarmBackoffShifts = 9 // the delay grows to 2 s << 9 = 1,024 s
	alarmRetriesMax    = 6 // counted retries; then the alarm is dead
	alarmJitter        = 0.25
)

// alarmRun is the alarm whose handler runs.
type alarmRun struct {
	alarm   store.Alarm
	touched bool // set or deleted anew while it runs
	reply   Reply
}

// GetAlarm is the alarm that is set: while the handler runs there is none,
// unless it was set anew.
func (o *Object) GetAlarm() (int64, bool) {
	a, ok := o.storage.Alarm()
	if o.alarmRun != nil && !o.alarmRun.touched {
		return 0, false
	}
	return a.ScheduledMs, ok
}

// SetAlarm sets the object's alarm; a past time counts as now.
func (o *Object) SetAlarm(ms int64) error {
	if ms <= 0 {
		return refusal(abi.Invalid, "alarm_set: setAlarm() cannot be called with an alarm time <= 0")
	}
	ms = max(ms, o.dir.now().UnixMilli())
	if err := o.storage.SetAlarm(store.Alarm{ScheduledMs: ms, DueMs: ms}); err != nil {
		return err
	}
	o.touchAlarm()
	o.effect(&funcEffect{release: func() { o.dir.alarms.Poke(ms) }})
	return nil
}

// DeleteAlarm deletes the alarm; a handler that runs goes on.
func (o *Object) DeleteAlarm() error {
	if err := o.storage.ClearAlarm(); err != nil {
		return err
	}
	o.touchAlarm()
	return nil
}

// DeletedAll notes that the storage was wiped, alarm included.
func (o *Object) DeletedAll() { o.touchAlarm() }

func (o *Object) touchAlarm() {
	if r := o.alarmRun; r != nil && !r.touched {
		r.touched = true
		o.undo(func() { r.touched = false })
	}
}

// alarmDue decides whether an alarm event still stands, and makes it the
// running one.
func (o *Object) alarmDue(e *Event, handlers uint32) bool {
	if err := o.ready(); err != nil {
		e.fail(describe(err))
		return false
	}
	a, ok := o.storage.Alarm()
	if !ok || a.DueMs > o.dir.now().UnixMilli() || o.alarmRun != nil {
		e.fail(abi.Cancelled, failure("the alarm was changed", 0))
		return false
	}
	if handlers&abi.HandlesAlarm == 0 {
		o.log(slog.LevelWarn, "alarm dropped: the class has no alarm handler")
		o.alarmRun = &alarmRun{alarm: a, reply: e.Reply}
		o.alarmDropped()
		return false
	}
	m := e.Message.(*abi.AlarmEvent)
	m.ScheduledMs, m.RetryCount, m.IsRetry = a.ScheduledMs, uint32(a.Attempts), a.Attempts > 0
	o.alarmRun = &alarmRun{alarm: a, reply: e.Reply}
	return true
}

// alarmDone is the end of the handler, in its last turn: what follows commits
// with it.
func (o *Object) alarmDone(st abi.Status, payload []byte) {
	r := o.alarmRun
	if r == nil {
		return
	}
	if st == abi.OK {
		if !r.touched {
			if err := o.storage.ClearAlarm(); err != nil {
				o.log(slog.LevelError, "alarm not cleared", "error", err.Error())
			}
		}
		o.alarmEnd()
		return
	}
	var f abi.Failure
	if f.Decode(payload) != nil {
		f.Message = st.String()
	}
	o.retryAlarm(f.Message, true)
}

// alarmEnd forgets the run once the turn is durable; an abort brings it back.
func (o *Object) alarmEnd() {
	r := o.alarmRun
	o.alarmRun = nil
	o.undo(func() { o.alarmRun = r })
}

// alarmFailed is the end of a run whose turn was lost; it writes in a turn of
// its own.
func (o *Object) alarmFailed(cause error, counted bool) {
	r := o.alarmRun
	if r == nil {
		return
	}
	o.retryAlarm(cause.Error(), counted)
	o.settleAlarm(r)
}

// alarmDropped ends a run without a retry.
func (o *Object) alarmDropped() {
	r := o.alarmRun
	if err := o.storage.ClearAlarm(); err != nil {
		o.log(slog.LevelError, "alarm not cleared", "error", err.Error())
	}
	o.alarmRun = nil
	o.settleAlarm(r)
}

func (o *Object) settleAlarm(r *alarmRun) {
	o.alarmRun = nil
	if err := o.commit(); err != nil {
		o.log(slog.LevelError, "alarm's retry not written", "error", err.Error())
		o.rollback()
		o.alarmRun = nil
	}
	if r.reply != nil {
		r.reply.Done(abi.GuestFailed, nil)
	}
}

// retryAlarm sets the next try, or buries the alarm. One that was set anew
// meanwhile takes the retry's place.
func (o *Object) retryAlarm(reason string, counted bool) {
	r := o.alarmRun
	o.alarmEnd()
	if r.touched {
		return
	}
	a := r.alarm
	if counted {
		a.Retries++
	}
	a.Attempts = min(a.Attempts+1, 255)
	if a.Retries > alarmRetriesMax {
		dead := store.DeadAlarm{Ref: o.ref, Alarm: r.alarm, DiedAt: o.dir.now(), Reason: reason}
		if err := o.storage.ClearAlarm(); err != nil {
			o.log(slog.LevelError, "alarm not cleared", "error", err.Error())
		}
		o.effect(&funcEffect{release: func() { go o.dir.bury(dead) }})
		o.log(slog.LevelError, "alarm out of retries", "reason", reason)
		return
	}
	shift := min(max(int(a.Retries)-1, 0), alarmBackoffShifts)
	delay := float64(alarmBackoffFirst << shift)
	delay += delay * alarmJitter * rand.Float64()
	a.DueMs = o.dir.now().Add(time.Duration(delay)).UnixMilli()
	if err := o.storage.SetAlarm(a); err != nil {
		o.log(slog.LevelError, "alarm's retry not set", "error", err.Error())
		return
	}
	due := a.DueMs
	o.effect(&funcEffect{release: func() { o.dir.alarms.Poke(due) }})
}
