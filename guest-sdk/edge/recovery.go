package edge

import "iter"

// Recovery remembers the newest messages of a numbered stream, so that a
// client which comes back with the last number it saw gets what it missed. It
// is a cache in memory: what it does not have is read from storage, and a new
// instance begins with an empty one. Its methods belong to the object's code.
//
// Numbers rise by one. The epoch names a history: it is stored beside the
// stream and changes only where numbers could come to mean something else,
// such as after a restore.
type Recovery struct {
	epoch  string
	head   int64     // number of the newest message, remembered or not
	ring   []Message // the newest of the stream; the last one is head
	bytes  int       // of ring
	limits RecoveryLimits
}

// RecoveryLimits bound what a Recovery remembers; what is over them is
// forgotten, the oldest first. Zero fields mean 1,000 messages and 1 MiB.
type RecoveryLimits struct {
	MessagesMax int
	BytesMax    int
}

// Recovered says what a Recovery could do for a client.
type Recovered int

// The answers.
const (
	// RecoveredAll: the client gets everything that it missed, maybe nothing.
	RecoveredAll Recovered = iota
	// RecoveredGap: it missed more than is remembered; storage has the rest.
	RecoveredGap
	// RecoveredReset: it saw another history, or a number that does not exist
	// yet: it must begin anew.
	RecoveredReset
)

// NewRecovery remembers a stream from now on. head is the number of its newest
// message, 0 where it has none.
func NewRecovery(epoch string, head int64, limits RecoveryLimits) *Recovery {
	if limits.MessagesMax <= 0 {
		limits.MessagesMax = 1000
	}
	if limits.BytesMax <= 0 {
		limits.BytesMax = 1 << 20
	}
	return &Recovery{epoch: epoch, head: head, limits: limits}
}

// Epoch and Head are what a client has to know to come back.
func (r *Recovery) Epoch() string { return r.epoch }

// Head is the number of the newest message.
func (r *Recovery) Head() int64 { return r.head }

// Add remembers message number seq, and keeps m.Data. Where seq does not
// follow on the last one, what was before is forgotten.
func (r *Recovery) Add(seq int64, m Message) {
	if seq != r.head+1 {
		r.ring, r.bytes = nil, 0
	}
	r.head = seq
	r.ring = append(r.ring, m)
	r.bytes += len(m.Data)
	drop := 0
	for len(r.ring)-drop > r.limits.MessagesMax || r.bytes > r.limits.BytesMax {
		r.bytes -= len(r.ring[drop].Data)
		r.ring[drop] = Message{}
		drop++
	}
	r.ring = r.ring[drop:]
}

// Since gives the messages behind number after in order, with their numbers,
// where all of them are remembered. An empty epoch is any.
func (r *Recovery) Since(epoch string, after int64) (iter.Seq2[int64, Message], Recovered) {
	first := r.head - int64(len(r.ring)) + 1
	missed := r.ring
	how := RecoveredAll
	switch {
	case epoch != "" && epoch != r.epoch, after > r.head:
		how, missed = RecoveredReset, nil
	case after+1 < first:
		how, missed = RecoveredGap, nil
	default:
		missed, first = missed[after+1-first:], after+1
	}
	return func(yield func(int64, Message) bool) {
		for i, m := range missed {
			if !yield(first+int64(i), m) {
				return
			}
		}
	}, how
}

// Resume sends a socket what it missed, if it can have all of it. It belongs
// into the turn that accepts the socket, so that nothing comes in between.
func (r *Recovery) Resume(ws *WebSocket, epoch string, after int64) (Recovered, error) {
	missed, how := r.Since(epoch, after)
	for _, m := range missed {
		if err := ws.Send(m); err != nil {
			return how, err
		}
	}
	return how, nil
}
