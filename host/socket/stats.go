package socket

import "sync/atomic"

// Ending is how a connection ended, for Stats.
type Ending int

// The endings.
const (
	EndedClean    Ending = iota // both close frames were exchanged
	EndedGone                   // the peer left without a close frame
	EndedSlow                   // its queue was full
	EndedSilent                 // it answered no ping
	EndedProtocol               // it broke RFC 6455 or a limit of Config
	EndedTimeout                // it did not answer our close frame in time
	EndedFailed                 // the system failed

	endings
)

// EndingNames are the endings by number, as metrics write them.
var EndingNames = [endings]string{"clean", "gone", "slow", "silent", "protocol", "timeout", "failed"}

// Stats is what a server has done so far. Sockets and QueuedBytes are as of
// now, the rest only grows.
type Stats struct {
	Sockets       int
	QueuedBytes   int64  // wait for slow readers and for handshakes
	Opened        uint64 // connections attached
	Ended         [endings]uint64
	MessagesIn    uint64
	MessagesOut   uint64 // frames given to Send
	AutoResponses uint64 // of MessagesIn, answered without Events
	BytesIn       uint64
	BytesOut      uint64
	SlowCloses    uint64 // sockets closed because their queue was full
	Pings         uint64
	Silent        uint64 // sockets given up because they answered no ping
}

type counters struct {
	queuedBytes                                atomic.Int64
	messagesIn, messagesOut, bytesIn, bytesOut atomic.Uint64
	slowCloses, pings, silent                  atomic.Uint64
	opened, autoResponses                      atomic.Uint64
	ended                                      [endings]atomic.Uint64
}

// Stats reads the counters.
func (s *Server) Stats() Stats {
	s.mu.Lock()
	sockets := len(s.sockets)
	s.mu.Unlock()
	stats := Stats{
		Sockets:       sockets,
		QueuedBytes:   s.stats.queuedBytes.Load(),
		Opened:        s.stats.opened.Load(),
		MessagesIn:    s.stats.messagesIn.Load(),
		MessagesOut:   s.stats.messagesOut.Load(),
		AutoResponses: s.stats.autoResponses.Load(),
		BytesIn:       s.stats.bytesIn.Load(),
		BytesOut:      s.stats.bytesOut.Load(),
		SlowCloses:    s.stats.slowCloses.Load(),
		Pings:         s.stats.pings.Load(),
		Silent:        s.stats.silent.Load(),
	}
	for i := range stats.Ended {
		stats.Ended[i] = s.stats.ended[i].Load()
	}
	return stats
}
