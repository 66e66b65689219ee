package edge

import (
	"errors"
	"fmt"

	"github.com/holdfast-run/holdfast/guest-sdk/abi"
	"github.com/holdfast-run/holdfast/guest-sdk/edge/internal/bridge"
)

// Conn is a WebSocket of the instance's own, in a worker or an object: one
// accepted with Serve, or opened with Env.Connect. It does not hibernate: it
// ends with the instance, which is not evicted while it has one but makes way
// for a new version of the app. The peer sees 1012 then. Methods may be
// called from any goroutine of the guest; Receive from one at a time.
type Conn struct {
	ws       WebSocket
	protocol string
	header   Header
}

// CloseError is how a Conn ended: Code is the peer's, 1005 where it gave none,
// 1006 where it left without a close frame.
type CloseError struct {
	Code     int
	Reason   string
	WasClean bool
}

func (e *CloseError) Error() string {
	return fmt.Sprintf("websocket closed: %d %s", e.Code, e.Reason)
}

// Receive waits for the next message, which is the caller's. The last error is
// a *CloseError. What comes meanwhile waits, as much as may wait in a mailbox;
// beyond that the socket is closed with 1013.
func (c *Conn) Receive() (Message, error) {
	out, err := c.ws.in.await(bridge.WSReceive, &abi.SocketWaitRequest{Event: c.ws.in.current, Socket: c.ws.handle})
	if err != nil {
		return Message{}, err
	}
	var m abi.Received
	if err := m.DecodeShared(out); err != nil {
		return Message{}, err
	}
	if m.Closed {
		return Message{}, &CloseError{Code: int(m.Code), Reason: m.Reason, WasClean: m.WasClean}
	}
	return Message{Binary: m.Binary, Data: m.Data}, nil
}

// Send sends one message. In an object it leaves when what was written before
// is durable.
func (c *Conn) Send(m Message) error { return c.ws.Send(m) }

// Flush waits until what was sent before has left for the peer. See
// WebSocket.Flush.
func (c *Conn) Flush() error { return c.ws.Flush() }

// Close starts the close handshake after what was sent before; Receive then
// brings what still comes, and the end. Codes and reason as WebSocket.Close.
func (c *Conn) Close(code int, reason string) error { return c.ws.Close(code, reason) }

// Protocol is the subprotocol that the server chose for a Conn of Connect.
func (c *Conn) Protocol() string { return c.protocol }

// Header is the server's answer to Connect.
func (c *Conn) Header() Header { return c.header }

// Serve accepts an offered socket as the instance's own and runs fn beside the
// handler, which answers with Switch. When fn returns, the socket is closed:
// with 1000, or where fn fails with 1011, and its error is logged. The end of
// the connection is no failure.
func (w *WebSocket) Serve(fn func(*Conn) error) error {
	if err := w.in.post(bridge.WSAccept, &abi.AcceptRequest{Socket: w.handle}); err != nil {
		return err
	}
	c, in := &Conn{ws: *w}, w.in
	in.start(in.current, func() {
		err := fn(c)
		var end *CloseError
		code := 1000
		if err != nil && !errors.As(err, &end) {
			code = 1011
			in.logger.Error("socket failed", "error", err.Error())
		}
		_ = c.Close(code, "") // it may have ended
	})
	return nil
}

// Dialing is what Connect sends with its handshake.
type Dialing struct {
	Header    Header   // not the handshake's own headers
	Protocols []string // subprotocols, the best first
}

// Connect opens a WebSocket to a ws: or wss: URL whose host the app's
// configuration lists under holdfast.outbound. Whoever calls it receives until
// the end, or closes.
func (e *Env) Connect(url string, d Dialing) (*Conn, error) {
	out, err := e.in.await(bridge.WSConnect, &abi.ConnectRequest{Event: e.in.current, URL: url, Headers: d.Header, Protocols: d.Protocols})
	if err != nil {
		return nil, err
	}
	var m abi.Connected
	if err := m.DecodeShared(out); err != nil {
		return nil, err
	}
	return &Conn{ws: WebSocket{in: e.in, handle: m.Socket}, protocol: m.Protocol, header: m.Headers}, nil
}
