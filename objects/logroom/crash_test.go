package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/holdfast-run/holdfast/internal/wasmtest"
)

const (
	crashRounds = 20
	crashRooms  = 8
	crashConns  = 16
)

// ledger is what clients were told: by room, seq and content.
type ledger struct {
	mu    sync.Mutex
	rooms [crashRooms]map[int64]string
	twice []string
}

func (l *ledger) note(room int, seq int64, content string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.rooms[room] == nil {
		l.rooms[room] = map[int64]string{}
	}
	if old, ok := l.rooms[room][seq]; ok && old != content {
		l.twice = append(l.twice, fmt.Sprintf("room %d seq %d: %q and %q", room, seq, old, content))
	}
	l.rooms[room][seq] = content
}

type eventRow struct {
	Seq     int64  `json:"seq"`
	Content string `json:"content"`
}

// readAll reads a room's history page by page.
func readAll(t *testing.T, p *wasmtest.Process, room int) []eventRow {
	t.Helper()
	var all []eventRow
	for {
		after := int64(0)
		if n := len(all); n > 0 {
			after = all[n-1].Seq
		}
		a := wasmtest.Do(t, "GET", fmt.Sprintf("%s/logs/crash%d/events?limit=1000&afterSeq=%d", p.URL, room, after), "secret", nil)
		var page struct {
			Events  []eventRow
			HasMore bool
		}
		if err := json.Unmarshal(a.Body, &page); err != nil || a.Status != 200 {
			t.Fatalf("read room %d: %d %.300s", room, a.Status, a.Body)
		}
		all = append(all, page.Events...)
		if !page.HasMore {
			return all
		}
	}
}

// hammer appends from many connections until stop, and notes what was
// acknowledged.
func hammer(p *wasmtest.Process, l *ledger, serial *atomic.Int64, stop <-chan struct{}) *sync.WaitGroup {
	var wg sync.WaitGroup
	for c := range crashConns {
		wg.Go(func() {
			for i := c; ; i += crashConns {
				select {
				case <-stop:
					return
				default:
				}
				room := i % crashRooms
				content := fmt.Sprint("event ", serial.Add(1))
				a, err := wasmtest.Try("POST", fmt.Sprintf("%s/logs/crash%d/events", p.URL, room), "secret", map[string]string{"authorId": "a", "content": content})
				if err != nil || a.Status != 201 {
					continue
				}
				var e eventRow
				if json.Unmarshal(a.Body, &e) == nil {
					l.note(room, e.Seq, content)
				}
			}
		})
	}
	return &wg
}

// TestKill_NothingAcknowledgedIsLost kills the host again and again in the
// middle of appends: afterwards every acknowledged event is there, once, at
// its seq, seqs have no gap, and D1 holds the same.
func TestKill_NothingAcknowledgedIsLost(t *testing.T) {
	rounds := crashRounds
	if testing.Short() {
		rounds = 3
	}
	dir := t.TempDir()
	spawn := func() *wasmtest.Process {
		return wasmtest.Spawn(t, "dev", "--addr", "127.0.0.1:0", "--admin-addr", "127.0.0.1:0", "--data", dir, "objects/logroom")
	}
	p := spawn()
	for r := range crashRooms {
		a := wasmtest.Do(t, "POST", p.URL+"/logs", "", map[string]string{"id": fmt.Sprint("crash", r), "name": "n", "ownerNamespace": "free", "secret": "secret"})
		if a.Status != 201 {
			t.Fatalf("create: %d %s", a.Status, a.Body)
		}
	}
	l := &ledger{}
	var serial atomic.Int64
	for range rounds {
		stop := make(chan struct{})
		wg := hammer(p, l, &serial, stop)
		time.Sleep(time.Duration(100+rand.IntN(400)) * time.Millisecond) // the kill comes at any moment: that is the test
		p.Kill()
		close(stop)
		wg.Wait()
		p = spawn()
	}
	check(t, p, l)
}

func check(t *testing.T, p *wasmtest.Process, l *ledger) {
	t.Helper()
	acked := 0
	for room, want := range l.rooms {
		got := readAll(t, p, room)
		at := map[int64]string{}
		seen := map[string]bool{}
		for i, e := range got {
			if e.Seq != int64(i+1) {
				t.Fatalf("room %d: event %d has seq %d", room, i+1, e.Seq)
			}
			if seen[e.Content] {
				t.Errorf("room %d: %q is there twice", room, e.Content)
			}
			seen[e.Content], at[e.Seq] = true, e.Content
		}
		for seq, content := range want {
			acked++
			if at[seq] != content {
				t.Errorf("room %d seq %d: %q was acknowledged, %q is there", room, seq, content, at[seq])
			}
		}
		wasmtest.Eventually(t, fmt.Sprintf("D1 equals room %d", room), func() bool { return equalsD1(t, p, room, got) })
	}
	for _, s := range l.twice {
		t.Errorf("a seq was given twice: %s", s)
	}
	if acked == 0 {
		t.Fatal("nothing was acknowledged: the test tested nothing")
	}
	t.Logf("%d acknowledged events", acked)
}

func equalsD1(t *testing.T, p *wasmtest.Process, room int, want []eventRow) bool {
	t.Helper()
	sql := map[string]any{"sql": "SELECT seq, content FROM log_events WHERE log_id = ? ORDER BY seq", "params": []string{fmt.Sprint("crash", room)}}
	a := wasmtest.Do(t, "POST", p.Admin+"/d1/logs/query", "", sql)
	var out []struct{ Results []eventRow }
	if err := json.Unmarshal(a.Body, &out); err != nil || len(out) != 1 {
		t.Fatalf("query D1: %d %.300s", a.Status, a.Body)
	}
	if len(out[0].Results) != len(want) {
		return false
	}
	for i, r := range out[0].Results {
		if r != want[i] {
			t.Fatalf("D1 of room %d: row %d is %v, the room has %v", room, i, r, want[i])
		}
	}
	return true
}
