package ingress

import (
	"errors"
	"io"
	"sync"
)

var errStreamCut = errors.New("ingress: streamed answer cut off")

// stream is the body of a streamed answer: an io.ReadCloser that waits for
// chunks. fasthttp reads it on the connection's goroutine.
type stream struct {
	x *Exchange

	mu       sync.Mutex
	more     sync.Cond
	chunks   [][]byte
	bytes    int  // of chunks
	last     bool // no more will come
	severed  bool // the client is gone or too slow
	finished bool // all has been read
}

func newStream(x *Exchange, begin []byte) *stream {
	t := &stream{x: x}
	t.more.L = &t.mu
	if len(begin) > 0 {
		t.chunks, t.bytes = [][]byte{begin}, len(begin)
	}
	return t
}

// append queues a chunk. One that comes to an empty queue always fits.
func (t *stream) append(data []byte, last bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.last || t.severed {
		return
	}
	if t.bytes > 0 && t.bytes+len(data) > t.x.srv.cfg.StreamQueueBytesMax {
		t.severLocked()
		return
	}
	if len(data) > 0 {
		t.chunks = append(t.chunks, data)
		t.bytes += len(data)
	}
	t.last = last
	t.more.Signal()
}

// cut makes Read fail.
func (t *stream) cut() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.severLocked()
}

func (t *stream) severLocked() {
	t.severed, t.chunks, t.bytes = true, nil, 0
	t.more.Signal()
}

// Read waits for a chunk. While it waits, the watch looks whether the client
// is still there.
func (t *stream) Read(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.waitingLocked() {
		t.mu.Unlock()
		t.x.srv.watch.add(t.x)
		t.mu.Lock()
		for t.waitingLocked() {
			t.more.Wait()
		}
		t.mu.Unlock()
		t.x.srv.watch.remove(t.x)
		t.mu.Lock()
	}
	if t.severed {
		return 0, errStreamCut
	}
	if len(t.chunks) == 0 {
		t.finished = true
		return 0, io.EOF
	}
	n := copy(p, t.chunks[0])
	t.bytes -= n
	if t.chunks[0] = t.chunks[0][n:]; len(t.chunks[0]) == 0 {
		t.chunks = t.chunks[1:]
	}
	return n, nil
}

func (t *stream) waitingLocked() bool {
	return len(t.chunks) == 0 && !t.last && !t.severed
}

// Close is called by fasthttp when it has read all, or could not write.
func (t *stream) Close() error {
	t.cut()
	if !t.finished {
		t.x.cancelled()
	}
	return nil
}
