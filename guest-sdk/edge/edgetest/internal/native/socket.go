package native

import (
	"errors"

	"github.com/holdfast-run/holdfast/guest-sdk/abi"
	"github.com/holdfast-run/holdfast/guest-sdk/edge/edgetest/internal/backend"
)

// socket is a connection between a client of the test and the object that has
// accepted it. It outlasts instances.
type socket struct {
	w          *World
	id         uint64
	owner      *object // nil: nobody has accepted it
	opened     bool    // the handshake is done
	closing    bool    // the object has closed it, or it is closed
	ended      bool    // nothing more is delivered
	plain      bool    // the instance's own: what comes is received
	received   []abi.Received
	waiting    func(abi.Status, []byte) // completes the receive that waits
	tags       []string
	attachment []byte
	autoAt     int64 // ms
	protocol   string
	early      []backend.Frame // sent before the handshake was done
	frames     []backend.Frame // that the client has not taken
}

func (k *socket) accepted() bool { return k.owner != nil }

// open ends the handshake.
func (k *socket) open() {
	k.opened = true
	k.frames = append(k.frames, k.early...)
	k.early = nil
	if !k.plain && k.owner.class.Handlers&abi.HandlesSocketOpen != 0 {
		_ = k.owner.push(&event{kind: abi.EventSocketOpen, message: &abi.SocketOpenEvent{Socket: k.id}}) // a full mailbox loses no message
	}
}

func (k *socket) frame(f backend.Frame) {
	if k.opened {
		k.frames = append(k.frames, f)
	} else {
		k.early = append(k.early, f)
	}
}

// deliver gives the client a message.
func (k *socket) deliver(binary bool, data []byte) {
	if !k.ended {
		k.frame(backend.Frame{Binary: binary, Data: append([]byte(nil), data...)})
	}
}

// closeByHost sends a close frame, which the client answers at once.
func (k *socket) closeByHost(code int, reason string) {
	if !k.ended {
		k.ended = true
		k.frame(backend.Frame{Closed: true, Code: code, Reason: reason})
		k.tellClosed(code, "", true)
	}
}

// tellClosed is the socket's last event; a full mailbox does not refuse it.
func (k *socket) tellClosed(code int, reason string, clean bool) {
	o := k.owner
	if k.plain {
		_ = k.put(abi.Received{Closed: true, Code: uint32(code), Reason: reason, WasClean: clean}) // the end always fits
		return
	}
	e := &event{kind: abi.EventSocketClose, target: o, message: &abi.SocketCloseEvent{
		Socket: k.id, Code: uint32(code), Reason: reason, WasClean: clean,
	}}
	o.box = append(o.box, e)
	o.rouse()
}

// take is a message of the client.
func (k *socket) take(binary bool, data []byte) error {
	if k.ended {
		return errors.New("the socket is closed")
	}
	o := k.owner
	if a := o.sockets.auto; a.On && !k.plain && !binary && string(data) == a.Request {
		k.autoAt = k.w.nowMs()
		k.deliver(false, []byte(a.Response))
		return nil
	}
	if len(data) > abi.SocketMessageMax {
		k.closeByHost(1009, "message is too big")
		return nil
	}
	if k.plain {
		if err := k.put(abi.Received{Binary: binary, Data: data}); err != nil {
			k.closeByHost(1013, "overloaded")
		}
		return nil
	}
	err := o.push(&event{kind: abi.EventSocketMessage, message: &abi.SocketMessageEvent{Socket: k.id, Binary: binary, Data: data}})
	if err != nil {
		k.closeByHost(1013, "overloaded")
	}
	return nil
}

// leave ends the connection from the client's side.
func (k *socket) leave(code int, reason string, clean bool) error {
	if k.ended {
		return nil
	}
	k.ended = true
	k.tellClosed(code, reason, clean)
	return nil
}

// conn is backend.Conn of a socket.
type conn struct{ k *socket }

var _ backend.Conn = (*conn)(nil)

// Protocol is the subprotocol that the object chose.
func (c *conn) Protocol() string { return c.k.protocol }

// Send is a message to the object.
func (c *conn) Send(binary bool, data []byte) error {
	data = append([]byte(nil), data...)
	return c.k.w.do(func() error { return c.k.take(binary, data) })
}

// Receive is the next frame.
func (c *conn) Receive() (backend.Frame, error) {
	f, ok, err := c.Arrived()
	if err == nil && !ok {
		err = backend.ErrNothing
	}
	return f, err
}

// Arrived is the next frame, if there is one.
func (c *conn) Arrived() (f backend.Frame, ok bool, err error) {
	err = c.k.w.do(func() error {
		if ok = len(c.k.frames) > 0; ok {
			f, c.k.frames = c.k.frames[0], c.k.frames[1:]
		}
		return nil
	})
	return f, ok, err
}

// Close ends the connection with a close frame.
func (c *conn) Close(code int, reason string) error {
	return c.k.w.do(func() error { return c.k.leave(code, reason, true) })
}

// Drop ends it without one.
func (c *conn) Drop() error {
	return c.k.w.do(func() error { return c.k.leave(1006, "WebSocket disconnected without sending Close frame.", false) })
}
