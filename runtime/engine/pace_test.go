package engine_test

import (
	"errors"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/holdfast-run/holdfast/runtime/engine"
)

// TestPace_StopsWhatDoesNotReturn: loops, and recursion that has none.
func TestPace_StopsWhatDoesNotReturn(t *testing.T) {
	neighbour, cn := goGuest(t)
	for _, path := range []string{"/loop", "/recurse", "/dynamic"} {
		in, _ := goGuest(t)
		in.SetLimit(40 * time.Millisecond)
		err := fetch(in, 2, path, nil)
		var trap *engine.Trap
		if !errors.As(err, &trap) || trap.Kind != engine.TrapTime {
			t.Fatalf("%s ended with %v", path, err)
		}
		if !strings.Contains(trap.Reason, "longer than 40ms") {
			t.Errorf("%s: the reason is %q", path, trap.Reason)
		}
		fetched(t, neighbour, 3, "/incr", nil)
	}
	expectReplies(t, cn, "3 1", "3 2", "3 3")
}

// TestPace_SlicesAreNotSeen: a guest that is made to call back in the
// middle of its loops computes what it would have.
func TestPace_SlicesAreNotSeen(t *testing.T) {
	short, cs := goGuest(t)
	long, cl := goGuest(t)
	for range 60 {
		fetched(t, short, 2, "/burn", make([]byte, 1))
	}
	fetched(t, long, 2, "/burn", make([]byte, 60)) // some 100 ms
	fetched(t, long, 2, "/burn", make([]byte, 1))
	if a, b := cs.replies[59].Response.Body, cl.replies[1].Response.Body; string(a) != string(b) {
		t.Fatalf("computed %s and %s", a, b)
	}
	sum := uint64(0)
	for i := range uint64(60e6) {
		sum += i ^ sum>>3
	}
	if got := string(cl.replies[0].Response.Body); got != uitoa(sum) {
		t.Fatalf("computed %s, want %d", got, sum)
	}
}

func uitoa(n uint64) string {
	var b [20]byte
	i := len(b)
	for ; n > 0 || i == len(b); n /= 10 {
		i--
		b[i] = '0' + byte(n%10)
	}
	return string(b[i:])
}

// TestPace_SpinningGuestsLetOthersIn: with as many guests spinning as there
// are threads, others get their turns and the collector runs.
func TestPace_SpinningGuestsLetOthersIn(t *testing.T) {
	var spinners sync.WaitGroup
	defer spinners.Wait()
	for range runtime.GOMAXPROCS(0) + 1 {
		in, _ := goGuest(t)
		in.SetLimit(5 * time.Second)
		spinners.Go(func() {
			if err := fetch(in, 2, "/loop", nil); err == nil {
				t.Error("a loop without an end ended")
			}
		})
	}
	ended := make(chan struct{})
	go func() {
		spinners.Wait()
		close(ended)
	}()
	in, c := goGuest(t)
	for range 20 {
		fetched(t, in, 3, "/incr", nil)
	}
	runtime.GC()
	select {
	case <-ended:
		t.Fatal("the others had their turns after the spinning ones were stopped")
	default:
	}
	if len(c.replies) != 20 {
		t.Fatalf("%d answers", len(c.replies))
	}
}

func TestEvent_DoesNotAllocate(t *testing.T) {
	img := image(t, tiny().encode(), engine.ImageConfig{MemoryMiB: 1})
	in := instance(t, img, newCalls())
	msg := words(0, 0, 0, 0)
	if n := testing.AllocsPerRun(200, func() {
		if err := in.Event(99, msg); err != nil {
			t.Fatal(err)
		}
		if err := in.Tick(); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Fatalf("an event and a tick make %v allocations", n)
	}
}

// BenchmarkStop measures how late a loop is stopped.
func BenchmarkStop(b *testing.B) {
	const limit = 20 * time.Millisecond
	late, n := time.Duration(0), 0
	for b.Loop() {
		b.StopTimer()
		in, _ := goGuest(b)
		in.SetLimit(limit)
		b.StartTimer()
		began := time.Now()
		if err := fetch(in, 2, "/loop", nil); err == nil {
			b.Fatal("a loop without an end ended")
		}
		late, n = late+time.Since(began)-limit, n+1
	}
	b.ReportMetric(float64(late.Microseconds())/float64(n), "us-late/op")
}
