package engine_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/holdfast-run/holdfast/guest-sdk/abi"
	"github.com/holdfast-run/holdfast/runtime/engine"
)

// guestModule is the guest in testdata, built once a run.
var guestModule = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "holdfast-guest-*")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	out := filepath.Join(dir, "guest.wasm")
	cmd := exec.Command("go", "build", "-buildmode=c-shared", "-o", out, "./testdata/guest")
	cmd.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm")
	if text, err := cmd.CombinedOutput(); err != nil {
		return nil, errors.New(string(text))
	}
	return os.ReadFile(out)
})

// guestOn makes an image of it that lives as long as the tests.
func guestOn(cfg engine.Config) (*engine.Image, error) {
	module, err := guestModule()
	if err != nil {
		return nil, err
	}
	e, err := engine.New(cfg)
	if err != nil {
		return nil, err
	}
	return e.Image(context.Background(), module, engine.ImageConfig{MemoryMiB: 32})
}

var (
	guestImage  = sync.OnceValues(func() (*engine.Image, error) { return guestOn(engine.Config{}) })
	copiedImage = sync.OnceValues(func() (*engine.Image, error) { return guestOn(engine.Config{CopyMemory: true}) })
)

// onEachMemory runs a test on mapped instances and on copied ones.
func onEachMemory(t *testing.T, test func(t *testing.T, img *engine.Image)) {
	for name, make := range map[string]func() (*engine.Image, error){"mapped": guestImage, "copied": copiedImage} {
		t.Run(name, func(t *testing.T) {
			img, err := make()
			if err != nil {
				t.Fatal(err)
			}
			test(t, img)
		})
	}
}

// goGuest is a constructed instance of the Go guest.
func goGuest(t testing.TB) (*engine.Instance, *calls) {
	t.Helper()
	img, err := guestImage()
	if err != nil {
		t.Fatal(err)
	}
	return goGuestOf(t, img)
}

// goGuestOf is one of an image.
func goGuestOf(t testing.TB, img *engine.Image) (*engine.Instance, *calls) {
	t.Helper()
	c := newCalls()
	in := instance(t, img, c)
	m := abi.ConstructEvent{Event: 1, Class: "Kit", ID: strings.Repeat("0", 64), Mode: "dev"}
	if err := in.Event(abi.EventConstruct, m.Append(nil)); err != nil {
		t.Fatal(err)
	}
	if len(c.failed) > 0 {
		t.Fatalf("the constructor failed: %v", c.failed)
	}
	return in, c
}

// fetch delivers a request.
func fetch(in *engine.Instance, event uint64, path string, body []byte) error {
	m := abi.FetchEvent{Event: event, Request: abi.Request{Method: "GET", URL: "http://test" + path, Body: body}}
	return in.Event(abi.EventFetch, m.Append(nil))
}

