package socket

import (
	"errors"
	"net"
	"strings"
	"testing"
	"time"
)

// stand is what a clause is tried on.
type stand struct {
	*testing.T
	s *Server
	k *Socket
	p *peer
	r *recorder
}

// fails wants the connection failed with a code, and nothing delivered.
func (c *stand) fails(code int, send []byte) {
	c.Helper()
	c.p.write(send)
	c.p.wantClose(code)
	c.p.Close()
	end := receive(c.T, c.r.ends, "end")
	var broken *ProtocolError
	if !errors.As(end.failed, &broken) || broken.Code != code || end.clean {
		c.Errorf("ended with %+v, want a protocol error %d", end, code)
	}
	if len(c.r.messages) > 0 {
		c.Errorf("a message came: %v", <-c.r.messages)
	}
}

// takes wants messages delivered, exactly these.
func (c *stand) takes(send []byte, want ...message) {
	c.Helper()
	c.p.write(send)
	for _, m := range want {
		if got := receive(c.T, c.r.messages, "message"); got != m {
			c.Errorf("message is %.40q, want %.40q", got.text, m.text)
		}
	}
}

// raw reads n bytes of the wire.
func (c *stand) raw(n int) string {
	c.Helper()
	b := make([]byte, n)
	for got := 0; got < n; {
		m, err := c.p.in.Read(b[got:])
		if err != nil {
			c.Fatal(err)
		}
		got += m
	}
	return string(b)
}

