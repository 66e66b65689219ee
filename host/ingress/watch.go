package ingress

import (
	"slices"
	"sync"
	"time"
)

const (
	// watchEvery is the time between two looks at the requests that wait.
	watchEvery = 100 * time.Millisecond
	// watchSlowly is how many looks pass between two at a request that has
	// waited as many already.
	watchSlowly = 10
)

// watch sees clients that leave while their requests wait, and requests whose
// answer is late. It looks at descriptors from time to time, so a waiting
// request costs no goroutine and no timer, and a quick one nothing.
type watch struct {
	mu      sync.Mutex
	waiting []*Exchange
	turn    uint32
	timer   *time.Timer
	running bool // timer is armed, or look runs
	closed  bool
}

func (w *watch) add(x *Exchange) {
	w.mu.Lock()
	if w.closed {
		w.mu.Unlock()
		x.watchAt = -1
		x.leave()
		return
	}
	defer w.mu.Unlock()
	x.watchAt, x.watchTurn = len(w.waiting), w.turn
	w.waiting = append(w.waiting, x)
	if !w.running {
		w.running = true
		w.armLocked()
	}
}

func (w *watch) remove(x *Exchange) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if x.watchAt < 0 {
		return
	}
	end := len(w.waiting) - 1
	moved := w.waiting[end]
	w.waiting[x.watchAt], moved.watchAt = moved, x.watchAt
	w.waiting[end] = nil
	w.waiting = w.waiting[:end]
}

func (w *watch) armLocked() {
	if w.timer == nil {
		w.timer = time.AfterFunc(watchEvery, w.look)
		return
	}
	w.timer.Reset(watchEvery)
}

// look examines those that have waited for a whole turn.
func (w *watch) look() {
	for _, x := range w.due() {
		switch {
		case x.conn.left():
			x.leave()
		case x.isLate():
			x.late()
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.running = len(w.waiting) > 0 && !w.closed; w.running {
		w.armLocked()
	}
}

func (w *watch) due() []*Exchange {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.turn++
	var due []*Exchange
	for _, x := range w.waiting {
		age := w.turn - x.watchTurn
		if age >= 2 && (age < watchSlowly || age%watchSlowly == 0) {
			due = append(due, x)
		}
	}
	return due
}

// close lets all that wait, and all that will, see their client as gone.
func (w *watch) close() {
	w.mu.Lock()
	w.closed = true
	if w.timer != nil {
		w.timer.Stop()
	}
	waiting := slices.Clone(w.waiting)
	w.mu.Unlock()
	for _, x := range waiting {
		x.leave()
	}
}

// isLate says whether the answer is overdue. A streamed one has begun.
func (x *Exchange) isLate() bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.state == stateWaiting && !x.deadline.IsZero() && time.Now().After(x.deadline)
}
