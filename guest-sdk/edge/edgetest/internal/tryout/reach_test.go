package tryout_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-run/holdfast/guest-sdk/edge/edgetest"
)

// TestParity_TestsReachBehindTheDoor: methods, keys, alarms and a D1 that
// fails are at hand in both kinds of world.
func TestParity_TestsReachBehindTheDoor(t *testing.T) {
	parity(t, func(t *testing.T, w *edgetest.World) {
		a := w.Object("One", "a")
		if got, err := edgetest.Call[string](a, "pass", []string{"b"}); err != nil || got != "b" {
			t.Fatalf("pass: %q, %v", got, err)
		}
		if _, err := edgetest.Call[string](a, "none", 1); err == nil || !strings.Contains(err.Error(), "none") {
			t.Fatalf("a method that is not there: %v", err)
		}
		get(w, "/one/a/put?key=k&value=v")
		if kv := a.KV(); string(kv["k"]) != "v" {
			t.Fatalf("keys: %q", kv)
		}
		get(w, "/one/a/alarm?in=1h")
		before := w.Now()
		a.RunAlarm()
		if kv := a.KV(); string(kv["runs"]) == "" || w.Now().Sub(before) > time.Minute {
			t.Fatalf("the alarm did not run now: %q", kv)
		}
		w.FailD1After(1, 1, errors.New("the cable is out"))
		query := func() string { return w.Fetch("POST", "/one/a/d1", []byte("SELECT 1 AS n")).Want(200).Text() }
		if got := query(); !strings.HasPrefix(got, "1 ") {
			t.Fatalf("the first query: %s", got)
		}
		if got := query(); !strings.Contains(got, "the cable is out") {
			t.Fatalf("the second query: %s", got)
		}
		if got := query(); !strings.HasPrefix(got, "1 ") {
			t.Fatalf("the third query: %s", got)
		}
	})
}
