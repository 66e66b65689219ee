// Package mailbox is an object's bounded queue: many writers, one reader. It
// owns the bounds by count and bytes; it refuses to block anybody.
package mailbox

import (
	"errors"
	"sync"
)

// Default bounds.
const (
	DefaultEventsMax = 1024
	DefaultBytesMax  = 64 << 20
)

// Errors of Push, with the texts of Durable Objects.
var (
	ErrTooMany = errors.New("Durable Object is overloaded. Too many requests queued.")
	ErrTooMuch = errors.New("Durable Object is overloaded. Too much data queued.")
	ErrClosed  = errors.New("mailbox is closed")
)

// Mailbox holds events of type T. The zero value is ready, with the default
// bounds; set the bounds before the first Push.
type Mailbox[T any] struct {
	EventsMax int
	BytesMax  int

	mu     sync.Mutex
	ring   []entry[T]
	head   int
	count  int
	bytes  int
	closed error
}

// ringKept is how many places an empty mailbox keeps.
const ringKept = 8

type entry[T any] struct {
	event T
	bytes int
}

// Push puts an event behind the others. A single event larger than BytesMax
// is taken when the queue is empty, so that it is not refused for ever.
func (m *Mailbox[T]) Push(event T, bytes int) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed != nil {
		return m.closed
	}
	if m.count >= bound(m.EventsMax, DefaultEventsMax) {
		return ErrTooMany
	}
	if m.count > 0 && m.bytes+bytes > bound(m.BytesMax, DefaultBytesMax) {
		return ErrTooMuch
	}
	if m.count == len(m.ring) {
		m.grow()
	}
	m.ring[(m.head+m.count)%len(m.ring)] = entry[T]{event, bytes}
	m.count++
	m.bytes += bytes
	return nil
}

func bound(n, def int) int {
	if n > 0 {
		return n
	}
	return def
}

func (m *Mailbox[T]) grow() {
	bigger := make([]entry[T], max(4, 2*len(m.ring)))
	for i := range m.count {
		bigger[i] = m.ring[(m.head+i)%len(m.ring)]
	}
	m.ring, m.head = bigger, 0
}

// Pop takes the first event; ok is false where there is none.
func (m *Mailbox[T]) Pop() (event T, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.count == 0 {
		return event, false
	}
	e := m.ring[m.head]
	m.ring[m.head] = entry[T]{}
	m.head = (m.head + 1) % len(m.ring)
	m.count--
	m.bytes -= e.bytes
	if m.count == 0 && len(m.ring) > ringKept {
		m.ring, m.head = nil, 0
	}
	return e.event, true
}

// Len is the number of events and their bytes.
func (m *Mailbox[T]) Len() (events, bytes int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.count, m.bytes
}

// Close refuses further events with err and returns those that wait.
func (m *Mailbox[T]) Close(err error) []T {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed == nil {
		m.closed = err
	}
	var rest []T
	for i := range m.count {
		rest = append(rest, m.ring[(m.head+i)%len(m.ring)].event)
	}
	m.ring, m.head, m.count, m.bytes = nil, 0, 0, 0
	return rest
}

// Force puts an event behind the others whatever the bounds: for news that
// must not be lost and whose number is bounded elsewhere.
func (m *Mailbox[T]) Force(event T, bytes int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed != nil {
		return
	}
	if m.count == len(m.ring) {
		m.grow()
	}
	m.ring[(m.head+m.count)%len(m.ring)] = entry[T]{event, bytes}
	m.count++
	m.bytes += bytes
}
