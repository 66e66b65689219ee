package edge

import (
	"encoding/json"
	"fmt"
	"reflect"
	"time"

	"github.com/holdfast-run/holdfast/guest-sdk/abi"
)

// Object is a class's instance. It answers requests; the interfaces below are
// optional and found by type assertion on the type that was registered.
type Object interface {
	Fetch(*Request) (*Response, error)
}

// Alarmer handles the object's alarm. An error is retried as Durable Objects
// do: 2 s << n with jitter, six times.
type Alarmer interface{ Alarm(AlarmInfo) error }

// OpenHandler is told when an accepted socket's handshake is done.
type OpenHandler interface{ WebSocketOpen(*WebSocket) error }

// MessageHandler takes the messages of accepted sockets.
type MessageHandler interface {
	WebSocketMessage(*WebSocket, Message) error
}

// CloseHandler is told that a socket has closed; it is in no list any more.
type CloseHandler interface {
	WebSocketClose(ws *WebSocket, code int, reason string, wasClean bool) error
}

// ErrorHandler is told that a socket's connection failed, before its close.
type ErrorHandler interface {
	WebSocketError(*WebSocket, error) error
}

// AlarmInfo says which run of the alarm this is.
type AlarmInfo struct {
	Scheduled  time.Time
	RetryCount int
	IsRetry    bool
}

// Scheduled is a run of a cron trigger.
type Scheduled struct {
	Cron string
	Time time.Time
}

// Worker is the app's stateless entry. Either field may be nil.
type Worker struct {
	Fetch     func(*Request, *Env) (*Response, error)
	Scheduled func(Scheduled, *Env) error
}

// An Option changes how a class or the worker is registered.
type Option func(*class)

// Interleave lets further events in while a handler waits. Without it an
// object takes one event at a time, to its end.
func Interleave() Option { return func(c *class) { c.interleave = true } }

type class struct {
	name       string
	typ        reflect.Type
	handlers   uint32
	interleave bool
	construct  func(*State, *Env) (Object, error)
	worker     Worker
}

type method func(obj Object, in []byte) ([]byte, error)

var (
	classes []*class
	methods = map[reflect.Type]map[string]method{}
)

// Register declares a Durable Object class. It belongs into func init. new
// runs when an object is activated, before any event; what it reads from
// storage it may keep in memory. An error or panic of new resets the object.
func Register[T Object](name string, new func(*State, *Env) (T, error), opts ...Option) {
	if name == "" {
		panic("edge.Register: a class needs a name")
	}
	c := &class{name: name, typ: reflect.TypeFor[T](), handlers: handlersOf(reflect.TypeFor[T]())}
	c.construct = func(s *State, e *Env) (Object, error) { return new(s, e) }
	add(c, opts)
}

// RegisterWorker declares the app's worker. It belongs into func init.
func RegisterWorker(w Worker, opts ...Option) {
	c := &class{worker: w}
	if w.Fetch != nil {
		c.handlers |= abi.HandlesFetch
	}
	if w.Scheduled != nil {
		c.handlers |= abi.HandlesScheduled
	}
	add(c, opts)
}

// HandleScheduled declares a worker that only runs cron triggers.
func HandleScheduled(fn func(Scheduled, *Env) error) { RegisterWorker(Worker{Scheduled: fn}) }

func add(c *class, opts []Option) {
	for _, o := range opts {
		o(c)
	}
	for _, have := range classes {
		if have.name == c.name {
			panic(fmt.Sprintf("edge.Register: class %q is registered twice", c.name))
		}
	}
	classes = append(classes, c)
	announce(c)
}

func (c *class) message() abi.RegisterRequest {
	return abi.RegisterRequest{Class: c.name, Handlers: c.handlers, Interleave: c.interleave}
}

func handlersOf(t reflect.Type) uint32 {
	h := abi.HandlesFetch | abi.HandlesCall
	for _, o := range []struct {
		iface reflect.Type
		flag  uint32
	}{
		{reflect.TypeFor[Alarmer](), abi.HandlesAlarm},
		{reflect.TypeFor[OpenHandler](), abi.HandlesSocketOpen},
		{reflect.TypeFor[MessageHandler](), abi.HandlesSocketMessage},
		{reflect.TypeFor[CloseHandler](), abi.HandlesSocketClose},
		{reflect.TypeFor[ErrorHandler](), abi.HandlesSocketError},
	} {
		if t.Implements(o.iface) {
			h |= o.flag
		}
	}
	return h
}

// reserved are the names that Durable Objects keep for handlers.
var reserved = map[string]bool{
	"fetch": true, "connect": true, "alarm": true, "webSocketMessage": true, "webSocketClose": true,
	"webSocketError": true, "dup": true, "constructor": true,
}

// Method declares a method that stubs reach with Call. In and Out cross the
// boundary as JSON. It belongs into func init.
func Method[T Object, In, Out any](name string, fn func(T, In) (Out, error)) {
	if name == "" || reserved[name] {
		panic(fmt.Sprintf("edge.Method: %q is empty or reserved", name))
	}
	t := reflect.TypeFor[T]()
	if methods[t] == nil {
		methods[t] = map[string]method{}
	}
	if methods[t][name] != nil {
		panic(fmt.Sprintf("edge.Method: %s of %v is declared twice", name, t))
	}
	methods[t][name] = func(obj Object, in []byte) ([]byte, error) {
		var arg In
		if err := json.Unmarshal(in, &arg); err != nil {
			return nil, badArg("argument of %s: %v", name, err)
		}
		out, err := fn(obj.(T), arg)
		if err != nil {
			return nil, err
		}
		return json.Marshal(out)
	}
}
