package host

import (
	"net"
	"sync"

	"github.com/holdfast-run/holdfast/host/hostcall"
	"github.com/holdfast-run/holdfast/host/socket"
	"github.com/holdfast-run/holdfast/runtime/object"
)

// connection joins a socket of the socket layer and the object that has
// accepted it.
type connection struct {
	*socket.Socket

	mu     sync.Mutex
	sink   object.SocketSink
	missed func(object.SocketSink) // tells the end of a socket that had no sink
}

var _ object.Socket = (*connection)(nil)
var _ socket.Events = (*connection)(nil)

// newConnection makes the object's side of an offered socket.
func newConnection(k *socket.Socket, messageBytesMax int) *connection {
	c := &connection{Socket: k}
	if messageBytesMax > 0 {
		k.LimitMessages(messageBytesMax)
	}
	k.SetEvents(c)
	return c
}

// dialled makes sockets of the connections that one app's guests have opened.
type dialled struct {
	sockets         *socket.Server
	messageBytesMax int // 0: the socket layer's
}

var _ hostcall.Sockets = (*dialled)(nil)

// Attach is hostcall.Sockets'.
func (d *dialled) Attach(conn net.Conn, pipelined []byte, sink object.SocketSink) object.Socket {
	c := newConnection(d.sockets.OfferClient(nil), d.messageBytesMax)
	c.Bind(sink)
	d.sockets.Attach(c.Socket, conn, pipelined)
	return c
}

// Bind says who gets the socket's events. A socket that ended before tells its
// end now.
func (c *connection) Bind(s object.SocketSink) {
	c.mu.Lock()
	c.sink = s
	missed := c.missed
	c.missed = nil
	c.mu.Unlock()
	if missed != nil {
		missed(s)
	}
}

func (c *connection) bound() object.SocketSink {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.sink
}

// Message is the socket layer's.
func (c *connection) Message(k *socket.Socket, binary bool, data []byte) error {
	if s := c.bound(); s != nil {
		return s.SocketMessage(k.ID(), binary, data)
	}
	return nil
}

// Closed is the socket layer's.
func (c *connection) Closed(k *socket.Socket, code int, reason string, wasClean bool) {
	c.mu.Lock()
	s := c.sink
	if s == nil { // nobody has accepted it yet
		c.missed = func(s object.SocketSink) { s.SocketClosed(k.ID(), code, reason, wasClean) }
	}
	c.mu.Unlock()
	if s != nil {
		s.SocketClosed(k.ID(), code, reason, wasClean)
	}
}

// Failed is the socket layer's.
func (c *connection) Failed(k *socket.Socket, err error) {
	if s := c.bound(); s != nil {
		s.SocketFailed(k.ID(), err)
	}
}
