package host

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-run/holdfast/guest-sdk/abi"
	"github.com/holdfast-run/holdfast/host/app"
	"github.com/holdfast-run/holdfast/host/ingress"
	"github.com/holdfast-run/holdfast/host/socket"
)

// served is a router and its one target.
type served func(x *ingress.Exchange)

func (s served) Route(string, string) (ingress.Target, bool) { return s, true }
func (s served) BodyBytesMax() int64                         { return 0 }
func (s served) Serve(x *ingress.Exchange)                   { s(x) }

// TestFetchEvent_AgreesOnCompressionFirst: an object may send to its socket
// before its 101 has left, and that is compressed like all that follows.
func TestFetchEvent_AgreesOnCompressionFirst(t *testing.T) {
	text := strings.Repeat("the same again, ", 1000)
	for compress, want := range map[bool]byte{true: 0xc1, false: 0x81} { // final, text, and whether compressed
		a := &running{cfg: &app.Config{Compression: compress}}
		addr := serveOne(t, func(x *ingress.Exchange) {
			e := fetchEvent(x, a)
			e.Upgrade.Socket.(*connection).Send(socket.Frame(false, []byte(text)))
			x.Respond(&abi.Response{Status: 101})
		})
		c, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if err := c.SetDeadline(time.Now().Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
		_, err = io.WriteString(c, "GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"+
			"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n")
		if err != nil {
			t.Fatal(err)
		}
		r := bufio.NewReader(c)
		answer, err := http.ReadResponse(r, nil)
		if err != nil || answer.StatusCode != 101 {
			t.Fatalf("answered %+v, %v", answer, err)
		}
		if first, err := r.ReadByte(); err != nil || first != want {
			t.Errorf("with compression %v the first frame begins with %#x, %v, want %#x", compress, first, err, want)
		}
	}
}

func serveOne(t *testing.T, target served) (addr string) {
	t.Helper()
	sockets, err := socket.New(socket.Config{PingEvery: -1})
	if err != nil {
		t.Fatal(err)
	}
	s, err := ingress.New(ingress.Config{Addr: "127.0.0.1:0"}, target, sockets)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Listen(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- s.Serve() }()
	t.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		s.Shutdown(ctx)
		if err := <-ended; err != nil {
			t.Error(err)
		}
		sockets.Close()
	})
	return s.Addr().String()
}
