package engine_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-run/holdfast/guest-sdk/abi"
	"github.com/holdfast-run/holdfast/runtime/engine"
)

// rest freezes an instance and thaws it with the same calls.
func rest(t testing.TB, img *engine.Image, in *engine.Instance, c *calls) *engine.Instance {
	t.Helper()
	f, err := in.Freeze()
	if err != nil {
		t.Fatal(err)
	}
	next, err := img.Thaw(f, c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(next.Close)
	return next
}

func TestImage_InstancesBeginAlikeAndLiveApart(t *testing.T) {
	onEachMemory(t, func(t *testing.T, img *engine.Image) {
		a, ca := goGuestOf(t, img)
		b, cb := goGuestOf(t, img)
		fetched(t, a, 2, "/remember", []byte("a1"))
		fetched(t, b, 2, "/remember", []byte("b1"))
		fetched(t, a, 2, "/remember", []byte("a2"))
		expectReplies(t, ca, "2 a1", "2 a1,a2")
		expectReplies(t, cb, "2 b1")
		a.Close()
		c, cc := goGuestOf(t, img) // in the slot that a has left
		fetched(t, c, 2, "/remember", []byte("c1"))
		expectReplies(t, cc, "2 c1")
	})
}

// TestImage_RandomnessIsTheHosts: what an image was captured with must not be
// what its instances draw.
func TestImage_RandomnessIsTheHosts(t *testing.T) {
	onEachMemory(t, func(t *testing.T, img *engine.Image) {
		for _, noise := range []byte{0, 0x11, 0xff} {
			in, c := goGuestOf(t, img)
			c.noise = noise
			fetched(t, in, 2, "/random", nil)
			eight := strings.Repeat(fmt.Sprintf("%02x", noise^0xa5), 8)
			expectReplies(t, c, "2 "+eight+" "+eight)
		}
	})
}

func TestFreeze_KeepsWhatTheGuestRemembers(t *testing.T) {
	onEachMemory(t, func(t *testing.T, img *engine.Image) {
		in, c := goGuestOf(t, img)
		fetched(t, in, 2, "/remember", []byte("one"))
		in = rest(t, img, in, c)
		fetched(t, in, 2, "/remember", []byte("two"))
		in = rest(t, img, rest(t, img, in, c), c)
		fetched(t, in, 2, "/remember", []byte("three"))
		expectReplies(t, c, "2 one", "2 one,two", "2 one,two,three")
	})
}

// TestFreeze_KeepsMemoryThatHasGrown: the diff reaches past what the image
// captured.
func TestFreeze_KeepsMemoryThatHasGrown(t *testing.T) {
	onEachMemory(t, func(t *testing.T, img *engine.Image) {
		in, c := goGuestOf(t, img)
		big := strings.Repeat("0123456789abcdef", 300_000) // 4.8 MB
		fetched(t, in, 2, "/remember", []byte(big))
		in = rest(t, img, in, c)
		fetched(t, in, 2, "/remember", []byte("end"))
		if got := string(c.replies[1].Response.Body); got != big+",end" {
			t.Fatalf("%d bytes came back, want %d", len(got), len(big)+4)
		}
	})
}

func TestFreeze_KeepsParkedGoroutinesAndOperations(t *testing.T) {
	onEachMemory(t, func(t *testing.T, img *engine.Image) {
		in, c := goGuestOf(t, img)
		fetched(t, in, 2, "/park", nil)
		fetched(t, in, 3, "/sync", nil)
		in = rest(t, img, in, c)
		if err := in.Complete(c.ops[0], abi.OK, nil); err != nil {
			t.Fatal(err)
		}
		in = rest(t, img, in, c)
		fetched(t, in, 4, "/open", nil)
		expectReplies(t, c, "3 durable", "4 ok", "2 opened")
	})
}

func TestFreeze_KeepsTimers(t *testing.T) {
	onEachMemory(t, func(t *testing.T, img *engine.Image) {
		in, c := goGuestOf(t, img)
		fetched(t, in, 2, "/sleep", nil)
		before, _ := in.Deadline()
		c.mono += int64(20 * time.Millisecond)
		in = rest(t, img, in, c)
		if at, armed := in.Deadline(); !armed || at != before {
			t.Fatalf("the timer is due at %d, was %d", at, before)
		}
		c.mono = before
		if err := in.Tick(); err != nil {
			t.Fatal(err)
		}
		expectReplies(t, c, "2 slept")
	})
}

func TestFreeze_LeavesTheInstanceAsItIs(t *testing.T) {
	onEachMemory(t, func(t *testing.T, img *engine.Image) {
		in, c := goGuestOf(t, img)
		fetched(t, in, 2, "/remember", []byte("one"))
		if _, err := in.Freeze(); err != nil {
			t.Fatal(err)
		}
		fetched(t, in, 2, "/remember", []byte("two"))
		expectReplies(t, c, "2 one", "2 one,two")
	})
}

// TestFreeze_ARestIsNeverSeen drives two instances alike, of which one rests
// at random, and compares every answer.
func TestFreeze_ARestIsNeverSeen(t *testing.T) {
	onEachMemory(t, func(t *testing.T, img *engine.Image) {
		r := rand.New(rand.NewPCG(1, 2))
		plain, cp := goGuestOf(t, img)
		in, c := goGuestOf(t, img)
		paths := []string{"/incr", "/remember", "/echo", "/park", "/open", "/spin", "/random", "/burn"}
		parked := 0
		for n := range 150 {
			path := paths[r.IntN(len(paths))]
			switch path {
			case "/park":
				parked++
			case "/open":
				if parked == 0 {
					continue
				}
				parked--
			}
			body := []byte(strings.Repeat(string(rune('a'+r.IntN(26))), r.IntN(40)))
			event := uint64(10 + n)
			fetched(t, plain, event, path, body)
			if r.IntN(3) == 0 {
				in = rest(t, img, in, c)
			}
			fetched(t, in, event, path, body)
		}
		if len(c.replies) < 100 || len(c.replies) != len(cp.replies) {
			t.Fatalf("%d answers, %d without rests", len(c.replies), len(cp.replies))
		}
		for i := range c.replies {
			got, want := c.replies[i], cp.replies[i]
			if got.Event != want.Event || string(got.Response.Body) != string(want.Response.Body) {
				t.Fatalf("answer %d: event %d %q, without rests event %d %q", i, got.Event, got.Response.Body, want.Event, want.Response.Body)
			}
		}
	})
}

func TestThaw_RefusesAnotherImage(t *testing.T) {
	in, c := goGuest(t)
	f, err := in.Freeze()
	if err != nil {
		t.Fatal(err)
	}
	other := image(t, tiny().encode(), engine.ImageConfig{MemoryMiB: 1})
	if _, err := other.Thaw(f, c); !errors.Is(err, engine.ErrNotFrozen) {
		t.Fatalf("thawed with the wrong image: %v", err)
	}
}

func BenchmarkActivate(b *testing.B) {
	img, err := guestImage()
	if err != nil {
		b.Fatal(err)
	}
	c := newCalls()
	b.ReportAllocs()
	for b.Loop() {
		in, err := img.Instantiate(c)
		if err != nil {
			b.Fatal(err)
		}
		in.Close()
	}
}

func BenchmarkFreeze(b *testing.B) {
	in, _ := goGuest(b)
	for n := range 10 {
		if err := fetch(in, uint64(n), "/incr", nil); err != nil {
			b.Fatal(err)
		}
	}
	bytes := int64(0)
	for b.Loop() {
		f, err := in.Freeze()
		if err != nil {
			b.Fatal(err)
		}
		bytes = f.Bytes()
	}
	b.ReportMetric(float64(bytes), "B/frozen")
	b.ReportMetric(float64(in.MemoryBytes()), "B/hot")
}

func BenchmarkThaw(b *testing.B) {
	img, err := guestImage()
	if err != nil {
		b.Fatal(err)
	}
	in, c := goGuest(b)
	for n := range 10 {
		if err := fetch(in, uint64(n), "/incr", nil); err != nil {
			b.Fatal(err)
		}
	}
	f, err := in.Freeze()
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		in, err := img.Thaw(f, c)
		if err != nil {
			b.Fatal(err)
		}
		in.Close()
	}
}
