package mailbox_test

import (
	"errors"
	"slices"
	"sync"
	"testing"

	"github.com/holdfast-run/holdfast/runtime/mailbox"
)

// drain takes everything that is there.
func drain[T any](m *mailbox.Mailbox[T]) []T {
	var out []T
	for {
		e, ok := m.Pop()
		if !ok {
			return out
		}
		out = append(out, e)
	}
}

func TestMailbox_KeepsOrderWhileItGrowsAndShrinks(t *testing.T) {
	var m mailbox.Mailbox[int]
	next, expect := 0, 0
	// Pushes run ahead of pops by a different distance each time, so that the
	// ring wraps, grows and is given back.
	for _, ahead := range []int{1, 3, 4, 5, 9, 17, 2, 64, 1, 33, 8, 7} {
		for range ahead {
			if err := m.Push(next, 1); err != nil {
				t.Fatal(err)
			}
			next++
		}
		for range ahead - ahead/3 {
			if e, ok := m.Pop(); !ok || e != expect {
				t.Fatalf("popped %d %v, want %d", e, ok, expect)
			}
			expect++
		}
		if events, bytes := m.Len(); events != next-expect || bytes != next-expect {
			t.Fatalf("%d events of %d bytes, want %d", events, bytes, next-expect)
		}
	}
	for _, e := range drain(&m) {
		if e != expect {
			t.Fatalf("drained %d, want %d", e, expect)
		}
		expect++
	}
	if _, ok := m.Pop(); ok || expect != next {
		t.Fatalf("%d of %d came out", expect, next)
	}
}

func TestPush_RefusesAtItsBounds(t *testing.T) {
	m := mailbox.Mailbox[string]{EventsMax: 3, BytesMax: 100}
	push := func(want error, bytes int) {
		t.Helper()
		if err := m.Push("x", bytes); !errors.Is(err, want) {
			t.Fatalf("push of %d bytes: %v, want %v", bytes, err, want)
		}
	}
	push(nil, 60)
	push(mailbox.ErrTooMuch, 41)
	push(nil, 40)
	push(nil, 0)
	push(mailbox.ErrTooMany, 0)
	if events, bytes := m.Len(); events != 3 || bytes != 100 {
		t.Fatalf("%d events of %d bytes: a refusal left a trace", events, bytes)
	}
	m.Pop()
	push(nil, 60)
}

func TestPush_TakesOneTooLargeWhenEmpty(t *testing.T) {
	m := mailbox.Mailbox[int]{BytesMax: 10}
	if err := m.Push(1, 1000); err != nil {
		t.Fatalf("an event larger than the queue is refused for ever: %v", err)
	}
	if err := m.Push(2, 1); !errors.Is(err, mailbox.ErrTooMuch) {
		t.Fatalf("behind it: %v", err)
	}
	m.Pop()
	if err := m.Push(2, 1); err != nil {
		t.Fatal(err)
	}
}

func TestZero_HasTheDefaultBounds(t *testing.T) {
	var m mailbox.Mailbox[int]
	for i := range mailbox.DefaultEventsMax {
		if err := m.Push(i, 1); err != nil {
			t.Fatalf("event %d: %v", i, err)
		}
	}
	if err := m.Push(0, 1); !errors.Is(err, mailbox.ErrTooMany) {
		t.Fatalf("beyond: %v", err)
	}
	var big mailbox.Mailbox[int]
	if err := big.Push(0, mailbox.DefaultBytesMax); err != nil {
		t.Fatal(err)
	}
	if err := big.Push(0, 1); !errors.Is(err, mailbox.ErrTooMuch) {
		t.Fatalf("beyond: %v", err)
	}
}

func TestErrors_AreThoseOfDurableObjects(t *testing.T) {
	if mailbox.ErrTooMany.Error() != "Durable Object is overloaded. Too many requests queued." ||
		mailbox.ErrTooMuch.Error() != "Durable Object is overloaded. Too much data queued." {
		t.Fatal("programs that look for these texts find others")
	}
}

