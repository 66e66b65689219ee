package socket

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"testing"
	"time"
)

// patience bounds every wait of a test; a test that meets it has failed.
const patience = 20 * time.Second

// links are the two kinds of connection that every behaviour must hold for.
var links = map[string]func(net.Conn) net.Conn{
	"descriptor": func(c net.Conn) net.Conn { return c },
	"stream":     func(c net.Conn) net.Conn { return plainConn{c} },
}

// plainConn hides everything but net.Conn, as a TLS connection does.
type plainConn struct{ net.Conn }

func (c plainConn) CloseWrite() error { return c.Conn.(*net.TCPConn).CloseWrite() }

func eachLink(t *testing.T, test func(t *testing.T, wrap func(net.Conn) net.Conn)) {
	for name, wrap := range links {
		t.Run(name, func(t *testing.T) { test(t, wrap) })
	}
}

type message struct {
	binary bool
	text   string
}

type ending struct {
	code   int
	reason string
	clean  bool
	failed error
}

// recorder is Events that a test reads from.
type recorder struct {
	messages chan message
	ends     chan ending
	refuse   error
	failed   error // before ends
}

func newRecorder() *recorder {
	return &recorder{messages: make(chan message, 1<<16), ends: make(chan ending, 2)}
}

func (r *recorder) Message(_ *Socket, binary bool, data []byte) error {
	r.messages <- message{binary, string(data)}
	return r.refuse
}

func (r *recorder) Closed(_ *Socket, code int, reason string, clean bool) {
	r.ends <- ending{code, reason, clean, r.failed}
}

func (r *recorder) Failed(_ *Socket, err error) { r.failed = err }

func receive[T any](t *testing.T, from <-chan T, what string) T {
	t.Helper()
	select {
	case v := <-from:
		return v
	case <-time.After(patience):
		t.Fatalf("no %s within %v", what, patience)
		panic("unreachable")
	}
}

func startServer(t *testing.T, cfg Config) *Server {
	t.Helper()
	if cfg.PingEvery == 0 {
		cfg.PingEvery = -1
	}
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// tcpPair is the two ends of one loopback connection.
func tcpPair(t testing.TB) (server, client *net.TCPConn) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	dialled, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	accepted, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { dialled.Close() })
	dialled.SetDeadline(time.Now().Add(patience))
	return accepted.(*net.TCPConn), dialled.(*net.TCPConn)
}

// peer is the client's end, which speaks raw frames.
type peer struct {
	t testing.TB
	*net.TCPConn
	in *bufio.Reader
}

func newPeer(t testing.TB, c *net.TCPConn) *peer {
	return &peer{t: t, TCPConn: c, in: bufio.NewReader(c)}
}

func connect(t *testing.T, s *Server, wrap func(net.Conn) net.Conn) (*Socket, *peer, *recorder) {
	t.Helper()
	r := newRecorder()
	k := s.Offer(r)
	server, client := tcpPair(t)
	s.Attach(k, wrap(server), nil)
	return k, newPeer(t, client), r
}

func (p *peer) write(b []byte) {
	p.t.Helper()
	if _, err := p.Write(b); err != nil {
		p.t.Fatal(err)
	}
}

// frame reads one frame of the server's.
func (p *peer) frame() (op byte, payload []byte) {
	p.t.Helper()
	op, payload, err := p.tryFrame()
	if err != nil {
		p.t.Fatalf("read frame: %v", err)
	}
	return op, payload
}

func (p *peer) tryFrame() (op byte, payload []byte, err error) {
	var head [10]byte
	if _, err := io.ReadFull(p.in, head[:2]); err != nil {
		return 0, nil, err
	}
	if head[0]&(bitFin|bitsRsv) != bitFin || head[1]&bitMask != 0 {
		return 0, nil, errors.New("not a whole unmasked frame")
	}
	n := uint64(head[1])
	switch n {
	case 126:
		_, err = io.ReadFull(p.in, head[2:4])
		n = uint64(binary.BigEndian.Uint16(head[2:]))
	case 127:
		_, err = io.ReadFull(p.in, head[2:10])
		n = binary.BigEndian.Uint64(head[2:])
	}
	if err != nil {
		return 0, nil, err
	}
	payload = make([]byte, n)
	_, err = io.ReadFull(p.in, payload)
	return head[0] & 0xf, payload, err
}

func (p *peer) wantFrame(op byte, payload string) {
	p.t.Helper()
	gotOp, got := p.frame()
	if gotOp != op || string(got) != payload {
		p.t.Fatalf("frame is %x %.80q, want %x %.80q", gotOp, got, op, payload)
	}
}

func (p *peer) wantClose(code int) {
	p.t.Helper()
	op, payload := p.frame()
	if op != opClose {
		p.t.Fatalf("frame is %x %.80q, want a close frame", op, payload)
	}
	if got, _ := closeCode(payload); got != code {
		p.t.Fatalf("close code is %d, want %d", got, code)
	}
}

func (p *peer) wantEnd() {
	p.t.Helper()
	if n, err := p.in.Read(make([]byte, 1)); n != 0 || err == nil {
		p.t.Fatalf("read %d bytes, %v; want the end", n, err)
	}
}

// masked encodes one frame as a client does.
func masked(first byte, payload string) []byte {
	mask := [4]byte{0x37, 0xfa, 0x21, 0x3d}
	b := appendFrame(nil, 0, []byte(payload))
	head := headerBytes(len(payload))
	b[0], b[1] = first, b[1]|bitMask
	b = append(b[:head:head], append(mask[:], b[head:]...)...)
	unmask(b[head+4:], mask, 0)
	return b
}

func text(payload string) []byte { return masked(bitFin|opText, payload) }

func closing(code int, reason string) []byte {
	return masked(bitFin|opClose, string(closeFrame(code, reason)[2:]))
}
