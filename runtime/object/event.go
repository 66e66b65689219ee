package object

import (
	"sync/atomic"
	"time"

	"github.com/holdfast-run/holdfast/guest-sdk/abi"
)

// Message is an event's message of the boundary.
type Message interface{ Append([]byte) []byte }

// Reply takes how an event ended. The runtime calls it after the turn that
// answered is durable; its methods must not block and may run on any
// goroutine.
type Reply interface {
	// Respond answers a fetch event, once. It may keep r.
	Respond(r *abi.Response)
	// Chunk continues a streamed answer. It may keep data.
	Chunk(data []byte, last bool)
	// Done ends any other event, or a fetch that failed: payload is a call's
	// result, or a Failure where st is not ok. It may keep payload.
	Done(st abi.Status, payload []byte)
}

// Event is what a mailbox holds.
type Event struct {
	Kind    abi.EventKind
	Message Message
	Reply   Reply  // nil: nobody waits
	Upgrade *Offer // the socket of a fetch that asks for one
	Bytes   int    // what it counts in the mailbox
	Caller  *Event // the event that waits for this one; nil: from outside

	id        uint64
	target    atomic.Pointer[Object] // whose mailbox has it
	started   bool
	done      bool
	answered  bool      // streamed: the head has left
	began     time.Time // on the host's clock
	entered   time.Time // in the machine's time
	calls     []*Event  // events this one waits for; the graph's lock
	at        *Object   // where a call is queued; the graph's lock
	cancelled bool
	hops      int                   // how often the request was forwarded
	forwarded atomic.Pointer[Event] // the one whose answer is this one's
}

func (e *Event) fail(st abi.Status, f abi.Failure) {
	if e.Reply != nil {
		e.Reply.Done(st, f.Append(nil))
	}
}

// number puts the event's id into its message.
func (e *Event) number(id uint64) {
	e.id = id
	switch m := e.Message.(type) {
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
	case *abi.SocketErrorEvent:
		m.Event = id
	case *abi.ScheduledEvent:
		m.Event = id
	}
}

// flag is the handler that a class needs for a kind of event.
func flag(k abi.EventKind) uint32 {
	switch k {
	case abi.EventFetch:
		return abi.HandlesFetch
	case abi.EventCall:
		return abi.HandlesCall
	case abi.EventAlarm:
		return abi.HandlesAlarm
	case abi.EventSocketOpen:
		return abi.HandlesSocketOpen
	case abi.EventSocketMessage:
		return abi.HandlesSocketMessage
	case abi.EventSocketClose:
		return abi.HandlesSocketClose
	case abi.EventSocketError:
		return abi.HandlesSocketError
	case abi.EventScheduled:
		return abi.HandlesScheduled
	}
	return 0
}

// Failure makes the payload of a failed event.
func failure(message string, flags uint8) abi.Failure {
	return abi.Failure{Message: message, Flags: flags}
}
