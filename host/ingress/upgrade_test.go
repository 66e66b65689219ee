package ingress

import (
	"crypto/tls"
	"net/http"
	"strings"
	"testing"

	"github.com/fasthttp/websocket"

	"github.com/holdfast-run/holdfast/guest-sdk/abi"
	"github.com/holdfast-run/holdfast/host/socket"
)

// upgraded is Events that echoes and tells what ended.
type upgraded struct{ ends chan int }

func (u upgraded) Message(k *socket.Socket, binary bool, data []byte) error {
	k.Send(socket.Frame(binary, data))
	return nil
}
func (u upgraded) Closed(_ *socket.Socket, code int, _ string, _ bool) { u.ends <- code }
func (u upgraded) Failed(*socket.Socket, error)                        {}

const handshake = "GET /ws HTTP/1.1\nHost: h\nConnection: keep-alive, Upgrade\nUpgrade: websocket\nSec-WebSocket-Version: 13\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\n"

// accepting is a router whose /ws accepts.
func accepting(ends chan int) routes {
	return routes{"/ws": {serve: func(x *Exchange) {
		x.Upgrade.SetEvents(upgraded{ends})
		x.Upgrade.Send(socket.Frame(false, []byte("welcome")))
		go x.Respond(&abi.Response{Status: 101, Headers: []abi.Header{
			{Name: "Sec-WebSocket-Protocol", Value: "log.v1"}, {Name: "Connection", Value: "close"}, {Name: "X-App", Value: "1"},
		}})
	}}, "/": {serve: echo}}
}

func TestUpgrade_WithARealClient(t *testing.T) {
	cert, key := certificate(t)
	for scheme, cfg := range map[string]Config{"ws": {}, "wss": {TLSCert: cert, TLSKey: key}} {
		t.Run(scheme, func(t *testing.T) {
			ends := make(chan int, 1)
			s, addr := startServer(t, cfg, accepting(ends))
			dialer := websocket.Dialer{Subprotocols: []string{"log.v1", "bearer.x"}, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
			c, response, err := dialer.Dial(scheme+"://"+addr+"/ws", nil)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			if c.Subprotocol() != "log.v1" || response.Header.Get("X-App") != "1" {
				t.Errorf("answer has %v", response.Header)
			}
			c.WriteMessage(websocket.TextMessage, []byte("hello"))
			for _, want := range []string{"welcome", "hello"} {
				if _, got, err := c.ReadMessage(); err != nil || string(got) != want {
					t.Fatalf("got %q, %v, want %q", got, err, want)
				}
			}
			s.mu.Lock()
			conns := len(s.conns)
			s.mu.Unlock()
			if conns != 0 {
				t.Errorf("%d connections are still counted as HTTP", conns)
			}
			c.WriteMessage(websocket.CloseMessage, websocket.FormatCloseMessage(4001, "bye"))
			if code := receive(t, ends, "end"); code != 4001 {
				t.Errorf("closed with %d", code)
			}
		})
	}
}

func TestUpgrade_BytesBehindTheRequestAreMessages(t *testing.T) {
	ends := make(chan int, 1)
	_, addr := startServer(t, Config{}, accepting(ends))
	c := dial(t, addr)
	// The text "hi", masked with zeros, in the same packet as a request before it and the upgrade.
	c.send("GET / HTTP/1.1\nHost: h\n\n" + handshake + "\n\x81\x82\x00\x00\x00\x00hi")
	c.response("GET")
	r, err := http.ReadResponse(c.in, nil)
	if err != nil {
		t.Fatal(err)
	}
	if r.StatusCode != 101 || r.Header.Get("Sec-Websocket-Accept") != "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" || !strings.EqualFold(r.Header.Get("Connection"), "upgrade") {
		t.Fatalf("got %d %v", r.StatusCode, r.Header)
	}
	want := "\x81\x07welcome\x81\x02hi"
	got := make([]byte, len(want))
	for n := 0; n < len(got); {
		m, err := c.in.Read(got[n:])
		if err != nil {
			t.Fatal(err)
		}
		n += m
	}
	if string(got) != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestUpgrade_AnsweredOtherwiseDropsTheSocket(t *testing.T) {
	ends := make(chan int, 1)
	_, addr := startServer(t, Config{}, routes{"/ws": {serve: func(x *Exchange) {
		x.Upgrade.SetEvents(upgraded{ends})
		x.Respond(ok("no socket here"))
	}}})
	c := dial(t, addr)
	c.send(handshake + "\n")
	if r, body := c.response("GET"); r.StatusCode != 200 || body != "no socket here" {
		t.Errorf("got %d %q", r.StatusCode, body)
	}
	if code := receive(t, ends, "end"); code != socket.CodeAbnormal {
		t.Errorf("dropped with %d", code)
	}
	c.send(handshake + "\n") // the connection still speaks HTTP
	c.response("GET")
}

func TestUpgrade_ClientLeavesBeforeTheAnswer(t *testing.T) {
	ends := make(chan int, 1)
	started := make(chan *Exchange, 1)
	_, addr := startServer(t, Config{}, routes{"/ws": {serve: func(x *Exchange) {
		x.Upgrade.SetEvents(upgraded{ends})
		started <- x
	}}})
	c := dial(t, addr)
	c.send(handshake + "\n")
	x := receive(t, started, "exchange")
	c.Close()
	if code := receive(t, ends, "end"); code != socket.CodeAbnormal {
		t.Errorf("dropped with %d", code)
	}
	x.Respond(&abi.Response{Status: 101})
}

func TestUpgrade_BadHandshakes(t *testing.T) {
	_, addr := startServer(t, Config{}, accepting(nil))
	for name, test := range map[string]struct {
		old, new string
		status   int
	}{
		"POST":          {"GET", "POST", 400},
		"HTTP/1.0":      {"HTTP/1.1", "HTTP/1.0", 400},
		"old version":   {"Version: 13", "Version: 8", 426},
		"no key":        {"Sec-WebSocket-Key", "X-Key", 400},
		"short key":     {"dGhlIHNhbXBsZSBub25jZQ==", "dGhlIA==", 400},
		"key no base64": {"dGhlIHNhbXBsZSBub25jZQ==", "****", 400},
	} {
		t.Run(name, func(t *testing.T) {
			c := dial(t, addr)
			c.send(strings.Replace(handshake, test.old, test.new, 1) + "\n")
			if r := c.wantError(test.status, "bad_request"); test.status == 426 && r.Header.Get("Sec-Websocket-Version") != "13" {
				t.Errorf("headers are %v", r.Header)
			}
		})
	}
	plain := dial(t, addr)
	plain.send("GET / HTTP/1.1\nHost: h\nUpgrade: websocket\n\n")
	if _, body := plain.response("GET"); !strings.Contains(body, "Upgrade=websocket") {
		t.Errorf("an Upgrade that Connection does not name came as %q", body)
	}
}