// fetched delivers a request to a guest that must live.
func fetched(t *testing.T, in *engine.Instance, event uint64, path string, body []byte) {
	t.Helper()
	if err := fetch(in, event, path, body); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

// expectReplies compares what was answered: "event body", in order.
func expectReplies(t *testing.T, c *calls, want ...string) {
	t.Helper()
	var got []string
	for _, r := range c.replies {
		got = append(got, string('0'+rune(r.Event))+" "+string(r.Response.Body))
	}
	if strings.Join(got, "|") != strings.Join(want, "|") {
		t.Fatalf("answered %q, want %q; failed %q", got, want, c.failed)
	}
}

func TestGuest_CountsAcrossEvents(t *testing.T) {
	in, c := goGuest(t)
	for range 3 {
		fetched(t, in, 2, "/incr", nil)
	}
	expectReplies(t, c, "2 1", "2 2", "2 3")
	if string(c.kv["n"]) != "3" {
		t.Fatalf("the host keeps %q", c.kv["n"])
	}
}

func TestGuest_MessagesLargerThanItsBuffers(t *testing.T) {
	in, c := goGuest(t)
	for _, n := range []int{0, 60 << 10, 64 << 10, 1 << 20, 3 << 20} {
		body := bytes.Repeat([]byte{byte(n >> 10), 'x'}, n/2)
		fetched(t, in, 2, "/echo", body)
		if got := c.replies[len(c.replies)-1].Response.Body; !bytes.Equal(got, body) {
			t.Fatalf("%d bytes came back as %d", n, len(got))
		}
		c.kv["large"] = body
		fetched(t, in, 3, "/large", nil)
		if got := c.replies[len(c.replies)-1].Response.Body; !bytes.Equal(got, body) {
			t.Fatalf("a result of %d bytes came as %d", n, len(got))
		}
	}
}

func TestGuest_ParkedGoroutinesGoOnInLaterEvents(t *testing.T) {
	in, c := goGuest(t)
	fetched(t, in, 2, "/park", nil)
	fetched(t, in, 3, "/incr", nil)
	expectReplies(t, c, "3 1")
	fetched(t, in, 4, "/open", nil)
	if len(c.replies) != 3 {
		t.Fatalf("%d answers: the pump left a goroutine behind", len(c.replies))
	}
}

func TestGuest_OperationsCompleteLater(t *testing.T) {
	in, c := goGuest(t)
	fetched(t, in, 2, "/sync", nil)
	fetched(t, in, 3, "/sync", nil)
	expectReplies(t, c)
	if err := in.Complete(c.ops[1], abi.OK, nil); err != nil {
		t.Fatal(err)
	}
	expectReplies(t, c, "3 durable")
	failure := (&abi.Failure{Message: "the disk is gone"}).Append(nil)
	if err := in.Complete(c.ops[0], abi.StorageFault, failure); err != nil {
		t.Fatal(err)
	}
	expectReplies(t, c, "3 durable")
	if len(c.failed) != 1 || !strings.Contains(c.failed[0], "the disk is gone") {
		t.Fatalf("failed %q", c.failed)
	}
	if err := in.Complete(77, abi.OK, nil); !errors.Is(err, engine.ErrRefused) {
		t.Fatalf("an operation that never was: %v", err)
	}
	fetched(t, in, 4, "/incr", nil)
}

func TestGuest_IsPumpedUntilNothingRuns(t *testing.T) {
	in, c := goGuest(t)
	fetched(t, in, 2, "/spin", nil)
	expectReplies(t, c, "2 ok")
	if len(c.logged) != 1 || c.logged[0] != "spun" {
		t.Fatalf("the event ended before its goroutine: %q", c.logged)
	}
}

func TestGuest_TimersRingWhenTheHostTicks(t *testing.T) {
	in, c := goGuest(t)
	fetched(t, in, 2, "/sleep", nil)
	expectReplies(t, c)
	at, armed := in.Deadline()
	if !armed || at != c.mono+int64(50*time.Millisecond) {
		t.Fatalf("the next timer is due at %d, armed %v; now %d", at, armed, c.mono)
	}
	c.mono = at - 1
	if err := in.Tick(); err != nil {
		t.Fatal(err)
	}
	expectReplies(t, c)
	c.mono = at
	if err := in.Tick(); err != nil {
		t.Fatal(err)
	}
	expectReplies(t, c, "2 slept")
	if _, armed := in.Deadline(); armed {
		t.Fatal("a timer is left")
	}
}

// TestGuest_SkippedPumpTellsThatATimerMayBeArmed: an event that leaves no
// goroutine is not pumped; if it read the clock the host asks with a tick.
func TestGuest_SkippedPumpTellsThatATimerMayBeArmed(t *testing.T) {
	in, c := goGuest(t)
	if err := in.Tick(); err != nil {
		t.Fatal(err)
	}
	if in.ClockRead() {
		t.Fatal("a guest that was pumped leaves the question open")
	}
	fetched(t, in, 2, "/arm", nil)
	expectReplies(t, c, "2 armed")
	if !in.ClockRead() {
		t.Fatal("the host is not told that a timer may be armed")
	}
	if _, armed := in.Deadline(); armed {
		t.Fatal("the pump was not skipped")
	}
	if err := in.Tick(); err != nil {
		t.Fatal(err)
	}
	at, armed := in.Deadline()
	if in.ClockRead() || !armed || at != c.mono+int64(20*time.Millisecond) {
		t.Fatalf("after a tick: clock read %v, due at %d, armed %v", in.ClockRead(), at, armed)
	}
	c.mono = at
	if err := in.Tick(); err != nil {
		t.Fatal(err)
	}
	if len(c.logged) != 1 || c.logged[0] != "rang" {
		t.Fatalf("logged %q", c.logged)
	}
}

func TestGuest_OutputComesInLines(t *testing.T) {
	in, c := goGuest(t)
	fetched(t, in, 2, "/print", nil)
	if got := strings.Join(c.output, "|"); got != "half a line|no end" {
		t.Fatalf("output %q", got)
	}
}

func TestGuest_RefusesMessagesItCannotRead(t *testing.T) {
	in, c := goGuest(t)
	if err := in.Event(abi.EventFetch, []byte("garbage")); !errors.Is(err, engine.ErrRefused) {
		t.Fatalf("garbage: %v", err)
	}
	if err := in.Event(99, nil); !errors.Is(err, engine.ErrRefused) {
		t.Fatalf("an unknown kind: %v", err)
	}
	fetched(t, in, 2, "/incr", nil)
	expectReplies(t, c, "2 1")
}

func TestGuest_WaysToDie(t *testing.T) {
	for _, w := range []struct {
		path, reason, output string
		kind                 engine.TrapKind
	}{
		{"/panic", "the guest exited with code 2", "panic: asked to", engine.TrapGuest},
		{"/panic", "the guest exited with code 2", "main.(*kit).die", engine.TrapGuest},
		{"/goexit", "the guest exited with code 2", "panic: runtime.Goexit was called by the code of an event", engine.TrapGuest},
		{"/exit", "the guest exited with code 7", "", engine.TrapGuest},
		{"/hoard", "unreachable", "out of memory", engine.TrapGuest},
		{"/abort", "it aborted", "", engine.TrapAbort},
	} {
		t.Run(w.path, func(t *testing.T) {
			in, c := goGuest(t)
			fetched(t, in, 2, "/incr", nil)
			var tr *engine.Trap
			err := fetch(in, 3, w.path, nil)
			if !errors.As(err, &tr) || tr.Kind != w.kind || !strings.Contains(tr.Reason, w.reason) {
				t.Fatalf("got %v", err)
			}
			if !strings.Contains(strings.Join(c.output, "\n"), w.output) {
				t.Fatalf("output %q", c.output)
			}
			expectReplies(t, c, "2 1")
		})
	}
}

func TestGuest_MemoryStaysInItsLimit(t *testing.T) {
	in, _ := goGuest(t)
	_ = fetch(in, 2, "/hoard", nil) // it dies of it, as TestGuest_WaysToDie shows
	if got := in.MemoryBytes(); got > 32<<20 {
		t.Fatalf("memory of %d bytes", got)
	}
}

// TestGuest_IsSmallAtFirst: what a constructor and ten events write is in few
// pages, because the image was warmed. (Without that, this guest has 219 KiB.)
func TestGuest_IsSmallAtFirst(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux tells which pages an instance has written")
	}
	in, _ := goGuest(t)
	for range 10 {
		fetched(t, in, 2, "/incr", nil)
	}
	if got := in.MemoryBytes(); got > 160<<10 {
		t.Fatalf("%d KiB of memory after ten events, expected at most 160", got>>10)
	}
}

