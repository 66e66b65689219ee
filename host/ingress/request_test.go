package ingress

import (
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"
)

func TestRequest_ComesAsItWasSent(t *testing.T) {
	_, addr := startServer(t, Config{}, routes{"/a//b%2Fc": {serve: echo}})
	c := dial(t, addr)
	c.send("POST /a//b%2Fc?q=%zz&x=1 HTTP/1.1\nHost: Example.com:8787\nx-Twice: 1\nX-Other:  spaced \nX-TWICE: 2\nContent-Length: 5\n\nhello")
	_, body := c.response("POST")
	want := "POST http://Example.com:8787/a//b%2Fc?q=%zz&x=1\nHost=Example.com:8787\nx-Twice=1\nX-Other=spaced\nX-TWICE=2\nContent-Length=5\nhello"
	if body != want {
		t.Errorf("got %q\nwant %q", body, want)
	}
	c.send("GET http://other.example/a//b%2Fc HTTP/1.1\nHost: ignored\n\n")
	if _, body := c.response("GET"); !strings.HasPrefix(body, "GET http://other.example/a//b%2Fc\n") {
		t.Errorf("absolute target came as %q", body)
	}
}

func TestRequest_BodiesOfEveryLength(t *testing.T) {
	dir := t.TempDir()
	_, addr := startServer(t, Config{SpoolBytes: 50_000, SpoolDir: dir}, routes{"/": {bodyBytesMax: 200_000, serve: func(x *Exchange) {
		x.Respond(ok(string(x.Request.Body)))
	}}})
	for _, length := range []int{0, 1, 4095, 8192, 8193, 49_999, 50_000, 50_001, 199_999, 200_000} {
		body := strings.Repeat("0123456789", length/10+1)[:length]
		c := dial(t, addr)
		c.send(fmt.Sprintf("POST / HTTP/1.1\nHost: h\nContent-Length: %d\n\n", length))
		c.send(body)
		if _, got := c.response("POST"); got != body {
			t.Errorf("%d bytes came as %d", length, len(got))
		}
		c.send(fmt.Sprintf("POST / HTTP/1.1\nHost: h\nTransfer-Encoding: chunked\n\n"))
		for rest := body; rest != ""; {
			n := min(len(rest), 30_000)
			c.send(fmt.Sprintf("%x\n%s\n", n, rest[:n]))
			rest = rest[n:]
		}
		c.send("0\nTrailer-Field: x\n\n")
		if _, got := c.response("POST"); got != body {
			t.Errorf("%d bytes in chunks came as %d", length, len(got))
		}
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("spool directory holds %v, %v", left, err)
	}
}

func TestRequest_TooLong(t *testing.T) {
	router := routes{"/": {bodyBytesMax: 100_000, serve: echo}}
	for name, request := range map[string]string{
		"declared":        "POST / HTTP/1.1\nHost: h\nContent-Length: 100001\n\n" + strings.Repeat("x", 100_001),
		"chunked":         "POST / HTTP/1.1\nHost: h\nTransfer-Encoding: chunked\n\n30d40\n" + strings.Repeat("x", 200_000),
		"expect continue": "POST / HTTP/1.1\nHost: h\nContent-Length: 100001\nExpect: 100-continue\n\n",
	} {
		t.Run(name, func(t *testing.T) {
			_, addr := startServer(t, Config{}, router)
			c := dial(t, addr)
			c.send(request)
			c.wantError(http.StatusRequestEntityTooLarge, "too_large")
			c.wantEnd()
		})
	}
	_, addr := startServer(t, Config{HeaderBytesMax: 4096}, router)
	c := dial(t, addr)
	c.send("GET / HTTP/1.1\nHost: h\nX-Long: " + strings.Repeat("x", 5000) + "\n\n")
	c.wantError(http.StatusRequestHeaderFieldsTooLarge, "too_large")
	c.wantEnd()
}

func TestRequest_ExpectContinue(t *testing.T) {
	_, addr := startServer(t, Config{}, routes{"/": {serve: echo}})
	c := dial(t, addr)
	c.send("POST / HTTP/1.1\nHost: h\nContent-Length: 5\nExpect: 100-continue\n\n")
	if line, err := c.in.ReadString('\n'); err != nil || line != "HTTP/1.1 100 Continue\r\n" {
		t.Fatalf("got %q, %v", line, err)
	}
	c.in.ReadString('\n')
	c.send("hello")
	if _, body := c.response("POST"); !strings.HasSuffix(body, "\nhello") || strings.Contains(body, "Expect") {
		t.Errorf("got %q", body)
	}
	c.send("POST /nowhere HTTP/1.1\nHost: h\nContent-Length: 5\nExpect: 100-continue\n\n")
	c.wantError(http.StatusNotFound, "not_found")
	c.wantEnd()
}

