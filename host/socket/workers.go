package socket

import "sync"

// readBytes is the length of a worker's read buffer.
const readBytes = 32 << 10

// runQueue hands sockets whose claim has been taken to a bounded number of
// workers, first come, first served. A socket is in it at most once, because
// of its claim, so it needs no limit of its own.
type runQueue struct {
	mu          sync.Mutex
	wake        *sync.Cond
	first, last *Socket
	workers     int
	workersMax  int
	idle        int
	closed      bool
	done        sync.WaitGroup
}

func newRunQueue(workersMax int) *runQueue {
	q := &runQueue{workersMax: workersMax}
	q.wake = sync.NewCond(&q.mu)
	return q
}

// push queues a socket whose claim the caller has.
func (q *runQueue) push(k *Socket) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed { // a socket that was never attached
		go k.release()
		return
	}
	if q.last == nil {
		q.first = k
	} else {
		q.last.next = k
	}
	q.last = k
	if q.idle == 0 && q.workers < q.workersMax {
		q.workers++
		q.done.Add(1)
		go q.work()
		return
	}
	q.wake.Signal()
}

// pop waits for a socket; nil: the queue is closed and empty.
func (q *runQueue) pop() *Socket {
	q.mu.Lock()
	defer q.mu.Unlock()
	for q.first == nil {
		if q.closed {
			q.workers--
			return nil
		}
		q.idle++
		q.wake.Wait()
		q.idle--
	}
	k := q.first
	q.first, k.next = k.next, nil
	if q.first == nil {
		q.last = nil
	}
	return k
}

func (q *runQueue) work() {
	defer q.done.Done()
	buf := make([]byte, readBytes)
	for k := q.pop(); k != nil; k = q.pop() {
		k.serve(buf)
	}
}

// close lets the workers finish what is queued and end.
func (q *runQueue) close() {
	q.mu.Lock()
	q.closed = true
	q.wake.Broadcast()
	q.mu.Unlock()
	q.done.Wait()
}
