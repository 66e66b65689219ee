package native

import (
	"time"

	"github.com/holdfast-run/holdfast/guest-sdk/abi"
)

type message interface{ Append([]byte) []byte }

// reply takes how an event ended, when the turn that says so has committed.
type reply interface {
	respond(r *abi.Response)
	chunk(data []byte, last bool)
	done(st abi.Status, payload []byte)
}

// event is what a mailbox holds.
type event struct {
	kind    abi.EventKind
	message message
	reply   reply   // nil: nobody waits
	offer   *socket // the socket of a fetch that asks for one
	caller  *event  // the event that waits for this one

	id        uint64
	target    *object
	started   bool
	ended     bool
	answered  bool // streamed: the head has left
	cancelled bool
	began     time.Time
	calls     []*event // those that this one waits for
	hops      int      // how often the request was forwarded
	forwarded *event   // the one whose answer is this one's
}

func (e *event) fail(err error) {
	if e.reply != nil {
		st, f := describe(err)
		e.reply.done(st, f)
	}
}

// number puts the event's id into its message.
func (e *event) number(id uint64) {
	e.id = id
	switch m := e.message.(type) {
	case *abi.ConstructEvent:
		m.Event = id
	case *abi.FetchEvent:
		m.Event = id
	case *abi.CallEvent:
		m.Event = id
	case *abi.AlarmEvent:
		m.Event = id
	case *abi.SocketOpenEvent:
		m.Event = id
	case *abi.SocketMessageEvent:
		m.Event = id
	case *abi.SocketCloseEvent:
		m.Event = id
	case *abi.ScheduledEvent:
		m.Event = id
	}
}

// handler is the flag that a class needs for a kind of event.
var handler = map[abi.EventKind]uint32{
	abi.EventFetch: abi.HandlesFetch, abi.EventCall: abi.HandlesCall, abi.EventAlarm: abi.HandlesAlarm,
	abi.EventSocketOpen: abi.HandlesSocketOpen, abi.EventSocketMessage: abi.HandlesSocketMessage,
	abi.EventSocketClose: abi.HandlesSocketClose, abi.EventScheduled: abi.HandlesScheduled,
}

func kindName(k abi.EventKind) string {
	for _, e := range abi.Events {
		if e.Kind == k {
			return e.Name
		}
	}
	return "unknown"
}

// effect is what leaves when its turn has committed; dropped, where set, runs
// if the turn is lost.
type effect struct {
	release func()
	dropped func(error)
	answers *event // the event that it answers
}

// asked is the reply of a request or call of the test.
type asked struct {
	finished bool
	response *abi.Response
	status   abi.Status
	payload  []byte
	socket   *socket
}

func (a *asked) respond(r *abi.Response) {
	c := *r
	c.Body = append([]byte(nil), r.Body...)
	a.response = &c
	a.finished = !r.Streamed
	if r.Status == 101 && a.socket != nil {
		a.socket.open()
	}
}

func (a *asked) chunk(data []byte, last bool) {
	a.response.Body = append(a.response.Body, data...)
	if last {
		a.finished, a.response.Streamed = true, false
	}
}

func (a *asked) done(st abi.Status, payload []byte) {
	a.finished, a.status, a.payload = true, st, append([]byte(nil), payload...)
	if st != abi.OK && a.response != nil {
		a.response.Streamed = false // broken off: what came is what there is
	}
}
