package room

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-run/holdfast/guest-sdk/edge/edgetest"
)

func line(seq int, at time.Time) string {
	return fmt.Sprintf(`{"seq":%d,"authorId":"a","content":"c%d","createdAt":%q}`+"\n", seq, seq, at.Format(time.RFC3339Nano))
}

func TestImport_ReachesReadersSocketsAndD1(t *testing.T) {
	both(t, func(t *testing.T, w *edgetest.World) {
		l := makeIn(w, "i")
		c := l.connect("bob", "")
		want(t, c, "welcome")
		now := w.Now()
		body := line(1, now.Add(-48*time.Hour)) + line(2, now.Add(-24*time.Hour)) + line(3, now)
		w.Fetch("PUT", "/logs/i/import", strings.Replace(body, `"seq":3`, `"seq":4`, 1), bearerOf(acmeKey)).Want(400)
		w.Fetch("PUT", "/logs/i/import", body, bearerOf(acmeKey)).Want(200)
		for seq := int64(1); seq <= 3; seq++ {
			if f := want(t, c, "event"); f.Event.Seq != seq {
				t.Fatalf("%+v", f)
			}
		}
		if e := l.append("b", "next"); e.Seq != 4 {
			t.Fatalf("%+v", e)
		}
		w.Fetch("PUT", "/logs/i/import", body, bearerOf(acmeKey)).Want(409)
		w.Settle()
		if got := seqs(l.indexed("")); got != "1 2 3 4" {
			t.Fatalf("D1 has %s", got)
		}
	})
}

func TestImport_RetentionFindsOldEventsBehindYoungOnes(t *testing.T) {
	w := newWorld(t)
	l := makeIn(w, "u", "retentionDays", 10)
	now := w.Now()
	body := line(1, now) + line(2, now.AddDate(0, 0, -30)) + line(3, now.AddDate(0, 0, -5)) + line(4, now.AddDate(0, 0, -20))
	w.Fetch("PUT", "/logs/u/import", body, bearerOf(acmeKey)).Want(200)
	w.Advance(25 * time.Hour)
	if got := seqs(l.read("").Events); got != "1 3" {
		t.Fatalf("the room has %s", got)
	}
	l.object().Evict()
	if got := seqs(l.read("").Events); got != "1 3" {
		t.Fatalf("the room has %s once it is back", got)
	}
	if got := len(l.indexed("")); got != 2 {
		t.Fatalf("D1 has %d events", got)
	}
	if e := l.append("b", "next"); e.Seq != 5 {
		t.Fatalf("%+v", e)
	}
}
