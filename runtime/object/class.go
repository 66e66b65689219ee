package object

import (
	"sync/atomic"
	"time"

	"github.com/holdfast-run/holdfast/guest-sdk/abi"
)

// Guest is a live instance. Only the object's loop calls it; after an error
// only Close is left.
type Guest interface {
	Event(kind abi.EventKind, msg []byte) error
	Complete(op uint32, st abi.Status, payload []byte) error
	Tick() error
	// Deadline is the guest's next timer on the clock's Mono.
	Deadline() (int64, bool)
	// ClockRead reports that a timer may be armed which the host has not
	// been told of.
	ClockRead() bool
	// MemoryBytes is the memory that belongs to this instance alone. It may
	// take some microseconds.
	MemoryBytes() int64
	// SetLimit bounds the wall time of the next turns: a guest that runs for
	// longer is stopped, and the turn fails.
	SetLimit(d time.Duration)
	// Freeze writes down what the guest holds, between turns; Close follows.
	// Pinned is what must not be lost: somebody waits for it. An error
	// leaves the guest as it was.
	Freeze(pinned bool) (Frozen, error)
	Close()
}

// Limits of a class or worker; zero fields mean the defaults below.
type Limits struct {
	MailboxEventsMax int
	MailboxBytesMax  int
	EventTimeout     time.Duration // wall time of an event that is no alarm
	BackgroundMax    time.Duration // alarms, cron and waitUntil
	OpTimeout        time.Duration // one waiting call
	ConcurrentMax    int           // unfinished events of an interleaving instance
	WorkersMax       int           // instances of a worker
	SocketsMax       int           // of one object, at most abi.SocketsMax
}

// The defaults of Limits.
const (
	DefaultEventTimeout  = 30 * time.Second
	DefaultBackgroundMax = 15 * time.Minute
	DefaultOpTimeout     = 30 * time.Second
	DefaultConcurrentMax = 256
	DefaultWorkersMax    = 128
)

func (l Limits) withDefaults() Limits {
	if l.EventTimeout == 0 {
		l.EventTimeout = DefaultEventTimeout
	}
	if l.BackgroundMax == 0 {
		l.BackgroundMax = DefaultBackgroundMax
	}
	if l.OpTimeout == 0 {
		l.OpTimeout = DefaultOpTimeout
	}
	if l.ConcurrentMax == 0 {
		l.ConcurrentMax = DefaultConcurrentMax
	}
	if l.WorkersMax == 0 {
		l.WorkersMax = DefaultWorkersMax
	}
	if l.SocketsMax == 0 || l.SocketsMax > abi.SocketsMax {
		l.SocketsMax = abi.SocketsMax
	}
	return l
}

// Version is one build of an app's guest, as seen by one class.
type Version struct {
	Number     int
	Handlers   uint32
	Interleave bool
	// New makes an instance whose host calls belong to o. It may fail with
	// ErrNoRoom.
	New func(o *Object) (Guest, error)
	// Construct is the message of the class, without event, id and name.
	Construct abi.ConstructEvent
}

// Class is a Durable Object class of an app, or its worker. Its objects
// follow Current: a new version takes over at their next quiet moment.
type Class struct {
	App       string
	Name      string // "" for the worker
	Namespace string // "<app>.<class>"; what storage knows it by
	Origin    string // what ids are made with: Namespace, or its first name; not changed after AddClass
	Limits    Limits
	Current   atomic.Pointer[Version]

	named names
}

// NewClass makes a class with its first version.
func NewClass(app, name string, limits Limits, v *Version) *Class {
	c := &Class{App: app, Name: name, Namespace: app + "." + name, Limits: limits.withDefaults()}
	c.Origin = c.Namespace
	c.Current.Store(v)
	return c
}
