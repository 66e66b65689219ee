package room

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-run/holdfast/guest-sdk/edge/outbox"
)

var errDown = errors.New("down")

// always is more D1 calls than a test makes.
const always = 1 << 20

func TestOutbox_BacksOffThenDrainsInOrder(t *testing.T) {
	w := newWorld(t)
	l := makeIn(w, "o")
	l.append("ann", "first")
	w.FailD1(always, errDown)
	began := w.Now()
	l.append("ann", "second")
	delay := outbox.BackoffFirst
	for try := 1; try <= 10; try++ {
		at, ok := l.object().Alarm()
		wait := at.Sub(began)
		if !ok || wait < delay-time.Millisecond || wait > delay+delay/4 {
			t.Fatalf("try %d: next after %s (set %v), want %s and up to a quarter more", try, wait, ok, delay)
		}
		l.fill(60, fmt.Sprint("while down ", try))
		w.Advance(wait)
		began, delay = w.Now(), min(2*delay, outbox.BackoffMax)
	}
	if got := l.read("limit=1000&contentContains=while"); len(got.Events) != 600 {
		t.Fatalf("the room shows %d events of 600", len(got.Events))
	}
	w.FailD1(0, nil)
	w.Advance(outbox.BackoffMax * 2)
	all := l.indexed("")
	if len(all) != 602 {
		t.Fatalf("D1 has %d events of 602", len(all))
	}
	for i, e := range all {
		if e.Seq != int64(i+1) {
			t.Fatalf("event %d has seq %d", i, e.Seq)
		}
	}
	if at, ok := l.object().Alarm(); ok {
		t.Fatalf("an alarm is left for %s", at)
	}
}

func TestOutbox_OneFailureAmongManyCalls(t *testing.T) {
	for after := range 4 {
		w := newWorld(t)
		l := makeIn(w, "m")
		w.FailD1(always, errDown)
		l.fill(1000, "x") // four calls to D1
		w.FailD1After(after, 1, errDown)
		w.Advance(outbox.BackoffFirst * 2)
		want := after * eventsTable.RowsPerStatement() * statementsPerCall
		if got := l.indexed(""); len(got) != want {
			t.Fatalf("D1 failed after %d calls and has %d events, want %d", after, len(got), want)
		}
		w.Advance(time.Minute)
		if got := l.indexed(""); len(got) != 1000 || got[999].Seq != 1000 {
			t.Fatalf("D1 failed after %d calls and has %d events in the end", after, len(got))
		}
	}
}

func TestOutbox_SurvivesACrashWhileD1IsDown(t *testing.T) {
	w := newWorld(t)
	l := makeIn(w, "c")
	w.FailD1(1, errDown)
	l.append("ann", "x")
	l.object().Crash()
	w.Advance(time.Minute)
	if got := seqs(l.indexed("")); got != "1" {
		t.Fatalf("D1 has %q", got)
	}
}

func TestOutbox_ALogMadeWhileD1IsDownIsListedLater(t *testing.T) {
	w := newWorld(t)
	w.FailD1(1, errDown)
	l := makeIn(w, "late")
	l.append("ann", "x")
	list := func() string {
		return w.Fetch("GET", "/logs?ownerNamespace=acme", nil, bearerOf(acmeKey)).Want(200).Text()
	}
	if got := list(); got != `{"logs":[]}` {
		t.Fatalf("list: %s", got)
	}
	w.Advance(time.Minute)
	if got := list(); !strings.Contains(got, `"id":"late"`) {
		t.Fatalf("list: %s", got)
	}
	if got := seqs(l.indexed("")); got != "1" {
		t.Fatalf("D1 has %q", got)
	}
}

func TestOutbox_ADeleteWhileD1IsDownComesThrough(t *testing.T) {
	w := newWorld(t)
	l := makeIn(w, "gone")
	l.append("ann", "x")
	w.FailD1(always, errDown)
	w.Fetch("DELETE", "/logs/gone", nil, bearerOf(acmeKey)).Want(204)
	w.Fetch("GET", "/logs/gone", nil, bearerOf(acmeKey)).Want(404)
	w.Advance(time.Hour)
	l.object().Crash()
	w.FailD1(0, nil)
	if got := seqs(l.indexed("")); got != "1" {
		t.Fatalf("D1 has %q before the delete reached it", got)
	}
	w.Advance(time.Hour)
	if got := l.indexed(""); len(got) != 0 {
		t.Fatalf("D1 keeps %+v", got)
	}
	kv := l.object().KV()
	for key := range kv {
		if strings.HasPrefix(key, eventPrefix) || strings.HasPrefix(key, keyPrefix) || key == headKey {
			t.Fatalf("storage keeps %s", key)
		}
	}
	if kv[metaKey] == nil {
		t.Fatal("storage keeps no tombstone")
	}
	if at, ok := l.object().Alarm(); ok {
		t.Fatalf("an alarm is left for %s", at)
	}
}

func TestOutbox_EventsPastRetentionAreNotOwedToD1(t *testing.T) {
	w := newWorld(t)
	l := makeIn(w, "p", "retentionDays", 1)
	w.FailD1(always, errDown)
	l.append("ann", "x")
	w.Advance(72 * time.Hour)
	if got := l.read(""); len(got.Events) != 0 {
		t.Fatalf("the room keeps %+v", got.Events)
	}
	w.FailD1(0, nil)
	w.Advance(time.Hour)
	l.append("ann", "y")
	if got := seqs(l.indexed("")); got != "2" {
		t.Fatalf("D1 has %q", got)
	}
}

func TestRead_AnswersFromTheRoomWhileD1IsDown(t *testing.T) {
	w := newWorld(t)
	l := makeIn(w, "big")
	l.fill(scanMax+100, "hay")
	l.append("ann", "needle")
	for _, fail := range []int{0, always} {
		w.FailD1(fail, errDown)
		for _, query := range []string{"contentContains=needle", "authorId=ann&order=desc", "authorId=ann&limit=1"} {
			if got := l.read(query); seqs(got.Events) != fmt.Sprint(scanMax+101) {
				t.Errorf("%s with D1 failing %d: %s", query, fail, seqs(got.Events))
			}
		}
	}
	w.Fetch("GET", "/search?ownerNamespace=acme", nil, bearerOf(acmeKey)).Want(503)
	w.Fetch("GET", "/logs?ownerNamespace=acme", nil, bearerOf(acmeKey)).Want(503)
}