func TestForce_GoesBeyondTheBoundsButNotBehindAClose(t *testing.T) {
	m := mailbox.Mailbox[int]{EventsMax: 1, BytesMax: 1}
	if err := m.Push(1, 1); err != nil {
		t.Fatal(err)
	}
	m.Force(2, 50)
	m.Force(3, 50)
	if got := drain(&m); !slices.Equal(got, []int{1, 2, 3}) {
		t.Fatalf("drained %v", got)
	}
	m.Close(mailbox.ErrClosed)
	m.Force(4, 1)
	if events, bytes := m.Len(); events != 0 || bytes != 0 {
		t.Fatalf("%d events of %d bytes in a closed mailbox", events, bytes)
	}
}

func TestClose_ReturnsTheRestAndRefusesWithItsError(t *testing.T) {
	var m mailbox.Mailbox[int]
	for i := range 10 {
		if err := m.Push(i, 1); err != nil {
			t.Fatal(err)
		}
	}
	m.Pop()
	if got := m.Close(mailbox.ErrClosed); !slices.Equal(got, []int{1, 2, 3, 4, 5, 6, 7, 8, 9}) {
		t.Fatalf("the rest is %v", got)
	}
	if err := m.Push(1, 1); !errors.Is(err, mailbox.ErrClosed) {
		t.Fatalf("push: %v", err)
	}
	if got := m.Close(errors.New("again")); got != nil {
		t.Fatalf("a second close returns %v", got)
	}
	if err := m.Push(1, 1); !errors.Is(err, mailbox.ErrClosed) {
		t.Fatalf("a second close changed the error: %v", err)
	}
	if _, ok := m.Pop(); ok {
		t.Fatal("something is left")
	}
}

// TestHammer_EveryEventOnceInTheOrderOfItsWriter lets many writers run into
// the bounds while one reader drains, and closes under them.
func TestHammer_EveryEventOnceInTheOrderOfItsWriter(t *testing.T) {
	type event struct{ writer, number int }
	const writers, each = 8, 2000
	m := mailbox.Mailbox[event]{EventsMax: 64, BytesMax: 4096}
	var wg sync.WaitGroup
	taken := make([]int, writers) // by the mailbox, of each writer
	for w := range writers {
		wg.Go(func() {
			for n := 0; n < each; {
				err := m.Push(event{w, n}, 1+n%200)
				switch {
				case err == nil:
					n++
					taken[w] = n
				case errors.Is(err, mailbox.ErrClosed):
					return
				}
			}
		})
	}
	seen := make([]int, writers)
	check := func(e event) {
		if e.number != seen[e.writer] {
			t.Errorf("writer %d: event %d, want %d", e.writer, e.number, seen[e.writer])
		}
		seen[e.writer]++
	}
	for popped := 0; popped < writers*each/2; {
		if e, ok := m.Pop(); ok {
			check(e)
			popped++
		}
	}
	rest := m.Close(mailbox.ErrClosed)
	wg.Wait()
	for _, e := range rest {
		check(e)
	}
	if !slices.Equal(seen, taken) {
		t.Errorf("taken %v, came out %v", taken, seen)
	}
}

func TestPushPop_DoNotAllocate(t *testing.T) {
	var m mailbox.Mailbox[[4]int]
	for range 4 {
		m.Force([4]int{}, 1)
	}
	if n := testing.AllocsPerRun(1000, func() {
		m.Force([4]int{}, 1)
		m.Pop()
	}); n != 0 {
		t.Fatalf("%v allocations", n)
	}
}

func BenchmarkPushPop(b *testing.B) {
	var m mailbox.Mailbox[*int]
	e := new(int)
	b.ReportAllocs()
	for b.Loop() {
		if err := m.Push(e, 100); err != nil {
			b.Fatal(err)
		}
		m.Pop()
	}
}
