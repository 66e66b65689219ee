package edgetest_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-run/holdfast/guest-sdk/abi"
	"github.com/holdfast-run/holdfast/guest-sdk/edge"
	"github.com/holdfast-run/holdfast/guest-sdk/edge/edgetest"
)

// dial connects, echoes with a "!" until the end, and stores the end.
func dial(url string, protocols ...string) string {
	return fetching(func(p *probe, _ *edge.Request) (*edge.Response, error) {
		c, err := p.env.Connect(url, edge.Dialing{Protocols: protocols})
		var e *edge.Error
		if errors.As(err, &e) {
			return edge.Text(200, e.Code+": "+e.Message), nil
		}
		p.state.WaitUntil("echo", func() error {
			for {
				m, err := c.Receive()
				if err != nil {
					return p.state.Storage.KV.Put("end", []byte(err.Error()))
				}
				if string(m.Data) == "leave" {
					return c.Close(4001, "as told")
				}
				if err := c.Send(edge.TextMessage(string(m.Data) + "!")); err != nil {
					return err
				}
			}
		})
		return edge.Text(200, "open "+c.Protocol()), nil
	})
}

// TestDialed_IsTheOtherEndOfAGuestsConnection lets an object open sockets to a
// server that the test is.
func TestDialed_IsTheOtherEndOfAGuestsConnection(t *testing.T) {
	w := edgetest.New(t, edgetest.OutboundSocket("feed.example", "v2", "v1"))
	h := w.Object("Probe", "dials")
	for protocols, want := range map[string]string{"v1 v2": "open v1", "v3 v2": "open v2", "v3": "open ", "": "open "} {
		if got := h.Fetch("GET", dial("wss://feed.example/x", strings.Fields(protocols)...), nil).Text(); got != want {
			t.Errorf("of %q: %s, want %s", protocols, got, want)
		}
		c := w.Dialed("feed.example")
		c.Send("hello")
		c.Expect("hello!")
		c.Close(4000, "bye")
		if end := string(h.KV()["end"]); end != "websocket closed: 4000 bye" {
			t.Errorf("the guest saw %q", end)
		}
	}
	h.Fetch("GET", dial("ws://feed.example/"), nil).Want(200)
	c := w.Dialed("feed.example")
	c.Send("leave")
	c.ExpectClose(4001)
	h.Fetch("GET", dial("ws://feed.example/"), nil).Want(200)
	c = w.Dialed("feed.example")
	h.Crash()
	c.ExpectClose(1012)
	for url, want := range map[string]string{"ws://other.example/": abi.Denied.String() + ": ws_connect: host", "http://feed.example/": abi.Invalid.String() + ": ws_connect:", "feed.example": abi.Invalid.String() + ": ws_connect:"} {
		if got := h.Fetch("GET", dial(url), nil).Text(); !strings.HasPrefix(got, want) {
			t.Errorf("%s: %s, want %s", url, got, want)
		}
	}
	if verdict := judge(func(t testing.TB) { edgetest.New(t).Dialed("feed.example") }); verdict != "dialed feed.example: nothing came" {
		t.Errorf("with nothing dialed: %q", verdict)
	}
}

// TestStart_SetsTheClock in the past, and in the future.
func TestStart_SetsTheClock(t *testing.T) {
	for _, start := range []time.Time{time.Date(2001, 2, 3, 4, 5, 6, 7_000_000, time.UTC), time.Date(2060, 1, 1, 0, 0, 0, 0, time.FixedZone("x", 3600))} {
		w := edgetest.New(t, edgetest.Start(start))
		if now := w.Now(); !now.Equal(start) {
			t.Errorf("the clock stands at %s, want %s", now, start)
		}
	}
}
