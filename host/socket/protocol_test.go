package socket

import (
	"bytes"
	"errors"
	"net"
	"slices"
	"strings"
	"testing"
	"time"
)

func join(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

func TestProtocol_ViolationsCloseWithTheirCode(t *testing.T) {
	unmasked := Frame(false, []byte("hello"))
	longForm := []byte{bitFin | opText, bitMask | 126, 0, 5, 1, 2, 3, 4, 0, 0, 0, 0, 0}
	veryLongForm := []byte{bitFin | opText, bitMask | 127, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 1, 2, 3, 4}
	hugeForm := []byte{bitFin | opText, bitMask | 127, 0xff, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4}
	for name, test := range map[string]struct {
		send []byte
		code int
	}{
		"reserved bit 1":               {masked(bitFin|0x40|opText, "x"), CodeProtocolError},
		"reserved bit 2":               {masked(bitFin|0x20|opText, "x"), CodeProtocolError},
		"reserved bit 3":               {masked(bitFin|0x10|opText, "x"), CodeProtocolError},
		"unmasked":                     {unmasked, CodeProtocolError},
		"opcode 3":                     {masked(bitFin|3, "x"), CodeProtocolError},
		"opcode 11":                    {masked(bitFin|11, "x"), CodeProtocolError},
		"length not shortest, 16 bits": {longForm, CodeProtocolError},
		"length not shortest, 64 bits": {veryLongForm, CodeProtocolError},
		"length with its top bit":      {hugeForm, CodeProtocolError},
		"continuation of nothing":      {masked(bitFin|opContinuation, "x"), CodeProtocolError},
		"message within a message":     {join(masked(opText, "a"), masked(bitFin|opText, "b")), CodeProtocolError},
		"fragmented ping":              {masked(opPing, "x"), CodeProtocolError},
		"long ping":                    {masked(bitFin|opPing, strings.Repeat("x", 126)), CodeProtocolError},
		"text is not UTF-8":            {text("a\xc3\x28"), CodeInvalidData},
		"text ends within a character": {text("a\xe2\x82"), CodeInvalidData},
		"fragments are not UTF-8":      {join(masked(opText, "a\xe2"), masked(bitFin, "(")), CodeInvalidData},
		"message too long":             {text(strings.Repeat("x", 1001)), CodeTooBig},
		"fragments too long":           {join(masked(opBinary, strings.Repeat("x", 600)), masked(0, strings.Repeat("x", 401))), CodeTooBig},
		"close of one byte":            {masked(bitFin|opClose, "\x03"), CodeProtocolError},
		"close code 1005":              {masked(bitFin|opClose, "\x03\xed"), CodeProtocolError},
		"close code 999":               {masked(bitFin|opClose, "\x03\xe7"), CodeProtocolError},
		"close code 5000":              {masked(bitFin|opClose, "\x13\x88"), CodeProtocolError},
		"close reason is not UTF-8":    {masked(bitFin|opClose, "\x03\xe8\xff"), CodeInvalidData},
	} {
		t.Run(name, func(t *testing.T) {
			eachLink(t, func(t *testing.T, wrap func(net.Conn) net.Conn) {
				s := startServer(t, Config{MessageBytesMax: 1000})
				_, p, r := connect(t, s, wrap)
				p.write(test.send)
				p.wantClose(test.code)
				p.wantEnd()
				p.Close()
				end := receive(t, r.ends, "end")
				var broken *ProtocolError
				if end.code != CodeAbnormal || end.clean || !errors.As(end.failed, &broken) || broken.Code != test.code {
					t.Errorf("ended with %+v, want 1006 and a protocol error %d", end, test.code)
				}
				if len(r.messages) > 0 {
					t.Errorf("a message came: %v", <-r.messages)
				}
			})
		})
	}
}

func TestProtocol_MessagesComeWholeHoweverTheyAreCut(t *testing.T) {
	big := strings.Repeat("héllo wörld ", 20_000)
	stream := join(
		text("one"), text(""), masked(bitFin|opBinary, "\xff\x00"),
		masked(opText, "fra"), masked(bitFin|opPing, "in between"), masked(opContinuation, ""), masked(opContinuation, "gmen"), masked(bitFin|opPong, "x"), masked(bitFin|opContinuation, "ted"),
		masked(opText, ""), masked(bitFin|opContinuation, "late"),
		masked(opText, "split h\xc3"), masked(bitFin|opContinuation, "\xa9 rune"),
		text(strings.Repeat("m", 70_000)), text(big),
	)
	want := []message{{false, "one"}, {false, ""}, {true, "\xff\x00"}, {false, "fragmented"}, {false, "late"}, {false, "split hé rune"}, {false, strings.Repeat("m", 70_000)}, {false, big}}
	for name, step := range map[string]int{"at once": len(stream), "in 1000s": 1000, "in 7s at first": 7} {
		t.Run(name, func(t *testing.T) {
			eachLink(t, func(t *testing.T, wrap func(net.Conn) net.Conn) {
				s := startServer(t, Config{})
				k, p, r := connect(t, s, wrap)
				for i, part := range slices.Collect(slices.Chunk(stream, step)) {
					if i == 200 {
						p.write(stream[i*step:])
						break
					}
					p.write(part)
				}
				for i, m := range want {
					if got := receive(t, r.messages, "message"); got != m {
						t.Fatalf("message %d is %.40q, want %.40q", i, got.text, m.text)
					}
				}
				p.wantFrame(opPong, "in between")
				p.write(closing(CodeNormal, "bye"))
				p.wantClose(CodeNormal)
				p.wantEnd()
				if end := receive(t, r.ends, "end"); end != (ending{CodeNormal, "bye", true, nil}) {
					t.Errorf("ended with %+v", end)
				}
				if held := s.receiving.Load(); held != 0 || k.in != nil {
					t.Errorf("%d bytes held after the end, parser %v", held, k.in)
				}
			})
		})
	}
}

func TestClose_ByThePeer(t *testing.T) {
	for name, test := range map[string]struct {
		send []byte
		want ending
		code int
	}{
		"with code and reason": {closing(4001, "because"), ending{4001, "because", true, nil}, 4001},
		"without code":         {masked(bitFin|opClose, ""), ending{CodeNoStatus, "", true, nil}, CodeNoStatus},
		"with more behind it":  {join(closing(CodeGoingAway, ""), text("too late")), ending{CodeGoingAway, "", true, nil}, CodeGoingAway},
	} {
		t.Run(name, func(t *testing.T) {
			eachLink(t, func(t *testing.T, wrap func(net.Conn) net.Conn) {
				_, p, r := connect(t, startServer(t, Config{}), wrap)
				p.write(test.send)
				p.wantClose(test.code)
				if end := receive(t, r.ends, "end"); end != test.want {
					t.Errorf("ended with %+v, want %+v", end, test.want)
				}
				if len(r.messages) > 0 {
					t.Error("a message behind the close frame was delivered")
				}
			})
		})
	}
}

func TestClose_PeerGoesAwayWithoutAFrame(t *testing.T) {
	eachLink(t, func(t *testing.T, wrap func(net.Conn) net.Conn) {
		_, p, r := connect(t, startServer(t, Config{}), wrap)
		p.write(masked(opText, "unfinished"))
		p.Close()
		if end := receive(t, r.ends, "end"); end != (ending{CodeAbnormal, reasonGone, false, nil}) {
			t.Errorf("ended with %+v", end)
		}
	})
}

func TestClose_ByUs(t *testing.T) {
	eachLink(t, func(t *testing.T, wrap func(net.Conn) net.Conn) {
		k, p, r := connect(t, startServer(t, Config{}), wrap)
		k.Send(Frame(false, []byte("last")))
		k.Close(4410, strings.Repeat("é", 100))
		k.Send(Frame(false, []byte("too late")))
		k.Close(CodeNormal, "again")
		p.wantFrame(opText, "last")
		op, payload := p.frame()
		code, reason := closeCode(payload)
		if op != opClose || code != 4410 || reason != strings.Repeat("é", 61) {
			t.Fatalf("frame is %x %d %q", op, code, reason)
		}
		p.write(join(text("ignored"), closing(4410, "")))
		p.wantEnd()
		if end := receive(t, r.ends, "end"); end != (ending{4410, "", true, nil}) {
			t.Errorf("ended with %+v", end)
		}
		if len(r.messages) > 0 {
			t.Error("a message after our close was delivered")
		}
	})
}

func TestClose_NoAnswerMeetsTheDeadline(t *testing.T) {
	eachLink(t, func(t *testing.T, wrap func(net.Conn) net.Conn) {
		k, p, r := connect(t, startServer(t, Config{CloseDeadline: time.Millisecond}), wrap)
		k.Close(CodeNoStatus, "not sent")
		p.wantClose(CodeNoStatus)
		p.wantEnd()
		if end := receive(t, r.ends, "end"); end.code != CodeAbnormal || end.clean {
			t.Errorf("ended with %+v", end)
		}
	})
}

func TestMessage_DeadlineOnceBegun(t *testing.T) {
	eachLink(t, func(t *testing.T, wrap func(net.Conn) net.Conn) {
		_, p, r := connect(t, startServer(t, Config{MessageDeadline: time.Millisecond}), wrap)
		p.write(text("whole"))
		receive(t, r.messages, "message")
		p.write(text("never finished")[:9])
		p.wantClose(CodePolicy)
		p.Close()
		if end := receive(t, r.ends, "end"); end.failed == nil {
			t.Errorf("ended with %+v, want a failure", end)
		}
	})
}

func TestMessage_RefusedClosesWith1013(t *testing.T) {
	eachLink(t, func(t *testing.T, wrap func(net.Conn) net.Conn) {
		s := startServer(t, Config{})
		r := newRecorder()
		r.refuse = errors.New("mailbox is full")
		k := s.Offer(r)
		server, client := tcpPair(t)
		s.Attach(k, wrap(server), nil)
		p := newPeer(t, client)
		p.write(join(text("one"), text("two")))
		p.wantClose(CodeTryAgainLater)
		p.write(closing(CodeTryAgainLater, ""))
		if end := receive(t, r.ends, "end"); end.code != CodeTryAgainLater || !end.clean {
			t.Errorf("ended with %+v", end)
		}
		if len(r.messages) != 1 {
			t.Errorf("%d messages came, want 1", len(r.messages))
		}
	})
}

func TestMessage_UnfinishedOnesOfAllSocketsAreBounded(t *testing.T) {
	eachLink(t, func(t *testing.T, wrap func(net.Conn) net.Conn) {
		s := startServer(t, Config{MessageBytesMax: 100_000, ReceiveBytesMax: 100_000, CloseDeadline: time.Millisecond})
		r := newRecorder()
		for range 2 {
			server, client := tcpPair(t)
			own := &recorder{messages: r.messages, ends: r.ends}
			s.Attach(s.Offer(own), wrap(server), nil)
			newPeer(t, client).write(text(strings.Repeat("x", 70_000))[:60_000])
		}
		var broken *ProtocolError
		if end := receive(t, r.ends, "end"); !errors.As(end.failed, &broken) || broken.Code != CodeTryAgainLater {
			t.Errorf("ended with %+v, want a failure with 1013", end)
		}
		if sockets := s.Stats().Sockets; sockets == 0 {
			t.Error("both sockets were given up, want one")
		}
	})
}

func TestAutoResponse_AnswersWithoutEvents(t *testing.T) {
	eachLink(t, func(t *testing.T, wrap func(net.Conn) net.Conn) {
		now := time.UnixMilli(1_700_000_000_123)
		k, p, r := connect(t, startServer(t, Config{Now: func() time.Time { return now }}), wrap)
		if at := k.AutoResponseAtMs(); at != 0 {
			t.Errorf("last auto-response at %d before any", at)
		}
		k.SetAutoResponse(true, "ping", "pong")
		k.Send(Frame(false, []byte("before")))
		p.write(join(text("ping"), masked(bitFin|opBinary, "ping"), text("pings")))
		p.wantFrame(opText, "before")
		p.wantFrame(opText, "pong")
		for _, want := range []message{{true, "ping"}, {false, "pings"}} {
			if got := receive(t, r.messages, "message"); got != want {
				t.Errorf("message is %v, want %v", got, want)
			}
		}
		if at := k.AutoResponseAtMs(); at != now.UnixMilli() {
			t.Errorf("last auto-response at %d, want %d", at, now.UnixMilli())
		}
		k.SetAutoResponse(false, "", "")
		p.write(text("ping"))
		if got := receive(t, r.messages, "message"); got.text != "ping" {
			t.Errorf("message is %v", got)
		}
		k.SetAutoResponse(true, strings.Repeat("x", AutoResponseBytesMax+1), "pong")
		p.write(text(strings.Repeat("x", AutoResponseBytesMax+1)))
		receive(t, r.messages, "message")
	})
}