func TestRequest_WhatTwoParsersCouldReadDifferentlyIsRefused(t *testing.T) {
	_, addr := startServer(t, Config{}, routes{"/": {serve: echo}, "/smuggled": {serve: func(*Exchange) { t.Error("a smuggled request was served") }}})
	const smuggled = "GET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n"
	for name, request := range map[string]string{
		"length and chunked":      "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"chunked and length":      "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
		"two lengths":             "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
		"the same length twice":   "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
		"length with a sign":      "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: +5\r\n\r\nhello",
		"length list":             "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5, 5\r\n\r\nhello",
		"unknown coding":          "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
		"identity coding":         "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: identity\r\n\r\n",
		"coding with a tab":       "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding:\tchunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
		"chunked in HTTP/1.0":     "POST / HTTP/1.0\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"space before the colon":  "POST / HTTP/1.1\r\nHost: h\r\nContent-Length : 5\r\n\r\nhello",
		"space in a name":         "GET / HTTP/1.1\r\nHost: h\r\nX Y: 5\r\n\r\n",
		"folded line":             "GET / HTTP/1.1\r\nHost: h\r\nX: 5\r\n folded\r\n\r\n",
		"folded first line":       "GET / HTTP/1.1\r\n Host: h\r\n\r\n",
		"bare line feeds":         "GET / HTTP/1.1\nHost: h\n\n",
		"one bare line feed":      "GET / HTTP/1.1\r\nHost: h\r\nX: 1\nY: 2\r\n\r\n",
		"two hosts":               "GET / HTTP/1.1\r\nHost: h\r\nHost: i\r\n\r\n",
		"no host":                 "GET / HTTP/1.1\r\nX: 1\r\n\r\n",
		"host with a path":        "GET / HTTP/1.1\r\nHost: h/x\r\n\r\n",
		"host with a user":        "GET / HTTP/1.1\r\nHost: u@h\r\n\r\n",
		"control in a value":      "GET / HTTP/1.1\r\nHost: h\r\nX: a\x01b\r\n\r\n",
		"null in a value":         "GET / HTTP/1.1\r\nHost: h\r\nX: a\x00b\r\n\r\n",
		"dot segment":             "GET /a/../b HTTP/1.1\r\nHost: h\r\n\r\n",
		"dot segment at the end":  "GET /a/. HTTP/1.1\r\nHost: h\r\n\r\n",
		"escaped dot segment":     "GET /a/%2e%2E/b HTTP/1.1\r\nHost: h\r\n\r\n",
		"half escaped dots":       "GET /.%2e HTTP/1.1\r\nHost: h\r\n\r\n",
		"backslash":               "GET /a\\b HTTP/1.1\r\nHost: h\r\n\r\n",
		"fragment":                "GET /a#b HTTP/1.1\r\nHost: h\r\n\r\n",
		"bad escape":              "GET /a%g1 HTTP/1.1\r\nHost: h\r\n\r\n",
		"escaped null":            "GET /a%00 HTTP/1.1\r\nHost: h\r\n\r\n",
		"authority as target":     "GET h:80 HTTP/1.1\r\nHost: h\r\n\r\n",
		"asterisk":                "OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n",
		"another scheme":          "GET ftp://h/ HTTP/1.1\r\nHost: h\r\n\r\n",
		"no method":               "/ HTTP/1.1\r\nHost: h\r\n\r\n",
		"bad method":              "G{T / HTTP/1.1\r\nHost: h\r\n\r\n",
		"chunk length is no hex":  "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n\r\n",
		"chunk longer than it is": "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhello\r\n0\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			c := dial(t, addr)
			if _, err := c.Write([]byte(request + smuggled)); err != nil {
				t.Fatal(err)
			}
			c.wantError(http.StatusBadRequest, "bad_request")
			c.wantEnd()
		})
	}
	for _, method := range []string{"CONNECT", "TRACE"} {
		c := dial(t, addr)
		c.send(method + " / HTTP/1.1\nHost: h\n\n")
		c.wantError(http.StatusMethodNotAllowed, "method_not_allowed")
		c.wantEnd()
	}
	c := dial(t, addr)
	c.send("GET / HTTP/1.2\nHost: h\n\n")
	c.wantError(http.StatusHTTPVersionNotSupported, "bad_request")
}

func TestRequest_UnreadBodyIsNotARequest(t *testing.T) {
	_, addr := startServer(t, Config{}, routes{"/inside": {serve: func(*Exchange) { t.Error("a body was served as a request") }}})
	inside := "GET /inside HTTP/1.1\nHost: h\n\n"
	c := dial(t, addr)
	c.send(fmt.Sprintf("POST /nowhere HTTP/1.1\nHost: h\nContent-Length: %d\n\n", 9000))
	c.send(strings.Repeat(inside, 300))
	c.wantError(http.StatusNotFound, "not_found")
	c.wantEnd()
}

