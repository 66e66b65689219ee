package object

import (
	"context"
	"sync"

	"github.com/holdfast-run/holdfast/guest-sdk/abi"
)

// plain is a socket of an instance's own: accepted without hibernation, or
// dialled. What comes waits here until the guest receives it, within the
// mailbox's limits; the socket ends with the instance.
type plain struct {
	member // its sock is set before the guest learns of it; closing is the loop's
	o      *Object

	mu      sync.Mutex
	queue   []abi.Received
	bytes   int
	waiting func(abi.Status, []byte) // completes the receive that waits; nil: none
	failure string                   // why the connection failed, for the end's reason
}

var _ SocketSink = (*plain)(nil)

// SocketOpened is the socket layer's; the instance knows already.
func (p *plain) SocketOpened(uint64) {}

// SocketMessage is the socket layer's. An error means that the instance
// receives too slowly.
func (p *plain) SocketMessage(_ uint64, binary bool, data []byte) error {
	return p.put(abi.Received{Binary: binary, Data: append([]byte(nil), data...)}, false)
}

// SocketFailed is the socket layer's; the end follows.
func (p *plain) SocketFailed(_ uint64, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.failure = err.Error()
}

// SocketClosed is the socket layer's last word.
func (p *plain) SocketClosed(_ uint64, code int, reason string, wasClean bool) {
	p.mu.Lock()
	if p.failure != "" {
		reason = p.failure
	}
	p.mu.Unlock()
	_ = p.put(abi.Received{Closed: true, Code: uint32(code), Reason: reason, WasClean: wasClean}, true) // always fits
}

// put gives a message to the receive that waits, or queues it.
func (p *plain) put(m abi.Received, force bool) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if done := p.waiting; done != nil {
		p.waiting = nil
		done(abi.OK, m.Append(nil))
		return nil
	}
	l := &p.o.class.Limits
	eventsMax, bytesMax := l.plainQueue()
	if !force && len(p.queue) > 0 && (len(p.queue) >= eventsMax || p.bytes+len(m.Data) > bytesMax) {
		return refusal(abi.Overloaded, "the instance receives too slowly")
	}
	p.queue = append(p.queue, m)
	p.bytes += len(m.Data)
	return nil
}

// plainQueue is how much may wait on one socket of an instance's own: what may
// wait in a mailbox.
func (l *Limits) plainQueue() (events, bytes int) {
	events, bytes = l.MailboxEventsMax, l.MailboxBytesMax
	if events == 0 {
		events = plainEventsMax
	}
	if bytes == 0 {
		bytes = plainBytesMax
	}
	return events, bytes
}

// The defaults of plainQueue.
const (
	plainEventsMax = 1024
	plainBytesMax  = 64 << 20
)

// take completes a receive with what waits, or lets it wait.
func (p *plain) take(op *operation, done func(abi.Status, []byte)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if op.given {
		return
	}
	if len(p.queue) == 0 {
		p.waiting = done
		return
	}
	m := p.queue[0]
	p.queue[0] = abi.Received{}
	if p.queue = p.queue[1:]; len(p.queue) == 0 {
		p.queue = nil
	}
	p.bytes -= len(m.Data)
	done(abi.OK, m.Append(nil))
}

// join makes p the instance's.
func (o *Object) join(p *plain) {
	if o.plains == nil {
		o.plains = map[uint64]*plain{}
	}
	o.plains[p.sock.ID()] = p
}

// acceptPlain takes an offered socket as the instance's own.
func (o *Object) acceptPlain(offer *Offer, tags []string) error {
	if len(tags) > 0 {
		return refusal(abi.Invalid, "ws_accept: a socket without hibernation has no tags, and %d are given", len(tags))
	}
	if err := o.plainRoom(); err != nil {
		return err
	}
	p := &plain{o: o, member: member{sock: offer.Socket}}
	offer.Accepted = true
	o.join(p)
	p.sock.Bind(p)
	o.undo(func() {
		delete(o.plains, p.sock.ID())
		p.sock.Drop()
	})
	return nil
}

// plainRoom refuses a socket beyond SocketsMax.
func (o *Object) plainRoom() error {
	if len(o.plains) >= o.class.Limits.SocketsMax {
		return refusal(abi.TooLarge, "the instance has %d sockets, the most it may have", o.class.Limits.SocketsMax)
	}
	return nil
}

