package object

import "github.com/holdfast-run/holdfast/guest-sdk/abi"

var _ SocketSink = (*Object)(nil)

// SocketOpened is the socket layer's: the handshake is done.
func (o *Object) SocketOpened(id uint64) {
	if o.class.Current.Load().Handlers&abi.HandlesSocketOpen == 0 {
		return
	}
	_ = o.push(&Event{Kind: abi.EventSocketOpen, Message: &abi.SocketOpenEvent{Socket: id}}) // a full mailbox loses no message
}

// SocketMessage is the socket layer's: one whole message. An error means that
// the mailbox is full.
func (o *Object) SocketMessage(id uint64, binary bool, data []byte) error {
	return o.push(&Event{
		Kind: abi.EventSocketMessage, Bytes: len(data),
		Message: &abi.SocketMessageEvent{Socket: id, Binary: binary, Data: append([]byte(nil), data...)},
	})
}

// SocketClosed is the socket layer's last word on a socket.
func (o *Object) SocketClosed(id uint64, code int, reason string, wasClean bool) {
	e := &Event{Kind: abi.EventSocketClose, Message: &abi.SocketCloseEvent{Socket: id, Code: uint32(code), Reason: reason, WasClean: wasClean}}
	e.target.Store(o)
	o.mu.Lock()
	o.box.Force(e, 0)
	start := o.claim()
	o.mu.Unlock()
	if start {
		go o.run()
	}
}

// SocketFailed is the socket layer's: the connection failed; its close
// follows.
func (o *Object) SocketFailed(id uint64, err error) {
	if o.class.Current.Load().Handlers&abi.HandlesSocketError == 0 {
		return
	}
	_ = o.push(&Event{Kind: abi.EventSocketError, Message: &abi.SocketErrorEvent{Socket: id, Message: err.Error()}}) // its close is what counts
}

// closed takes a closed socket off the lists and reports whether it was one
// of the object's. Its handler may still ask for tags and attachment.
func (o *Object) closed(id uint64) bool {
	m := o.sockets.members[id]
	if m == nil {
		return false
	}
	if !m.closing {
		m.closing = true
		o.sockets.unlist(m)
	}
	return true
}

// forget drops what is known of a closed socket.
func (o *Object) forget(e *Event) {
	if m, ok := e.Message.(*abi.SocketCloseEvent); ok {
		delete(o.sockets.members, m.Socket)
		o.socketCount.Store(int64(len(o.sockets.members)))
	}
}

// Cancel says that nobody waits for e any more: it is dropped if it is still
// queued, else its handler is told, or that of the object it was forwarded to.
func (e *Event) Cancel() {
	if next := e.forwarded.Load(); next != nil {
		next.Cancel()
		return
	}
	o := e.target.Load()
	if o == nil {
		return
	}
	o.post(func() {
		e.cancelled = true
		if next := e.forwarded.Load(); next != nil {
			next.Cancel()
			return
		}
		if !e.started || e.done || !o.live || o.events[e.id] != e {
			return
		}
		m := abi.CancelledEvent{Event: e.id}
		o.turn(func(g Guest) error { return g.Event(abi.EventCancelled, m.Append(nil)) })
	})
}
