package ingress

import (
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"
)

// hostile is requests that a parser could misread, besides those of
// TestRequest_WhatTwoParsersCouldReadDifferentlyIsRefused: by RFC 9112's
// section, what is sent, and the status of the answer, behind which the
// connection ends.
var hostile = map[string]struct {
	send   string
	status int
}{
	"2.2 a bare CR in a value":                  {"GET / HTTP/1.1\r\nHost: h\r\nX: a\rTransfer-Encoding: chunked\r\n\r\n", 400},
	"2.2 a bare CR in the request line":         {"GET /\r HTTP/1.1\r\nHost: h\r\n\r\n", 400},
	"2.2 white space before the first header":   {"GET / HTTP/1.1\r\n X: 1\r\nHost: h\r\n\r\n", 400},
	"2.3 HTTP/2's preface":                      {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505},
	"2.3 no version":                            {"GET /\r\n\r\n", 400},
	"2.3 a version with spaces":                 {"GET / HTTP/1. 1\r\nHost: h\r\n\r\n", 400},
	"2.3 a version in lower case":               {"GET / http/1.1\r\nHost: h\r\n\r\n", 400},
	"3 two spaces behind the method":            {"GET  / HTTP/1.1\r\nHost: h\r\n\r\n", 400},
	"3 a tab behind the method":                 {"GET\t/ HTTP/1.1\r\nHost: h\r\n\r\n", 400},
	"3.2 a space in the target":                 {"GET /a b HTTP/1.1\r\nHost: h\r\n\r\n", 400},
	"3.2 an empty Host":                         {"GET / HTTP/1.1\r\nHost:\r\n\r\n", 400},
	"3.2 a Host of two":                         {"GET / HTTP/1.1\r\nHost: a, b\r\n\r\n", 400},
	"3.2 a Host with a space":                   {"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400},
	"3.2 a Host with a port that is none":       {"GET / HTTP/1.1\r\nHost: a:x\r\n\r\n", 400},
	"3.2 a Host with an open bracket":           {"GET / HTTP/1.1\r\nHost: [::1\r\n\r\n", 400},
	"3.2 a Host with bytes beyond ASCII":        {"GET / HTTP/1.1\r\nHost: h\xc3\xa4\r\n\r\n", 400},
	"5.1 an empty name":                         {"GET / HTTP/1.1\r\nHost: h\r\n: x\r\n\r\n", 400},
	"5.1 a name with a tab":                     {"GET / HTTP/1.1\r\nHost: h\r\nX\tY: x\r\n\r\n", 400},
	"5.1 no colon":                              {"GET / HTTP/1.1\r\nHost: h\r\nNonsense\r\n\r\n", 400},
	"5.2 a fold in Transfer-Encoding":           {"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n", 400},
	"6.1 chunked twice in one line":             {"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n", 400},
	"6.1 chunked twice in two lines":            {"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
	"6.1 identity, then chunked":                {"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
	"6.1 chunked, then identity":                {"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n", 400},
	"6.1 nearly chunked":                        {"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", 400},
	"6.1 chunked in quotes":                     {"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n", 400},
	"6.1 chunked with a vertical tab":           {"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n", 400},
	"6.1 an empty coding and a length":          {"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding:\r\nContent-Length: 5\r\n\r\nhello", 400},
	"6.1 a name that some read as a coding's":   {"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n", 400},
	"6.2 a negative length":                     {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: -1\r\n\r\n", 400},
	"6.2 a length in hex":                       {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0x5\r\n\r\nhello", 400},
	"6.2 a length with an underscore":           {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1_0\r\n\r\nhellohello", 400},
	"6.2 an empty length":                       {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length:\r\n\r\nhello", 400},
	"6.2 a length beyond 64 bits":               {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 18446744073709551621\r\n\r\nhello", 400},
	"6.2 a length with a space in it":           {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1 2\r\n\r\nhello", 400},
	"7.1 a chunk's length beyond 64 bits":       {"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n10000000000000005\r\nhello\r\n0\r\n\r\n", 400},
	"7.1.2 a length in a trailer":               {"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nContent-Length: 9\r\n\r\n", 400},
	"7.1 a negative chunk":                      {"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\nhello\r\n0\r\n\r\n", 400},
	"7.1 a chunk's length with 0x":              {"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0x5\r\nhello\r\n0\r\n\r\n", 400},
	"7.1 an empty chunk length":                 {"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n\r\nhello\r\n0\r\n\r\n", 400},
	"7.1 a chunk that ends in a bare line feed": {"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\n0\r\n\r\n", 400},
	"7.1 a chunk's length and a bare line feed": {"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\nhello\r\n0\r\n\r\n", 400},
}

func TestRFC9112_HostileRequestsAreRefused(t *testing.T) {
	_, addr := startServer(t, Config{}, routes{"/": {serve: echo}, "/smuggled": {serve: func(x *Exchange) {
		t.Error("a smuggled request was served")
		x.Respond(ok("smuggled"))
	}}})
	for name, test := range hostile {
		t.Run(name, func(t *testing.T) {
			c := dial(t, addr)
			if _, err := c.Write([]byte(test.send + "GET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n")); err != nil {
				t.Fatal(err)
			}
			r, body := c.response("POST")
			if r.StatusCode != test.status {
				t.Errorf("answer is %d %q, want %d", r.StatusCode, body, test.status)
			}
			c.wantEnd()
		})
	}
}

func TestRFC9112_WhatIsAllowedIsRead(t *testing.T) {
	_, addr := startServer(t, Config{}, routes{"/": {serve: echo}})
	c := dial(t, addr)
	// 7.1.1 chunk extensions and 7.1.2 trailers are read, and ignored.
	c.send("POST / HTTP/1.1\nHost: h\nTransfer-Encoding: Chunked\n\n5;ext=\"a\"\nhello\n0\nX-Trailer: t\n\n")
	if _, body := c.response("POST"); !strings.HasSuffix(body, "\nhello") || strings.Contains(body, "Trailer") {
		t.Errorf("got %q", body)
	}
	// 9.3.2 pipelined requests are answered in their order.
	var pipeline strings.Builder
	for i := range 20 {
		pipeline.WriteString("POST / HTTP/1.1\nHost: h\nContent-Length: 2\n\n" + strconv.Itoa(10+i))
	}
	c.send(pipeline.String())
	for i := range 20 {
		if _, body := c.response("POST"); !strings.HasSuffix(body, "\n"+strconv.Itoa(10+i)) {
			t.Fatalf("answer %d is %q", i, body)
		}
	}
	// 2.2 an empty line before the request line is skipped.
	c.send("\nGET / HTTP/1.1\nHost: h\n\n")
	c.response("GET")
}

func TestRFC9112_FloodsAreBounded(t *testing.T) {
	_, addr := startServer(t, Config{HeaderBytesMax: 8192}, routes{"/": {bodyBytesMax: 1000, serve: echo}})
	for name, test := range map[string]struct {
		head, again string
		status      int
	}{
		"headers":             {"GET / HTTP/1.1\r\nHost: h\r\n", "X: y\r\n", 431},
		"one name":            {"GET / HTTP/1.1\r\nHost: h\r\n", "X", 431},
		"the target":          {"GET /", "x", 431},
		"the method":          {"", "G", 431},
		"chunks":              {"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n", "1\r\nx\r\n", 413},
		"a chunk's extension": {"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1;", "x", 413},
		"a chunk's length":    {"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n", "0", 400},
		"trailers":            {"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", "X: y\r\n", 400},
	} {
		t.Run(name, func(t *testing.T) {
			c := dial(t, addr)
			go func() { // until the server has had enough
				io.WriteString(c, test.head)
				for piece := strings.Repeat(test.again, 1000); ; {
					if _, err := io.WriteString(c, piece); err != nil {
						return
					}
				}
			}()
			if r, body := c.response("POST"); r.StatusCode != test.status {
				t.Errorf("answer is %d %q, want %d", r.StatusCode, body, test.status)
			}
			c.wantEnd()
		})
	}
}

func TestRFC9112_ATrickleOfHeadersIsGivenUp(t *testing.T) {
	cert, key := certificate(t)
	for name, cfg := range map[string]Config{"plain": {}, "tls": {TLSCert: cert, TLSKey: key}} {
		t.Run(name, func(t *testing.T) {
			cfg.HeaderTimeout, cfg.IdleTimeout = 50*time.Millisecond, 50*time.Millisecond
			_, addr := startServer(t, cfg, routes{"/": {serve: echo}})
			c := dial(t, addr)
			stop := make(chan struct{})
			defer close(stop)
			go func() { // never long silent, and never done; over TLS not even with its handshake
				for c := c.Conn; ; {
					if _, err := c.Write([]byte("\x16")[:1]); err != nil {
						return
					}
					select {
					case <-stop:
						return
					case <-time.After(time.Millisecond):
					}
				}
			}()
			waitEnd(t, c.Conn)
		})
	}
}

// waitEnd reads until the connection ends.
func waitEnd(t *testing.T, c net.Conn) {
	t.Helper()
	began := time.Now()
	if _, err := io.Copy(io.Discard, c); err != nil && time.Since(began) >= patience {
		t.Fatal("the connection lives on")
	}
}

func TestExpect_HeadersAloneDoNotHoldABody(t *testing.T) {
	_, addr := startServer(t, Config{HeaderTimeout: 50 * time.Millisecond, BodyStallTimeout: 50 * time.Millisecond}, routes{"/": {serve: echo}})
	c := dial(t, addr)
	c.send("POST / HTTP/1.1\nHost: h\nContent-Length: 5\nExpect: 100-continue\n\n")
	if line, err := c.in.ReadString('\n'); err != nil || !strings.Contains(line, "100") {
		t.Fatalf("got %q, %v", line, err)
	}
	c.in.ReadString('\n')
	c.wantError(http.StatusRequestTimeout, "timeout") // and then nothing comes
}
