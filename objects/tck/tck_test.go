package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/holdfast-run/holdfast/host"
	"github.com/holdfast-run/holdfast/internal/wasmtest"
)

func kit(t *testing.T, cfg host.Config) (*wasmtest.Host, func(path string) wasmtest.Answer) {
	t.Helper()
	h := wasmtest.Start(t, cfg, "objects/tck")
	return h, func(path string) wasmtest.Answer {
		t.Helper()
		return wasmtest.Do(t, "GET", h.URL+"/tck/"+path, "", nil)
	}
}

func expect(t *testing.T, a wasmtest.Answer, status int, body string) {
	t.Helper()
	if a.Status != status || string(a.Body) != body {
		t.Fatalf("got %d %q, want %d %q", a.Status, a.Body, status, body)
	}
}

func TestBadGuest_RestartsAndNeighboursLive(t *testing.T) {
	h, get := kit(t, host.Config{})
	expect(t, get("probe/good/put?arg=g"), 200, "ok")
	for _, bad := range []string{"panic", "exit", "oom", "recurse", "abort"} {
		t.Run(bad, func(t *testing.T) {
			name := "bad-" + bad
			expect(t, get("probe/"+name+"/put?arg=kept"), 200, "ok")
			s := wasmtest.Dial(t, h.URL+"/tck/probe/"+name+"/ws", nil)
			a := get("probe/" + name + "/" + bad + "?arg=lost")
			if a.Status != 500 {
				t.Fatalf("the caller got %d %s", a.Status, a.Body)
			}
			expect(t, get("probe/"+name+"/get"), 200, `"kept"`)
			expect(t, get("probe/"+name+"/runs"), 200, "2")
			expect(t, get("probe/"+name+"/get?arg=constructed"), 200, "2")
			s.Write("still here")
			if got := string(s.Text()); got != "still here" {
				t.Fatalf("socket: %q", got)
			}
			expect(t, get("probe/good/get?arg=constructed"), 200, "1")
			if !strings.Contains(h.Log.String(), "object="+name) {
				t.Fatalf("the log does not name the object:\n%s", h.Log)
			}
		})
	}
}

func TestTurn_PanicDropsErrorKeeps(t *testing.T) {
	_, get := kit(t, host.Config{})
	expect(t, get("probe/a/put?arg=1"), 200, "ok")
	if a := get("probe/a/put-panic?arg=2"); a.Status != 500 {
		t.Fatalf("panic: %d", a.Status)
	}
	expect(t, get("probe/a/get"), 200, `"1"`)
	if a := get("probe/a/put-error?arg=3"); a.Status != 500 {
		t.Fatalf("error: %d", a.Status)
	}
	expect(t, get("probe/a/get"), 200, `"3"`)
	expect(t, get("probe/a/tx?arg=4"), 200, "edge: nothing may wait inside Transaction: D1, stubs, fetch and Sync come before or after it")
	expect(t, get("probe/a/get"), 200, `"3"`)
}

func TestCycle_OneChain(t *testing.T) {
	_, get := kit(t, host.Config{})
	expect(t, get("probe/a/chain?arg=probe:b"), 200, "a>end")
	expect(t, get("probe/a/chain?arg=probe:a"), 200, "cycle")
	expect(t, get("probe/a/chain?arg=open:o+probe:a"), 200, "a>cycle")
	slow := 0
	for range 1000 {
		began := time.Now()
		expect(t, get("probe/a/chain?arg=probe:b+probe:c+probe:a"), 200, "a>b>cycle")
		if time.Since(began) > 10*time.Millisecond {
			slow++
		}
	}
	t.Logf("%d of 1000 took over 10 ms on this machine", slow)
}

func TestCycle_CrossingChains(t *testing.T) {
	_, get := kit(t, host.Config{})
	cycles := 0
	for range 1000 {
		var wg sync.WaitGroup
		var answers [2]wasmtest.Answer
		wg.Go(func() { answers[0] = get("probe/x/chain?arg=probe:y") })
		wg.Go(func() { answers[1] = get("probe/y/chain?arg=probe:x") })
		wg.Wait()
		for _, a := range answers {
			if a.Status != 200 {
				t.Fatalf("got %d %s", a.Status, a.Body)
			}
			if string(a.Body) == "cycle" {
				cycles++
			}
		}
	}
	if cycles == 0 {
		t.Skip("the two calls never crossed")
	}
	t.Logf("%d crossings were refused", cycles)
}

