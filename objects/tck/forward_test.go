package main

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-run/holdfast/host"
	"github.com/holdfast-run/holdfast/internal/wasmtest"
)

// along is a path of "forward" in a URL.
func along(words ...string) string { return "?arg=" + url.QueryEscape(strings.Join(words, " ")) }

func TestForward_TheObjectsAnswerIsTheAnswer(t *testing.T) {
	h, get := kit(t, host.Config{})
	expect(t, get("probe/a/forward"+along("probe:b", "runs")), 200, "1")
	expect(t, get("probe/a/runs"), 200, "2")
	expect(t, get("probe/a/forward"+along("probe:a", "runs")), 200, "4") // itself
	expect(t, get("probe/a/forward"+along("open:o", "probe:c", "put?arg=far")), 200, "ok")
	expect(t, get("probe/c/get"), 200, `"far"`)
	expect(t, get("probe/a/forward"+along("probe:b", "stream")), 203, "head part0 part1 part2")
	expect(t, get("probe/x/fetch"+along("probe:a", "probe:b", "stream")), 203, "head part0 part1 part2")

	straight := wasmtest.Do(t, "GET", h.URL+"/tck/probe/b/put-error?arg=1", "", nil)
	expect(t, get("probe/a/forward"+along("probe:b", "put-error?arg=1")), straight.Status, string(straight.Body))
	if a := get("probe/a/forward" + along("probe:b", "panic")); a.Status != 500 || !strings.Contains(string(a.Body), "reset") {
		t.Fatalf("a panic behind it: %d %s", a.Status, a.Body)
	}
	if a := get("probe/a/forward" + along("none:b", "runs")); a.Status != 500 || !strings.Contains(string(a.Body), "no Durable Object binding") {
		t.Fatalf("no such binding: %d %s", a.Status, a.Body)
	}
	expect(t, get("probe/a/get?arg=constructed"), 200, "1")
}

func TestForward_AStreamArrivesAsItIsWritten(t *testing.T) {
	h, get := kit(t, host.Config{})
	resp, err := http.Get(h.URL + "/tck/probe/a/forward" + along("probe:b", "open:o", "stream-until"))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	head := make([]byte, 4)
	if _, err := io.ReadFull(resp.Body, head); err != nil || string(head) != "head" {
		t.Fatalf("got %q, %v", head, err)
	}
	expect(t, get("open/o/put?arg=go"), 200, "ok") // and not before
	if tail, err := io.ReadAll(resp.Body); err != nil || string(tail) != " tail" {
		t.Fatalf("got %q, %v", tail, err)
	}
}

func TestForward_WritesBeforeItAreDurable(t *testing.T) {
	_, get := kit(t, host.Config{})
	expect(t, get("probe/a/forward-put"+along("probe:b", "forward?arg=probe:a+get")), 200, `"forwarded"`)
}

func TestForward_ACircleEnds(t *testing.T) {
	_, get := kit(t, host.Config{})
	circle := make([]string, 17)
	for i := range circle {
		circle[i] = []string{"probe:b", "probe:a"}[i%2]
	}
	expect(t, get("probe/a/forward"+along(append(circle[:16:16], "put?arg=1")...)), 200, "ok")
	a := get("probe/a/forward" + along(append(circle, "put?arg=1")...))
	if a.Status != 500 || !strings.Contains(string(a.Body), "handed on 16 times") {
		t.Fatalf("17 times: %d %s", a.Status, a.Body)
	}
	// Whoever waits for a request waits for what it was forwarded to.
	expect(t, get("probe/x/fetch"+along("probe:a", "probe:a", "get?arg=constructed")), 200, "1")
	expect(t, get("probe/x/fetch"+along("probe:a", "probe:x", "runs")), 200, "cycle")
	expect(t, get("probe/x/fetch"+along("probe:a", "fetch?arg=open:o+fetch%3Farg%3Dprobe:x%2Bruns")), 200, "cycle")
	expect(t, get("probe/x/fetch"+along("probe:a", "probe:b", "fetch?arg=probe:a+get%3Farg%3Dconstructed")), 200, "1")
	expect(t, get("probe/x/fetch"+along("probe:a", "probe:b", "fetch?arg=probe:x+runs")), 200, "cycle")
}

func TestForward_LeavesTheObjectFree(t *testing.T) {
	_, get := kit(t, host.Config{})
	answered := make(chan wasmtest.Answer, 1)
	go func() { answered <- get("probe/a/forward" + along("probe:b", "sleep?arg=2000")) }()
	wasmtest.Eventually(t, "the first request has been forwarded", func() bool { return string(get("probe/a/runs").Body) != "1" })
	select {
	case a := <-answered:
		t.Fatalf("answered too early, or a waited for b: %d %s", a.Status, a.Body)
	default:
	}
	expect(t, <-answered, 200, "slept")
}

func TestForward_ACancelledRequest(t *testing.T) {
	h, get := kit(t, host.Config{})
	get("probe/c/runs")
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, "GET", h.URL+"/tck/probe/a/forward"+along("probe:b", "probe:c", "patient"), nil)
	if err != nil {
		t.Fatal(err)
	}
	if resp, err := http.DefaultClient.Do(req); err == nil {
		resp.Body.Close()
		t.Fatalf("the handler answered %d", resp.StatusCode)
	}
	wasmtest.Eventually(t, "the last handler learns that the client has gone", func() bool {
		return string(get("probe/c/get").Body) == `"the client has gone"`
	})
}

func TestForward_ASocket(t *testing.T) {
	h, get := kit(t, host.Config{})
	s := wasmtest.Dial(t, h.URL+"/tck/probe/a/forward"+along("probe:b", "probe:c", "ws"), nil)
	s.Write("hello")
	if got := string(s.Text()); got != "hello" {
		t.Fatalf("echo: %q", got)
	}
	expect(t, get("probe/c/sockets"), 200, "1")
	expect(t, get("probe/a/sockets"), 200, "0")
	expect(t, get("probe/a/forward"+along("probe:c", "ws")), 426, "no upgrade")
}
