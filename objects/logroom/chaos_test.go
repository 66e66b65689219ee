package main

import (
	"fmt"
	"math/rand"
	"net/http"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fasthttp/websocket"

	"github.com/holdfast-run/holdfast/host"
	"github.com/holdfast-run/holdfast/internal/wasmtest"
)

// chaosEvents is how many events are appended; HOLDFAST_TEST_CHAOS sets more.
const chaosEvents = 150

// follower reads one log over any number of sockets and wants every seq once,
// in order, from the host itself: it drops nothing.
type follower struct {
	t        *testing.T
	url      string
	rng      *rand.Rand
	restless bool // leaves without a word, now and then
	seen     atomic.Int64
}

// follow reads until it has seen head.
func (f *follower) follow(head int64) {
	for end := time.Now().Add(chaosMax); f.seen.Load() < head; {
		if time.Now().After(end) {
			f.t.Errorf("a follower is at %d of %d", f.seen.Load(), head)
			return
		}
		c, _, err := websocket.DefaultDialer.Dial(fmt.Sprintf("%s&afterSeq=%d", f.url, f.seen.Load()), http.Header{"Authorization": {"Bearer s-chaos"}})
		if err != nil {
			continue // the instance was discarded while it answered
		}
		if !f.read(c, head) {
			return
		}
	}
}

// chaosMax bounds the test.
const chaosMax = time.Minute

// read takes one socket's frames; false: they were wrong.
func (f *follower) read(c *websocket.Conn, head int64) bool {
	defer c.Close()
	leave := -1
	if f.restless {
		leave = 1 + f.rng.Intn(40)
	}
	for n := 0; n != leave && f.seen.Load() < head; n++ {
		_ = c.SetReadDeadline(time.Now().Add(chaosMax)) // fails only on a closed connection, as the read then does
		var m struct {
			Type  string
			Event struct{ Seq int64 }
		}
		if err := c.ReadJSON(&m); err != nil {
			return true // resumed on another
		}
		if m.Type != "event" {
			continue
		}
		if want := f.seen.Load() + 1; m.Event.Seq != want {
			f.t.Errorf("seq %d came, want %d", m.Event.Seq, want)
			return false
		}
		f.seen.Add(1)
	}
	return true
}

// TestChaos_EverySocketSeesEverySeqOnceInOrder appends while the room goes
// cold, crashes and gets new versions, and readers leave and come back.
func TestChaos_EverySocketSeesEverySeqOnceInOrder(t *testing.T) {
	events := chaosEvents
	if n, err := strconv.Atoi(os.Getenv("HOLDFAST_TEST_CHAOS")); err == nil {
		events = n
	}
	h := start(t, host.Config{})
	createLog(t, h, "chaos")
	var readers, upheaval sync.WaitGroup
	for i := range 6 {
		f := &follower{t: t, url: "ws" + h.URL[len("http"):] + fmt.Sprint("/logs/chaos/ws?authorId=reader", i), rng: rand.New(rand.NewSource(int64(i))), restless: i%2 == 0}
		readers.Add(1)
		go func() {
			defer readers.Done()
			f.follow(int64(events))
		}()
	}
	over := make(chan struct{})
	upheaval.Add(1)
	go func() {
		defer upheaval.Done()
		upheave(t, h, over)
	}()
	for i := range events {
		body := map[string]any{"authorId": "writer", "content": fmt.Sprint("event ", i), "key": fmt.Sprint(i)}
		for end := time.Now().Add(chaosMax); ; {
			a, err := wasmtest.Try("POST", h.URL+"/logs/chaos/events", "s-chaos", body)
			if err == nil && a.Status/100 == 2 {
				break
			}
			if time.Now().After(end) {
				t.Fatalf("event %d is not taken: %d %s %v", i, a.Status, a.Body, err)
			}
		}
	}
	readers.Wait()
	close(over)
	upheaval.Wait()
}

// upheave disturbs the room until it is over: cold, crash or a new version.
func upheave(t *testing.T, h *wasmtest.Host, over <-chan struct{}) {
	for i := 0; ; i++ {
		select {
		case <-over:
			return
		case <-time.After(20 * time.Millisecond):
		}
		switch {
		case i%10 == 9:
			if err := h.Reload(t.Context(), "logs"); err != nil {
				t.Errorf("reload: %v", err)
			}
		case i%3 == 0:
			if err := h.Crash(t.Context(), "logs.LogRoom", "chaos", true); err != nil {
				t.Errorf("crash: %v", err)
			}
		default:
			_ = h.Evict(t.Context(), "logs.LogRoom", "chaos", true) // a busy room stays
		}
	}
}
