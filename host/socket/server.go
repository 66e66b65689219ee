package socket

import (
	"context"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// inbounds holds the parsers that sockets borrow while they receive.
var inbounds = sync.Pool{New: func() any { return new(inbound) }}

// lastID is the last socket id that was given out.
var lastID atomic.Uint64

// Server holds the sockets of one host, their workers and their limits. Its
// methods may be called from any goroutine.
type Server struct {
	cfg       Config
	stats     counters
	receiving atomic.Int64 // bytes of unfinished messages
	auto      atomic.Pointer[autoResponse]
	deflater  deflater
	run       *runQueue
	wheel     *wheel
	poll      *poller // nil where the system has none

	mu       sync.Mutex
	sockets  map[uint64]*Socket // attached and not ended
	empty    chan struct{}      // set by Shutdown and Close; closed when no socket is left
	farewell []byte             // the close frame for who comes while the server stops
}

// New starts a server of sockets. Close stops it.
func New(cfg Config) (*Server, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	s := &Server{cfg: cfg.withDefaults(), sockets: map[uint64]*Socket{}}
	s.run = newRunQueue(s.cfg.WorkersMax)
	var err error
	if s.poll, err = newPoller(s); err != nil {
		return nil, fmt.Errorf("socket: start polling: %w", err)
	}
	s.wheel = newWheel(s.cfg.PingEvery)
	return s, nil
}

// Offer makes a socket before its handshake. Send and Close queue, in order
// and within QueueBytesMax, until Attach. Every offered socket must end in
// Attach or Drop.
func (s *Server) Offer(ev Events) *Socket {
	return &Socket{id: lastID.Add(1), srv: s, events: ev, wheelAt: -1, messageBytesMax: int32(s.cfg.MessageBytesMax)}
}

// OfferClient makes a socket whose connection we have dialled: after the
// handshake our frames are masked, and the peer's must not be.
func (s *Server) OfferClient(ev Events) *Socket {
	k := s.Offer(ev)
	k.client = true
	return k
}

// Attach gives k the connection on which the 101 response has been written
// or read, and both c and buffered away: the bytes that the peer sent behind
// its part of the handshake and that have been read already. If k has been dropped, or the server
// is stopping, c is closed.
func (s *Server) Attach(k *Socket, c net.Conn, buffered []byte) {
	k.attach(c, buffered)
}

// Shutdown closes every socket, at most Config.DrainPerSecond in a second, and
// waits until all have ended. When ctx ends first, the rest are cut off; Closed
// has been called for each when it returns, and the error is ctx's.
func (s *Server) Shutdown(ctx context.Context, code int, reason string) error {
	s.mu.Lock()
	s.farewell = closeFrame(code, reason)
	s.mu.Unlock()
	empty := s.stop()
	s.drain(ctx, code, reason)
	var err error
	select {
	case <-empty:
	case <-ctx.Done():
		err = ctx.Err()
	}
	s.Close()
	return err
}

// Close cuts off every socket, waits for their Closed calls and stops the
// server's goroutines.
func (s *Server) Close() {
	empty := s.stop()
	for _, k := range s.all() {
		k.cut()
	}
	<-empty
	s.wheel.stop()
	s.poll.close()
	s.run.close()
}

// stop turns new sockets away and returns the channel that says when the last
// has ended.
func (s *Server) stop() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.empty == nil {
		s.empty = make(chan struct{})
		if len(s.sockets) == 0 {
			close(s.empty)
		}
	}
	return s.empty
}

// turnAway closes a connection whose handshake came to its end while the
// server stops: the peer hears why, as those before it did.
func (s *Server) turnAway(c net.Conn, client bool) {
	s.mu.Lock()
	frame := s.farewell
	s.mu.Unlock()
	if frame != nil && c.SetDeadline(time.Now().Add(s.cfg.CloseDeadline)) == nil {
		if client {
			frame = maskFrames(frame)
		}
		_, _ = c.Write(frame) // it is closed in any case
	}
	_ = c.Close()
}

// cut ends the socket without a handshake.
func (k *Socket) cut() {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.state != stateDone {
		k.finishLocked()
	}
}

func (s *Server) all() []*Socket {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]*Socket, 0, len(s.sockets))
	for _, k := range s.sockets {
		all = append(all, k)
	}
	return all
}

// add counts an attached socket; a stopping server refuses.
func (s *Server) add(k *Socket) bool {
	s.mu.Lock()
	if s.empty != nil {
		s.mu.Unlock()
		return false
	}
	s.sockets[k.id] = k
	s.mu.Unlock()
	s.stats.opened.Add(1)
	s.wheel.add(k)
	return true
}

func (s *Server) remove(k *Socket) {
	s.wheel.remove(k)
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.sockets, k.id)
	if s.empty != nil && len(s.sockets) == 0 {
		close(s.empty)
	}
}

func (s *Server) byID(id uint64) *Socket {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sockets[id]
}

// autoResponse gives sockets with the same pair the same memory.
func (s *Server) autoResponse(request, response string) *autoResponse {
	last := s.auto.Load()
	if last != nil && last.request == request && last.response == response {
		return last
	}
	auto := &autoResponse{request, response, Frame(false, []byte(response))}
	s.auto.Store(auto)
	return auto
}