func TestRequest_SlowClientsAreGivenUp(t *testing.T) {
	short := Config{HeaderTimeout: 20 * time.Millisecond, BodyStallTimeout: 20 * time.Millisecond, IdleTimeout: 20 * time.Millisecond}
	_, addr := startServer(t, short, routes{"/": {serve: echo}})
	for name, request := range map[string]string{
		"in the headers":     "GET / HTTP/1.1\nHost:",
		"in a short body":    "POST / HTTP/1.1\nHost: h\nContent-Length: 50\n\nhel",
		"in a long body":     "POST / HTTP/1.1\nHost: h\nContent-Length: 50000\n\n" + strings.Repeat("x", 20_000),
		"in a chunk":         "POST / HTTP/1.1\nHost: h\nTransfer-Encoding: chunked\n\n5\nhel",
		"between two chunks": "POST / HTTP/1.1\nHost: h\nTransfer-Encoding: chunked\n\n5\nhello\n",
	} {
		t.Run(name, func(t *testing.T) {
			c := dial(t, addr)
			c.send(request)
			c.wantError(http.StatusRequestTimeout, "timeout")
			c.wantEnd()
		})
	}
	c := dial(t, addr)
	c.send("GET / HTTP/1.1\nHost: h\n\n")
	c.response("GET")
	c.wantEnd()             // idle
	dial(t, addr).wantEnd() // and so from the start
}

func TestRequest_BodyTimeoutBoundsATrickle(t *testing.T) {
	_, addr := startServer(t, Config{BodyTimeout: 30 * time.Millisecond}, routes{"/": {serve: echo}})
	c := dial(t, addr)
	c.send("POST / HTTP/1.1\nHost: h\nContent-Length: 900000\n\n" + strings.Repeat("x", 10_000))
	go func() {
		for {
			if _, err := c.Write([]byte("x")); err != nil {
				return
			}
			time.Sleep(time.Millisecond) // a slow client
		}
	}()
	c.wantError(http.StatusRequestTimeout, "timeout")
}

func TestRequest_TrustedProxies(t *testing.T) {
	for name, test := range map[string]struct {
		trusted []string
		headers string
		want    string
	}{
		"not trusted":            {nil, "X-Forwarded-For: 1.2.3.4\nX-Forwarded-Proto: https\n", "http 127.0.0.1"},
		"another is trusted":     {[]string{"10.0.0.0/8"}, "X-Forwarded-For: 1.2.3.4\n", "http 127.0.0.1"},
		"trusted":                {[]string{"127.0.0.0/8"}, "X-Forwarded-For: 1.2.3.4\nX-Forwarded-Proto: https\n", "https 1.2.3.4:0"},
		"trusted address":        {[]string{"127.0.0.1"}, "X-Forwarded-For: 1.2.3.4\n", "http 1.2.3.4:0"},
		"rightmost not trusted":  {[]string{"127.0.0.1", "10.0.0.0/8"}, "X-Forwarded-For: 9.9.9.9, 1.2.3.4, 10.1.1.1\n", "http 1.2.3.4:0"},
		"over two lines":         {[]string{"127.0.0.1", "10.0.0.0/8"}, "X-Forwarded-For: 1.2.3.4\nX-Forwarded-For: 10.1.1.1\n", "http 1.2.3.4:0"},
		"all trusted":            {[]string{"127.0.0.1", "10.0.0.0/8"}, "X-Forwarded-For: 10.2.2.2, 10.1.1.1\n", "http 10.2.2.2:0"},
		"rubbish stops the walk": {[]string{"127.0.0.1", "10.0.0.0/8"}, "X-Forwarded-For: 1.2.3.4, unknown, 10.1.1.1\n", "http 10.1.1.1:0"},
		"IPv6":                   {[]string{"127.0.0.1"}, "X-Forwarded-For: 2001:db8::1\n", "http [2001:db8::1]:0"},
		"another scheme":         {[]string{"127.0.0.1"}, "X-Forwarded-Proto: ftp\n", "http 127.0.0.1"},
	} {
		t.Run(name, func(t *testing.T) {
			_, addr := startServer(t, Config{TrustedProxies: test.trusted}, routes{"/": {serve: func(x *Exchange) {
				x.Respond(ok(x.Scheme + " " + x.Request.ClientAddr))
			}}})
			c := dial(t, addr)
			c.send("GET / HTTP/1.1\nHost: h\n" + test.headers + "\n")
			if _, body := c.response("GET"); !strings.HasPrefix(body, test.want) {
				t.Errorf("got %q, want %q", body, test.want)
			}
		})
	}
}

func TestRequest_Traceparent(t *testing.T) {
	_, addr := startServer(t, Config{}, routes{"/": {serve: func(x *Exchange) { x.Respond(ok(x.Request.Traceparent)) }}})
	c := dial(t, addr)
	c.send("GET / HTTP/1.1\nHost: h\ntraceparent: 00-0af7-b7ad-01\n\n")
	if _, body := c.response("GET"); body != "00-0af7-b7ad-01" {
		t.Errorf("got %q", body)
	}
}

func FuzzPathFault(f *testing.F) {
	for _, seed := range []string{"/", "/a/../b", "/%2e/", "/a%2fb?x=../", "/a?b#c", "//", "/..", "/...", "/.a", "/%2", "/\\"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, target string) {
		if !strings.HasPrefix(target, "/") || pathFault(target) != "" {
			return
		}
		path, _, _ := strings.Cut(target, "?")
		for segment := range strings.SplitSeq(path, "/") {
			plain := strings.ReplaceAll(strings.ToLower(segment), "%2e", ".")
			if plain == "." || plain == ".." {
				t.Fatalf("%q passed with the segment %q", target, segment)
			}
		}
	})
}
