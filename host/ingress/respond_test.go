package ingress

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/holdfast-run/holdfast/guest-sdk/abi"
)

func TestRespond_FromAnotherGoroutineAndOnlyOnce(t *testing.T) {
	_, addr := startServer(t, Config{}, routes{"/": {serve: func(x *Exchange) {
		go func() {
			x.Respond(ok("first"))
			x.Respond(ok("second"))
			x.Fail(500, "late", "late")
			x.Chunk([]byte("nobody"), true)
		}()
	}}})
	c := dial(t, addr)
	for range 50 {
		c.send("GET / HTTP/1.1\nHost: h\n\n")
		if _, body := c.response("GET"); body != "first" {
			t.Fatalf("got %q", body)
		}
	}
}

func TestRespond_Headers(t *testing.T) {
	_, addr := startServer(t, Config{}, routes{"/": {serve: func(x *Exchange) {
		x.Respond(&abi.Response{Status: 299, Body: []byte("body"), Headers: []abi.Header{
			{Name: "ETag", Value: `"x"`}, {Name: "Set-Cookie", Value: "a=1"}, {Name: "Set-Cookie", Value: "a=2; Path=/"},
			{Name: "x-lower", Value: "1"}, {Name: "X-Twice", Value: "1"}, {Name: "x-twice", Value: "2"},
			{Name: "Connection", Value: "close"}, {Name: "Transfer-Encoding", Value: "gzip"}, {Name: "Content-Length", Value: "999"}, {Name: "Keep-Alive", Value: "1"},
		}})
	}}})
	c := dial(t, addr)
	for range 2 {
		c.send("GET / HTTP/1.1\nHost: h\n\n")
		r, body := c.response("GET")
		if r.StatusCode != 299 || body != "body" || r.ContentLength != 4 || r.Close || r.Header.Get("Keep-Alive") != "" {
			t.Errorf("got %+v %q", r, body)
		}
		if got := r.Header.Values("Set-Cookie"); len(got) != 2 || got[1] != "a=2; Path=/" {
			t.Errorf("cookies are %q", got)
		}
		if got := r.Header.Values("X-Twice"); len(got) != 2 || r.Header.Get("Etag") != `"x"` {
			t.Errorf("headers are %v", r.Header)
		}
		if r.Header.Get("Content-Type") != "" || r.Header.Get("Server") != "" {
			t.Errorf("the host added headers: %v", r.Header)
		}
	}
}

func TestRespond_HeadAndStatusWithoutBody(t *testing.T) {
	_, addr := startServer(t, Config{}, routes{
		"/body": {serve: func(x *Exchange) { x.Respond(ok("hello")) }},
		"/length": {serve: func(x *Exchange) {
			x.Respond(&abi.Response{Status: 200, Headers: []abi.Header{{Name: "content-length", Value: "12345"}}})
		}},
		"/204": {serve: func(x *Exchange) { x.Respond(&abi.Response{Status: 204, Body: []byte("never sent")}) }},
	})
	c := dial(t, addr)
	for _, test := range []struct {
		request string
		length  int64
	}{{"HEAD /body", 5}, {"HEAD /length", 12345}, {"GET /204", 0}, {"GET /body", 5}} {
		method, _, _ := strings.Cut(test.request, " ")
		c.send(test.request + " HTTP/1.1\nHost: h\n\n")
		if r, body := c.response(method); r.ContentLength != test.length || method == "HEAD" && body != "" {
			t.Errorf("%s: length %d, body %q", test.request, r.ContentLength, body)
		}
	}
}

func TestRespond_BadAnswersBecome500(t *testing.T) {
	for name, answer := range map[string]*abi.Response{
		"status 0":              {},
		"status 100":            {Status: 100},
		"status 1000":           {Status: 1000},
		"101 without upgrade":   {Status: 101},
		"line feed in a header": {Status: 200, Headers: []abi.Header{{Name: "X", Value: "a\r\nSet-Cookie: b=c"}}},
		"bad header name":       {Status: 200, Headers: []abi.Header{{Name: "X:", Value: "a"}}},
		"empty header name":     {Status: 200, Headers: []abi.Header{{Name: "", Value: "a"}}},
		"bad and streamed":      {Status: 1, Streamed: true},
	} {
		t.Run(name, func(t *testing.T) {
			_, addr := startServer(t, Config{}, routes{"/": {serve: func(x *Exchange) { x.Respond(answer) }}})
			c := dial(t, addr)
			c.send("GET / HTTP/1.1\nHost: h\n\n")
			c.wantError(http.StatusInternalServerError, "bad_response")
		})
	}
}

