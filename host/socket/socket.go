package socket

import (
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// Events is what the owner of a socket hears. The layer's workers call it,
// one call at a time for a socket and in order, with no lock held; a call that
// blocks holds up a worker, so it should queue and return.
type Events interface {
	// Message brings one whole message. data is borrowed until the call
	// returns. An error means that the message cannot be taken (overloaded):
	// the socket is closed with 1013.
	Message(s *Socket, binary bool, data []byte) error
	// Closed comes exactly once and last. code is the peer's; CodeAbnormal
	// where no close frame came, CodeNoStatus where it had no code. wasClean
	// says that both sides' close frames were exchanged.
	Closed(s *Socket, code int, reason string, wasClean bool)
	// Failed comes before Closed where the connection ended by an error: a
	// *ProtocolError, ErrNoAnswer or an error of the system. A peer that
	// merely went away is no error.
	Failed(s *Socket, err error)
}

// reasonGone is the reason that Closed gets with CodeAbnormal.
const reasonGone = "WebSocket disconnected without sending Close frame."

type state uint8

const (
	stateOpen    state = iota // Send is possible; without a link everything queues
	stateClosing              // our close frame is queued or sent; nothing follows it
	stateDone                 // the connection is gone; Closed is due or has come
)

// link is a socket's connection. All methods are called under Socket.mu and
// do not block.
type link interface {
	// write takes what it can of p; fewer bytes mean that the socket shall
	// queue the rest and call arm.
	write(p []byte) (int, error)
	// read reads what is there; 0 and no error: nothing. Only for a link
	// whose socket is served by workers. io.EOF: the peer has ended.
	read(p []byte) (int, error)
	// arm asks to be told once when reading or writing is possible.
	arm(read, write bool) error
	closeWrite()
	close()
}

// Socket is one WebSocket, offered before its handshake and attached to a
// connection after it. Its methods may be called from any goroutine and never
// block.
type Socket struct {
	id  uint64
	srv *Server

	autoAtMs atomic.Int64

	mu     sync.Mutex
	events Events
	link   link // nil until attached
	out    outbound
	auto   *autoResponse
	timer  *time.Timer

	timerTurn uint32 // of the deadline that counts

	state     state
	serving   bool // a goroutine has the claim: it reads, calls Events and owns in
	failing   bool // the rest of the input is thrown away
	peerDone  bool // the peer's close frame has come
	heard     bool // bytes have come since the last look of the wheel
	pinged    bool // and a ping has been sent since
	timing    bool // timer is a message deadline
	clean     bool
	ended     bool // Closed has been called
	slow      bool // closed because its queue was full
	deflate   bool // the handshake has agreed on compression
	client    bool // our end dialled: we mask, the peer does not
	expired   bool // our close frame was not answered in time
	attached  bool // the server counts it
	wheelSlot uint8
	wheelAt   int32 // place in the slot; -1: none

	messageBytesMax int32 // of a received message

	code    uint16 // the peer's, with peerDone
	reason  string
	failure error

	flushed func() // told once nothing waits any more

	in   *inbound // nil between messages; owned by the claim
	head []byte   // bytes that came with the handshake; owned by the claim
	next *Socket  // run queue
}

type autoResponse struct {
	request  string
	response string
	frame    []byte
}

// ID is unique in the process and never 0.
func (k *Socket) ID() uint64 { return k.id }

// SetEvents replaces who hears the socket, from the next event on. With nil
// messages are thrown away.
func (k *Socket) SetEvents(ev Events) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.events = ev
}

// LimitMessages sets how long a received message may be, where that is less
// than Config.MessageBytesMax; a longer one closes the socket with 1009. It
// comes before Attach.
func (k *Socket) LimitMessages(bytesMax int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.messageBytesMax = int32(min(bytesMax, k.srv.cfg.MessageBytesMax))
}

// Drop gives up a socket that will not be attached. Where Events are set they
// hear Closed with CodeAbnormal. It does nothing to an attached socket.
func (k *Socket) Drop() {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.link == nil && k.state != stateDone {
		k.finishLocked()
	}
}

// Send sends one or several whole encoded frames with one write. It keeps
// frames, which must never change again. What the kernel does not take at once
// is queued; a queue beyond its limit closes the socket with 1013. After Close
// it does nothing.
func (k *Socket) Send(frames []byte) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.state != stateOpen || len(frames) == 0 {
		return
	}
	k.srv.stats.messagesOut.Add(uint64(frameCount(frames)))
	k.sendLocked(frames)
}

// Flushed calls fn once, on any goroutine, as soon as the kernel has taken what
// was sent before, or the socket has ended.
func (k *Socket) Flushed(fn func()) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.state == stateDone || k.link != nil && k.out.bytes == 0 {
		go fn()
		return
	}
	if before := k.flushed; before != nil {
		k.flushed = func() {
			before()
			fn()
		}
		return
	}
	k.flushed = fn
}

// tellFlushedLocked ends the wait of Flushed.
func (k *Socket) tellFlushedLocked() {
	if k.flushed != nil {
		go k.flushed()
		k.flushed = nil
	}
}

// Close sends a close frame after what was sent before, and nothing after it.
// Closed comes with the peer's answer or after Config.CloseDeadline. A code
// that must not travel (such as CodeNoStatus) sends a frame without one.
func (k *Socket) Close(code int, reason string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.closeLocked(code, reason)
}

// SetAutoResponse makes the layer answer the text message request by response
// itself; Events do not hear it. Off, or with either text longer than
// AutoResponseBytesMax, nothing is answered.
func (k *Socket) SetAutoResponse(on bool, request, response string) {
	var auto *autoResponse
	if on && len(request) <= AutoResponseBytesMax && len(response) <= AutoResponseBytesMax {
		auto = k.srv.autoResponse(request, response)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.auto = auto
}

// AutoResponseAtMs is when the last auto-response was sent, in ms since 1970;
// 0: never.
func (k *Socket) AutoResponseAtMs() int64 { return k.autoAtMs.Load() }

// attach gives the socket its connection and lets workers begin.
func (k *Socket) attach(c net.Conn, buffered []byte) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.state == stateDone || k.link != nil {
		go c.Close() // closing TLS may block
		return
	}
	if k.attached = k.srv.add(k); !k.attached {
		go k.srv.turnAway(c, k.client)
		k.finishLocked()
		return
	}
	l, serve, err := k.srv.newLink(k, c)
	if err != nil {
		k.failure = err
		k.finishLocked()
		return
	}
	k.link, k.head, k.serving = l, buffered, true
	k.flushLocked()
	if k.state == stateClosing {
		k.deadlineLocked(k.srv.cfg.CloseDeadline, (*Socket).closeExpired)
	}
	serve()
}
