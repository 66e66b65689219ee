package host_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/fasthttp/websocket"

	"github.com/holdfast-run/holdfast/host"
	"github.com/holdfast-run/holdfast/internal/wasmtest"
)

// outbound is roomConfig with hosts that the guest may reach.
func outbound(hosts string) string {
	return strings.Replace(roomConfig, `"holdfast": {`, `"holdfast": {"outbound": [`+hosts+`], `, 1)
}

func TestConnect_ReachesWhatIsListedAndNothingElse(t *testing.T) {
	h := wasmtest.Start(t, host.Config{}, newApp(t, outbound(`"127.0.0.1"`)).dir)
	base := "ws" + strings.TrimPrefix(h.URL, "http")
	refusing := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/key" {
			w.Header().Set("Connection", "upgrade")
			w.Header().Set("Upgrade", "websocket")
			w.Header().Set("Sec-WebSocket-Accept", "bm90IHRoZSBrZXkgdGhhdCB3YXMgbWVhbnQ=")
			w.WriteHeader(101)
			return
		}
		http.Error(w, "not today", 403)
	}))
	defer refusing.Close()
	refused := "ws" + strings.TrimPrefix(refusing.URL, "http")
	for _, from := range []string{"/w/dial", "/r/a/dial"} {
		for url, want := range map[string]string{
			base + "/w/echo":             "v1, false 12 worker hello, true 70007 worker ",
			base + "/r/other/own":        "v1, false 12 object hello, true 70007 object ",
			base + "/nowhere":            "404",
			refused + "/":                "403",
			refused + "/key":             "Sec-WebSocket-Accept",
			"ws://localhost/":            `host "localhost" is not listed under holdfast.outbound`,
			"http://127.0.0.1/":          "no absolute ws or wss URL",
			"ws://127.0.0.1:1/":          "refused",
			"wss://" + base[5:] + "/x/y": "tls",
		} {
			a := wasmtest.Do(t, "POST", h.URL+from, "", url)
			status := 502
			if strings.HasPrefix(want, "v1") {
				status = 200
			}
			if a.Status != status || !strings.Contains(string(a.Body), want) || status == 200 && !strings.HasSuffix(string(a.Body), ", websocket closed: 4001 ") {
				t.Errorf("%s to %s: %d %q, want %d and %q", from, url, a.Status, a.Body, status, want)
			}
		}
	}
}

func TestServe_SocketsOfTheInstanceEndWithItsVersionOrACrash(t *testing.T) {
	h := wasmtest.Start(t, host.Config{}, newApp(t, roomConfig).dir)
	for _, path := range []string{"/w/echo", "/r/a/own"} {
		s, other := wasmtest.Dial(t, h.URL+path, nil), wasmtest.Dial(t, h.URL+path, nil)
		for i := range 3 {
			s.Write(fmt.Sprint(i))
			if got := string(s.Text()); !strings.HasSuffix(got, fmt.Sprint(i)) {
				t.Fatalf("%s: %q", path, got)
			}
		}
		other.Write("panic")
		if code := other.Closed(); code != websocket.CloseServiceRestart {
			t.Errorf("%s: closed with %d after a panic", path, code)
		}
	}
	// A worker's instance serves one of them, or both; either way it is
	// another one that answers now.
	s := wasmtest.Dial(t, h.URL+"/w/echo", nil)
	s.Write("new")
	if got := string(s.Text()); got != "worker new" {
		t.Fatalf("%q", got)
	}
}

func TestEventTimeout_ResetsTheObjectAndKeepsItsSockets(t *testing.T) {
	h := wasmtest.Start(t, host.Config{}, newApp(t, roomConfig).dir)
	s := wasmtest.Dial(t, h.URL+"/r/a/ws", nil)
	expect(t, room(t, h, "a", "limit"), 200, "ok")
	s.Write("hang")
	wasmtest.Eventually(t, "the log says why", func() bool {
		return strings.Contains(h.Log.String(), "the event took longer than 200ms, which caused the object to be reset")
	})
	s.Write("and again")
	if got := string(s.Text()); got != "one heard and again" {
		t.Fatalf("behind the reset the socket says %q", got)
	}
}

