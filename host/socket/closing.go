package socket

import (
	"errors"
	"io"
	"syscall"
	"time"
)

// ErrNoAnswer is the failure of a peer that answered no ping.
var ErrNoAnswer = errors.New("websocket: no answer to a ping")

// A connection ends in one of these ways:
//
//  1. closeLocked queues our close frame (Close, overflow, fail, the answer to
//     the peer's) and arms the close deadline;
//  2. the peer's close frame comes: peerClosed; once ours has left too,
//     finishLocked, clean;
//  3. the connection breaks: goneLocked, then finishLocked;
//  4. a deadline passes: finishLocked.
//
// finishLocked closes the connection at once and hands the socket to a worker,
// which calls Failed and Closed (end).

// closeLocked starts the close handshake.
func (k *Socket) closeLocked(code int, reason string) {
	if k.state != stateOpen {
		return
	}
	k.state = stateClosing
	if k.link != nil {
		k.deadlineLocked(k.srv.cfg.CloseDeadline, (*Socket).closeExpired)
	}
	frame := closeFrame(code, reason)
	if k.client {
		frame = maskFrames(frame)
	}
	k.queueLocked(frame, 0)
	if k.link != nil {
		k.flushLocked()
	}
}

// peerClosed takes the peer's close frame and answers it.
func (k *Socket) peerClosed(payload []byte) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.state == stateDone || k.peerDone {
		return
	}
	code, reason := closeCode(payload)
	k.peerDone, k.failing = true, true
	k.code, k.reason = uint16(code), reason
	if k.state == stateClosing {
		k.flushedLocked()
		return
	}
	k.closeLocked(code, "")
}

// fail closes with a protocol error's code; what still comes is thrown away.
func (k *Socket) fail(err *ProtocolError) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.state == stateDone {
		return
	}
	k.failing, k.failure = true, err
	if k.state == stateClosing {
		k.flushedLocked()
		return
	}
	k.closeLocked(err.Code, err.Reason)
}

// goneLocked ends a connection that broke. That the peer went away is no
// failure.
func (k *Socket) goneLocked(err error) {
	if k.state == stateDone {
		return
	}
	away := errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
	if !away && k.failure == nil {
		k.failure = err
	}
	k.finishLocked()
}

// finishLocked closes the connection; a worker, or whoever has the claim, then
// calls end.
func (k *Socket) finishLocked() {
	k.state = stateDone
	k.tellFlushedLocked()
	k.stopTimerLocked()
	k.out.items = nil
	k.queuedLocked(-k.out.bytes)
	if k.link != nil {
		k.link.close()
	}
	if !k.serving {
		k.serving = true
		k.srv.run.push(k)
	}
}

// end tells Events. The caller has the claim and keeps it for ever.
func (k *Socket) end() {
	k.mu.Lock()
	if k.ended {
		k.mu.Unlock()
		return
	}
	k.ended = true
	ev, failure := k.events, k.failure
	code, reason, clean := int(k.code), k.reason, k.clean
	if !k.peerDone {
		code, reason = CodeAbnormal, reasonGone
	}
	attached := k.attached
	if attached {
		k.srv.stats.ended[k.endingLocked()].Add(1)
	}
	k.mu.Unlock()
	k.dropInbound()
	if ev != nil {
		if failure != nil {
			ev.Failed(k, failure)
		}
		ev.Closed(k, code, reason, clean)
	}
	if attached {
		k.srv.remove(k)
	}
}

// endingLocked says how the connection ended.
func (k *Socket) endingLocked() Ending {
	var broken *ProtocolError
	switch {
	case k.slow:
		return EndedSlow
	case errors.As(k.failure, &broken):
		return EndedProtocol
	case errors.Is(k.failure, ErrNoAnswer):
		return EndedSilent
	case k.failure != nil:
		return EndedFailed
	case k.clean:
		return EndedClean
	case k.expired:
		return EndedTimeout
	}
	return EndedGone
}

// deadlineLocked replaces the socket's deadline. expired is called with no
// lock held.
func (k *Socket) deadlineLocked(after time.Duration, expired func(*Socket)) {
	k.stopTimerLocked()
	k.timerTurn++
	turn := k.timerTurn
	k.timer = time.AfterFunc(after, func() {
		k.mu.Lock()
		current := k.timer != nil && k.timerTurn == turn
		if current {
			k.stopTimerLocked()
		}
		k.mu.Unlock()
		if current {
			expired(k)
		}
	})
}

func (k *Socket) stopTimerLocked() {
	if k.timer != nil {
		k.timer.Stop()
		k.timer = nil
	}
	k.timing = false
}

// closeExpired ends a close handshake that took too long.
func (k *Socket) closeExpired() {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.state != stateDone {
		k.expired = true
		k.finishLocked()
	}
}

// messageExpired fails a peer whose message took too long.
func (k *Socket) messageExpired() {
	k.fail(&ProtocolError{CodePolicy, "message took too long"})
}
