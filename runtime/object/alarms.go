package object

import (
	"context"
	"math"
	"sync"
	"time"

	"github.com/holdfast-run/holdfast/guest-sdk/abi"
	"github.com/holdfast-run/holdfast/runtime/clock"
	"github.com/holdfast-run/holdfast/runtime/store"
)

// Alarms fires the alarms of a host: it asks the engine's index for what is
// due and gives it to the objects' mailboxes. An alarm stays in the index
// until its handler's last turn is durable, so a crash runs it again.
type Alarms struct {
	dir *Directory

	mu       sync.Mutex
	started  bool
	stopped  bool
	timer    clock.Timer
	timerAt  int64 // ms
	inFlight map[objectKey]bool
	wakes    int // looks that are to come at once
	looking  bool
	again    bool
	idle     *sync.Cond
	fired    int64
}

// alarmPause is how long an object that could not take its alarm is let be.
const alarmPause = time.Second

func newAlarms(d *Directory) *Alarms {
	a := &Alarms{dir: d, inFlight: map[objectKey]bool{}}
	a.idle = sync.NewCond(&a.mu)
	return a
}

// Start begins to fire, overdue alarms first. Classes must be known by then.
func (a *Alarms) Start() {
	a.mu.Lock()
	a.started = true
	a.mu.Unlock()
	a.look()
}

// Stop fires no more; handlers that run go on.
func (a *Alarms) Stop() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.stopped = true
	if a.timer != nil {
		a.timer.Stop()
	}
}

// Poke tells of an alarm that is due at a time, in ms.
func (a *Alarms) Poke(dueMs int64) {
	a.mu.Lock()
	if !a.started || a.stopped || a.timerAt != 0 && a.timerAt <= dueMs {
		a.mu.Unlock()
		return
	}
	a.arm(dueMs)
	a.mu.Unlock()
}

// arm sets the timer; a.mu is held.
func (a *Alarms) arm(dueMs int64) {
	if a.timer != nil {
		a.timer.Stop()
	}
	a.timerAt = dueMs
	wait := time.UnixMilli(dueMs).Sub(a.dir.now())
	if wait <= 0 {
		a.wakes++
		go a.wake()
		return
	}
	a.timer = a.dir.cfg.Clock.AfterFunc(wait, a.look)
}

// wake looks, as one of the wakes that were counted.
func (a *Alarms) wake() {
	a.look()
	a.mu.Lock()
	a.wakes--
	a.idle.Broadcast()
	a.mu.Unlock()
}

// look fires what is due and arms the timer for what comes next. Only one
// look runs at a time; one that comes meanwhile makes it run again.
func (a *Alarms) look() {
	a.mu.Lock()
	if a.stopped || !a.started {
		a.mu.Unlock()
		return
	}
	if a.looking {
		a.again = true
		a.mu.Unlock()
		return
	}
	a.looking = true
	for {
		a.again = false
		a.timerAt = 0
		a.mu.Unlock()
		next, has := a.pass()
		a.mu.Lock()
		if a.again {
			continue
		}
		a.looking = false
		if has && !a.stopped && (a.timerAt == 0 || next < a.timerAt) {
			a.arm(next)
		}
		a.idle.Broadcast()
		a.mu.Unlock()
		return
	}
}

// pass dispatches due alarms, as many as may run at once, and answers when to
// look again. However many are set, no more than these are in memory.
func (a *Alarms) pass() (nextMs int64, has bool) {
	now := a.dir.now().UnixMilli()
	a.mu.Lock()
	busy := len(a.inFlight)
	a.mu.Unlock()
	room := a.dir.cfg.AlarmsAtOnce - busy
	if room <= 0 {
		return 0, false // a handler's end looks again
	}
	if a.dir.cfg.Engine.Failed() != nil {
		return 0, false
	}
	due, err := a.dir.cfg.Engine.Alarms(now, room, a.wanted)
	if err != nil {
		a.dir.cfg.Log.Error("alarm index not read", "error", err.Error())
		return now + alarmPause.Milliseconds(), true
	}
	paused := false
	for _, d := range due {
		k := key(d.Ref)
		class := a.dir.Class(d.Ref.Namespace)
		a.mu.Lock()
		if a.inFlight[k] || class == nil {
			a.mu.Unlock()
			continue
		}
		a.inFlight[k] = true
		a.mu.Unlock()
		e := &Event{Kind: abi.EventAlarm, Message: &abi.AlarmEvent{}, Reply: &alarmReply{a, k}}
		if err := a.dir.Send(class, d.Ref, e); err != nil {
			a.forget(k)
			paused = true
		}
	}
	if paused {
		return now + alarmPause.Milliseconds(), true
	}
	return a.following()
}

// wanted leaves out what runs already, and what has no class: its app is not
// running.
func (a *Alarms) wanted(r store.Ref) bool {
	a.mu.Lock()
	busy := a.inFlight[key(r)]
	a.mu.Unlock()
	return !busy && a.dir.Class(r.Namespace) != nil
}

// following is when the next alarm is due that does not run yet.
func (a *Alarms) following() (int64, bool) {
	next, err := a.dir.cfg.Engine.Alarms(math.MaxInt64, 1, a.wanted)
	if err != nil || len(next) == 0 {
		return 0, false
	}
	return next[0].Alarm.DueMs, true
}

func (a *Alarms) forget(k objectKey) {
	a.mu.Lock()
	delete(a.inFlight, k)
	a.idle.Broadcast()
	a.mu.Unlock()
}

// Settle waits until everything that is due now has been given to its object.
func (a *Alarms) Settle(ctx context.Context) bool {
	stop := context.AfterFunc(ctx, func() {
		a.mu.Lock()
		a.idle.Broadcast()
		a.mu.Unlock()
	})
	defer stop()
	a.look()
	a.mu.Lock()
	defer a.mu.Unlock()
	for (a.looking || a.wakes > 0) && ctx.Err() == nil {
		a.idle.Wait()
	}
	return ctx.Err() == nil
}

// Idle reports that no look is under way or about to be.
func (a *Alarms) Idle() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return !a.looking && a.wakes == 0
}

// Fired counts the handlers that have ended.
func (a *Alarms) Fired() int64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.fired
}

// Next is the earliest alarm of the host.
func (a *Alarms) Next() (time.Time, bool) {
	next, ok, err := a.dir.cfg.Engine.NextAlarm()
	if err != nil || !ok {
		return time.Time{}, false
	}
	return time.UnixMilli(next.Alarm.DueMs), true
}

// alarmReply is told when a handler has ended, durably.
type alarmReply struct {
	a *Alarms
	k objectKey
}

// Respond never comes to an alarm.
func (r *alarmReply) Respond(*abi.Response) {}

// Chunk never comes to an alarm.
func (r *alarmReply) Chunk([]byte, bool) {}

// Done frees the place and looks for more.
func (r *alarmReply) Done(st abi.Status, _ []byte) {
	r.a.mu.Lock()
	if st != abi.Cancelled {
		r.a.fired++
	}
	r.a.wakes++
	r.a.mu.Unlock()
	r.a.forget(r.k)
	go r.a.wake()
}