func TestWaiting_GoroutinesTimersBackground(t *testing.T) {
	_, get := kit(t, host.Config{})
	expect(t, get("probe/a/sleep?arg=30"), 200, "slept")
	expect(t, get("probe/a/fan?arg=50"), 200, "1275")
	expect(t, get("probe/a/background?arg=bg"), 200, "ok")
	wasmtest.Eventually(t, "background work writes", func() bool { return string(get("probe/a/get").Body) == `"bg"` })
	expect(t, get("probe/a/timer?arg=tm"), 200, "armed")
	wasmtest.Eventually(t, "a timer writes", func() bool { return string(get("probe/a/get").Body) == `"tm"` })
}

func TestExclusive_TakesOneEventAtATime(t *testing.T) {
	_, get := kit(t, host.Config{})
	get("probe/e/runs")
	get("open/e/runs")
	began := time.Now()
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() { get("probe/e/sleep?arg=100") })
	}
	wg.Wait()
	if took := time.Since(began); took < 400*time.Millisecond {
		t.Fatalf("four events of 100 ms took %v", took)
	}
	expect(t, get("open/e/fan?arg=3"), 200, "6")
}

func TestRandom_DiffersBetweenObjects(t *testing.T) {
	_, get := kit(t, host.Config{})
	seen := map[string]bool{}
	for i := range 20 {
		b := string(get(fmt.Sprintf("probe/r%d/random", i)).Body)
		if len(b) != 64 || seen[b[:32]] || seen[b[32:]] {
			t.Fatalf("random of object %d: %s", i, b)
		}
		seen[b[:32]], seen[b[32:]] = true, true
	}
}

func TestWorker_StreamHeadersPanicOutbound(t *testing.T) {
	h, get := kit(t, host.Config{})
	expect(t, get("worker/stream"), 200, "head part0 part1 part2 ")
	if a := get("worker/panic"); a.Status != 500 {
		t.Fatalf("panic: %d", a.Status)
	}
	expect(t, get("worker/stream"), 200, "head part0 part1 part2 ")
	expect(t, get("worker/put?name=w&arg=1"), 200, "ok")
	if a := get("worker/fetch?url=http://127.0.0.1:1/"); a.Status != 500 || !strings.Contains(string(a.Body), "holdfast.outbound") {
		t.Fatalf("outbound: %d %s", a.Status, a.Body)
	}
	req, err := http.NewRequest("GET", h.URL+"/tck/worker/headers", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header["X-Two"] = []string{"1", "2"}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b := make([]byte, 4096)
	n, _ := resp.Body.Read(b)
	if !strings.Contains(string(b[:n]), "X-Two: 1\nX-Two: 2\n") {
		t.Fatalf("headers:\n%s", b[:n])
	}
}

func TestCancel_ReachesTheHandler(t *testing.T) {
	h, get := kit(t, host.Config{})
	get("probe/c/runs")
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, "GET", h.URL+"/tck/probe/c/patient", nil)
	if err != nil {
		t.Fatal(err)
	}
	if resp, err := http.DefaultClient.Do(req); err == nil {
		resp.Body.Close()
		t.Fatalf("the handler answered %d", resp.StatusCode)
	}
	wasmtest.Eventually(t, "the handler learns that its client has gone", func() bool {
		return string(get("probe/c/get").Body) == `"the client has gone"`
	})
}

func TestCancel_BeforeASocketIsAccepted(t *testing.T) {
	h, get := kit(t, host.Config{})
	expect(t, get("probe/late/get?arg=constructed"), 200, "1")
	conn, err := net.Dial("tcp", strings.TrimPrefix(h.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(conn, "GET /tck/probe/late/ws-late HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
	conn.Close() // the handler accepts when it knows that
	wasmtest.Eventually(t, "the object hears that its socket is closed", func() bool {
		return strings.HasPrefix(string(get("probe/late/get?arg=closed").Body), `"1006 `)
	})
	expect(t, get("probe/late/sockets"), 200, "0")
}

func TestBlock_NothingComesBetween(t *testing.T) {
	_, get := kit(t, host.Config{})
	get("open/b/runs")
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() { expect(t, get(fmt.Sprintf("open/b/block?arg=%d", i)), 200, "unblocked") })
	}
	began := time.Now()
	wg.Wait()
	if took := time.Since(began); took < 200*time.Millisecond {
		t.Fatalf("four sections of 50 ms took %v", took)
	}
}
