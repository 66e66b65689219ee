package tryout_test

import (
	"strings"
	"testing"
	"time"

	"github.com/holdfast-run/holdfast/guest-sdk/edge/edgetest"
)

// inMemory runs fn in memory only: against a process a test cannot tell whether
// a request that it began has arrived before the clock moves.
func inMemory(t *testing.T, fn func(t *testing.T, w *edgetest.World)) {
	t.Helper()
	fn(t, edgetest.New(t, edgetest.Config("testdata/app")))
}

func TestClock_SleepersWakeByTheClock(t *testing.T) {
	inMemory(t, func(t *testing.T, w *edgetest.World) {
		p := w.Begin("GET", "/one/a/sleep?for=10s&key=k&value=slept", nil)
		w.Advance(10*time.Second - time.Millisecond)
		if p.Answered() {
			t.Fatal("answered before its time")
		}
		w.Advance(time.Millisecond)
		if got := p.Response().Text(); got != "10s 1" {
			t.Fatalf("answer %q", got)
		}
		is(t, w, "/one/a/get?key=k", "slept")
		get(w, "/one/a/later?for=5s&key=k&value=later")
		w.Advance(5 * time.Second)
		is(t, w, "/one/a/get?key=k", "later")
	})
}

func TestClock_ExclusiveWaitsInterleavingDoesNot(t *testing.T) {
	for path, want := range map[string]string{"/one/a": "1s 1,0s 2", "/many/a": "1s 2,0s 1"} {
		inMemory(t, func(t *testing.T, w *edgetest.World) {
			slow := w.Begin("GET", path+"/sleep?for=1s", nil)
			w.Advance(0)
			quick := w.Begin("GET", path+"/sleep?for=0s", nil)
			w.Advance(time.Second)
			if got := slow.Response().Text() + "," + quick.Response().Text(); got != want {
				t.Fatalf("%s: got %s, want %s", path, got, want)
			}
		})
	}
}

func TestClock_ACrashFailsWhoWaits(t *testing.T) {
	inMemory(t, func(t *testing.T, w *edgetest.World) {
		p := w.Begin("GET", "/one/a/sleep?for=10s&key=k&value=slept", nil)
		w.Settle()
		w.Object("One", "a").Crash()
		if r := p.Response().Want(500); !strings.Contains(r.Text(), `"code":"reset"`) {
			t.Fatal(r.Text())
		}
		w.Advance(time.Minute)
		is(t, w, "/one/a/get?key=k", "")
	})
}

func TestClock_AnAlarmWakesAnObjectWhoseConstructorWaits(t *testing.T) {
	inMemory(t, func(t *testing.T, w *edgetest.World) {
		get(w, "/one/a/alarm?in=1h&key=birth&value=slow")
		w.Object("One", "a").Evict()
		w.Advance(2 * time.Hour)
		is(t, w, "/one/a/get?key=runs", "0 false false\n")
	})
}

// TestClock_BeginsWhereTheTestSays: compiled guests too, also before today.
func TestClock_BeginsWhereTheTestSays(t *testing.T) {
	for _, start := range []time.Time{time.Date(2024, 2, 28, 23, 59, 59, 500_000_000, time.UTC), time.Date(2060, 1, 1, 0, 0, 0, 0, time.UTC)} {
		edgetest.Both(t, "testdata/app", func(t *testing.T, w *edgetest.World) {
			if now := w.Now(); !now.Equal(start) {
				t.Fatalf("the clock stands at %s, want %s", now, start)
			}
			get(w, "/one/a/alarm?in=24h&key=k&value=v")
			if at, ok := w.Object("One", "a").Alarm(); !ok || !at.Equal(start.Add(24*time.Hour)) {
				t.Errorf("an alarm in a day is set for %s, %v", at, ok)
			}
			w.Advance(25 * time.Hour)
			is(t, w, "/one/a/get?key=runs", "0 false false\n")
		}, edgetest.Start(start))
	}
}
