package object

import (
	"cmp"
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/holdfast-run/holdfast/guest-sdk/abi"
	"github.com/holdfast-run/holdfast/runtime/clock"
)

// hotList is the live instances in the order of their last use, bounded by
// number and bytes.
type hotList struct {
	mu    sync.Mutex
	root  Object // sentinel: hotNext is the least recently used
	count int
	bytes int64
}

func (h *hotList) init() { h.root.hotNext, h.root.hotPrev = &h.root, &h.root }

func (h *hotList) size() (int, int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.count, h.bytes
}

func (h *hotList) unlink(o *Object) {
	o.hotPrev.hotNext, o.hotNext.hotPrev = o.hotNext, o.hotPrev
	o.hotPrev, o.hotNext = nil, nil
}

func (h *hotList) append(o *Object) {
	last := h.root.hotPrev
	o.hotPrev, o.hotNext = last, &h.root
	last.hotNext, h.root.hotPrev = o, o
}

// touch makes o the most recently used and notes its memory.
func (d *Directory) touch(o *Object, bytes int64) {
	h := &d.hot
	h.mu.Lock()
	defer h.mu.Unlock()
	if !o.hot {
		return
	}
	h.unlink(o)
	h.append(o)
	h.bytes += bytes - o.memory.Load()
	o.memory.Store(bytes)
}

// cooled takes o off the list.
func (d *Directory) cooled(o *Object) {
	h := &d.hot
	h.mu.Lock()
	defer h.mu.Unlock()
	if !o.hot {
		return
	}
	o.hot = false
	h.unlink(o)
	h.count--
	h.bytes -= o.memory.Load()
	o.memory.Store(0)
}

// admitTries bounds how often a place is looked for.
const (
	admitTries = 200
	admitPause = 5 * time.Millisecond
)

// admit finds o a place among the live instances: the least recently used
// ones go to rest first. Overloaded where all are busy for a second.
func (d *Directory) admit(o *Object) error {
	h := &d.hot
	for range admitTries {
		h.mu.Lock()
		if h.count < d.cfg.HotMax && h.bytes < d.cfg.HotBytesMax {
			o.hot = true
			h.append(o)
			h.count++
			h.bytes += o.memory.Load()
			h.mu.Unlock()
			return nil
		}
		h.mu.Unlock()
		if !d.relieve() {
			time.Sleep(admitPause)
		}
	}
	d.metrics.overloads.Add(1)
	return &Error{abi.Overloaded, "all live instances are busy", abi.FailureOverloaded}
}

// weighEvery is how many turns an instance's weight is taken for: the first
// turns make most of it, and the first one behind a thaw.
const weighEvery = 256

// weigh is the memory of the live instance, looked at now and then.
func (o *Object) weigh() int64 {
	if o.thawed || o.turns&(o.turns-1) == 0 || o.turns%weighEvery == 0 {
		o.thawed = false
		return o.guest.MemoryBytes()
	}
	return o.memory.Load()
}

// evictBatch is how many instances one look takes.
const evictBatch = 16

// oldest is up to n instances that no loop runs, least recently used first,
// last active before the time, if one is given, that fit. The hot lock is held.
func (d *Directory) oldest(n int, before time.Time, fits func(o *Object) bool) []*Object {
	var out []*Object
	for o := d.hot.root.hotNext; o != &d.hot.root && len(out) < n; o = o.hotNext {
		if !before.IsZero() && o.lastActive.Load() > before.UnixMilli() {
			break
		}
		if fits(o) {
			out = append(out, o)
		}
	}
	return out
}

// sweepEvery is how often idle instances and overdue events are looked for.
const sweepEvery = time.Second

func (d *Directory) sweepLater() {
	d.hot.mu.Lock()
	defer d.hot.mu.Unlock()
	if d.closed.Load() {
		return
	}
	d.sweeper = d.cfg.After(sweepEvery, func() {
		d.sweep()
		d.sweepLater()
	})
}

// sweep sends instances to rest and resets what is over its time.
func (d *Directory) sweep() {
	now := d.now()
	frost := now.Add(-d.cfg.FreezeAfter)
	for {
		d.hot.mu.Lock()
		victims := d.oldest(evictBatch, frost, func(o *Object) bool { return !o.restless.Load() })
		d.hot.mu.Unlock()
		if !restAll(victims, (*Object).freeze) {
			break
		}
	}
	idle, cold := now.Add(-d.cfg.IdleAfter).UnixMilli(), now.Add(-d.cfg.FrozenAfter).UnixMilli()
	var kept []resting
	for _, o := range d.live() {
		tier, last := Tier(o.tier.Load()), o.lastActive.Load()
		switch {
		case o.busy.Load() && !o.timerOnly.Load():
			o.post(o.overdue)
		case tier == TierCold && !o.Worker() && o.socketCount.Load() == 0:
			o.post(func() {}) // its loop lets it leave
		case tier == TierCold || last > idle:
		case tier == TierFrozen && !o.Worker() && last > cold:
			kept = append(kept, resting{o, last})
		default:
			o.tryRest((*Object).evict)
		}
	}
	d.thin(kept)
}

// resting is a frozen object that is idle, and when it was last active.
type resting struct {
	o    *Object
	last int64
}

