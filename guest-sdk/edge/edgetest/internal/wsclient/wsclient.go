// Package wsclient is a small WebSocket client for tests: one goroutine reads
// a connection into a queue. It owns RFC 6455's client side as far as a test
// needs it; it refuses compression and TLS.
package wsclient

import (
	"bufio"
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"
)

// Frame is a message, or the close.
type Frame struct {
	Binary bool
	Data   []byte
	Closed bool
	Code   int
	Reason string
}

// Conn is a client's end. One goroutine at a time may use it.
type Conn struct {
	Protocol string
	net      net.Conn
	frames   chan Frame
	pongs    chan string

	mu     sync.Mutex // of writes
	closed bool
}

// waitMax bounds a handshake, a frame that is expected, and a pong.
const waitMax = 20 * time.Second

// frameBytesMax bounds one message.
const frameBytesMax = 64 << 20

// The opcodes of RFC 6455.
const (
	opText   = 0x1
	opBinary = 0x2
	opClose  = 0x8
	opPing   = 0x9
	opPong   = 0xA
)

// Refused is Dial's error where the upgrade was answered otherwise.
type Refused struct {
	Response *http.Response
	Body     []byte
}

func (r *Refused) Error() string { return "the upgrade was answered " + r.Response.Status }

// Dial opens a WebSocket to a URL of scheme http.
func Dial(target string, header http.Header) (*Conn, error) {
	u, err := url.Parse(target)
	if err != nil {
		return nil, err
	}
	nc, err := net.DialTimeout("tcp", u.Host, waitMax)
	if err != nil {
		return nil, err
	}
	c, err := handshake(nc, u, header)
	if err != nil {
		return nil, errors.Join(err, nc.Close())
	}
	return c, nil
}

func handshake(nc net.Conn, u *url.URL, header http.Header) (*Conn, error) {
	var nonce [16]byte
	_, _ = rand.Read(nonce[:]) // never fails
	req := &http.Request{Method: "GET", URL: u, Host: u.Host, Header: header.Clone()}
	if h := header.Get("Host"); h != "" {
		req.Host = h
	}
	if req.Header == nil {
		req.Header = http.Header{}
	}
	req.Header.Set("Upgrade", "websocket")
	req.Header.Set("Connection", "Upgrade")
	req.Header.Set("Sec-WebSocket-Version", "13")
	req.Header.Set("Sec-WebSocket-Key", base64.StdEncoding.EncodeToString(nonce[:]))
	if err := errors.Join(nc.SetDeadline(time.Now().Add(waitMax)), req.Write(nc)); err != nil {
		return nil, err
	}
	br := bufio.NewReader(nc)
	resp, err := http.ReadResponse(br, req)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusSwitchingProtocols {
		body, err := io.ReadAll(resp.Body)
		return nil, errors.Join(&Refused{resp, body}, err)
	}
	if err := nc.SetDeadline(time.Time{}); err != nil {
		return nil, err
	}
	c := &Conn{Protocol: resp.Header.Get("Sec-WebSocket-Protocol"), net: nc, frames: make(chan Frame, 1<<16), pongs: make(chan string, 16)}
	go c.read(br)
	return c, nil
}

// read fills the queue until the connection ends.
func (c *Conn) read(br *bufio.Reader) {
	defer close(c.frames)
	defer c.net.Close()
	var message []byte
	kind := byte(0)
	for {
		fin, op, payload, err := readFrame(br)
		if err != nil {
			c.frames <- Frame{Closed: true, Code: 1006, Reason: err.Error()}
			return
		}
		switch op {
		case opClose:
			f := Frame{Closed: true, Code: 1005}
			if len(payload) >= 2 {
				f.Code, f.Reason = int(binary.BigEndian.Uint16(payload)), string(payload[2:])
			}
			_ = c.write(opClose, payload[:min(2, len(payload))]) // the peer may be gone
			c.frames <- f
			return
		case opPing:
			_ = c.write(opPong, payload) // a broken connection ends the next read
			continue
		case opPong:
			c.pongs <- string(payload)
			continue
		case opText, opBinary:
			kind, message = op, nil
		}
		message = append(message, payload...)
		if fin {
			c.frames <- Frame{Binary: kind == opBinary, Data: message}
		}
	}
}