func TestMetrics_CountConnectionsByTheirEnd(t *testing.T) {
	h := wasmtest.Start(t, host.Config{}, newApp(t, roomConfig).dir)
	s := wasmtest.Dial(t, h.URL+"/r/a/ws", nil)
	s.Write("hello")
	s.Text()
	if err := s.WriteMessage(websocket.CloseMessage, websocket.FormatCloseMessage(1000, "")); err != nil {
		t.Fatal(err)
	}
	s.Closed()
	wasmtest.Eventually(t, "the end is counted", func() bool {
		text := string(wasmtest.Do(t, "GET", h.Admin+"/_holdfast/metrics", "", nil).Body)
		return strings.Contains(text, `holdfast_sockets_ended_total{ending="clean"} 1`) && strings.Contains(text, "holdfast_sockets_opened_total 1") &&
			strings.Contains(text, `holdfast_sockets_ended_total{ending="slow"} 0`) && strings.Contains(text, "holdfast_socket_messages_in_total 1")
	})
}

func TestShutdown_ClosesSocketsWith1012(t *testing.T) {
	h := wasmtest.Start(t, host.Config{}, newApp(t, roomConfig).dir)
	sockets := []*wasmtest.Socket{wasmtest.Dial(t, h.URL+"/r/a/ws", nil), wasmtest.Dial(t, h.URL+"/w/echo", nil)}
	codes := make(chan int, len(sockets))
	for _, s := range sockets {
		go func() { codes <- s.Closed() }()
	}
	h.Stop()
	for range sockets {
		if code := <-codes; code != websocket.CloseServiceRestart {
			t.Errorf("closed with %d", code)
		}
	}
}

func TestCompression_IsTheAppsChoice(t *testing.T) {
	config := strings.Replace(roomConfig, `"holdfast": {`, `"holdfast": {"websocket_compression": true, `, 1)
	h := wasmtest.Start(t, host.Config{}, newApp(t, config).dir)
	d := websocket.Dialer{EnableCompression: true}
	c, answer, err := d.Dial("ws"+strings.TrimPrefix(h.URL, "http")+"/r/a/ws", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if got := answer.Header.Get("Sec-WebSocket-Extensions"); !strings.HasPrefix(got, "permessage-deflate") {
		t.Errorf("extensions %q", got)
	}
	text := strings.Repeat("the same again, ", 1000)
	wasmtest.Eventually(t, "the room says it to one", func() bool { // once the socket is the room's
		return string(wasmtest.Do(t, "POST", h.URL+"/r/a/say", "", text).Body) == "1"
	})
	if _, got, err := c.ReadMessage(); err != nil || string(got) != text {
		t.Fatalf("%d bytes came, %v", len(got), err)
	}
	var sent float64
	wasmtest.Eventually(t, "what was sent is counted", func() bool { // after the kernel has it: the client may be faster
		metrics := string(wasmtest.Do(t, "GET", h.Admin+"/_holdfast/metrics", "", nil).Body)
		_, rest, _ := strings.Cut(metrics, "\nholdfast_socket_bytes_out_total ")
		_, err := fmt.Sscan(rest, &sent)
		return err == nil && sent > 0
	})
	if sent > 1000 {
		t.Errorf("%v bytes were sent for a text of %d", sent, len(text))
	}
}

func TestReload_SocketsOfInstancesMakeWayForTheNewVersion(t *testing.T) {
	app := newApp(t, roomConfig)
	h := wasmtest.Start(t, dev(), app.dir)
	sockets := []*wasmtest.Socket{wasmtest.Dial(t, h.URL+"/w/echo", nil), wasmtest.Dial(t, h.URL+"/r/a/own", nil)}
	for _, s := range sockets {
		s.Write("hello")
		s.Text()
	}
	app.change("main.go", `version = "one"`, `version = "two"`)
	for _, s := range sockets {
		if code := s.Closed(); code != websocket.CloseServiceRestart {
			t.Errorf("closed with %d", code)
		}
	}
	becomes(t, h, "two")
	for range 5 {
		expect(t, wasmtest.Do(t, "GET", h.URL+"/w/x", "", nil), 200, "worker two")
	}
}
