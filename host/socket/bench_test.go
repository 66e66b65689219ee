package socket

import (
	"io"
	"net"
	"testing"
	"time"
)

type quiet struct{ reply []byte }

func (q quiet) Message(k *Socket, _ bool, _ []byte) error {
	k.Send(q.reply)
	return nil
}
func (quiet) Closed(*Socket, int, string, bool) {}
func (quiet) Failed(*Socket, error)             {}

func benchSocket(b *testing.B, wrap func(net.Conn) net.Conn) (*Socket, *net.TCPConn) {
	s, err := New(Config{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(s.Close)
	server, client := tcpPair(b)
	client.SetDeadline(time.Time{})
	k := s.Offer(quiet{Frame(false, make([]byte, 195))})
	s.Attach(k, wrap(server), nil)
	return k, client
}

// BenchmarkSend is one delivery of an event of 195 bytes, or 16 at once, with
// the client's reads.
func BenchmarkSend(b *testing.B) {
	for name, count := range map[string]int{"frames=1": 1, "frames=16": 16} {
		b.Run(name, func(b *testing.B) {
			k, client := benchSocket(b, links["descriptor"])
			var frames []byte
			for range count {
				frames = AppendFrame(frames, false, make([]byte, 195))
			}
			buf := make([]byte, len(frames))
			b.ReportAllocs()
			for b.Loop() {
				k.Send(frames)
				if _, err := io.ReadFull(client, buf); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkEcho is a message in and one out.
func BenchmarkEcho(b *testing.B) {
	for name, wrap := range links {
		b.Run(name, func(b *testing.B) {
			_, client := benchSocket(b, wrap)
			request, buf := text("append something here"), make([]byte, 199)
			b.ReportAllocs()
			for b.Loop() {
				client.Write(request)
				if _, err := io.ReadFull(client, buf); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func TestSend_AllocatesNothing(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	s := startServer(t, Config{})
	k, p, _ := connect(t, s, links["descriptor"])
	frame := Frame(false, []byte("hello"))
	buf := make([]byte, len(frame))
	if allocs := testing.AllocsPerRun(100, func() {
		k.Send(frame)
		io.ReadFull(p.TCPConn, buf)
	}); allocs > 0 {
		t.Errorf("Send allocates %.1f times", allocs)
	}
}
