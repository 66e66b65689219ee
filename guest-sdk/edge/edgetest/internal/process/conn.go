package process

import (
	"errors"

	"github.com/holdfast-run/holdfast/guest-sdk/edge/edgetest/internal/backend"
	"github.com/holdfast-run/holdfast/guest-sdk/edge/edgetest/internal/wsclient"
)

// conn is backend.Conn over a connection.
type conn struct{ c *wsclient.Conn }

// Dialed is not for a real host: its guests reach real servers.
func (w *World) Dialed(string) (backend.Conn, error) {
	return nil, backend.Unsupported("a guest's own WebSockets lead to real servers")
}

var _ backend.Conn = (*conn)(nil)

// Protocol is the subprotocol that the server chose.
func (c *conn) Protocol() string { return c.c.Protocol }

// Send sends a message.
func (c *conn) Send(binary bool, data []byte) error { return c.c.Send(binary, data) }

// Receive waits for the next frame.
func (c *conn) Receive() (backend.Frame, error) {
	f, err := c.c.Receive()
	if errors.Is(err, wsclient.ErrNothing) {
		err = backend.ErrNothing
	}
	return backend.Frame(f), err
}

// Arrived is the next frame that has been sent.
func (c *conn) Arrived() (backend.Frame, bool, error) {
	f, ok, err := c.c.Arrived()
	return backend.Frame(f), ok, err
}

// Close ends the connection with a close frame.
func (c *conn) Close(code int, reason string) error { return c.c.Close(code, reason) }

// Drop ends it without one.
func (c *conn) Drop() error { return c.c.Drop() }
