package object

import (
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/holdfast-run/holdfast/guest-sdk/abi"
	"github.com/holdfast-run/holdfast/runtime/clock"
	"github.com/holdfast-run/holdfast/runtime/gate"
	"github.com/holdfast-run/holdfast/runtime/mailbox"
	"github.com/holdfast-run/holdfast/runtime/store"
)

// Tier says how much of an object is in memory.
type Tier int32

// The tiers.
const (
	TierCold   Tier = iota // storage only, and its sockets
	TierHot                // a live instance
	TierFrozen             // memory kept as a diff
)

// String is the tier as the admin API writes it.
func (t Tier) String() string {
	switch t {
	case TierHot:
		return "hot"
	case TierFrozen:
		return "frozen"
	}
	return "cold"
}

// Object is one named object, or one instance of a worker. Push and the
// snapshot methods may be called from any goroutine; host calls (all others)
// only from inside the guest's turn.
type Object struct {
	dir   *Directory
	class *Class
	ref   store.Ref

	mu      sync.Mutex
	box     mailbox.Mailbox[*Event]
	inbox   []func() // loop work other than events: completions, ticks, commands
	running bool
	gone    bool // out of the directory: pushes go to a new Object

	// Loop only, from here on.
	guest        Guest
	frozen       Frozen // instead of guest
	live         bool   // there is an instance: guest, frozen, or one that was lost
	unfreezable  bool   // the instance
	thawed       bool   // and not weighed since
	noted        uint64 // turns when the snapshots were made
	version      *Version
	storage      store.Object
	gate         *gate.Gate
	outbox       outbox
	constructing bool
	waiting      *Event // popped, and waits for the activation
	events       map[uint64]*Event
	nextEvent    uint64
	blocks       int              // BlockConcurrencyWhile sections
	background   int              // waitUntil
	begun        []backgroundWork // the background work, oldest first
	ops          map[uint32]*operation
	nextOp       uint32
	life         uint64 // counts instances: a completion for an older one is dropped
	sockets      sockets
	plains       map[uint64]*plain // sockets of the instance's own
	alarmRun     *alarmRun
	timer        clock.Timer
	timerAt      int64
	asking       bool // askTimers is under way
	effects      []gate.Effect
	woken        []*Object // by effects released on this goroutine; their loops are claimed
	undos        []func()
	turns        uint64
	tx           int
	abort        *abi.AbortRequest
	buf          []byte

	blockers []*Event // the graph's lock

	// Snapshots for other goroutines.
	tier        atomic.Int32
	memory      atomic.Int64
	socketCount atomic.Int64
	lastActive  atomic.Int64 // unix ms
	restless    atomic.Bool  // the instance cannot be frozen now
	rested      atomic.Bool  // the storage has given back what it can since the last turn
	busy        atomic.Bool  // unfinished events, operations, timers or background work
	versionNo   atomic.Int64
	unsettled   atomic.Bool // something comes that no clock has to move for
	timerOnly   atomic.Bool // busy with no more than an armed timer, or sockets of its own
	closedIn    atomic.Bool // what is queued waits for an event that is unfinished

	pool    *Workers // of a worker's instance
	hotPrev *Object  // the directory's LRU list, under its hot lock
	hotNext *Object
	hot     bool
}

func newObject(d *Directory, c *Class, ref store.Ref) *Object {
	o := &Object{dir: d, class: c, ref: ref}
	o.box.EventsMax, o.box.BytesMax = c.Limits.MailboxEventsMax, c.Limits.MailboxBytesMax
	o.gate = gate.New(d.pool, func() { o.outbox.flush() }, o.broke)
	o.lastActive.Store(d.cfg.Clock.Now().UnixMilli())
	return o
}

// Ref names the object.
func (o *Object) Ref() store.Ref { return o.ref }

// Class is the object's class.
func (o *Object) Class() *Class { return o.class }

// Version is the version of the live instance.
func (o *Object) Version() *Version { return o.version }

// Worker reports whether this is an instance of a worker: it has no storage,
// no alarm and no sockets.
func (o *Object) Worker() bool { return o.class.Name == "" }

