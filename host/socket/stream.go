package socket

import (
	"errors"
	"io"
	"net"
)

const (
	// streamReadBytes is the read buffer of a connection that the poller
	// cannot watch.
	streamReadBytes = 4 << 10
	// streamWriteBytes bounds what its writer puts together for one write.
	streamWriteBytes = 32 << 10
)

// stream is the link of any net.Conn. One goroutine reads for as long as the
// connection lives and has the socket's claim throughout; another writes while
// bytes wait.
type stream struct {
	k       *Socket
	c       net.Conn
	writing bool // the writing goroutine lives
	unheard int  // bytes written since anything was read
}

func newStream(k *Socket, c net.Conn) (link, func()) {
	l := &stream{k: k, c: c}
	if sized, ok := innermost(c).(interface{ SetWriteBuffer(int) error }); ok {
		_ = sized.SetWriteBuffer(k.srv.cfg.SendBufferBytes) // a closed connection says so at the next read
	}
	return l, func() { go l.readAll() }
}

// innermost is the connection below TLS.
func innermost(c net.Conn) net.Conn {
	if over, ok := c.(interface{ NetConn() net.Conn }); ok {
		return over.NetConn()
	}
	return c
}

// wroteLocked notes what the kernel has taken. More than its buffer holds means
// that the peer takes bytes, and is alive.
func (l *stream) wroteLocked(n int) {
	const buffers = 4 // the kernel doubles SO_SNDBUF, and rounds up
	if l.unheard += n; l.unheard > buffers*l.k.srv.cfg.SendBufferBytes {
		l.unheard, l.k.heard = 0, true
	}
}

// write takes nothing: a write of this connection may block, so it is left to
// the writing goroutine.
func (l *stream) write([]byte) (int, error) { return 0, nil }

func (l *stream) read([]byte) (int, error) { return 0, errors.ErrUnsupported }

func (l *stream) arm(_, write bool) error {
	if write && !l.writing {
		l.writing = true
		go l.writeAll()
	}
	return nil
}

// closeWrite and close may block where the connection is TLS.
func (l *stream) closeWrite() {
	if half, ok := l.c.(interface{ CloseWrite() error }); ok {
		go half.CloseWrite()
	}
}

func (l *stream) close() { go l.c.Close() }

// readAll reads until the connection ends.
func (l *stream) readAll() {
	k := l.k
	head := k.head
	k.head = nil
	k.input(head)
	buf := make([]byte, streamReadBytes)
	for {
		k.mu.Lock()
		done := k.state == stateDone
		if !done {
			k.messageDeadlineLocked()
		}
		k.mu.Unlock()
		if done {
			break
		}
		n, err := l.c.Read(buf)
		k.mu.Lock()
		if n > 0 {
			k.heard, l.unheard = true, 0
		}
		k.mu.Unlock()
		k.input(buf[:n])
		if err != nil {
			k.mu.Lock()
			k.goneLocked(endOf(err))
			k.mu.Unlock()
		}
	}
	k.end()
}

// endOf calls a connection that ended within a record, or was closed by us,
// ended.
func endOf(err error) error {
	if errors.Is(err, net.ErrClosed) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.ErrClosedPipe) {
		return io.EOF
	}
	return err
}

// writeAll writes what waits, several sends at once, until nothing does.
func (l *stream) writeAll() {
	k := l.k
	var buf []byte
	for {
		k.mu.Lock()
		buf = k.takeLocked(buf[:0])
		if len(buf) == 0 {
			l.writing = false
			k.flushedLocked()
			k.mu.Unlock()
			return
		}
		k.mu.Unlock()
		n, err := l.c.Write(buf)
		k.mu.Lock()
		k.srv.stats.bytesOut.Add(uint64(n))
		switch {
		case k.state == stateDone:
		case err != nil:
			k.goneLocked(endOf(err))
		default:
			l.wroteLocked(n)
			k.queuedLocked(-n)
		}
		k.mu.Unlock()
	}
}

// takeLocked moves up to streamWriteBytes of what waits into buf. They stay
// counted until they are written.
func (k *Socket) takeLocked(buf []byte) []byte {
	if k.state == stateDone {
		return nil
	}
	for len(k.out.items) > 0 && len(buf) < streamWriteBytes {
		p := &k.out.items[0]
		n := min(len(p.frames)-p.sent, streamWriteBytes-len(buf))
		buf = append(buf, p.frames[p.sent:p.sent+n]...)
		if p.sent += n; p.sent == len(p.frames) {
			k.out.items[0] = pending{}
			k.out.items = k.out.items[1:]
		}
	}
	return buf
}
