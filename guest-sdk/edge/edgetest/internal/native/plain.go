package native

import (
	"net/url"
	"slices"

	"github.com/holdfast-run/holdfast/guest-sdk/abi"
	"github.com/holdfast-run/holdfast/guest-sdk/edge/edgetest/internal/backend"
)

// acceptPlain takes an offered socket as the instance's own.
func (o *object) acceptPlain(k *socket, tags []string) error {
	if len(tags) > 0 {
		return refuse(abi.Invalid, "ws_accept: a socket without hibernation has no tags, and %d are given", len(tags))
	}
	k.owner, k.plain = o, true
	o.sockets.plains[k.id] = k
	o.undo(func() {
		k.owner, k.plain = nil, false
		delete(o.sockets.plains, k.id)
	})
	return nil
}

// put gives what came to the receive that waits, or keeps it.
func (k *socket) put(m abi.Received) error {
	if done := k.waiting; done != nil {
		k.waiting = nil
		done(abi.OK, m.Append(nil))
		return nil
	}
	if !m.Closed && len(k.received) >= mailboxEventsMax {
		return refuse(abi.Overloaded, "the instance receives too slowly")
	}
	k.received = append(k.received, m)
	return nil
}

func wsReceive(o *object, m *abi.SocketWaitRequest) (uint32, error) {
	k := o.sockets.plains[m.Socket]
	if k == nil {
		return 0, refuse(abi.NotFound, "ws_receive: socket %d is not one of this instance's own", m.Socket)
	}
	for _, op := range o.ops {
		if op.receives == k {
			return 0, refuse(abi.Invalid, "ws_receive: socket %d is waited for already", m.Socket)
		}
	}
	op, done, err := o.operate(nil)
	if err != nil {
		return 0, err
	}
	op.receives = k
	o.effects = append(o.effects, effect{release: func() {
		if o.ops[op.id] != op {
			return // given up
		}
		k.waiting = done
		if len(k.received) > 0 {
			m := k.received[0]
			k.received = k.received[1:]
			_ = k.put(m) // done takes it
		}
	}})
	return op.id, nil
}

// connect opens a WebSocket to a host that the test has named; its other end
// is the test's.
func connect(o *object, m *abi.ConnectRequest) (uint32, error) {
	op, done, err := o.operate(nil)
	if err != nil {
		return 0, err
	}
	o.effects = append(o.effects, effect{release: func() {
		if o.ops[op.id] != op {
			return // given up
		}
		answer, err := o.dial(m)
		if err != nil {
			done(describe(err))
			return
		}
		done(abi.OK, answer.Append(nil))
	}})
	return op.id, nil
}

func (o *object) dial(m *abi.ConnectRequest) (*abi.Connected, error) {
	u, err := url.Parse(m.URL)
	if err != nil || u.Host == "" || u.Scheme != "ws" && u.Scheme != "wss" {
		return nil, refuse(abi.Invalid, "ws_connect: %q is no absolute ws or wss URL", m.URL)
	}
	spoken, listed := o.w.cfg.Sockets[u.Host]
	if !listed {
		return nil, refuse(abi.Denied, "ws_connect: host %q is not listed under holdfast.outbound", u.Host)
	}
	o.w.sockets++
	k := &socket{w: o.w, id: o.w.sockets, owner: o, opened: true, plain: true}
	for _, p := range m.Protocols {
		if k.protocol == "" && slices.Contains(spoken, p) {
			k.protocol = p
		}
	}
	o.sockets.plains[k.id] = k
	o.w.dialed[u.Host] = append(o.w.dialed[u.Host], k)
	return &abi.Connected{Socket: k.id, Protocol: k.protocol}, nil
}

// Dialed is the other end of a WebSocket that a guest has opened.
func (w *World) Dialed(host string) (c backend.Conn, err error) {
	err = w.do(func() error {
		if len(w.dialed[host]) == 0 {
			return backend.ErrNothing
		}
		c, w.dialed[host] = &conn{w.dialed[host][0]}, w.dialed[host][1:]
		return nil
	})
	return c, err
}

// ended notes what a completed receive has brought.
func (o *object) ended(op *operation, payload []byte) {
	var m abi.Received
	if k := op.receives; k != nil {
		if k.waiting = nil; m.Decode(payload) == nil && m.Closed {
			delete(o.sockets.plains, k.id)
		}
	}
}

// dropPlain closes the sockets of an instance that ends.
func (o *object) dropPlain() {
	for _, k := range sorted(o.sockets.plains) {
		delete(o.sockets.plains, k.id)
		k.waiting = nil
		k.closeByHost(1012, "the instance has ended")
	}
}

// wsFlush has nothing to wait for: a client of the test takes everything.
func wsFlush(o *object, m *abi.SocketWaitRequest) (uint32, error) {
	if _, err := o.either(m.Socket); err != nil {
		return 0, err
	}
	return o.start(func() (message, error) { return raw(nil), nil })
}