// Storage is the object's storage, nil for a worker.
func (o *Object) Storage() store.Object { return o.storage }

// Directory is where the object lives.
func (o *Object) Directory() *Directory { return o.dir }

// push queues an event and sees that it is run; errGone means that the
// directory has a newer Object.
func (o *Object) push(e *Event) error {
	start, err := o.queue(e)
	if start {
		go o.run()
	}
	return err
}

// queue queues an event. With start the caller must run the loop.
func (o *Object) queue(e *Event) (start bool, err error) {
	e.target.Store(o)
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.gone {
		return false, errGone
	}
	if err := o.box.Push(e, e.Bytes); err != nil {
		return false, err
	}
	return o.claim(), nil
}

// post gives the loop work that is no event. It reports false where the
// Object has left the directory.
func (o *Object) post(fn func()) bool {
	start, ok := o.give(fn)
	if start {
		go o.run()
	}
	return ok
}

// give is post without running the loop: with start the caller must.
func (o *Object) give(fn func()) (start, ok bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.gone {
		return false, false
	}
	o.inbox = append(o.inbox, fn)
	return o.claim(), true
}

// claim makes the caller responsible for the loop; o.mu is held.
func (o *Object) claim() bool {
	if o.running {
		return false
	}
	o.running = true
	return true
}

// How many steps a loop takes before it lets others in: on a goroutine of its
// own, and on one that is borrowed from a connection.
const (
	stepsPerYield = 64
	stepsBorrowed = 8
)

// run is the loop: it lives while there is something to do, and then goes on
// with an object that this one has woken, on the same goroutine.
func (o *Object) run() {
	for steps := 1; o != nil; steps++ {
		o = o.step()
		if steps%stepsPerYield == 0 {
			runtime.Gosched()
		}
	}
}

// borrow is run on a goroutine that has something else to do soon: an answer
// that does not have to wait for the disk is there when it returns.
func (o *Object) borrow() {
	for range stepsBorrowed {
		if o = o.step(); o == nil {
			return
		}
	}
	go o.run()
}

// step does one thing and answers whose loop goes on: this object's, that of
// one it has woken when there is nothing left to do here, or none.
func (o *Object) step() *Object {
	if fn := o.command(); fn != nil {
		fn()
		o.spread()
		return o
	}
	if o.nextEventTurn() {
		o.spread()
		return o
	}
	woken := o.woken // once parked, the object may be another goroutine's
	o.woken = nil
	if !o.park() {
		for _, w := range woken {
			go w.run()
		}
		return o
	}
	if len(woken) == 0 {
		return nil
	}
	for _, w := range woken[1:] {
		go w.run()
	}
	return woken[0]
}

// spread runs the objects that were woken on goroutines of their own if there
// is still work here.
func (o *Object) spread() {
	if len(o.woken) == 0 || !o.hasWork() {
		return
	}
	for _, w := range o.woken {
		go w.run()
	}
	o.woken = nil
}

func (o *Object) hasWork() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	n, _ := o.box.Len()
	return len(o.inbox) > 0 || n > 0 && o.accepts()
}

// start runs the loop of another object that an effect of this one has woken:
// on this goroutine, later, where the effect is released by the loop itself.
func (o *Object) start(w *Object) {
	if o.gate.Inline() {
		o.woken = append(o.woken, w)
		return
	}
	go w.run()
}

func (o *Object) command() func() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.inbox) == 0 {
		return nil
	}
	fn := o.inbox[0]
	o.inbox[0] = nil
	if o.inbox = o.inbox[1:]; len(o.inbox) == 0 {
		o.inbox = nil
	}
	return fn
}

// accepts reports whether the object takes an event now.
func (o *Object) accepts() bool {
	if o.constructing || o.blocks > 0 {
		return false
	}
	if !o.live {
		return true
	}
	if o.version.Interleave && o.version == o.class.Current.Load() {
		return len(o.events) < o.class.Limits.ConcurrentMax
	}
	return len(o.events) == 0
}

