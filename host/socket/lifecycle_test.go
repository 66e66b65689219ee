package socket

import (
	"context"
	"errors"
	"net"
	"runtime"
	"strings"
	"testing"
)

func TestOffer_QueuesInOrderUntilAttach(t *testing.T) {
	eachLink(t, func(t *testing.T, wrap func(net.Conn) net.Conn) {
		s := startServer(t, Config{})
		r := newRecorder()
		k := s.Offer(nil)
		if k.ID() == 0 || k.ID() == s.Offer(nil).ID() {
			t.Error("ids are not unique")
		}
		k.SetEvents(r)
		k.Send(Frame(false, []byte("one")))
		k.Send(AppendFrame(Frame(false, []byte("two")), true, []byte("three")))
		k.Close(4404, "no such log")
		k.Send(Frame(false, []byte("too late")))
		server, client := tcpPair(t)
		s.Attach(k, wrap(server), text("pipelined, ignored after close"))
		p := newPeer(t, client)
		p.wantFrame(opText, "one")
		p.wantFrame(opText, "two")
		p.wantFrame(opBinary, "three")
		p.wantClose(4404)
		p.write(closing(4404, ""))
		if end := receive(t, r.ends, "end"); end.code != 4404 || !end.clean {
			t.Errorf("ended with %+v", end)
		}
		if queued := s.Stats().QueuedBytes; queued != 0 {
			t.Errorf("%d bytes counted as queued at the end", queued)
		}
	})
}

func TestAttach_TakesBytesBehindTheHandshake(t *testing.T) {
	eachLink(t, func(t *testing.T, wrap func(net.Conn) net.Conn) {
		s := startServer(t, Config{})
		r := newRecorder()
		k := s.Offer(r)
		server, client := tcpPair(t)
		sent := join(text("first"), text("second"))
		s.Attach(k, wrap(server), append([]byte(nil), sent[:14]...))
		newPeer(t, client).write(sent[14:])
		for _, want := range []string{"first", "second"} {
			if got := receive(t, r.messages, "message"); got.text != want {
				t.Errorf("message is %q, want %q", got.text, want)
			}
		}
	})
}

func TestOffer_OverflowBeforeAttachClosesWith1013(t *testing.T) {
	s := startServer(t, Config{QueueBytesMax: 100})
	k := s.Offer(newRecorder())
	for range 3 {
		k.Send(Frame(false, []byte(strings.Repeat("x", 60))))
	}
	server, client := tcpPair(t)
	s.Attach(k, server, nil)
	newPeer(t, client).wantClose(CodeTryAgainLater)
}

func TestDrop_TellsEventsAndRefusesTheConnection(t *testing.T) {
	s := startServer(t, Config{})
	r := newRecorder()
	k := s.Offer(r)
	k.Send(Frame(false, []byte("x")))
	k.Drop()
	k.Drop()
	if end := receive(t, r.ends, "end"); end.code != CodeAbnormal {
		t.Errorf("ended with %+v", end)
	}
	server, client := tcpPair(t)
	s.Attach(k, server, nil)
	newPeer(t, client).wantEnd()
	if stats := s.Stats(); stats.Sockets != 0 || stats.QueuedBytes != 0 {
		t.Errorf("stats after drop: %+v", stats)
	}
	s.Offer(nil).Drop()
}

func TestDrop_LeavesAnAttachedSocketAlone(t *testing.T) {
	k, p, _ := connect(t, startServer(t, Config{}), links["descriptor"])
	k.Drop()
	k.Send(Frame(false, []byte("still here")))
	p.wantFrame(opText, "still here")
}

