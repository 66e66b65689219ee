package engage

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"github.com/holdfast-run/holdfast/guest-sdk/edge"
	"github.com/holdfast-run/holdfast/guest-sdk/edge/edgetest"
	"github.com/holdfast-run/holdfast/guest-sdk/edge/outbox"
)

func TestRecent_IsTheLastMessagesJoined(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	var r recent
	var all []string
	for i := range 1000 {
		m := strconv.Itoa(i) + strings.Repeat("x", random.IntN(300))
		all = append(all, m)
		r.add([]byte(m))
		want := strings.Join(all[max(0, len(all)-RecentMax):], ",")
		if got := string(r.appendTo([]byte("["))); got != "["+want {
			t.Fatalf("after %d messages: %d bytes, want %d", i+1, len(got), len(want)+1)
		}
		if len(r.joined) > 4*len(want)+300 {
			t.Fatalf("after %d messages: %d bytes are kept for %d", i+1, len(r.joined), len(want))
		}
	}
}

func TestOnce_NeverTakesAUsedKeyForAnUnusedOne(t *testing.T) {
	var o once
	if o.unused("x") {
		t.Fatal("a filter that has not been read knows of a key")
	}
	o.state = onceReady
	for i := range onceLoadMax {
		o.add(fmt.Sprint("used-", i))
	}
	asked := 0
	for i := range 10_000 {
		if o.unused(fmt.Sprint("used-", i%onceLoadMax)) {
			t.Fatalf("used-%d is taken for unused", i)
		}
		if !o.unused(fmt.Sprint("unused-", i)) {
			asked++
		}
	}
	if asked > 500 {
		t.Errorf("storage is asked for %d of 10,000 unused keys", asked)
	}
}

func init() {
	// testKeys keeps many idempotency keys, all of the first message.
	edge.Method("testKeys", func(s *Session, n int) (bool, error) {
		var entries []edge.Entry
		for i := range n {
			entries = append(entries, edge.Entry{Key: fmt.Sprintf("%sused-%04d", onceKey, i), Value: []byte("1")})
		}
		return true, putAll(s.kv(), entries)
	})
}

func TestContract_KeysAreKnownToEveryLaterInstance(t *testing.T) {
	for _, n := range []int{0, 1, onceLoadMax, onceLoadMax + 2} {
		w := newWorld(t)
		o := found(w, "acme")
		o.begin("s1")
		o.say("s1", "client", "the first")
		h := w.Object("ConversationSession", "acme/s1")
		if _, err := edgetest.Call[bool](h, "testKeys", n); err != nil {
			t.Fatal(err)
		}
		h.Evict()
		post := func(key string, want int) {
			t.Helper()
			o.do("POST", "/conversations/s1/messages", map[string]string{"role": "client", "content": "again", "key": key}).Want(want)
		}
		if n > 0 {
			post(fmt.Sprintf("used-%04d", n-1), 200)
		}
		post("new", 201)
		post("new", 200)
		h.Evict()
		post("new", 200)
		if s := o.state("s1"); s.MessageCount != 2 {
			t.Errorf("with %d keys: %d messages, want 2", n, s.MessageCount)
		}
	}
}

// TestState_ScoresTheClientsMessages: what of a state messages do not change
// is kept from one to the next, but for the message that changes the score.
func TestState_ScoresTheClientsMessages(t *testing.T) {
	o := found(newWorld(t), "acme")
	before := o.begin("s1")
	for i, role := range []string{"client", "staff", "client", "assistant", "client", "client"} {
		_, s := o.say("s1", role, "hello")
		want := before.DataQuality.Score
		if i >= 4 {
			want += 10
		}
		if s.DataQuality.Score != want || s.DataQuality.Score != o.state("s1").DataQuality.Score {
			t.Errorf("after message %d: score %d, want %d", i+1, s.DataQuality.Score, want)
		}
		if o.settled(); o.rows(t)[0].DataQualityScore != want {
			t.Errorf("after message %d: the index has %+v, want %d", i+1, o.rows(t), want)
		}
	}
}

func (o *office) rows(t *testing.T) []listed {
	t.Helper()
	rows, _ := o.list("")
	return rows
}

// TestLedger_HoldsSubmissionsWhileMoreIsOwed: under load an object submits
// much at a time; where nothing is owed, or D1 fails, nobody is held.
func TestLedger_HoldsSubmissionsWhileMoreIsOwed(t *testing.T) {
	l := &Ledger{audit: &outbox.Queue{}, owed: map[string]*row{"k": {}}}
	come := func() chan struct{} {
		l.waiting = append(l.waiting, waiter{done: make(chan struct{})})
		return l.waiting[len(l.waiting)-1].done
	}
	answered := func(done chan struct{}) bool {
		select {
		case <-done:
			return true
		default:
			return false
		}
	}
	first := come()
	for step := 1; step <= heldSteps; step++ {
		if answered(first) {
			t.Fatalf("answered after %d steps, want %d", step-1, heldSteps)
		}
		came := len(l.waiting)
		late := come() // while the step ran
		if l.letGo(came, nil); answered(late) {
			t.Fatal("a submission was answered that no step has taken")
		}
	}
	if !answered(first) || len(l.waiting) != heldSteps {
		t.Fatalf("after %d steps: answered %v, %d wait", heldSteps, answered(first), len(l.waiting))
	}
	second := l.waiting[0].done
	if l.letGo(len(l.waiting), errors.New("down")); !answered(second) || len(l.waiting) != 0 {
		t.Fatal("somebody waits for a backoff")
	}
	third := come()
	clear(l.owed)
	if l.letGo(1, nil); !answered(third) {
		t.Fatal("somebody is held with nothing owed")
	}
}