// nextEventTurn takes an event and runs its first turn; false where there is
// none to take.
func (o *Object) nextEventTurn() bool {
	if !o.accepts() {
		return false
	}
	e := o.waiting
	o.waiting = nil
	fresh := e == nil // one that waited for the activation has been looked at
	if fresh {
		var ok bool
		if e, ok = o.box.Pop(); !ok {
			return false
		}
	}
	o.switchVersion()
	if fresh && !o.wanted(e) {
		o.dir.waits.end(e)
		return true
	}
	if o.guest == nil {
		if err := o.activate(); err != nil {
			o.refuse(e, err)
			return true
		}
		if o.guest == nil || o.constructing {
			o.waiting = e
			return true
		}
	}
	o.deliver(e)
	return true
}

// wanted handles what needs no guest, and reports whether e still does.
func (o *Object) wanted(e *Event) bool {
	if e.Upgrade != nil && e.cancelled {
		e.Upgrade.Socket.Drop()
	}
	if e.cancelled {
		e.fail(abi.Cancelled, failure("the client has gone", 0))
		return false
	}
	handlers := o.class.Current.Load().Handlers
	switch m := e.Message.(type) {
	case *abi.SocketCloseEvent:
		if o.closed(m.Socket) && handlers&abi.HandlesSocketClose != 0 {
			return true
		}
		o.forget(e)
		return false
	case *abi.SocketOpenEvent, *abi.SocketMessageEvent, *abi.SocketErrorEvent:
		return handlers&flag(e.Kind) != 0
	case *abi.AlarmEvent:
		return o.alarmDue(e, handlers)
	}
	if handlers&flag(e.Kind) == 0 {
		e.fail(abi.Invalid, failure("class "+o.class.Name+" has no handler for this event", 0))
		return false
	}
	return true
}

// refuse answers an event for which there is no instance.
func (o *Object) refuse(e *Event, err error) {
	o.dir.waits.end(e)
	o.forget(e)
	st, f := describe(err)
	if e.Kind == abi.EventAlarm {
		o.alarmFailed(err, !internal(st))
		return
	}
	if e.Upgrade != nil && !e.Upgrade.Accepted {
		e.Upgrade.Socket.Drop()
	}
	e.fail(st, f)
}

// internal reports a failure that is the host's, not the guest's.
func internal(st abi.Status) bool {
	return st == abi.Overloaded || st == abi.StorageFault || st == abi.Unavailable || st == abi.Internal
}

// park ends the loop where nothing is left to do. Before that it sees to the
// guest's timers, and notes what others may see.
func (o *Object) park() bool {
	o.armTimer()
	o.note()
	if o.canLeave() && o.leave() {
		return true
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.inbox) > 0 {
		return false
	}
	if n, _ := o.box.Len(); n > 0 && o.accepts() {
		return false
	}
	o.running = false
	return true
}

// note publishes the snapshots.
func (o *Object) note() {
	o.unsettled.Store(o.asking || o.outside() > 0)
	o.timerOnly.Store(o.resting())
	o.closedIn.Store(!o.accepts())
	o.busy.Store(!o.idle())
	o.restless.Store(!o.freezable())
	if o.turns != o.noted {
		o.noted = o.turns
		o.rested.Store(false)
		o.lastActive.Store(o.dir.cfg.Clock.Now().UnixMilli())
		if o.guest != nil {
			o.dir.touch(o, o.weigh())
		}
	}
	if o.pool != nil {
		o.pool.back(o)
	}
}

// idle reports that nothing of the instance is unfinished: it could go cold.
func (o *Object) idle() bool {
	if o.guest != nil {
		if o.guest.ClockRead() {
			return false
		}
		if _, armed := o.guest.Deadline(); armed {
			return false
		}
	}
	if o.frozen != nil && o.timerAt != 0 {
		return false
	}
	return o.settled()
}

// outside is how many operations wait for something that is no object.
func (o *Object) outside() int {
	n := 0
	for _, op := range o.ops {
		if op.callee == nil && op.receives == nil {
			n++
		}
	}
	return n
}

// settled reports that nothing but a timer is unfinished.
func (o *Object) settled() bool {
	return o.resting() && len(o.ops) == 0 && len(o.plains) == 0
}