func TestShutdown_ClosesAllAndWaits(t *testing.T) {
	eachLink(t, func(t *testing.T, wrap func(net.Conn) net.Conn) {
		s := startServer(t, Config{})
		const count = 20
		ends := make([]*recorder, count)
		for i := range count {
			_, p, r := connect(t, s, wrap)
			ends[i] = r
			go func() {
				p.tryFrame()
				p.Write(closing(CodeGoingAway, ""))
			}()
		}
		if err := s.Shutdown(context.Background(), CodeGoingAway, "restart"); err != nil {
			t.Fatal(err)
		}
		for _, r := range ends {
			select {
			case end := <-r.ends:
				if end.code != CodeGoingAway || !end.clean {
					t.Errorf("ended with %+v", end)
				}
			default:
				t.Fatal("Shutdown returned before Closed")
			}
		}
		late, client := tcpPair(t)
		r := newRecorder()
		s.Attach(s.Offer(r), wrap(late), nil)
		p := newPeer(t, client)
		p.wantClose(CodeGoingAway)
		p.wantEnd()
		receive(t, r.ends, "end")
	})
}

func TestShutdown_CutsOffWhoDoesNotAnswer(t *testing.T) {
	eachLink(t, func(t *testing.T, wrap func(net.Conn) net.Conn) {
		s := startServer(t, Config{})
		_, _, r := connect(t, s, wrap)
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		if err := s.Shutdown(ctx, CodeGoingAway, ""); !errors.Is(err, context.Canceled) {
			t.Errorf("Shutdown returned %v", err)
		}
		select {
		case <-r.ends:
		default:
			t.Error("Shutdown returned before Closed")
		}
	})
}

func TestKeepalive_PingsOnlySilentSockets(t *testing.T) {
	eachLink(t, func(t *testing.T, wrap func(net.Conn) net.Conn) {
		s := startServer(t, Config{})
		turn := func() {
			for range wheelSlots {
				s.wheel.look()
			}
		}
		_, first, heard := connect(t, s, wrap)
		_, second, lost := connect(t, s, wrap)
		first.write(text("here"))
		receive(t, heard.messages, "message")
		turn()
		second.wantFrame(opPing, "")
		second.write(join(masked(bitFin|opPong, ""), text("pong is read")))
		receive(t, lost.messages, "message")
		turn()
		first.wantFrame(opPing, "")
		first.write(join(masked(bitFin|opPong, ""), text("pong is read")))
		receive(t, heard.messages, "message")
		if pings := s.Stats().Pings; pings != 2 {
			t.Errorf("%d pings, want one for each silence", pings)
		}
		turn() // pings the second, which stays silent
		turn()
		if end := receive(t, lost.ends, "end"); !errors.Is(end.failed, ErrNoAnswer) || end.code != CodeAbnormal {
			t.Errorf("ended with %+v, want %v", end, ErrNoAnswer)
		}
		if stats := s.Stats(); stats.Silent != 1 {
			t.Errorf("%d sockets given up, want 1", stats.Silent)
		}
	})
}

func TestIdle_SocketsHaveNoGoroutineAndNoBuffer(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux has the poller")
	}
	const workersMax = 2
	s := startServer(t, Config{WorkersMax: workersMax})
	before := runtime.NumGoroutine()
	var sockets []*Socket
	for range 200 {
		k, p, r := connect(t, s, links["descriptor"])
		p.write(join(masked(opText, "a"), masked(bitFin|opPing, ""), masked(bitFin, "b")))
		receive(t, r.messages, "message")
		p.wantFrame(opPong, "")
		sockets = append(sockets, k)
	}
	if extra := runtime.NumGoroutine() - before; extra > workersMax {
		t.Errorf("200 idle sockets have %d goroutines, want at most %d", extra, workersMax)
	}
	s.Close()
	for _, k := range sockets {
		if k.in != nil || k.head != nil || k.out.items != nil {
			t.Fatal("an idle socket held a buffer")
		}
	}
}

func TestConfig_Validate(t *testing.T) {
	if err := (Config{}).Validate(); err != nil {
		t.Error(err)
	}
	for name, cfg := range map[string]Config{
		"QueueBytesMax":   {QueueBytesMax: -1},
		"CloseDeadline":   {CloseDeadline: -1},
		"ReceiveBytesMax": {MessageBytesMax: 10, ReceiveBytesMax: 9},
	} {
		if _, err := New(cfg); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: error is %v", name, err)
		}
	}
}
