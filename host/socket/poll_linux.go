package socket

import (
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// poller is the epoll set of all idle sockets. Its own descriptor sits in the
// runtime's poller, so that no thread waits for it.
type poller struct {
	srv  *Server
	fd   int
	file *os.File // owns fd
	done chan struct{}
}

func newPoller(s *Server) (*poller, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, err
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		unix.Close(fd)
		return nil, err
	}
	p := &poller{srv: s, fd: fd, file: os.NewFile(uintptr(fd), "epoll"), done: make(chan struct{})}
	conn, err := p.file.SyscallConn()
	if err != nil {
		p.file.Close()
		return nil, err
	}
	go p.run(conn)
	return p, nil
}

func (p *poller) close() {
	if p == nil {
		return
	}
	p.file.Close()
	<-p.done
}

// run hands sockets on which something happened to workers, until close.
func (p *poller) run(conn syscall.RawConn) {
	defer close(p.done)
	events, n := make([]unix.EpollEvent, 128), 0
	wait := func(fd uintptr) bool {
		n, _ = unix.EpollWait(int(fd), events, 0)
		return n > 0
	}
	for conn.Read(wait) == nil {
		for i := range events[:n] {
			if k := p.srv.byID(eventID(&events[i])); k != nil {
				k.ready()
			}
		}
	}
}

// ready is told that the descriptor can be read or written; it is disarmed.
func (k *Socket) ready() {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.state == stateDone {
		return
	}
	if k.serving { // it was armed for writing only
		k.flushLocked()
		return
	}
	k.serving = true
	k.srv.run.push(k)
}

// eventID and setEventID use an event's 64 bits of user data, Fd and Pad, for
// a socket's id: a descriptor's number may belong to another socket by now.
func eventID(ev *unix.EpollEvent) uint64 {
	return uint64(uint32(ev.Fd)) | uint64(uint32(ev.Pad))<<32
}

func setEventID(ev *unix.EpollEvent, id uint64) {
	ev.Fd, ev.Pad = int32(uint32(id)), int32(uint32(id>>32))
}

// descriptor is the link of a plain connection: a descriptor of our own, which
// the runtime's poller does not know.
type descriptor struct {
	epoll int
	id    uint64
	fd    int
}

// newLink takes c's descriptor over where c is a plain connection. serve
// starts the reading.
func (s *Server) newLink(k *Socket, c net.Conn) (l link, serve func(), err error) {
	plain, ok := c.(syscall.Conn)
	if !ok {
		l, serve = newStream(k, c)
		return l, serve, nil
	}
	d, err := s.poll.adopt(k.id, plain)
	c.Close()
	if err != nil {
		return nil, nil, fmt.Errorf("adopt descriptor: %w", err)
	}
	if err := unix.SetsockoptInt(d.fd, unix.SOL_SOCKET, unix.SO_SNDBUF, s.cfg.SendBufferBytes); err != nil {
		d.close()
		return nil, nil, fmt.Errorf("set SO_SNDBUF: %w", err)
	}
	return d, func() { s.run.push(k) }, nil
}

// adopt duplicates the descriptor and puts it, disarmed, into the set.
func (p *poller) adopt(id uint64, c syscall.Conn) (*descriptor, error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return nil, err
	}
	d := &descriptor{epoll: p.fd, id: id}
	controlErr := raw.Control(func(fd uintptr) {
		d.fd, err = unix.FcntlInt(fd, unix.F_DUPFD_CLOEXEC, 0)
	})
	if controlErr != nil {
		return nil, controlErr
	}
	if err != nil {
		return nil, err
	}
	if err := d.control(unix.EPOLL_CTL_ADD, 0); err != nil {
		unix.Close(d.fd)
		return nil, err
	}
	return d, nil
}

func (d *descriptor) control(op int, events uint32) error {
	ev := unix.EpollEvent{Events: events | unix.EPOLLONESHOT}
	setEventID(&ev, d.id)
	return unix.EpollCtl(d.epoll, op, d.fd, &ev)
}

func (d *descriptor) arm(read, write bool) error {
	var events uint32
	if read {
		events |= unix.EPOLLIN | unix.EPOLLRDHUP
	}
	if write {
		events |= unix.EPOLLOUT
	}
	if events == 0 {
		return nil
	}
	return d.control(unix.EPOLL_CTL_MOD, events)
}

// write and read are raw system calls: with MSG_DONTWAIT they cannot block, so
// the scheduler need not be told.
func (d *descriptor) write(p []byte) (int, error) {
	return transfer(unix.SYS_SENDTO, d.fd, p, unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL)
}

func (d *descriptor) read(p []byte) (int, error) {
	n, err := transfer(unix.SYS_RECVFROM, d.fd, p, unix.MSG_DONTWAIT)
	if n == 0 && err == nil {
		return 0, io.EOF
	}
	return max(n, 0), err
}

// transfer moves bytes without blocking. Nothing moved: 0 from SENDTO, -1 from
// RECVFROM, whose 0 means the end.
func transfer(trap uintptr, fd int, p []byte, flags uintptr) (int, error) {
	for {
		n, _, errno := syscall.RawSyscall6(trap, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)), flags, 0, 0)
		switch errno {
		case 0:
			return int(n), nil
		case syscall.EINTR:
		case syscall.EAGAIN:
			if trap == unix.SYS_RECVFROM {
				return -1, nil
			}
			return 0, nil
		default:
			return 0, errno
		}
	}
}

func (d *descriptor) closeWrite() { unix.Shutdown(d.fd, unix.SHUT_WR) }

func (d *descriptor) close() { unix.Close(d.fd) }