// clauses is RFC 6455 for the endpoint behind the handshake, one entry a
// clause; what is of the handshake stands in host/ingress.
var clauses = []struct {
	name string
	try  func(c *stand)
}{
	{"5.1 a server fails a connection on an unmasked frame", func(c *stand) { c.fails(CodeProtocolError, Frame(false, []byte("x"))) }},
	{"5.1 a server does not mask", func(c *stand) {
		c.k.Send(Frame(false, []byte("hi")))
		if got := c.raw(4); got != "\x81\x02hi" {
			c.Errorf("sent %q", got)
		}
	}},
	{"5.2 RSV1 is 0 unless an extension says otherwise", func(c *stand) { c.fails(CodeProtocolError, masked(bitFin|0x40|opText, "x")) }},
	{"5.2 RSV2 is 0", func(c *stand) { c.fails(CodeProtocolError, masked(bitFin|0x20|opText, "x")) }},
	{"5.2 RSV3 is 0", func(c *stand) { c.fails(CodeProtocolError, masked(bitFin|0x10|opText, "x")) }},
	{"5.2 opcodes 3 to 7 are reserved", func(c *stand) { c.fails(CodeProtocolError, masked(bitFin|7, "x")) }},
	{"5.2 opcodes 11 to 15 are reserved", func(c *stand) { c.fails(CodeProtocolError, masked(bitFin|15, "")) }},
	{"5.2 a length of 0 to 125 takes 7 bits", func(c *stand) {
		c.takes(join(text(""), text(strings.Repeat("x", 125))), message{false, ""}, message{false, strings.Repeat("x", 125)})
	}},
	{"5.2 a length of 126 to 65535 takes 16 bits", func(c *stand) {
		c.takes(join(text(strings.Repeat("x", 126)), text(strings.Repeat("y", 65535))), message{false, strings.Repeat("x", 126)}, message{false, strings.Repeat("y", 65535)})
	}},
	{"5.2 a longer one takes 64 bits", func(c *stand) {
		c.takes(text(strings.Repeat("x", 65536)), message{false, strings.Repeat("x", 65536)})
	}},
	{"5.2 a length takes the fewest bytes: 16 bits", func(c *stand) {
		c.fails(CodeProtocolError, []byte{bitFin | opText, bitMask | 126, 0, 125, 1, 2, 3, 4})
	}},
	{"5.2 a length takes the fewest bytes: 64 bits", func(c *stand) {
		c.fails(CodeProtocolError, []byte{bitFin | opText, bitMask | 127, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 1, 2, 3, 4})
	}},
	{"5.2 the highest bit of a 64-bit length is 0", func(c *stand) {
		c.fails(CodeProtocolError, []byte{bitFin | opText, bitMask | 127, 0x80, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4})
	}},
	{"5.2 lengths are sent in the same three ways", func(c *stand) {
		for n, head := range map[int]string{125: "\x81\x7d", 126: "\x81\x7e\x00\x7e", 65536: "\x81\x7f\x00\x00\x00\x00\x00\x01\x00\x00"} {
			c.k.Send(Frame(false, make([]byte, n)))
			if got := c.raw(len(head) + n); got[:len(head)] != head {
				c.Errorf("%d bytes begin with %q", n, got[:len(head)])
			}
		}
	}},
	{"5.3 every frame has a mask of its own", func(c *stand) {
		other := []byte{bitFin | opText, bitMask | 2, 9, 8, 7, 6, 'o' ^ 9, 'k' ^ 8}
		c.takes(join(text("one"), other), message{false, "one"}, message{false, "ok"})
	}},
	{"5.4 a message may come in fragments, empty ones too", func(c *stand) {
		c.takes(join(masked(opBinary, "a"), masked(0, ""), masked(0, "b"), masked(bitFin, "")), message{true, "ab"})
	}},
	{"5.4 control frames may stand between fragments", func(c *stand) {
		c.takes(join(masked(opText, "a"), masked(bitFin|opPing, "p"), masked(bitFin|opPong, "q"), masked(bitFin, "b")), message{false, "ab"})
		c.p.wantFrame(opPong, "p")
	}},
	{"5.4 a ping between fragments is answered before the message is whole", func(c *stand) {
		c.p.write(join(masked(opText, "a"), masked(bitFin|opPing, "now")))
		c.p.wantFrame(opPong, "now")
		c.takes(masked(bitFin, "b"), message{false, "ab"})
	}},
	{"5.4 control frames are not fragmented", func(c *stand) { c.fails(CodeProtocolError, masked(opPing, "x")) }},
	{"5.4 fragments of two messages are not mixed", func(c *stand) {
		c.fails(CodeProtocolError, join(masked(opText, "a"), masked(bitFin|opBinary, "b")))
	}},
	{"5.4 a continuation continues something", func(c *stand) { c.fails(CodeProtocolError, masked(0, "x")) }},
	{"5.4 behind a whole message nothing is to be continued", func(c *stand) {
		c.p.write(text("whole"))
		receive(c.T, c.r.messages, "message")
		c.fails(CodeProtocolError, masked(bitFin, "x"))
	}},
	{"5.5 a control frame has at most 125 bytes: ping", func(c *stand) {
		c.fails(CodeProtocolError, masked(bitFin|opPing, strings.Repeat("x", 126)))
	}},
	{"5.5 a control frame has at most 125 bytes: close", func(c *stand) {
		c.fails(CodeProtocolError, masked(bitFin|opClose, "\x03\xe8"+strings.Repeat("x", 124)))
	}},
	{"5.5.1 a close is answered with a close of its code, once", func(c *stand) {
		c.p.write(join(closing(4000, "bye"), closing(4001, "again")))
		c.p.wantClose(4000)
		c.p.wantEnd()
		if end := receive(c.T, c.r.ends, "end"); end != (ending{4000, "bye", true, nil}) {
			c.Errorf("ended with %+v", end)
		}
	}},
	{"5.5.1 a close without a body is answered without one", func(c *stand) {
		c.p.write(masked(bitFin|opClose, ""))
		c.p.wantFrame(opClose, "")
	}},
	{"5.5.1 nothing is sent after a close frame", func(c *stand) {
		c.k.Close(CodeNormal, "")
		c.k.Send(Frame(false, []byte("too late")))
		c.p.write(masked(bitFin|opPing, "too late as well"))
		c.p.wantClose(CodeNormal)
		c.p.write(closing(CodeNormal, ""))
		c.p.wantEnd()
	}},
	{"5.5.1 nothing that comes after a close frame counts", func(c *stand) {
		c.p.write(join(closing(CodeNormal, ""), text("too late")))
		receive(c.T, c.r.ends, "end")
		if len(c.r.messages) > 0 {
			c.Error("a message was delivered")
		}
	}},
	{"5.5.1 a close frame ends an unfinished message", func(c *stand) {
		c.p.write(join(masked(opText, "unfinished"), closing(CodeNormal, "")))
		c.p.wantClose(CodeNormal)
		if end := receive(c.T, c.r.ends, "end"); !end.clean {
			c.Errorf("ended with %+v", end)
		}
	}},
	{"5.5.1 a body has a code of two bytes", func(c *stand) { c.fails(CodeProtocolError, masked(bitFin|opClose, "\x03")) }},
	{"5.5.2 a ping is answered with its payload", func(c *stand) {
		c.p.write(masked(bitFin|opPing, strings.Repeat("\xff", 125)))
		c.p.wantFrame(opPong, strings.Repeat("\xff", 125))
		c.p.write(masked(bitFin|opPing, ""))
		c.p.wantFrame(opPong, "")
	}},
	{"5.5.3 a pong that nobody asked for is ignored", func(c *stand) {
		c.takes(join(masked(bitFin|opPong, "x"), text("still here")), message{false, "still here"})
	}},
	{"5.6 text is UTF-8, binary is anything", func(c *stand) {
		c.takes(join(text("κόσμε 🦆"), masked(bitFin|opBinary, "\xff\xfe")), message{false, "κόσμε 🦆"}, message{true, "\xff\xfe"})
	}},
	{"5.6 a character may be cut by a fragment", func(c *stand) {
		c.takes(join(masked(opText, "\xf0\x9f"), masked(0, "\xa6"), masked(bitFin, "\x86")), message{false, "🦆"})
	}},
	{"7.1.1 the server closes the connection first", func(c *stand) {
		c.p.write(closing(CodeNormal, ""))
		c.p.wantClose(CodeNormal)
		c.p.wantEnd()
	}},
	{"7.1.5 a close without a code is 1005", func(c *stand) {
		c.p.write(masked(bitFin|opClose, ""))
		if end := receive(c.T, c.r.ends, "end"); end != (ending{CodeNoStatus, "", true, nil}) {
			c.Errorf("ended with %+v", end)
		}
	}},
	{"7.1.5 a connection without a close is 1006", func(c *stand) {
		c.p.Close()
		if end := receive(c.T, c.r.ends, "end"); end.code != CodeAbnormal || end.clean {
			c.Errorf("ended with %+v", end)
		}
	}},
	{"7.4.1 codes that must not travel are errors", func(c *stand) { c.fails(CodeProtocolError, masked(bitFin|opClose, "\x03\xee")) }},
	{"7.4.1 codes that must not travel are not sent", func(c *stand) {
		c.k.Close(CodeAbnormal, "")
		c.p.wantFrame(opClose, "")
	}},
	{"7.4.2 codes below 1000 are not used", func(c *stand) { c.fails(CodeProtocolError, masked(bitFin|opClose, "\x00\x00")) }},
	{"7.4.2 codes of 3000 to 4999 belong to applications", func(c *stand) {
		c.p.write(closing(3000, "ours"))
		c.p.wantClose(3000)
	}},
	{"8.1 text that is not UTF-8 is 1007", func(c *stand) { c.fails(CodeInvalidData, text("\xed\xa0\x80")) }},
	{"8.1 over-long forms are not UTF-8", func(c *stand) { c.fails(CodeInvalidData, text("\xc0\xaf")) }},
	{"8.1 nor are characters beyond the last", func(c *stand) { c.fails(CodeInvalidData, text("\xf4\x90\x80\x80")) }},
	{"8.1 a reason is UTF-8", func(c *stand) { c.fails(CodeInvalidData, masked(bitFin|opClose, "\x03\xe8\xff")) }},
	{"10.4 a message has a limit, whatever its header claims", func(c *stand) {
		c.fails(CodeTooBig, []byte{bitFin | opBinary, bitMask | 127, 0, 0, 0, 0x40, 0, 0, 0, 0, 1, 2, 3, 4})
	}},
	{"10.4 so has one of many fragments", func(c *stand) {
		c.fails(CodeTooBig, join(masked(opText, strings.Repeat("x", 60_000)), masked(0, strings.Repeat("x", 40_000)), masked(0, "x")))
	}},
}

