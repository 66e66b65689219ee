package socket

import (
	"sync"
	"time"
)

// wheelSlots spreads the pings of all sockets over Config.PingEvery.
const wheelSlots = 64

// wheel looks at every socket once in Config.PingEvery, and pings those from
// which nothing has come since the last look. It costs a socket no timer.
type wheel struct {
	mu    sync.Mutex
	slots [wheelSlots][]*Socket
	put   int // slot of the next socket
	turn  int // slot of the next look
	quit  chan struct{}
	done  sync.WaitGroup
}

// newWheel starts a wheel; with a negative period it never turns.
func newWheel(every time.Duration) *wheel {
	w := &wheel{quit: make(chan struct{})}
	if every > 0 {
		w.done.Add(1)
		go w.run(max(every/wheelSlots, time.Millisecond))
	}
	return w
}

func (w *wheel) run(tick time.Duration) {
	defer w.done.Done()
	t := time.NewTicker(tick)
	defer t.Stop()
	for {
		select {
		case <-t.C:
			w.look()
		case <-w.quit:
			return
		}
	}
}

func (w *wheel) stop() {
	w.mu.Lock()
	select {
	case <-w.quit:
	default:
		close(w.quit)
	}
	w.mu.Unlock()
	w.done.Wait()
}

func (w *wheel) add(k *Socket) {
	w.mu.Lock()
	defer w.mu.Unlock()
	slot := w.put % wheelSlots
	w.put++
	k.wheelSlot, k.wheelAt = uint8(slot), int32(len(w.slots[slot]))
	w.slots[slot] = append(w.slots[slot], k)
}

func (w *wheel) remove(k *Socket) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if k.wheelAt < 0 {
		return
	}
	slot := w.slots[k.wheelSlot]
	last := slot[len(slot)-1]
	slot[k.wheelAt], last.wheelAt = last, k.wheelAt
	slot[len(slot)-1] = nil
	w.slots[k.wheelSlot] = slot[:len(slot)-1]
	k.wheelAt = -1
}

// look examines the sockets of one slot.
func (w *wheel) look() {
	w.mu.Lock()
	slot := append([]*Socket(nil), w.slots[w.turn%wheelSlots]...)
	w.turn++
	w.mu.Unlock()
	for _, k := range slot {
		k.examine()
	}
}

var pingFrame = appendFrame(nil, opPing, nil)

// examine pings a silent socket and gives up one that answered no ping.
func (k *Socket) examine() {
	k.mu.Lock()
	defer k.mu.Unlock()
	switch {
	case k.state != stateOpen:
	case k.heard:
		k.heard, k.pinged = false, false
	case k.pinged:
		k.srv.stats.silent.Add(1)
		k.goneLocked(ErrNoAnswer)
	default:
		k.pinged = true
		k.srv.stats.pings.Add(1)
		k.sendLocked(pingFrame)
	}
}
