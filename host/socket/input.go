package socket

import "errors"

// serveRounds bounds how many times one worker reads one socket before others
// get their turn.
const serveRounds = 8

// serve reads what has come on a socket whose claim the caller has, calls
// Events, and gives the claim back. buf is the worker's.
func (k *Socket) serve(buf []byte) {
	if k.head != nil {
		head := k.head
		k.head = nil
		k.input(head)
	}
	for range serveRounds {
		n := k.receive(buf)
		k.input(buf[:n])
		if n < len(buf) {
			break
		}
	}
	k.release()
}

// receive flushes what waits and reads once.
func (k *Socket) receive(buf []byte) int {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.state == stateDone {
		return 0
	}
	if len(k.out.items) > 0 {
		k.flushLocked()
		if k.state == stateDone {
			return 0
		}
	}
	n, err := k.link.read(buf)
	if err != nil {
		k.goneLocked(err)
		return 0
	}
	k.heard = k.heard || n > 0
	return n
}

// release gives the claim back, or ends the socket.
func (k *Socket) release() {
	k.mu.Lock()
	if k.state != stateDone {
		k.messageDeadlineLocked()
		k.serving = false
		k.armLocked() // on an error it ends the socket by a worker
		k.mu.Unlock()
		return
	}
	k.mu.Unlock()
	k.end()
}

// messageDeadlineLocked lets the deadline of an unfinished message run. The
// caller has the claim.
func (k *Socket) messageDeadlineLocked() {
	switch {
	case k.state != stateOpen || k.timing == (k.in != nil):
	case k.timing:
		k.stopTimerLocked()
	default:
		k.deadlineLocked(k.srv.cfg.MessageDeadline, (*Socket).messageExpired)
		k.timing = true
	}
}

// input takes bytes of the peer apart and hands on what they hold. The caller
// has the claim.
func (k *Socket) input(buf []byte) {
	if len(buf) == 0 {
		return
	}
	k.srv.stats.bytesIn.Add(uint64(len(buf)))
	if k.in == nil {
		k.in = inbounds.Get().(*inbound)
		k.in.maskBytes, k.in.deflate = maskBytes, k.deflate
		if k.client {
			k.in.maskBytes = 0
		}
	}
	for len(buf) > 0 && k.listening() {
		u, rest, err := k.in.next(buf, int(k.messageBytesMax))
		if err != nil {
			var broken *ProtocolError
			if errors.As(err, &broken) {
				k.fail(broken)
			}
			break
		}
		buf = rest
		k.take(u)
	}
	k.countInbound()
}

// listening says whether input still counts.
func (k *Socket) listening() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return !k.failing && k.state != stateDone
}

// countInbound holds what is unfinished against the server's limit, and lets
// go of in where nothing is.
func (k *Socket) countInbound() {
	in := k.in
	if in.idle() || !k.listening() {
		k.dropInbound()
		return
	}
	held := len(in.message)
	total := k.srv.receiving.Add(int64(held - in.counted))
	in.counted = held
	if total > int64(k.srv.cfg.ReceiveBytesMax) {
		k.fail(&ProtocolError{CodeTryAgainLater, "too many unfinished messages"})
		k.dropInbound()
	}
}

// dropInbound lets go of an unfinished message. The caller has the claim.
func (k *Socket) dropInbound() {
	in := k.in
	if in == nil {
		return
	}
	k.in = nil
	k.srv.receiving.Add(-int64(in.counted))
	*in = inbound{}
	inbounds.Put(in)
}

// take acts on one message or control frame.
func (k *Socket) take(u unit) {
	switch u.op {
	case opPing:
		k.pong(u.data)
	case opPong:
	case opClose:
		k.peerClosed(u.data)
	default:
		k.message(u)
	}
}

func (k *Socket) pong(payload []byte) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.state == stateOpen {
		k.sendLocked(appendFrame(nil, opPong, payload))
	}
}

// message answers by the auto-response or calls Events. A message that comes
// after our close frame has been queued is thrown away.
func (k *Socket) message(u unit) {
	k.mu.Lock()
	if k.timing { // the message that it was for is complete
		k.stopTimerLocked()
	}
	ev, state, auto := k.events, k.state, k.auto
	if state == stateOpen && auto != nil && u.op == opText && string(u.data) == auto.request {
		k.srv.stats.messagesOut.Add(1)
		k.sendLocked(auto.frame)
		k.mu.Unlock()
		k.autoAtMs.Store(k.srv.cfg.Now().UnixMilli())
		k.srv.stats.messagesIn.Add(1)
		k.srv.stats.autoResponses.Add(1)
		return
	}
	k.mu.Unlock()
	if state != stateOpen || ev == nil {
		return
	}
	k.srv.stats.messagesIn.Add(1)
	if err := ev.Message(k, u.op == opBinary, u.data); err != nil {
		k.Close(CodeTryAgainLater, "overloaded")
	}
}