// Receive begins the wait for what comes on a socket of the instance's own.
// It has no time limit: a connection may be silent.
func (o *Object) Receive(id uint64) (uint32, error) {
	p := o.plains[id]
	if p == nil {
		return 0, refusal(abi.NotFound, "ws_receive: socket %d is not one of this instance's own", id)
	}
	for _, op := range o.ops {
		if op.receives == p {
			return 0, refusal(abi.Invalid, "ws_receive: socket %d is waited for already", id)
		}
	}
	op, done, err := o.operation(nil)
	if err != nil {
		return 0, err
	}
	op.receives = p
	op.cancel = func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		op.given, p.waiting = true, nil
	}
	o.effect(&funcEffect{
		release: func() { p.take(op, done) },
		drop:    func(err error) { done(abi.StorageFault, fail("the turn was lost: "+err.Error(), abi.FailureRetryable)) },
	})
	return op.id, nil
}

// Dial opens a connection whose events go to sink from its first byte. It
// blocks, and gives up when ctx ends.
type Dial func(ctx context.Context, sink SocketSink) (Socket, *abi.Connected, error)

// Connect begins the opening of a socket of the instance's own.
func (o *Object) Connect(dial Dial) (uint32, error) {
	if err := o.plainRoom(); err != nil {
		return 0, err
	}
	op, done, err := o.operation(nil)
	if err != nil {
		return 0, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), o.class.Limits.OpTimeout)
	op.cancel = cancel
	life := o.life
	open := func() {
		p := &plain{o: o}
		k, m, err := dial(ctx, p)
		if err != nil {
			st, f := describe(err)
			done(st, f.Append(nil))
			return
		}
		m.Socket, p.sock = k.ID(), k
		if !o.post(func() { o.connected(life, op, p, m) }) {
			k.Close(closeGoingAway, "the object has left memory")
		}
	}
	o.effect(&funcEffect{
		release: func() { go open() },
		drop:    func(err error) { done(abi.StorageFault, fail("the turn was lost: "+err.Error(), abi.FailureRetryable)) },
	})
	return op.id, nil
}

// connected gives the instance a socket that it has asked for, if it still
// waits.
func (o *Object) connected(life uint64, op *operation, p *plain, m *abi.Connected) {
	if o.life != life || o.ops[op.id] != op {
		p.sock.Close(closeGoingAway, "nobody waits for the connection any more")
		return
	}
	o.join(p)
	o.complete(life, op, abi.OK, m.Append(nil))
}

// Close codes that the runtime sends by itself.
const (
	closeGoingAway = 1001
	closeRestart   = 1012
)

// received notes what a completed receive has brought: behind the end the
// socket is not known any more.
func (o *Object) received(op *operation, payload []byte) {
	var m abi.Received
	if op.receives != nil && m.DecodeShared(payload) == nil && m.Closed {
		delete(o.plains, op.receives.sock.ID())
	}
}

// dropPlain closes the sockets of an instance that ends.
func (o *Object) dropPlain() {
	for _, p := range o.plains {
		p.sock.Bind(nobody{})
		p.sock.Close(closeRestart, "the instance has ended")
		p.sock.Drop() // where the handshake has not been done
	}
	o.plains = nil
}

// nobody hears a socket whose instance has ended.
type nobody struct{}

func (nobody) SocketOpened(uint64)                      {}
func (nobody) SocketMessage(uint64, bool, []byte) error { return nil }
func (nobody) SocketClosed(uint64, int, string, bool)   {}
func (nobody) SocketFailed(uint64, error)               {}

// sendPlain sends one message on a socket of the instance's own when the turn
// is durable.
func (o *Object) sendPlain(p *plain, frame []byte) error {
	if p.closing {
		return errClosed
	}
	o.effect(&sendEffect{o: o, to: &p.member, frame: frame})
	return nil
}

var errClosed = refusal(abi.Invalid, "ws_send: Can't call WebSocket send() after close().")

// closePlain starts the close handshake; the end is still received.
func (o *Object) closePlain(p *plain, code int, reason string) {
	if p.closing {
		return
	}
	p.closing = true
	o.undo(func() { p.closing = false })
	o.effect(&closeEffect{o: o, to: &p.member, code: code, reason: reason})
}

// Flush completes when what was sent on a socket before has left for its
// client. It begins when the turn is durable.
func (o *Object) Flush(id uint64) (uint32, error) {
	var to *member
	if p := o.plains[id]; p != nil {
		to = &p.member
	} else if m, err := o.sockets.member(id); err == nil {
		to = m
	} else {
		return 0, err
	}
	return o.Start(func(_ context.Context, done func(abi.Status, []byte)) {
		o.outbox.flush()
		to.sock.Flushed(func() { done(abi.OK, nil) })
	})
}

// resting reports that the instance does nothing by itself: it may have a timer
// armed, or wait for what the peers of its sockets say.
func (o *Object) resting() bool {
	for _, op := range o.ops {
		if op.receives == nil {
			return false
		}
	}
	return !o.asking && len(o.events) == 0 && o.background == 0 && !o.constructing && o.waiting == nil && o.blocks == 0
}