func TestRFC6455_Server(t *testing.T) {
	for _, clause := range clauses {
		t.Run(clause.name, func(t *testing.T) {
			eachLink(t, func(t *testing.T, wrap func(net.Conn) net.Conn) {
				s := startServer(t, Config{MessageBytesMax: 100_000, CloseDeadline: patience})
				k, p, r := connect(t, s, wrap)
				clause.try(&stand{t, s, k, p, r})
			})
		})
	}
}

// TestRFC6455_Client is what is different where our end dialled.
func TestRFC6455_Client(t *testing.T) {
	dialled := func(t *testing.T, wrap func(net.Conn) net.Conn) *stand {
		s := startServer(t, Config{})
		r := newRecorder()
		k := s.OfferClient(r)
		ours, theirs := tcpPair(t)
		s.Attach(k, wrap(ours), Frame(false, []byte("behind the handshake")))
		return &stand{t, s, k, newPeer(t, theirs), r}
	}
	eachLink(t, func(t *testing.T, wrap func(net.Conn) net.Conn) {
		t.Run("5.1 a server's frames are not masked, and a client's are", func(t *testing.T) {
			c := dialled(t, wrap)
			c.takes(join(Frame(true, []byte("in")), appendFrame(nil, opPing, []byte("p"))), message{false, "behind the handshake"}, message{true, "in"})
			c.k.Send(join(Frame(false, []byte("out")), Frame(true, make([]byte, 70_000))))
			c.k.Close(4000, "bye")
			in := inbound{maskBytes: maskBytes}
			var seen []string
			for buf := make([]byte, 0, 80_000); len(seen) < 4; {
				n, err := c.p.in.Read(buf[len(buf):cap(buf)])
				if err != nil {
					t.Fatal(err)
				}
				rest := buf[len(buf) : len(buf)+n]
				for len(rest) > 0 {
					u, behind, err := in.next(rest, 1<<20)
					if errors.Is(err, errIncomplete) {
						break
					}
					if err != nil {
						t.Fatal(err)
					}
					seen, rest = append(seen, string(u.data)), behind
				}
			}
			if seen[0] != "p" || seen[1] != "out" || len(seen[2]) != 70_000 || seen[3] != "\x0f\xa0bye" {
				t.Errorf("sent %.20q", seen)
			}
			c.p.write(closeFrame(4000, ""))
			if end := receive(t, c.r.ends, "end"); !end.clean || end.code != 4000 {
				t.Errorf("ended with %+v", end)
			}
		})
		t.Run("5.1 a client fails a connection on a masked frame", func(t *testing.T) {
			c := dialled(t, wrap)
			receive(t, c.r.messages, "message")
			c.p.write(text("masked"))
			end := make(chan ending, 1)
			go func() { end <- receive(t, c.r.ends, "end") }()
			if first := c.raw(2); first[0] != bitFin|opClose || first[1]&bitMask == 0 {
				t.Errorf("answered with %x", first)
			}
			c.p.Close()
			var broken *ProtocolError
			if e := receive(t, end, "end"); !errors.As(e.failed, &broken) || broken.Code != CodeProtocolError {
				t.Errorf("ended with %+v", e)
			}
		})
		t.Run("5.3 no two masks are the same", func(t *testing.T) {
			c := dialled(t, wrap)
			masks := map[string]bool{}
			for range 20 {
				c.k.Send(Frame(false, nil))
				masks[c.raw(6)[2:]] = true
			}
			if len(masks) < 20 {
				t.Errorf("%d masks for 20 frames", len(masks))
			}
		})
	})
}