func BenchmarkGoGuestEvent(b *testing.B) {
	in, c := goGuest(b)
	b.ReportAllocs()
	for b.Loop() {
		if err := fetch(in, 2, "/incr", nil); err != nil {
			b.Fatal(err)
		}
		c.replies = c.replies[:0]
	}
}

// TestGuest_KeepsNothingBehindItsHandler: a body may be large, and the object
// may be idle for days.
func TestGuest_KeepsNothingBehindItsHandler(t *testing.T) {
	const bodyBytes = 8 << 20
	in, c := goGuest(t)
	heap := func(event uint64) int { // by an event that is no request, which might take the place of the last
		t.Helper()
		c.logged = nil
		m := abi.AlarmEvent{Event: event}
		if err := in.Event(abi.EventAlarm, m.Append(nil)); err != nil || len(c.logged) != 1 {
			t.Fatalf("logged %q, %v", c.logged, err)
		}
		n, err := strconv.Atoi(c.logged[0])
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	before := heap(2)
	for i, path := range []string{"/take", "/taken", "/echo"} {
		c.replies = nil
		fetched(t, in, uint64(10*i+3), path, make([]byte, bodyBytes))
		if path == "/taken" {
			if held := heap(uint64(10*i+4)) - before; held < bodyBytes {
				t.Fatalf("%s: %d bytes are held while the handler waits: nothing is shown", path, held)
			}
			if err := in.Complete(c.ops[len(c.ops)-1], abi.OK, nil); err != nil {
				t.Fatal(err)
			}
		}
		if last := c.replies[len(c.replies)-1]; path == "/echo" && len(last.Response.Body) != bodyBytes || path != "/echo" && string(last.Response.Body) != strconv.Itoa(bodyBytes) {
			t.Fatalf("%s: answered %.100q", path, last.Response.Body)
		}
		if held := heap(uint64(10*i+5)) - before; held > bodyBytes/4 {
			t.Errorf("%s: %d bytes more are held behind a request of %d", path, held, bodyBytes)
		}
	}
}
