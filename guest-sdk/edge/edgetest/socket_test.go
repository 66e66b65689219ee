package edgetest_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-run/holdfast/guest-sdk/edge"
	"github.com/holdfast-run/holdfast/guest-sdk/edge/edgetest"
)

func TestSocket_AcceptsAndEchoes(t *testing.T) {
	w := edgetest.New(t)
	h := w.Object("Probe", "echo")
	var events []string
	on(t, "echo", &hooks{
		open: func(_ *probe, ws *edge.WebSocket) error {
			events = append(events, "open")
			return ws.Send(edge.TextMessage("open"))
		},
		close: func(_ *probe, _ *edge.WebSocket, code int, reason string, clean bool) error {
			events = append(events, fmt.Sprint("close ", code, " ", reason, " ", clean))
			return nil
		},
	})
	c := h.Connect(fetching(func(p *probe, r *edge.Request) (*edge.Response, error) {
		ws, _ := r.Upgrade()
		if err := p.state.AcceptWebSocket(ws); err != nil {
			return nil, err
		}
		return edge.Switch(ws, "v1"), ws.Send(edge.TextMessage("welcome"))
	}))
	if c.Protocol() != "v1" {
		t.Fatalf("protocol %q", c.Protocol())
	}
	c.Expect("welcome")
	c.Expect("open")
	c.Send("hello")
	c.Expect("hello")
	c.SendBinary([]byte{1})
	if m := c.Receive(); !m.Binary || m.Data[0] != 1 {
		t.Fatalf("received %+v", m)
	}
	c.Quiet()
	c.Close(4000, "bye")
	h.Connect(fetching(sockets())).Drop()
	if got := strings.Join(events, ", "); got != "open, close 4000 bye true, open, close 1006 WebSocket disconnected without sending Close frame. false" {
		t.Fatal(got)
	}
}

func TestSocket_TagsBroadcastAndAttachmentsSurviveEviction(t *testing.T) {
	w := edgetest.New(t)
	h := w.Object("Probe", "room")
	a := h.Connect(fetching(sockets("red", "red", "big")))
	b := h.Connect(fetching(sockets("red")))
	c := h.Connect(fetching(sockets("blue")))
	must(t, h, func(p *probe) error {
		for i, ws := range p.state.WebSockets() {
			if err := ws.SerializeAttachment(i); err != nil {
				return err
			}
		}
		return p.state.SetWebSocketAutoResponse("ping", "pong")
	})
	h.Evict()
	must(t, h, func(p *probe) error {
		all := p.state.WebSockets()
		tags, err := all[0].Tags()
		var n int
		if err := errors.Join(err, all[1].DeserializeAttachment(&n)); err != nil || n != 1 || len(all) != 3 || strings.Join(tags, " ") != "red big" {
			return fmt.Errorf("%d sockets, attachment %d, tags %q, %v", len(all), n, tags, err)
		}
		red := p.state.WebSockets("red")
		if n := p.state.Broadcast(edge.TextMessage("to b"), edge.WithTag("red"), edge.Except(red[0])); n != 1 {
			return fmt.Errorf("told %d", n)
		}
		if n := p.state.Broadcast(edge.TextMessage("to all")); n != 3 {
			return fmt.Errorf("told %d", n)
		}
		if err := all[2].SerializeAttachment(strings.Repeat("x", 16385)); !errors.Is(err, edge.ErrTooLarge) {
			return fmt.Errorf("attachment: %v", err)
		}
		return all[0].Send(edge.Message{Data: []byte("last")})
	})
	a.Expect("to all")
	a.Expect("last")
	b.Expect("to b")
	b.Expect("to all")
	c.Expect("to all")
	c.Send("ping")
	c.Expect("pong")
	for _, k := range []*edgetest.Client{a, b, c} {
		k.Quiet()
	}
}