// TestHalfOpen_IsGivenUp is a peer that has vanished: it sends no FIN.
func TestHalfOpen_IsGivenUp(t *testing.T) {
	eachLink(t, func(t *testing.T, wrap func(net.Conn) net.Conn) {
		s := startServer(t, Config{PingEvery: wheelSlots * time.Millisecond})
		_, p, r := connect(t, s, wrap)
		p.wantFrame(opPing, "")
		if end := receive(t, r.ends, "end"); !errors.Is(end.failed, ErrNoAnswer) {
			t.Errorf("ended with %+v", end)
		}
	})
}

// TestFlood_OfControlFramesHoldsNothing is pings without end to a peer that
// reads none of the answers.
func TestFlood_OfControlFramesHoldsNothing(t *testing.T) {
	eachLink(t, func(t *testing.T, wrap func(net.Conn) net.Conn) {
		s := startServer(t, Config{QueueBytesMax: 64 << 10, SendBufferBytes: 4096, CloseDeadline: time.Millisecond})
		_, p, r := connect(t, s, wrap)
		flood := join(masked(bitFin|opPing, strings.Repeat("x", 125)), masked(bitFin|opPong, strings.Repeat("y", 125)))
		for range 2 << 20 {
			if _, err := p.Write(flood); err != nil {
				break
			}
		}
		if end := receive(t, r.ends, "end"); end.clean {
			t.Errorf("ended with %+v", end)
		}
		if stats := s.Stats(); stats.Ended[EndedSlow] != 1 || stats.QueuedBytes != 0 {
			t.Errorf("stats are %+v", stats)
		}
	})
}
