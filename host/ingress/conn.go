package ingress

import (
	"io"
	"net"
	"net/netip"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/holdfast-run/holdfast/host/socket"
)

const (
	// lingerTimeout and lingerBytesMax bound how long a connection that is
	// closed with unread input is read on, so that the answer arrives before
	// the reset that unread input causes.
	lingerTimeout  = time.Second
	lingerBytesMax = 4 << 20
)

// conn is a connection while it speaks HTTP.
type conn struct {
	net.Conn // the TCP connection, or TLS over it
	srv      *Server
	raw      syscall.RawConn // of the TCP connection; nil: unknown
	peer     netip.AddrPort
	addr     string // peer as text
	secure   bool

	wake   chan struct{}                 // tells the connection's goroutine to look at its exchange
	gone   atomic.Bool                   // closed or handed on
	linger atomic.Bool                   // input is left unread
	socket atomic.Pointer[socket.Socket] // offered, neither attached nor dropped
	ended  bool                          // Read answers io.EOF; set by the goroutine that hands on
	spoke  bool                          // something was read; of the connection's goroutine

	bodyLeft   int64 // bytes that the body may still take on the wire, while one is received
	bodyBounds bool
}

func newConn(s *Server, c net.Conn, secure bool) *conn {
	k := &conn{Conn: c, srv: s, secure: secure, wake: make(chan struct{}, 1), addr: c.RemoteAddr().String()}
	if tcp, ok := c.RemoteAddr().(*net.TCPAddr); ok {
		k.peer = tcp.AddrPort()
	}
	if plain, ok := innermost(c).(syscall.Conn); ok {
		if raw, err := plain.SyscallConn(); err == nil {
			k.raw = raw
		}
	}
	return k
}

// innermost is the connection below TLS.
func innermost(c net.Conn) net.Conn {
	if over, ok := c.(interface{ NetConn() net.Conn }); ok {
		return over.NetConn()
	}
	return c
}

func (c *conn) Read(p []byte) (int, error) {
	if c.ended {
		return 0, io.EOF
	}
	if c.bodyBounds && c.bodyLeft <= 0 {
		return 0, errBodyTooLarge
	}
	n, err := c.Conn.Read(p)
	c.spoke = c.spoke || n > 0
	if c.bodyBounds {
		c.bodyLeft -= int64(n)
	}
	return n, err
}

// Write gives up a client that takes nothing for Config.WriteTimeout.
func (c *conn) Write(p []byte) (int, error) {
	if err := c.SetWriteDeadline(time.Now().Add(c.srv.cfg.WriteTimeout)); err != nil {
		return 0, err
	}
	return c.Conn.Write(p)
}

// Close may be called by any goroutine and more than once. It leaves a
// connection that has been handed on alone.
func (c *conn) Close() error {
	if !c.release() {
		return nil
	}
	c.drop()
	if c.linger.Load() {
		go c.lingerClose()
		return nil
	}
	return c.Conn.Close()
}

// release ends what the server does with the connection; false: it had ended.
func (c *conn) release() bool {
	if !c.gone.CompareAndSwap(false, true) {
		return false
	}
	c.srv.forget(c)
	return true
}

// lingerClose says that nothing more is sent, throws input away for a while,
// and closes.
func (c *conn) lingerClose() {
	defer c.Conn.Close()
	half, ok := c.Conn.(interface{ CloseWrite() error })
	if !ok || half.CloseWrite() != nil {
		return
	}
	if c.Conn.SetReadDeadline(time.Now().Add(lingerTimeout)) == nil {
		io.CopyN(io.Discard, c.Conn, lingerBytesMax)
	}
}

// drop gives up a socket whose handshake did not happen.
func (c *conn) drop() {
	if k := c.socket.Swap(nil); k != nil {
		k.Drop()
	}
}
