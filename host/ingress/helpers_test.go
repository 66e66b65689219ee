package ingress

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-run/holdfast/guest-sdk/abi"
	"github.com/holdfast-run/holdfast/host/socket"
)

// patience bounds every wait of a test; a test that meets it has failed.
const patience = 20 * time.Second

// targetFunc is a Target with a limit.
type targetFunc struct {
	bodyBytesMax int64
	serve        func(*Exchange)
}

func (t targetFunc) BodyBytesMax() int64 { return t.bodyBytesMax }
func (t targetFunc) Serve(x *Exchange)   { t.serve(x) }

// routes is a Router by whole path.
type routes map[string]targetFunc

func (r routes) Route(_, path string) (Target, bool) {
	t, ok := r[path]
	return t, ok
}

func ok(body string) *abi.Response {
	return &abi.Response{Status: 200, Headers: []abi.Header{{Name: "Content-Type", Value: "text/plain"}}, Body: []byte(body)}
}

// echo answers with what it was asked.
func echo(x *Exchange) {
	var b strings.Builder
	b.WriteString(x.Request.Method + " " + x.Request.URL + "\n")
	for _, h := range x.Request.Headers {
		b.WriteString(h.Name + "=" + h.Value + "\n")
	}
	b.Write(x.Request.Body)
	x.Respond(ok(b.String()))
}

func startServer(t testing.TB, cfg Config, router Router) (*Server, string) {
	t.Helper()
	if cfg.Addr == "" {
		cfg.Addr = "127.0.0.1:0"
	}
	sockets, err := socket.New(socket.Config{PingEvery: -1})
	if err != nil {
		t.Fatal(err)
	}
	s, err := New(cfg, router, sockets)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Listen(); err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve() }()
	t.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		s.Shutdown(ctx)
		if err := receive(t, served, "end of Serve"); err != nil {
			t.Errorf("Serve: %v", err)
		}
		sockets.Close()
	})
	return s, s.Addr().String()
}

func receive[T any](t testing.TB, from <-chan T, what string) T {
	t.Helper()
	select {
	case v := <-from:
		return v
	case <-time.After(patience):
		t.Fatalf("no %s within %v", what, patience)
		panic("unreachable")
	}
}

// client speaks bytes.
type client struct {
	t testing.TB
	net.Conn
	in *bufio.Reader
}

func dial(t testing.TB, addr string) *client {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(patience))
	return &client{t, c, bufio.NewReader(c)}
}

// send writes lines, each ended by CR LF where it ends by \n.
func (c *client) send(text string) {
	c.t.Helper()
	if _, err := io.WriteString(c, strings.ReplaceAll(text, "\n", "\r\n")); err != nil {
		c.t.Fatal(err)
	}
}

// response reads one response, which answers a request with method.
func (c *client) response(method string) (*http.Response, string) {
	c.t.Helper()
	r, err := http.ReadResponse(c.in, &http.Request{Method: method})
	if err != nil {
		c.t.Fatalf("read response: %v", err)
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		c.t.Fatalf("read body: %v", err)
	}
	return r, string(body)
}

func (c *client) wantError(status int, code string) *http.Response {
	c.t.Helper()
	r, body := c.response("GET")
	var shape struct {
		Error struct{ Code, Message string }
	}
	if err := json.Unmarshal([]byte(body), &shape); err != nil || r.StatusCode != status || shape.Error.Code != code || shape.Error.Message == "" {
		c.t.Fatalf("answer is %d %q, want %d %s", r.StatusCode, body, status, code)
	}
	if got := r.Header.Get("Content-Type"); got != "application/json" {
		c.t.Errorf("Content-Type is %q", got)
	}
	return r
}

func (c *client) wantEnd() {
	c.t.Helper()
	if n, err := c.in.Read(make([]byte, 1)); n != 0 || err == nil {
		c.t.Fatalf("read %d bytes, %v; want the end", n, err)
	}
}
