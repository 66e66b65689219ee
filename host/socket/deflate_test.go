package socket

import (
	"bytes"
	"compress/flate"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"testing"
)

// squeezed compresses a message as a client does, by the standard library's
// writer.
func squeezed(t testing.TB, message string) string {
	t.Helper()
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, 9)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(w, message); err != nil {
		t.Fatal(err)
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	return strings.TrimSuffix(b.String(), "\x00\x00\xff\xff")
}

// widened is what a client makes of a compressed payload, by the standard
// library's reader.
func widened(t testing.TB, payload []byte) string {
	t.Helper()
	r := flate.NewReader(io.MultiReader(bytes.NewReader(payload), strings.NewReader("\x00\x00\xff\xff\x01\x00\x00\xff\xff")))
	message, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(message)
}

// deflating is connect with compression agreed on.
func deflating(t *testing.T, s *Server, wrap func(net.Conn) net.Conn) (*Socket, *peer, *recorder) {
	t.Helper()
	r := newRecorder()
	k := s.Offer(r)
	k.Deflate()
	server, client := tcpPair(t)
	s.Attach(k, wrap(server), nil)
	return k, newPeer(t, client), r
}

func TestDeflate_LongMessagesAreSmaller(t *testing.T) {
	eachLink(t, func(t *testing.T, wrap func(net.Conn) net.Conn) {
		k, p, _ := deflating(t, startServer(t, Config{}), wrap)
		long, short := strings.Repeat("the same again, ", 500), strings.Repeat("x", deflateBytesMin-1)
		noise := make([]byte, 2000)
		for i := range noise {
			noise[i] = byte(rand.IntN(256))
		}
		k.Send(join(Frame(false, []byte(long)), Frame(false, []byte(short)), Frame(true, noise), Frame(true, []byte(long))))
		for i, want := range []struct {
			first   byte
			message string
		}{{bitFin | bitRsv1 | opText, long}, {bitFin | opText, short}, {bitFin | opBinary, string(noise)}, {bitFin | bitRsv1 | opBinary, long}} {
			first, payload := p.anyFrame()
			got := string(payload)
			if first&bitRsv1 != 0 {
				got = widened(t, payload)
			}
			if first != want.first || got != want.message {
				t.Errorf("frame %d begins with %x and has %d bytes, want %x and %d", i, first, len(got), want.first, len(want.message))
			}
		}
	})
}

// anyFrame reads a frame with whatever bits it has.
func (p *peer) anyFrame() (first byte, payload []byte) {
	p.t.Helper()
	b := make([]byte, 4)
	if _, err := io.ReadFull(p.in, b[:2]); err != nil {
		p.t.Fatal(err)
	}
	first = b[0]
	n := int(b[1])
	if n == 126 {
		if _, err := io.ReadFull(p.in, b[2:]); err != nil {
			p.t.Fatal(err)
		}
		n = int(b[2])<<8 | int(b[3])
	}
	payload = make([]byte, n)
	if _, err := io.ReadFull(p.in, payload); err != nil {
		p.t.Fatal(err)
	}
	return first, payload
}

func TestDeflate_ReceivedMessagesAreInflated(t *testing.T) {
	eachLink(t, func(t *testing.T, wrap func(net.Conn) net.Conn) {
		_, p, r := deflating(t, startServer(t, Config{}), wrap)
		long := strings.Repeat("héllo ", 30_000)
		small := squeezed(t, long)
		p.write(join(
			masked(bitFin|bitRsv1|opText, small), text("plain"), masked(bitFin|bitRsv1|opBinary, squeezed(t, "")),
			masked(bitRsv1|opText, small[:10]), masked(bitFin|opPing, "between"), masked(opContinuation, small[10:20]), masked(bitFin|opContinuation, small[20:]),
			masked(bitFin|bitRsv1|opText, squeezed(t, "once more")),
		))
		for i, want := range []message{{false, long}, {false, "plain"}, {true, ""}, {false, long}, {false, "once more"}} {
			if got := receive(t, r.messages, "message"); got != want {
				t.Errorf("message %d is %.20q of %d bytes, want %.20q of %d", i, got.text, len(got.text), want.text, len(want.text))
			}
		}
		p.wantFrame(opPong, "between")
	})
}

func TestDeflate_AbuseClosesWithItsCode(t *testing.T) {
	bomb := squeezed(t, strings.Repeat("\x00", 1<<20))
	for name, test := range map[string]struct {
		send []byte
		code int
	}{
		"inflates beyond the limit": {masked(bitFin|bitRsv1|opBinary, bomb), CodeTooBig},
		"is not deflated":           {masked(bitFin|bitRsv1|opText, "\xff\xff\xff\xff nothing like it"), CodeInvalidData},
		"inflates to bad UTF-8":     {masked(bitFin|bitRsv1|opText, squeezed(t, "a\xc3(")), CodeInvalidData},
		"compressed control frame":  {masked(bitFin|bitRsv1|opPing, squeezed(t, "x")), CodeProtocolError},
		"compressed continuation":   {join(masked(opText, "a"), masked(bitFin|bitRsv1|opContinuation, "b")), CodeProtocolError},
		"another reserved bit":      {masked(bitFin|bitRsv1|0x20|opText, squeezed(t, "x")), CodeProtocolError},
	} {
		t.Run(name, func(t *testing.T) {
			eachLink(t, func(t *testing.T, wrap func(net.Conn) net.Conn) {
				_, p, r := deflating(t, startServer(t, Config{MessageBytesMax: 100_000}), wrap)
				p.write(test.send)
				p.wantClose(test.code)
				p.Close()
				receive(t, r.ends, "end")
				if len(r.messages) > 0 {
					t.Errorf("a message came: %v", <-r.messages)
				}
			})
		})
	}
}

func TestDeflate_ABroadcastIsCompressedOnce(t *testing.T) {
	var d deflater
	frames := Frame(false, []byte(strings.Repeat("again and ", 300)))
	first := d.frames(frames)
	if len(first) >= len(frames) {
		t.Fatalf("%d bytes became %d", len(frames), len(first))
	}
	if again := d.frames(frames); &again[0] != &first[0] {
		t.Error("the same frames were compressed twice")
	}
	if other := d.frames(bytes.Clone(frames)); &other[0] == &first[0] || !bytes.Equal(other, first) {
		t.Error("other frames with the same bytes differ")
	}
	short := Frame(false, []byte("short"))
	if same := d.frames(short); &same[0] != &short[0] {
		t.Error("a short message was copied")
	}
}

func FuzzInflate_NeverPassesItsLimit(f *testing.F) {
	f.Add([]byte(squeezed(f, "hello")))
	f.Add([]byte(squeezed(f, strings.Repeat("x", 5000))))
	f.Fuzz(func(t *testing.T, payload []byte) {
		const bytesMax = 1000
		if out, err := inflate(payload, bytesMax); err == nil && len(out) > bytesMax {
			t.Errorf("%d bytes came, at most %d may", len(out), bytesMax)
		}
	})
}

// BenchmarkDeflate is what a broadcast of 4 KiB of JSON costs once.
func BenchmarkDeflate(b *testing.B) {
	var d deflater
	payload := []byte(strings.Repeat(`{"type":"event","seq":12345,"content":"what somebody said"},`, 70)[:4096])
	b.ReportAllocs()
	for b.Loop() {
		d.message(payload)
	}
}