func TestFail_OverloadedAsksToComeBack(t *testing.T) {
	_, addr := startServer(t, Config{}, routes{"/": {serve: func(x *Exchange) { x.Fail(503, "overloaded", "mailbox is full") }}})
	c := dial(t, addr)
	c.send("GET / HTTP/1.1\nHost: h\n\n")
	if r := c.wantError(503, "overloaded"); r.Header.Get("Retry-After") != "1" || r.Close {
		t.Errorf("headers are %v", r.Header)
	}
	c.send("GET /nowhere HTTP/1.1\nHost: h\n\n")
	c.wantError(404, "not_found")
}

func TestAnswerTimeout_Is504(t *testing.T) {
	_, addr := startServer(t, Config{AnswerTimeout: time.Millisecond}, routes{"/": {serve: func(x *Exchange) {
		if x.Request.DeadlineMs == 0 {
			t.Error("the request has no deadline")
		}
	}}})
	c := dial(t, addr)
	c.send("GET / HTTP/1.1\nHost: h\n\n")
	c.wantError(http.StatusGatewayTimeout, "timeout")
}

func TestStream_ChunksInOrder(t *testing.T) {
	_, addr := startServer(t, Config{}, routes{"/": {serve: func(x *Exchange) {
		x.Respond(&abi.Response{Status: 200, Streamed: true, Body: []byte("one,")})
		go func() {
			x.Chunk([]byte("two,"), false)
			x.Chunk(nil, false)
			x.Chunk([]byte(strings.Repeat("3", 100_000)), false)
			x.Chunk([]byte(",four"), true)
			x.Chunk([]byte("too late"), true)
		}()
	}}})
	c := dial(t, addr)
	for range 2 {
		c.send("GET / HTTP/1.1\nHost: h\n\n")
		if r, body := c.response("GET"); body != "one,two,"+strings.Repeat("3", 100_000)+",four" || r.TransferEncoding[0] != "chunked" {
			t.Fatalf("got %d bytes, %v", len(body), r.TransferEncoding)
		}
	}
	old := dial(t, addr)
	old.send("GET / HTTP/1.0\nHost: h\n\n")
	old.wantError(http.StatusHTTPVersionNotSupported, "bad_request")
}

func TestStream_BeginsBeforeItsFirstChunk(t *testing.T) {
	started := make(chan *Exchange, 1)
	_, addr := startServer(t, Config{}, routes{"/": {serve: func(x *Exchange) {
		x.Respond(&abi.Response{Status: 200, Streamed: true})
		started <- x
	}}})
	c := dial(t, addr)
	c.send("GET / HTTP/1.1\nHost: h\n\n")
	r, err := http.ReadResponse(c.in, nil) // the headers, while the stream is empty
	if err != nil {
		t.Fatal(err)
	}
	x := receive(t, started, "exchange")
	x.Chunk([]byte("now"), true)
	if body, err := io.ReadAll(r.Body); err != nil || string(body) != "now" {
		t.Errorf("got %q, %v", body, err)
	}
}

func TestStream_SlowClientIsCut(t *testing.T) {
	cancelled := make(chan struct{})
	started := make(chan *Exchange, 1)
	_, addr := startServer(t, Config{StreamQueueBytesMax: 100_000}, routes{"/": {serve: func(x *Exchange) {
		x.OnCancel(func() { close(cancelled) })
		x.Respond(&abi.Response{Status: 200, Streamed: true})
		started <- x
	}}})
	c := dial(t, addr)
	c.send("GET / HTTP/1.1\nHost: h\n\n")
	x := receive(t, started, "exchange")
	piece := make([]byte, 60_000)
	severed := func() bool {
		x.stream.mu.Lock()
		defer x.stream.mu.Unlock()
		return x.stream.severed
	}
	for range 10_000 {
		if severed() {
			break
		}
		x.Chunk(piece, false)
	}
	if !severed() {
		t.Fatal("the queue had no end")
	}
	r, err := http.ReadResponse(c.in, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, r.Body); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("the cut stream ended with %v", err)
	}
	receive(t, cancelled, "OnCancel")
}

