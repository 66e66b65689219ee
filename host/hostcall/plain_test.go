package hostcall_test

import (
	"context"
	"fmt"
	"net"
	"slices"
	"sync"
	"testing"

	"github.com/holdfast-run/holdfast/guest-sdk/abi"
	"github.com/holdfast-run/holdfast/runtime/object"
)

// line is a socket whose other end the test plays.
type line struct {
	id uint64

	mu      sync.Mutex
	sink    object.SocketSink
	sent    []string
	closed  []int
	dropped bool
	flushed chan func()
}

func (l *line) ID() uint64 { return l.id }
func (l *line) Send(frames []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sent = append(l.sent, string(frames))
}
func (l *line) Close(code int, _ string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = append(l.closed, code)
}
func (l *line) SetAutoResponse(bool, string, string) {}
func (l *line) AutoResponseAtMs() int64              { return 0 }
func (l *line) Flushed(fn func()) {
	l.flushed <- fn
}
func (l *line) Bind(s object.SocketSink) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sink = s
}
func (l *line) Drop() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.dropped = true
}

// says is a message of the peer.
func (l *line) says(text string) error {
	l.mu.Lock()
	sink := l.sink
	l.mu.Unlock()
	return sink.SocketMessage(l.id, false, []byte(text))
}

// told is what has been sent and closed, once the object has nothing left to
// do.
func (l *line) told(s *stage) (sent []string, closed []int) {
	s.perform("a", func(*puppet, uint64) bool { return false })
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.sent), slices.Clone(l.closed)
}

// lines is Sockets and Outbound of an app: every connection is a line.
type lines struct {
	mu   sync.Mutex
	made []*line
	fail error
}

func (ls *lines) Attach(_ net.Conn, pipelined []byte, sink object.SocketSink) object.Socket {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	l := &line{id: uint64(900 + len(ls.made)), sink: sink}
	ls.made = append(ls.made, l)
	_ = sink.SocketMessage(l.id, false, pipelined) // the queue is empty
	return l
}

func (ls *lines) Fetch(context.Context, *abi.Request) (*abi.Response, error) {
	return nil, ls.fail
}

func (ls *lines) Connect(_ context.Context, m *abi.ConnectRequest) (net.Conn, []byte, *abi.Connected, error) {
	if ls.fail != nil {
		return nil, nil, nil, ls.fail
	}
	return nil, []byte("pipelined"), &abi.Connected{Protocol: m.Protocols[0]}, nil
}

// accepted is a line that an object has accepted as its
// instance's own.
func accepted(s *stage, name string, id uint64) *line {
	s.t.Helper()
	l := &line{id: id, flushed: make(chan func(), 1)}
	w := make(waiter, 1)
	s.mu.Lock()
	s.next++
	s.acts[s.next] = func(p *puppet, _ uint64) bool {
		if a := p.call("ws_accept", &abi.AcceptRequest{Socket: id, Tags: []string{"t"}}); a.st != abi.Invalid {
			s.t.Errorf("accepted with tags: %v", a.st)
		}
		if a := p.call("ws_accept", &abi.AcceptRequest{Socket: id}); a.st != abi.OK {
			s.t.Errorf("accept: %v %s", a.st, a.body)
		}
		return false
	}
	e := &object.Event{
		Kind: abi.EventFetch, Reply: w, Upgrade: &object.Offer{Socket: l},
		Message: &abi.FetchEvent{Upgrade: id, Request: abi.Request{Method: "GET", URL: "http://stage/", DeadlineMs: int64(s.next)}},
	}
	s.mu.Unlock()
	err := s.dir.Send(s.kind, object.RefByName(s.kind.Namespace, name), e)
	if err != nil {
		s.t.Fatal(err)
	}
	if end := <-w; end.st != abi.OK {
		s.t.Fatalf("accept ended with %v %s", end.st, end.payload)
	}
	return l
}

// received is what a receive brings, as text.
func received(s *stage, name string, id uint64) string {
	s.t.Helper()
	a := s.await(name, "ws_receive", func(event uint64) request { return &abi.SocketWaitRequest{Event: event, Socket: id} })
	if a.st != abi.OK {
		return a.st.String() + ": " + a.message(s.t)
	}
	var m abi.Received
	if err := m.Decode(a.body); err != nil {
		s.t.Fatal(err)
	}
	if m.Closed {
		return fmt.Sprintf("closed %d %s %v", m.Code, m.Reason, m.WasClean)
	}
	return string(m.Data)
}