func TestSocket_CloseByTheObject(t *testing.T) {
	w := edgetest.New(t)
	h := w.Object("Probe", "closer")
	closed := ""
	on(t, "closer", &hooks{
		message: func(p *probe, ws *edge.WebSocket, _ edge.Message) error {
			if err := errors.Join(ws.Send(edge.TextMessage("bye")), ws.Close(4001, "done")); err != nil {
				return err
			}
			if err := ws.Send(edge.TextMessage("late")); !errors.Is(err, edge.ErrInvalid) || len(p.state.WebSockets()) != 0 {
				return fmt.Errorf("after close: %v, %d sockets", err, len(p.state.WebSockets()))
			}
			return nil
		},
		close: func(_ *probe, _ *edge.WebSocket, code int, _ string, clean bool) error {
			closed = fmt.Sprintf("%d %v", code, clean)
			return nil
		},
	})
	c := h.Connect(fetching(sockets()))
	c.Send("x")
	c.Expect("bye")
	if reason := c.ExpectClose(4001); reason != "done" || closed != "4001 true" {
		t.Fatalf("reason %q, handler %q", reason, closed)
	}
	if strings.Contains(strings.Join(w.Logs(), "\n"), "failed") {
		t.Fatal(w.Logs())
	}
}

func TestSocket_AbortTakesBackWhatTheTurnDid(t *testing.T) {
	w := edgetest.New(t)
	h := w.Object("Probe", "a")
	c := h.Connect(fetching(sockets("x")))
	h.Fetch("GET", fetching(func(p *probe, _ *edge.Request) (*edge.Response, error) {
		ws := p.state.WebSockets()[0]
		err := errors.Join(ws.Send(edge.TextMessage("dropped")), ws.SerializeAttachment("dropped"), ws.Close(4000, "dropped"))
		p.state.Broadcast(edge.TextMessage("dropped"))
		p.state.Abort("no")
		return nil, err
	}), nil).Want(500)
	c.Quiet()
	must(t, h, func(p *probe) error {
		var v string
		if err := p.state.WebSockets("x")[0].DeserializeAttachment(&v); !errors.Is(err, edge.ErrNotFound) {
			return fmt.Errorf("attachment %q, %v", v, err)
		}
		return nil
	})
}

func TestSocket_RefusedUpgrades(t *testing.T) {
	w := edgetest.New(t)
	if r := w.Refused("/ok"); r.Status != 200 {
		t.Fatalf("answered %d", r.Status)
	}
	tags := make([]string, 11)
	for i := range tags {
		tags[i] = fmt.Sprint(i)
	}
	if r := w.Refused(fetching(func(p *probe, r *edge.Request) (*edge.Response, error) {
		ws, _ := r.Upgrade()
		return edge.Switch(ws, ""), nil
	})); r.Status != 500 || !strings.Contains(r.Text(), "an object has accepted") {
		t.Fatalf("answered %d %s", r.Status, r.Text())
	}
	h := w.Object("Probe", "a")
	r := h.Fetch("GET", fetching(sockets()), nil)
	if r.Status != 426 {
		t.Fatalf("without an upgrade: %d", r.Status)
	}
	if got := do(h, func(p *probe) error { return p.state.SetWebSocketAutoResponse(strings.Repeat("x", 2049), "") }); !strings.Contains(got, "2048") {
		t.Fatal(got)
	}
}

func TestSocket_EventTimeout(t *testing.T) {
	w := edgetest.New(t)
	h := w.Object("Probe", "slow")
	on(t, "slow", &hooks{message: func(*probe, *edge.WebSocket, edge.Message) error { time.Sleep(time.Hour); return nil }})
	must(t, h, func(p *probe) error { return p.state.SetHibernatableWebSocketEventTimeout(time.Second) })
	c := h.Connect(fetching(sockets()))
	c.Send("x")
	w.Advance(time.Second)
	if !strings.Contains(strings.Join(w.Logs(), "\n"), "took longer than 1s") {
		t.Fatal(w.Logs())
	}
	c.Quiet() // it lives on
}
