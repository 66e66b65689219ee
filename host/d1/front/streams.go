package front

import (
	"crypto/rand"
	"encoding/hex"
	"sync"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/holdfast-run/holdfast/host/d1"
)

// streams are the streams between two requests, by their batons. A stream is
// in the map, or with the request that took it.
type streams struct {
	max  int
	idle time.Duration

	mu     sync.Mutex
	open   int // in the map, or taken
	byName map[string]*hranaStream
	closed bool
}

// hranaStream is one stream with the texts that it stores.
type hranaStream struct {
	stream      *d1.Stream
	source      d1.Source
	stored      map[int64]string
	storedBytes int
	ended       bool
	timer       *time.Timer
}

// take finds the stream of a baton, or opens one; put must follow.
func (s *streams) take(host *d1.Host, src d1.Source, baton *string) (*hranaStream, int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if baton != nil {
		found := s.byName[*baton]
		if found == nil || found.source != src {
			return nil, fasthttp.StatusBadRequest, hranaFault(codeStreamExpired, "The stream has expired due to inactivity")
		}
		delete(s.byName, *baton)
		found.timer.Stop()
		return found, 0, nil
	}
	if s.closed || s.open >= s.max {
		return nil, fasthttp.StatusServiceUnavailable, hranaFault(codeTooMany, "%d streams are open, no more are possible.", s.open)
	}
	stream, err := host.NewStream(src)
	if err != nil {
		return nil, fasthttp.StatusBadRequest, err
	}
	s.open++
	return &hranaStream{stream: stream, source: src, stored: map[int64]string{}}, 0, nil
}

// put keeps a stream until its next request and returns its new baton as
// JSON: null if the stream is closed.
func (s *streams) put(h *hranaStream) []byte {
	var random [16]byte
	_, _ = rand.Read(random[:]) // never fails
	baton := hex.EncodeToString(random[:])
	s.mu.Lock()
	if h.ended || s.closed {
		s.open--
		s.mu.Unlock()
		h.stream.Close()
		return []byte("null")
	}
	s.byName[baton] = h
	h.timer = time.AfterFunc(s.idle, func() { s.expire(baton) })
	s.mu.Unlock()
	return appendString(nil, baton)
}

func (s *streams) expire(baton string) {
	s.mu.Lock()
	h := s.byName[baton]
	if h != nil {
		delete(s.byName, baton)
		s.open--
	}
	s.mu.Unlock()
	if h != nil {
		h.stream.Close()
	}
}

// close ends all streams; those that a request has taken end with it.
func (s *streams) close() {
	s.mu.Lock()
	s.closed = true
	batons := make([]string, 0, len(s.byName))
	for baton, h := range s.byName {
		h.timer.Stop()
		batons = append(batons, baton)
	}
	s.mu.Unlock()
	for _, baton := range batons {
		s.expire(baton)
	}
}
