package socket

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"math/big"
	mathrand "math/rand"
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// exclusive checks what Events promises while everything happens at once.
type exclusive struct {
	t      *testing.T
	inside atomic.Int32
	closed atomic.Int32
	ended  *sync.WaitGroup
}

func (e *exclusive) enter(closed int32) {
	if e.inside.Add(1) != 1 {
		e.t.Error("two calls at a time for one socket")
	}
	if e.closed.Add(closed) > closed {
		e.t.Error("a call after Closed")
	}
}

func (e *exclusive) Message(k *Socket, _ bool, data []byte) error {
	e.enter(0)
	defer e.inside.Add(-1)
	k.Send(Frame(false, data))
	if len(data)%50 == 49 {
		return errors.New("overloaded")
	}
	return nil
}

func (e *exclusive) Failed(*Socket, error) {
	e.enter(0)
	e.inside.Add(-1)
}

func (e *exclusive) Closed(*Socket, int, string, bool) {
	e.enter(1)
	e.inside.Add(-1)
	e.ended.Done()
}

func TestHammer_EveryCallAtOnce(t *testing.T) {
	eachLink(t, func(t *testing.T, wrap func(net.Conn) net.Conn) {
		s := startServer(t, Config{QueueBytesMax: 8 << 10, SendBufferBytes: 4096, CloseDeadline: 5 * time.Millisecond, MessageDeadline: 5 * time.Millisecond, PingEvery: 100 * time.Millisecond})
		var work, ended sync.WaitGroup
		for seed := range 40 {
			server, client := tcpPair(t)
			ended.Add(1)
			k := s.Offer(&exclusive{t: t, ended: &ended})
			work.Add(3)
			go func() {
				defer work.Done()
				hammerClient(client, mathrand.New(mathrand.NewSource(int64(seed))))
			}()
			go func() {
				defer work.Done()
				hammerSocket(k, mathrand.New(mathrand.NewSource(int64(seed+1000))))
			}()
			go func() {
				defer work.Done()
				s.Attach(k, wrap(server), nil)
			}()
		}
		work.Wait()
		ended.Wait()
		if stats := s.Stats(); stats.QueuedBytes != 0 || s.receiving.Load() != 0 {
			t.Errorf("after the end %+v, %d bytes of unfinished messages", stats, s.receiving.Load())
		}
	})
}

func hammerClient(c *net.TCPConn, rng *mathrand.Rand) {
	defer c.Close()
	var reader sync.WaitGroup
	if rng.Intn(3) > 0 {
		reader.Add(1)
		go func() {
			defer reader.Done()
			for buf := make([]byte, 4096); ; {
				if _, err := c.Read(buf); err != nil {
					return
				}
			}
		}()
	}
	for range rng.Intn(300) {
		message := text(string(make([]byte, rng.Intn(2000))))
		if rng.Intn(100) == 0 {
			message = message[:rng.Intn(len(message))]
		}
		if rng.Intn(10) == 0 {
			message = masked(bitFin|opPing, "are you there")
		}
		if _, err := c.Write(message); err != nil {
			break
		}
	}
	if rng.Intn(2) == 0 {
		c.Write(closing(CodeNormal, "done"))
	}
	c.CloseWrite()
	reader.Wait()
}

func hammerSocket(k *Socket, rng *mathrand.Rand) {
	for range rng.Intn(300) {
		switch rng.Intn(20) {
		case 0:
			k.SetAutoResponse(rng.Intn(2) == 0, "a", "b")
		case 1:
			k.AutoResponseAtMs()
			k.srv.Stats()
		case 2:
			k.examine()
		default:
			k.Send(numbered(0, 1+rng.Intn(2)))
		}
	}
	if rng.Intn(2) == 0 {
		k.Close(CodeNormal, "")
	}
}

func TestTLS_BothDirections(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	s := startServer(t, Config{})
	server, client := tcpPair(t)
	r := newRecorder()
	k := s.Offer(r)
	s.Attach(k, tls.Server(server, &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}), nil)
	c := tls.Client(client, &tls.Config{InsecureSkipVerify: true})
	if _, err := c.Write(text("over TLS")); err != nil {
		t.Fatal(err)
	}
	if m := receive(t, r.messages, "message"); m.text != "over TLS" {
		t.Errorf("message is %q", m.text)
	}
	k.Send(Frame(false, []byte("answer")))
	k.Close(CodeNormal, "")
	got := make([]byte, 0, 64)
	for len(got) < 8+4 {
		n, err := c.Read(got[len(got):cap(got)])
		if err != nil {
			t.Fatal(err)
		}
		got = got[:len(got)+n]
	}
	if want := join(Frame(false, []byte("answer")), closeFrame(CodeNormal, "")); string(got) != string(want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if _, err := c.Write(closing(CodeNormal, "")); err != nil {
		t.Fatal(err)
	}
	if end := receive(t, r.ends, "end"); !end.clean {
		t.Errorf("ended with %+v", end)
	}
}

// TestDescriptors_AreNotMistakenWhenTheirNumbersAreReused opens and closes
// connections while others send: what was meant for one socket must not reach
// the next that gets its number.
func TestDescriptors_AreNotMistakenWhenTheirNumbersAreReused(t *testing.T) {
	s := startServer(t, Config{CloseDeadline: time.Millisecond})
	const sockets = 60
	var work sync.WaitGroup
	for lane := range 8 {
		work.Add(1)
		go func() {
			defer work.Done()
			for i := range sockets {
				own := fmt.Sprintf("%d/%d", lane, i)
				server, client := tcpPair(t)
				r := newRecorder()
				k := s.Offer(r)
				s.Attach(k, server, nil)
				stop, sender := make(chan struct{}), sync.WaitGroup{}
				sender.Add(1)
				go func() { // past the end of the connection
					defer sender.Done()
					for {
						select {
						case <-stop:
							return
						default:
							k.Send(Frame(false, []byte(own)))
							runtime.Gosched()
						}
					}
				}()
				p := newPeer(t, client)
				p.write(text(own))
				for range 3 {
					if _, payload, err := p.tryFrame(); err != nil || string(payload) != own {
						t.Errorf("socket %s got %q, %v", own, payload, err)
					}
				}
				if m := receive(t, r.messages, "message"); m.text != own {
					t.Errorf("socket %s said %q", own, m.text)
				}
				client.Close() // its number is free on both sides
				receive(t, r.ends, "end")
				close(stop)
				sender.Wait()
			}
		}()
	}
	work.Wait()
}
