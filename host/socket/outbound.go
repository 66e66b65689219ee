package socket

// outbound is what waits for the kernel: only a socket whose reader is slow,
// or that is not attached yet, has anything here.
type outbound struct {
	items []pending
	bytes int // of items, and of what a link has taken and not yet written
}

// pending is one Send of which sent bytes have left.
type pending struct {
	frames []byte
	sent   int
}

// started cuts p behind the frame that has partly left; false: none has.
func (p pending) started() (pending, bool) {
	end := 0
	for end < p.sent {
		end += frameBytes(p.frames[end:])
	}
	return pending{p.frames[:end], p.sent}, end > p.sent
}

// sendLocked writes frames, or queues what cannot be written.
func (k *Socket) sendLocked(frames []byte) {
	if k.deflate {
		frames = k.srv.deflater.frames(frames)
	}
	if k.client {
		frames = maskFrames(frames)
	}
	sent := 0
	if k.link != nil && len(k.out.items) == 0 {
		n, err := k.link.write(frames)
		if err != nil {
			k.goneLocked(err)
			return
		}
		k.srv.stats.bytesOut.Add(uint64(n))
		if n == len(frames) {
			return
		}
		sent = n
	}
	if waiting := len(frames) - sent; k.out.bytes > 0 && k.out.bytes+waiting > k.srv.cfg.QueueBytesMax {
		k.overflowLocked()
		return
	}
	k.queueLocked(frames, sent)
	if len(k.out.items) == 1 {
		k.armLocked()
	}
}

// armLocked asks for what the socket waits for.
func (k *Socket) armLocked() {
	if k.link == nil || k.state == stateDone {
		return
	}
	if err := k.link.arm(!k.serving, len(k.out.items) > 0); err != nil {
		k.goneLocked(err)
	}
}

func (k *Socket) queueLocked(frames []byte, sent int) {
	k.out.items = append(k.out.items, pending{frames, sent})
	k.queuedLocked(len(frames) - sent)
}

// queuedLocked counts a change of the queue's length.
func (k *Socket) queuedLocked(change int) {
	k.out.bytes += change
	k.srv.stats.queuedBytes.Add(int64(change))
}

// flushLocked writes what waits, and does what was to follow it.
func (k *Socket) flushLocked() {
	for k.link != nil && len(k.out.items) > 0 {
		p := &k.out.items[0]
		n, err := k.link.write(p.frames[p.sent:])
		if err != nil {
			k.goneLocked(err)
			return
		}
		k.srv.stats.bytesOut.Add(uint64(n))
		k.queuedLocked(-n)
		k.heard = k.heard || n > 0 // a peer that takes bytes is alive
		p.sent += n
		if p.sent < len(p.frames) {
			k.armLocked()
			return
		}
		k.out.items[0] = pending{}
		k.out.items = k.out.items[1:]
	}
	k.flushedLocked()
}

// flushedLocked goes on with a close handshake once all has left.
func (k *Socket) flushedLocked() {
	if k.link == nil || k.out.bytes > 0 {
		return
	}
	k.out.items = nil
	k.tellFlushedLocked()
	switch {
	case k.state != stateClosing:
	case k.peerDone:
		k.clean = true
		k.finishLocked()
	case k.failing:
		k.link.closeWrite()
	}
}

// overflowLocked gives up a slow reader: the frame that has begun, if one has,
// then a close frame with 1013, all before the deadline.
func (k *Socket) overflowLocked() {
	k.srv.stats.slowCloses.Add(1)
	k.slow = true
	var rest []pending
	dropped := 0
	for i, p := range k.out.items {
		waiting := len(p.frames) - p.sent
		if cut, ok := p.started(); i == 0 && ok {
			rest = append(rest, cut)
			waiting = len(p.frames) - len(cut.frames)
		}
		dropped += waiting
	}
	k.out.items = rest
	k.queuedLocked(-dropped)
	k.closeLocked(CodeTryAgainLater, "too slow")
}