// thin sends the longest idle frozen objects cold where they are too many. The
// others keep no more than their frozen memory.
func (d *Directory) thin(kept []resting) {
	if over := len(kept) - d.cfg.FrozenMax; over > 0 {
		slices.SortFunc(kept, func(a, b resting) int { return cmp.Compare(a.last, b.last) })
		for _, k := range kept[:over] {
			k.o.tryRest((*Object).evict)
		}
		kept = kept[over:]
	}
	for _, k := range kept {
		if !k.o.rested.Load() {
			k.o.tryRest((*Object).rest)
		}
	}
}

// rest lets the storage give back what the next turn can have again. Loop only.
func (o *Object) rest() bool {
	if o.storage == nil || o.rested.Swap(true) {
		return false
	}
	if err := o.storage.Rest(); err != nil {
		o.log(slog.LevelError, "the storage did not rest", "error", err.Error())
	}
	return true
}

// overdue resets an object that has an event over its wall limit.
func (o *Object) overdue() {
	if !o.live {
		return
	}
	now := o.dir.now()
	for _, e := range o.events {
		if limit := o.limitOf(e); now.Sub(e.began) > limit {
			o.crash(&Error{abi.Timeout, "the event took longer than " + limit.String() + ", which caused the object to be reset", abi.FailureRetryable})
			return
		}
	}
	if o.background > 0 && now.Sub(o.begun[0].at) > o.class.Limits.BackgroundMax {
		o.crash(&Error{abi.Timeout, "background work took longer than " + o.class.Limits.BackgroundMax.String(), abi.FailureRetryable})
	}
}

// limitOf is the wall limit of an event.
func (o *Object) limitOf(e *Event) time.Duration {
	switch {
	case e.Kind == abi.EventAlarm, e.Kind == abi.EventScheduled:
		return o.class.Limits.BackgroundMax
	case isSocketEvent(e.Kind) && o.sockets.eventTimeoutMs > 0:
		return time.Duration(o.sockets.eventTimeoutMs) * time.Millisecond
	}
	return o.class.Limits.EventTimeout
}

// turnMin is what a turn may take even if its event has used up its time
// waiting: the guest gets to see that.
const turnMin = 50 * time.Millisecond

// turnLimit is how long the next turn may run: to the end of what the events
// that are unfinished may take, of which it belongs to one.
func (o *Object) turnLimit() time.Duration {
	limit := turnMin
	for _, e := range o.events {
		limit = max(limit, o.limitOf(e)-time.Since(e.entered))
	}
	if o.background > 0 || len(o.events) == 0 {
		limit = max(limit, o.class.Limits.BackgroundMax)
	}
	return limit
}

func isSocketEvent(k abi.EventKind) bool {
	return k >= abi.EventSocketOpen && k <= abi.EventSocketError
}

// Quiet waits until nothing goes on by itself: no object runs, none has an
// event that it would take, a call to something outside, or effects that are
// held. What waits for the clock, or for another such object, may be there.
// False when ctx ends first.
func (d *Directory) Quiet(ctx context.Context) bool {
	return d.until(ctx, func(o *Object) bool {
		n, _ := o.box.Len()
		return n > 0 && !o.closedIn.Load() || o.unsettled.Load()
	})
}

// drained waits until no object has anything unfinished.
func (d *Directory) drained(ctx context.Context) bool {
	return d.until(ctx, func(o *Object) bool {
		n, _ := o.box.Len()
		return n > 0 || o.busy.Load() && !o.timerOnly.Load()
	})
}

// until waits until goes answers false for every object that does not run.
func (d *Directory) until(ctx context.Context, goes func(*Object) bool) bool {
	for {
		still := true
		for _, o := range d.live() {
			o.mu.Lock()
			still = !o.running && !goes(o)
			o.mu.Unlock()
			if still = still && o.gate.Quiet(); !still {
				break
			}
		}
		if still {
			return true
		}
		select {
		case <-ctx.Done():
			return false
		case <-time.After(evictPoll):
		}
	}
}

// Close makes every object cold: events that run may finish until ctx ends,
// queued ones too; then all storage is closed.
func (d *Directory) Close(ctx context.Context) error {
	d.alarms.Stop()
	wait := d.drained
	if _, manual := d.cfg.Clock.(*clock.Manual); manual {
		wait = d.Quiet // nobody moves the clock any more
	}
	quiet := wait(ctx)
	d.closed.Store(true)
	d.hot.mu.Lock()
	d.sweeper.Stop()
	d.hot.mu.Unlock()
	for _, o := range d.live() {
		done := make(chan struct{})
		if !o.post(func() {
			o.discard(abi.Unavailable, failure("the host is shutting down", abi.FailureRetryable))
			close(done)
		}) {
			continue
		}
		select {
		case <-done:
		case <-time.After(closeWait):
			o.log(8, "object did not stop: its guest is stuck")
		}
	}
	for _, o := range d.live() {
		d.waitGate(o)
	}
	if !quiet {
		return ctx.Err()
	}
	return nil
}

// closeWait bounds the wait for one object at the end.
const closeWait = 5 * time.Second

func (d *Directory) waitGate(o *Object) {
	for end := time.Now().Add(closeWait); !o.gate.Quiet() && time.Now().Before(end); {
		time.Sleep(evictPoll)
	}
	done := make(chan struct{})
	if o.post(func() { o.closeStorage(); close(done) }) {
		<-done
	}
}
