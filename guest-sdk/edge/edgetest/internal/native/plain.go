package native

import (
	"github.com/holdfast-run/holdfast/guest-sdk/abi"
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

// connect is not simulated: a test of it needs a host.
func connect(*object, *abi.ConnectRequest) (uint32, error) {
	return 0, refuse(abi.Unsupported, "ws_connect: a native world opens no outbound WebSockets; test it on the compiled guest")
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
