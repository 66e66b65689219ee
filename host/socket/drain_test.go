package socket

import (
	"context"
	"io"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// answering is a client over a pipe that notes when the close frame came and
// answers it.
func answering(c net.Conn, came func(code int, at time.Time)) {
	defer c.Close()
	head := make([]byte, 2)
	for {
		if _, err := c.Read(head[:1]); err != nil {
			return
		}
		if _, err := c.Read(head[1:]); err != nil {
			return
		}
		payload := make([]byte, head[1]&0x7f)
		for got := 0; got < len(payload); {
			n, err := c.Read(payload[got:])
			if err != nil {
				return
			}
			got += n
		}
		if head[0]&0xf == opClose {
			code, _ := closeCode(payload)
			came(code, time.Now())
			c.Write(closing(code, ""))
			return
		}
	}
}

func TestShutdown_SpreadsTheCloses(t *testing.T) {
	const sockets, perSecond = 200, 100
	for name, test := range map[string]struct {
		limit    time.Duration // of ctx
		rate     int
		from, to time.Duration // when the last close frame comes
	}{
		"by the rate":         {time.Minute, perSecond, 1900 * time.Millisecond, 2 * time.Second},
		"in half of the time": {2 * time.Second, perSecond, 900 * time.Millisecond, time.Second},
		"at once":             {time.Minute, -1, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := unpolled(Config{DrainPerSecond: test.rate, PingEvery: -1})
				defer s.Close()
				var mu sync.Mutex
				var last time.Time
				codes := map[int]int{}
				for range sockets {
					server, client := net.Pipe()
					s.Attach(s.Offer(nil), server, nil)
					go answering(client, func(code int, at time.Time) {
						mu.Lock()
						defer mu.Unlock()
						codes[code]++
						last = at
					})
				}
				ctx, cancel := context.WithTimeout(t.Context(), test.limit)
				defer cancel()
				began := time.Now()
				if err := s.Shutdown(ctx, 1012, "restart"); err != nil {
					t.Fatal(err)
				}
				if codes[1012] != sockets {
					t.Errorf("close codes %v, want 1012 for all %d", codes, sockets)
				}
				if took := last.Sub(began); took < test.from || took > test.to {
					t.Errorf("the last close frame came after %v, want %v to %v", took, test.from, test.to)
				}
			})
		})
	}
}

// unpolled is a server without an epoll set, whose goroutines a synctest
// bubble can follow.
func unpolled(cfg Config) *Server {
	s := &Server{cfg: cfg.withDefaults(), sockets: map[uint64]*Socket{}}
	s.run = newRunQueue(s.cfg.WorkersMax)
	s.wheel = newWheel(s.cfg.PingEvery)
	return s
}

func TestStats_SayHowConnectionsEnded(t *testing.T) {
	eachLink(t, func(t *testing.T, wrap func(net.Conn) net.Conn) {
		s := startServer(t, Config{QueueBytesMax: 1000, SendBufferBytes: 4096, CloseDeadline: time.Millisecond})
		end := func(do func(k *Socket, p *peer)) {
			k, p, r := connect(t, s, wrap)
			do(k, p)
			receive(t, r.ends, "end")
		}
		end(func(_ *Socket, p *peer) { p.write(closing(CodeNormal, "")) })
		end(func(_ *Socket, p *peer) { p.Close() })
		end(func(_ *Socket, p *peer) { p.write(Frame(false, []byte("unmasked"))) })
		end(func(k *Socket, _ *peer) { k.Close(CodeNormal, "") })
		end(func(k *Socket, _ *peer) {
			for s.Stats().SlowCloses == 0 {
				k.Send(numbered(0, 5))
			}
		})
		end(func(k *Socket, _ *peer) {
			k.examine()
			k.examine()
		})
		want := Stats{Opened: 6}
		for _, e := range []Ending{EndedClean, EndedGone, EndedProtocol, EndedTimeout, EndedSlow, EndedSilent} {
			want.Ended[e] = 1
		}
		if got := s.Stats(); got.Opened != want.Opened || got.Ended != want.Ended {
			t.Errorf("stats are %+v, want %+v of %v", got, want, EndingNames)
		}
	})
}

// TestShutdown_TellsWhoComesTooLate: a socket whose handshake ends while the
// server stops gets the close frame that the others got.
func TestShutdown_TellsWhoComesTooLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := unpolled(Config{PingEvery: -1})
		defer s.Close()
		if err := s.Shutdown(t.Context(), 1012, "again soon"); err != nil {
			t.Fatal(err)
		}
		for _, client := range []bool{false, true} {
			offered := s.Offer(nil)
			if client {
				offered = s.OfferClient(nil)
			}
			server, peer := net.Pipe()
			s.Attach(offered, server, nil)
			want := closeFrame(1012, "again soon")
			if client {
				want = maskFrames(want)
			}
			got := make([]byte, len(want)+1)
			n, err := io.ReadFull(peer, got)
			if err != io.ErrUnexpectedEOF || n != len(want) || got[0] != want[0] || !client && string(got[:n]) != string(want) {
				t.Fatalf("client %v: %x and %v, want %x and the end", client, got[:n], err, want)
			}
		}
	})
}