func TestPlain_WhatComesIsReceivedInOrderAndThenTheEnd(t *testing.T) {
	s := newStage(t)
	l := accepted(s, "a", 7)
	for i := range 3 {
		if err := l.says(fmt.Sprint("early ", i)); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 3 {
		if got := received(s, "a", 7); got != fmt.Sprint("early ", i) {
			t.Fatalf("received %q", got)
		}
	}
	go func() {
		_ = l.says("late")
		l.sink.SocketFailed(7, fmt.Errorf("the reason"))
		l.sink.SocketClosed(7, 1006, "gone", false)
	}()
	for _, want := range []string{"late", "closed 1006 the reason false", "not_found: ws_receive: socket 7 is not one of this instance's own"} {
		if got := received(s, "a", 7); got != want {
			t.Errorf("received %q, want %q", got, want)
		}
	}
}

func TestPlain_WhatMayWaitIsBounded(t *testing.T) {
	s := newStage(t)
	l := accepted(s, "a", 7)
	n := 0
	for ; l.says("x") == nil; n++ {
		if n > 2000 {
			t.Fatal("the queue has no end")
		}
	}
	if n != 1024 {
		t.Errorf("%d messages waited, want 1,024", n)
	}
	l.sink.SocketClosed(7, 1013, "too slow", true) // the end always fits
	for range n {
		if got := received(s, "a", 7); got != "x" {
			t.Fatalf("received %q", got)
		}
	}
	if got := received(s, "a", 7); got != "closed 1013 too slow true" {
		t.Errorf("received %q", got)
	}
}

func TestPlain_OneReceiveAtATimeAndGivenUpOnesLoseNothing(t *testing.T) {
	s := newStage(t)
	l := accepted(s, "a", 7)
	wait := (&abi.SocketWaitRequest{Socket: 7}).Append(nil)
	ends := make(chan string, 4)
	s.perform("a", func(p *puppet, _ uint64) bool {
		p.ended = func(_ uint32, st abi.Status, payload []byte) { ends <- st.String() }
		op, st, _ := p.calls.Async(number(t, "ws_receive"), wait)
		if st != abi.OK {
			t.Errorf("receive: %v", st)
		}
		if _, st, f := p.calls.Async(number(t, "ws_receive"), wait); st != abi.Invalid {
			t.Errorf("a second receive: %v %s", st, f)
		}
		if a := p.call("op_cancel", &abi.OpRequest{Op: op}); a.st != abi.OK {
			t.Errorf("cancel: %v", a.st)
		}
		return false
	})
	if got := <-ends; got != "cancelled" {
		t.Fatalf("the receive ended with %s", got)
	}
	if err := l.says("kept"); err != nil {
		t.Fatal(err)
	}
	if got := received(s, "a", 7); got != "kept" {
		t.Errorf("received %q", got)
	}
}

func TestPlain_SendsFlushesAndCloses(t *testing.T) {
	s := newStage(t)
	l := accepted(s, "a", 7)
	s.perform("a", func(p *puppet, _ uint64) bool {
		for _, text := range []string{"one ", "two"} {
			if a := p.call("ws_send", &abi.SendRequest{Socket: 7, Data: []byte(text)}); a.st != abi.OK {
				t.Errorf("send: %v", a.st)
			}
		}
		expect(t, "a list", p.call("ws_tags", &abi.SocketRequest{Socket: 7}), abi.NotFound, "socket 7")
		return false
	})
	if sent, _ := l.told(s); len(sent) != 1 || sent[0] != "one two" {
		t.Errorf("sent %q, want both in one write", sent)
	}
	go func() { (<-l.flushed)() }()
	if a := s.await("a", "ws_flush", func(event uint64) request { return &abi.SocketWaitRequest{Event: event, Socket: 7} }); a.st != abi.OK {
		t.Errorf("flush: %v", a.st)
	}
	if a := s.ask("a", "ws_close", &abi.SocketCloseRequest{Socket: 7, Code: 4000}); a.st != abi.OK {
		t.Errorf("close: %v", a.st)
	}
	if _, closed := l.told(s); len(closed) != 1 || closed[0] != 4000 {
		t.Errorf("closed with %v", closed)
	}
	expect(t, "a send behind the close", s.ask("a", "ws_send", &abi.SendRequest{Socket: 7, Data: []byte("x")}), abi.Invalid, "after close()")
}

func TestPlain_EndsWithItsInstance(t *testing.T) {
	s := newStage(t)
	l := accepted(s, "a", 7)
	s.perform("a", func(p *puppet, _ uint64) bool {
		p.call("abort", &abi.AbortRequest{Reason: "enough"})
		return false
	})
	if _, closed := l.told(s); len(closed) != 1 || closed[0] != 1012 {
		t.Errorf("closed with %v, want 1012", closed)
	}
	if err := l.says("nobody hears"); err != nil {
		t.Errorf("a message behind the end: %v", err)
	}
	if got := received(s, "a", 7); got != "not_found: ws_receive: socket 7 is not one of this instance's own" {
		t.Errorf("received %q", got)
	}
}

func TestConnect_GivesASocketOrSaysWhyNot(t *testing.T) {
	s := newStage(t)
	ls := &lines{}
	s.app.Outbound, s.app.Sockets = ls, ls
	connect := func() answer {
		return s.await("a", "ws_connect", func(event uint64) request {
			return &abi.ConnectRequest{Event: event, URL: "ws://h/", Protocols: []string{"v1"}}
		})
	}
	a := connect()
	var m abi.Connected
	if err := m.Decode(a.body); a.st != abi.OK || err != nil || m.Socket != 900 || m.Protocol != "v1" {
		t.Fatalf("connect: %v %+v %v", a.st, m, err)
	}
	if got := received(s, "a", 900); got != "pipelined" {
		t.Errorf("received %q", got)
	}
	ls.fail = &object.Error{Status: abi.Denied, Message: "not listed"}
	expect(t, "connect", connect(), abi.Denied, "not listed")
}
