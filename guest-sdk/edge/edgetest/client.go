package edgetest

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/holdfast-run/holdfast/guest-sdk/edge"
	"github.com/holdfast-run/holdfast/guest-sdk/edge/edgetest/internal/backend"
)

// Client is the client's end of a WebSocket. Its methods belong to the test's
// goroutine.
type Client struct {
	w    *World
	c    backend.Conn
	what string
}

// Connect opens a WebSocket by the app's routes; an upgrade that is refused
// ends the test. Offer subprotocols with a "Sec-WebSocket-Protocol: a, b".
func (w *World) Connect(path string, headers ...string) *Client {
	w.t.Helper()
	c, refused := w.connect(backend.Target{}, path, headers)
	if refused != nil {
		w.t.Fatalf("connect %s: the upgrade was answered %d: %.300s", path, refused.Status, refused.Body)
	}
	return c
}

// Connect opens a WebSocket to the object, past the worker.
func (h *Handle) Connect(path string, headers ...string) *Client {
	h.w.t.Helper()
	c, refused := h.w.connect(h.to, path, headers)
	if refused != nil {
		h.w.t.Fatalf("connect %s: the upgrade was answered %d: %.300s", path, refused.Status, refused.Body)
	}
	return c
}

// Dialed is the server's end of the next WebSocket that a guest has opened to a
// host of OutboundSocket; it ends the test where there is none.
func (w *World) Dialed(host string) *Client {
	w.t.Helper()
	what := "dialed " + host
	c, err := w.b.Dialed(host)
	w.check(what, err)
	return &Client{w, c, what}
}

// Refused opens a WebSocket that has to be refused, and answers the response.
func (w *World) Refused(path string, headers ...string) *Response {
	w.t.Helper()
	_, refused := w.connect(backend.Target{}, path, headers)
	if refused == nil {
		w.t.Fatalf("connect %s: the upgrade was accepted", path)
	}
	return refused
}

func (w *World) connect(to backend.Target, path string, headers []string) (*Client, *Response) {
	w.t.Helper()
	what := fmt.Sprintf("socket %s of %s", path, to)
	r, err := request("GET", path, nil, headers)
	w.check(what, err)
	c, err := w.b.Connect(to, r)
	var no *backend.Refused
	if errors.As(err, &no) {
		return nil, responseOf(w.t, what, no.Response)
	}
	w.check(what, err)
	return &Client{w, c, what}, nil
}

// Protocol is the subprotocol that the server chose, or "".
func (c *Client) Protocol() string { return c.c.Protocol() }

// Send sends a text message: a string as it is, anything else as JSON.
func (c *Client) Send(v any) {
	c.w.t.Helper()
	b, ok := v.(string)
	if !ok {
		enc, err := json.Marshal(v)
		c.w.check(c.what, err)
		b = string(enc)
	}
	c.w.check(c.what+": send", c.c.Send(false, []byte(b)))
}

// SendBinary sends a binary message.
func (c *Client) SendBinary(b []byte) {
	c.w.t.Helper()
	c.w.check(c.what+": send", c.c.Send(true, b))
}

// frame is the next frame.
func (c *Client) frame() backend.Frame {
	c.w.t.Helper()
	f, err := c.c.Receive()
	c.w.check(c.what+": receive", err)
	return f
}

// Receive is the next message.
func (c *Client) Receive() edge.Message {
	c.w.t.Helper()
	f := c.frame()
	if f.Closed {
		c.w.t.Fatalf("%s: closed with %d %q, want a message", c.what, f.Code, f.Reason)
	}
	return edge.Message{Binary: f.Binary, Data: f.Data}
}

// Expect ends the test unless the next message is this text.
func (c *Client) Expect(text string) {
	c.w.t.Helper()
	if m := c.Receive(); m.Binary || string(m.Data) != text {
		c.w.t.Fatalf("%s: received %.300q (binary %v), want %q", c.what, m.Data, m.Binary, text)
	}
}

// JSON decodes the next message into v, a pointer.
func (c *Client) JSON(v any) {
	c.w.t.Helper()
	m := c.Receive()
	if err := json.Unmarshal(m.Data, v); err != nil {
		c.w.t.Fatalf("%s: received what is no such JSON: %v: %.300q", c.what, err, m.Data)
	}
}

// Quiet ends the test if anything has come that was not received.
func (c *Client) Quiet() {
	c.w.t.Helper()
	c.w.Settle()
	f, came, err := c.c.Arrived()
	c.w.check(c.what, err)
	switch {
	case came && f.Closed:
		c.w.t.Fatalf("%s: closed with %d %q, want nothing", c.what, f.Code, f.Reason)
	case came:
		c.w.t.Fatalf("%s: received %.300q, want nothing", c.what, f.Data)
	}
}

// ExpectClose ends the test unless the next thing is a close with this code;
// it answers the reason. Messages before it are an error.
func (c *Client) ExpectClose(code int) (reason string) {
	c.w.t.Helper()
	f := c.frame()
	if !f.Closed || f.Code != code {
		c.w.t.Fatalf("%s: received %.300q (close %v, code %d), want a close with %d", c.what, f.Data, f.Closed, f.Code, code)
	}
	return f.Reason
}

// Close ends the connection with a close frame.
func (c *Client) Close(code int, reason string) {
	c.w.t.Helper()
	c.w.check(c.what+": close", c.c.Close(code, reason))
}

// Drop ends the connection without a close frame, as a client that is gone.
func (c *Client) Drop() {
	c.w.t.Helper()
	c.w.check(c.what+": drop", c.c.Drop())
}