func TestOnCancel_ClientLeavesWhileWaiting(t *testing.T) {
	for name, answer := range map[string]*abi.Response{"no answer": nil, "a streamed answer": {Status: 200, Streamed: true, Body: []byte("begin")}} {
		t.Run(name, func(t *testing.T) {
			started := make(chan *Exchange, 1)
			cancelled := make(chan struct{})
			_, addr := startServer(t, Config{}, routes{"/": {serve: func(x *Exchange) {
				x.OnCancel(func() { close(cancelled) })
				if answer != nil {
					x.Respond(answer)
				}
				started <- x
			}}})
			c := dial(t, addr)
			c.send("GET / HTTP/1.1\nHost: h\n\nleft unread")
			x := receive(t, started, "exchange")
			c.Close()
			receive(t, cancelled, "OnCancel")
			x.Respond(ok("nobody"))
			x.Chunk([]byte("nobody"), true)
			now := false
			x.OnCancel(func() { now = true })
			if !now {
				t.Error("OnCancel after the client has left was not called")
			}
		})
	}
}

func TestShutdown_DrainsThenCuts(t *testing.T) {
	started := make(chan *Exchange, 2)
	s, addr := startServer(t, Config{}, routes{"/": {serve: func(x *Exchange) { started <- x }}})
	waiting := dial(t, addr)
	waiting.send("GET / HTTP/1.1\nHost: h\n\n")
	x := receive(t, started, "exchange")
	done := make(chan error, 1)
	go func() { done <- s.Shutdown(context.Background()) }()
	for { // until nobody is accepted any more
		c, err := net.Dial("tcp", addr)
		if err != nil {
			break
		}
		c.Close()
	}
	x.Respond(ok("drained"))
	if r, body := waiting.response("GET"); body != "drained" || !r.Close {
		t.Errorf("got %q, close %v", body, r.Close)
	}
	if err := receive(t, done, "end of Shutdown"); err != nil {
		t.Errorf("Shutdown: %v", err)
	}

	s, addr = startServer(t, Config{}, routes{"/": {serve: func(x *Exchange) { started <- x }}})
	stuck := dial(t, addr)
	stuck.send("GET / HTTP/1.1\nHost: h\n\n")
	var cancelled atomic.Bool
	receive(t, started, "exchange").OnCancel(func() { cancelled.Store(true) })
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := s.Shutdown(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Shutdown: %v", err)
	}
	stuck.wantEnd()
}

func TestConnectionsMax_Is503(t *testing.T) {
	_, addr := startServer(t, Config{ConnectionsMax: 1}, routes{"/": {serve: echo}})
	first := dial(t, addr)
	first.send("GET / HTTP/1.1\nHost: h\n\n")
	first.response("GET")
	dial(t, addr).wantError(503, "overloaded")
}

func TestClientJS_IsTheOnlyPathOfTheHost(t *testing.T) {
	_, addr := startServer(t, Config{ClientJS: []byte("export {}")}, routes{})
	c := dial(t, addr)
	c.send("GET /_holdfast/client.js HTTP/1.1\nHost: h\n\n")
	if r, body := c.response("GET"); body != "export {}" || !strings.HasPrefix(r.Header.Get("Content-Type"), "text/javascript") {
		t.Errorf("got %q, %v", body, r.Header)
	}
	c.send("GET /_holdfast/health HTTP/1.1\nHost: h\n\n")
	c.wantError(404, "not_found")
}

func TestConfig_Validate(t *testing.T) {
	for name, cfg := range map[string]Config{
		"HeaderBytesMax": {HeaderBytesMax: -1},
		"TLSKey":         {TLSCert: "cert.pem"},
		"TrustedProxies": {TrustedProxies: []string{"here"}},
	} {
		if _, err := New(cfg, routes{}, nil); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: error is %v", name, err)
		}
	}
}

// certificate writes a certificate for loopback and returns its files.
func certificate(t *testing.T) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for file, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: secret}} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return cert, key
}

func TestTLS_RequestsAndCancel(t *testing.T) {
	cert, key := certificate(t)
	cancelled := make(chan struct{})
	started := make(chan struct{})
	_, addr := startServer(t, Config{TLSCert: cert, TLSKey: key}, routes{
		"/": {serve: echo},
		"/wait": {serve: func(x *Exchange) {
			x.OnCancel(func() { close(cancelled) })
			close(started)
		}},
	})
	over, err := tls.Dial("tcp", addr, &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	c := &client{t, over, bufio.NewReader(over)}
	c.send("GET / HTTP/1.1\nHost: h\n\n")
	if _, body := c.response("GET"); !strings.HasPrefix(body, "GET https://h/\n") {
		t.Errorf("got %q", body)
	}
	c.send("GET /wait HTTP/1.1\nHost: h\n\n")
	receive(t, started, "request")
	c.Close()
	receive(t, cancelled, "OnCancel")
}
