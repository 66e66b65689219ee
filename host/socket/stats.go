package socket

import "sync/atomic"

// Stats is what a server has done so far. Sockets and QueuedBytes are as of
// now, the rest only grows.
type Stats struct {
	Sockets     int
	QueuedBytes int64 // wait for slow readers and for handshakes
	MessagesIn  uint64
	MessagesOut uint64 // frames given to Send
	BytesIn     uint64
	BytesOut    uint64
	SlowCloses  uint64 // sockets closed because their queue was full
	Pings       uint64
	Silent      uint64 // sockets given up because they answered no ping
}

type counters struct {
	queuedBytes                                atomic.Int64
	messagesIn, messagesOut, bytesIn, bytesOut atomic.Uint64
	slowCloses, pings, silent                  atomic.Uint64
}

// Stats reads the counters.
func (s *Server) Stats() Stats {
	s.mu.Lock()
	sockets := len(s.sockets)
	s.mu.Unlock()
	return Stats{
		Sockets:     sockets,
		QueuedBytes: s.stats.queuedBytes.Load(),
		MessagesIn:  s.stats.messagesIn.Load(),
		MessagesOut: s.stats.messagesOut.Load(),
		BytesIn:     s.stats.bytesIn.Load(),
		BytesOut:    s.stats.bytesOut.Load(),
		SlowCloses:  s.stats.slowCloses.Load(),
		Pings:       s.stats.pings.Load(),
		Silent:      s.stats.silent.Load(),
	}
}