func readFrame(br *bufio.Reader) (fin bool, op byte, payload []byte, err error) {
	var head [2]byte
	if _, err := io.ReadFull(br, head[:]); err != nil {
		return false, 0, nil, err
	}
	n := uint64(head[1] & 0x7f)
	var ext [8]byte
	switch n {
	case 126:
		_, err = io.ReadFull(br, ext[6:])
		n = binary.BigEndian.Uint64(ext[:])
	case 127:
		_, err = io.ReadFull(br, ext[:])
		n = binary.BigEndian.Uint64(ext[:])
	}
	if err != nil {
		return false, 0, nil, err
	}
	if n > frameBytesMax {
		return false, 0, nil, fmt.Errorf("a frame of %d bytes", n)
	}
	payload = make([]byte, n)
	_, err = io.ReadFull(br, payload)
	return head[0]&0x80 != 0, head[0] & 0x0f, payload, err
}

// write sends one masked frame.
func (c *Conn) write(op byte, payload []byte) error {
	b := []byte{0x80 | op}
	switch n := len(payload); {
	case n < 126:
		b = append(b, 0x80|byte(n))
	case n < 1<<16:
		b = binary.BigEndian.AppendUint16(append(b, 0x80|126), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, 0x80|127), uint64(n))
	}
	var mask [4]byte
	_, _ = rand.Read(mask[:]) // never fails
	b = append(b, mask[:]...)
	for i, x := range payload {
		b = append(b, x^mask[i&3])
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	_, err := c.net.Write(b)
	return err
}

// Send sends a message.
func (c *Conn) Send(binary bool, data []byte) error {
	if binary {
		return c.write(opBinary, data)
	}
	return c.write(opText, data)
}

// ErrNothing is Receive's where no frame comes in time.
var ErrNothing = errors.New("nothing came within " + waitMax.String())

// Receive waits for the next frame.
func (c *Conn) Receive() (Frame, error) {
	late := time.NewTimer(waitMax)
	defer late.Stop()
	select {
	case f, ok := <-c.frames:
		if !ok {
			return f, errors.New("the connection has ended")
		}
		return f, nil
	case <-late.C:
		return Frame{}, ErrNothing
	}
}

// Arrived is the next frame that the server sent before it answered a ping.
func (c *Conn) Arrived() (Frame, bool, error) {
	if err := c.ping(); err != nil && len(c.frames) == 0 {
		return Frame{}, false, err
	}
	select {
	case f, ok := <-c.frames:
		return f, ok, nil
	default:
		return Frame{}, false, nil
	}
}

func (c *Conn) ping() error {
	text := rand.Text()
	if err := c.write(opPing, []byte(text)); err != nil {
		return err
	}
	late := time.NewTimer(waitMax)
	defer late.Stop()
	for {
		select {
		case p := <-c.pongs:
			if p == text {
				return nil
			}
		case <-late.C:
			return errors.New("no pong came")
		}
	}
}

// Close sends a close frame and waits for the server's.
func (c *Conn) Close(code int, reason string) error {
	payload := append(binary.BigEndian.AppendUint16(nil, uint16(code)), reason...)
	if err := c.write(opClose, payload); err != nil {
		return err
	}
	late := time.NewTimer(waitMax)
	defer late.Stop()
	for {
		select {
		case f, ok := <-c.frames:
			if !ok || f.Closed {
				return c.Drop()
			}
		case <-late.C:
			return errors.Join(errors.New("no close frame came"), c.Drop())
		}
	}
}

// Drop ends the connection at once.
func (c *Conn) Drop() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil
	}
	c.closed = true
	if err := c.net.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}
