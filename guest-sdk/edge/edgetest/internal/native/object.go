package native

import (
	"encoding/hex"
	"time"

	"github.com/holdfast-run/holdfast/guest-sdk/abi"
)

// Limits of the real host, by default.
const (
	mailboxEventsMax = 1024
	concurrentMax    = 256 // unfinished events of an interleaving instance
	eventTimeout     = 30 * time.Second
	backgroundMax    = 15 * time.Minute // alarms, crons and waitUntil
	blocksMax        = 64
)

// object is one named object, or an instance of the worker. World.mu guards
// all of it.
type object struct {
	w     *World
	class *class
	id    [32]byte
	name  string

	box          []*event
	inbox        []func() func() // what is no event: completions and the like
	queued       bool            // in World.ready
	touched      bool            // in World.touched
	guest        *guest          // the live instance; nil: cold
	waiting      *event          // taken, and waits for the constructor
	constructing bool
	events       map[uint64]*event // unfinished
	nextEvent    uint64
	blocks       int
	blockers     []*event // of the wait-for graph
	background   int      // waitUntil
	backgroundAt time.Time
	ops          map[uint32]*operation
	nextOp       uint32
	store        *store // nil for a worker
	run          *alarmRun
	firing       bool // its alarm's event is queued or runs
	sockets      sockets
	effects      []effect
	undos        []func()
	turn         uint64
	tx           int
	cursors      map[uint32]*cursor
	nextCursor   uint32
	fault        error // ends the turn, and the instance
	abort        *abi.AbortRequest
}

func newObject(w *World, c *class, id [32]byte, name string) *object {
	o := &object{w: w, class: c, id: id, name: name, events: map[uint64]*event{}, ops: map[uint32]*operation{}}
	o.sockets.init()
	if !o.worker() {
		o.store = newStore()
	}
	return o
}

func (o *object) worker() bool { return o.class.Class == "" }

// label names the object in logs and messages.
func (o *object) label() string {
	if o.name != "" || o.worker() {
		return o.name
	}
	return hex.EncodeToString(o.id[:])
}

// push queues an event.
func (o *object) push(e *event) error {
	if len(o.box) >= mailboxEventsMax {
		return &failure{abi.Overloaded, "Durable Object is overloaded. Too many requests queued.", abi.FailureOverloaded}
	}
	e.target = o
	o.box = append(o.box, e)
	o.rouse()
	return nil
}

// post queues work that is no event.
func (o *object) post(fn func() func()) {
	o.inbox = append(o.inbox, fn)
	o.rouse()
}

// rouse makes the loop look at the object.
func (o *object) rouse() {
	if !o.queued && (len(o.inbox) > 0 || len(o.box) > 0 || o.waiting != nil) {
		o.queued = true
		o.w.ready = append(o.w.ready, o)
	}
}

// accepts reports whether the object takes an event now.
func (o *object) accepts() bool {
	if o.constructing || o.blocks > 0 {
		return false
	}
	if o.guest != nil && o.class.Interleave {
		return len(o.events) < concurrentMax
	}
	return len(o.events) == 0
}

// settled reports that nothing of the instance is unfinished.
func (o *object) settled() bool {
	return len(o.events) == 0 && len(o.ops) == 0 && o.background == 0 && !o.constructing && o.waiting == nil && o.blocks == 0 && len(o.sockets.plains) == 0
}

// step takes the next thing to do; nil where there is none now.
func (o *object) step() func() {
	if len(o.inbox) > 0 {
		fn := o.inbox[0]
		o.inbox = o.inbox[1:]
		return fn()
	}
	if !o.accepts() || o.waiting == nil && len(o.box) == 0 {
		return nil
	}
	if e := o.waiting; e != nil {
		o.waiting = nil
		return o.deliver(e)
	}
	e := o.box[0]
	o.box = o.box[1:]
	if !o.wanted(e) {
		o.w.endCall(e)
		return nothing
	}
	if o.guest == nil {
		o.waiting = e
		return o.activate()
	}
	return o.deliver(e)
}

// wanted handles what needs no guest, and reports whether e still does.
func (o *object) wanted(e *event) bool {
	if e.cancelled {
		e.fail(refuse(abi.Cancelled, "the client has gone"))
		return false
	}
	handles := o.class.Handlers&handler[e.kind] != 0
	switch m := e.message.(type) {
	case *abi.SocketCloseEvent:
		if o.sockets.closed(m.Socket) && handles {
			return true
		}
		o.sockets.forget(m.Socket)
		return false
	case *abi.SocketOpenEvent, *abi.SocketMessageEvent:
		return handles
	case *abi.AlarmEvent:
		return o.alarmDue(e, handles)
	}
	if !handles {
		e.fail(refuse(abi.Invalid, "class %s has no handler for this event", o.class.Class))
	}
	return handles
}

// activate makes the instance and sends it the construct event.
func (o *object) activate() func() {
	o.guest = newGuest(o)
	o.constructing = true
	m := &abi.ConstructEvent{Class: o.class.Class, Mode: o.w.cfg.Mode, Vars: o.w.vars(), RandomSeed: make([]byte, 32)}
	o.w.fill(m.RandomSeed)
	if !o.worker() {
		m.ID, m.Name = hex.EncodeToString(o.id[:]), o.name
	}
	for _, d := range o.w.cfg.App.Databases {
		m.D1 = append(m.D1, d.Binding)
	}
	for _, n := range o.w.cfg.App.Namespaces {
		m.Namespaces = append(m.Namespaces, n.Binding)
	}
	return o.deliver(&event{kind: abi.EventConstruct, message: m, target: o})
}

// deliver gives the guest an event: its first turn.
func (o *object) deliver(e *event) func() {
	o.nextEvent++
	e.number(o.nextEvent)
	e.began = o.w.now()
	o.events[e.id] = e
	o.w.startEvent(o, e, !o.class.Interleave || e.kind == abi.EventConstruct)
	if e.offer != nil {
		o.sockets.offers[e.offer.id] = e.offer
	}
	msg, g := e.message.Append(nil), o.guest
	return func() {
		if !g.sdk.Event(e.kind, msg) {
			g.panicked("a message of kind " + kindName(e.kind) + " was refused")
		}
	}
}

// limit is the wall time that an event may take.
func (o *object) limit(e *event) time.Duration {
	switch e.kind {
	case abi.EventAlarm, abi.EventScheduled:
		return backgroundMax
	case abi.EventSocketOpen, abi.EventSocketMessage, abi.EventSocketClose:
		if ms := o.sockets.eventTimeoutMs; ms > 0 {
			return time.Duration(ms) * time.Millisecond
		}
	}
	return eventTimeout
}

// overdue resets objects that have an event over its limit.
func (w *World) overdue() {
	now := w.now()
	for _, o := range w.all() {
		over := ""
		for _, e := range o.events {
			if limit := o.limit(e); now.Sub(e.began) >= limit {
				over = "the event took longer than " + limit.String() + ", which caused the object to be reset"
			}
		}
		if o.background > 0 && now.Sub(o.backgroundAt) > backgroundMax {
			over = "background work took longer than " + backgroundMax.String()
		}
		if over != "" {
			o.fault = &failure{abi.Timeout, over, abi.FailureRetryable}
			o.endTurn()
		}
	}
}
