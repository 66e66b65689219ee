package socket

import (
	"fmt"
	"net"
	"strings"
	"testing"
	"time"
)

// numbered is a Send of several frames with the numbers from first on.
func numbered(first, count int) []byte {
	var frames []byte
	for i := range count {
		frames = AppendFrame(frames, false, fmt.Appendf(nil, "%08d%s", first+i, strings.Repeat(".", 3000)))
	}
	return frames
}

// sendsMax bounds the loops that wait for the kernel's buffers to be full.
const sendsMax = 10_000

func TestSend_OrderHoldsUnderBackpressure(t *testing.T) {
	eachLink(t, func(t *testing.T, wrap func(net.Conn) net.Conn) {
		s := startServer(t, Config{QueueBytesMax: 256 << 20, SendBufferBytes: 4096})
		k, p, r := connect(t, s, wrap)
		sent := 0
		for s.Stats().QueuedBytes < 1<<20 && sent < sendsMax*3 {
			k.Send(numbered(sent, 3))
			sent += 3
		}
		if s.Stats().QueuedBytes == 0 {
			t.Fatal("nothing was queued")
		}
		go func() {
			for i := range 200 { // while the client reads
				k.Send(numbered(sent+i, 1))
			}
			k.Close(CodeNormal, "")
		}()
		for i := range sent + 200 {
			if op, payload := p.frame(); op != opText || string(payload[:8]) != fmt.Sprintf("%08d", i) {
				t.Fatalf("frame %d is %x %.20q", i, op, payload)
			}
		}
		p.wantClose(CodeNormal)
		p.write(closing(CodeNormal, ""))
		receive(t, r.ends, "end")
		if stats := s.Stats(); stats.QueuedBytes != 0 || stats.MessagesOut != uint64(sent+200) {
			t.Errorf("stats after all was read: %+v, %d sent", stats, sent+200)
		}
	})
}

func TestSend_SlowReaderIsClosedAndOthersGoOn(t *testing.T) {
	eachLink(t, func(t *testing.T, wrap func(net.Conn) net.Conn) {
		s := startServer(t, Config{QueueBytesMax: 64 << 10, SendBufferBytes: 4096, CloseDeadline: patience})
		slow, slowPeer, r := connect(t, s, wrap)
		quick, quickPeer, quickEnds := connect(t, s, wrap)
		sent := 0
		for ; s.Stats().SlowCloses == 0 && sent < sendsMax*5; sent += 5 {
			frames := numbered(sent, 5)
			slow.Send(frames)
			quick.Send(frames)
			for i := range 5 {
				if _, payload := quickPeer.frame(); string(payload[:8]) != fmt.Sprintf("%08d", sent+i) {
					t.Fatalf("the quick one got %.20q, want %d", payload, sent+i)
				}
			}
		}
		if s.Stats().SlowCloses != 1 {
			t.Fatal("the slow reader was not closed")
		}
		quick.Send(numbered(0, 1))
		quickPeer.frame()
		for got := 0; ; got++ {
			op, payload := slowPeer.frame()
			if op == opClose {
				if code, _ := closeCode(payload); code != CodeTryAgainLater {
					t.Errorf("closed with %d, want 1013", code)
				}
				break
			}
			if string(payload[:8]) != fmt.Sprintf("%08d", got) {
				t.Fatalf("the slow one got %.20q, want %d", payload, got)
			}
		}
		slowPeer.write(closing(CodeTryAgainLater, ""))
		if end := receive(t, r.ends, "end"); end.code != CodeTryAgainLater || !end.clean {
			t.Errorf("ended with %+v", end)
		}
		quickPeer.write(closing(CodeNormal, ""))
		receive(t, quickEnds.ends, "end of the quick one") // all of its writes have been counted
		if queued := s.Stats().QueuedBytes; queued != 0 {
			t.Errorf("%d bytes counted as queued at the end", queued)
		}
	})
}

func TestSend_SlowReaderMeetsTheDeadline(t *testing.T) {
	eachLink(t, func(t *testing.T, wrap func(net.Conn) net.Conn) {
		s := startServer(t, Config{QueueBytesMax: 64 << 10, SendBufferBytes: 4096, CloseDeadline: time.Millisecond})
		k, _, r := connect(t, s, wrap)
		for i := 0; s.Stats().SlowCloses == 0 && i < sendsMax; i++ {
			k.Send(numbered(0, 5))
		}
		if end := receive(t, r.ends, "end"); end.code != CodeAbnormal || end.clean {
			t.Errorf("ended with %+v", end)
		}
	})
}

func TestSend_OneSendBeyondTheLimitFitsAnEmptyQueue(t *testing.T) {
	eachLink(t, func(t *testing.T, wrap func(net.Conn) net.Conn) {
		s := startServer(t, Config{QueueBytesMax: 10})
		k, p, _ := connect(t, s, wrap)
		long := strings.Repeat("x", 20<<20)
		k.Send(Frame(false, []byte(long)))
		p.wantFrame(opText, long)
	})
}

func TestPending_StartedCutsBehindTheBegunFrame(t *testing.T) {
	frames := AppendFrame(AppendFrame(Frame(false, make([]byte, 10)), true, make([]byte, 300)), false, make([]byte, 70_000))
	ends := []int{12, 12 + 304, len(frames)}
	for _, test := range []struct {
		sent int
		end  int
		ok   bool
	}{{0, 0, false}, {1, ends[0], true}, {11, ends[0], true}, {12, ends[0], false}, {13, ends[1], true}, {316, ends[1], false}, {317, ends[2], true}, {len(frames) - 1, ends[2], true}} {
		cut, ok := pending{frames, test.sent}.started()
		if ok != test.ok || len(cut.frames) != test.end || cut.sent != test.sent {
			t.Errorf("%d sent: cut at %d, %v; want %d, %v", test.sent, len(cut.frames), ok, test.end, test.ok)
		}
	}
	if n := frameCount(frames); n != 3 {
		t.Errorf("%d frames counted, want 3", n)
	}
}

func TestFlushed_ComesWhenTheReaderHasCaughtUpOrTheSocketEnds(t *testing.T) {
	eachLink(t, func(t *testing.T, wrap func(net.Conn) net.Conn) {
		s := startServer(t, Config{QueueBytesMax: 64 << 20, SendBufferBytes: 4096})
		told := make(chan string, 4)
		tell := func(what string) func() { return func() { told <- what } }
		k, p, r := connect(t, s, wrap)
		k.Send(Frame(false, []byte("first")))
		p.wantFrame(opText, "first")
		k.Flushed(tell("nothing waits"))
		if got := receive(t, told, "end of a flush"); got != "nothing waits" {
			t.Fatal(got)
		}
		sent := 0
		for ; s.Stats().QueuedBytes < 1<<20 && sent < sendsMax; sent++ {
			k.Send(numbered(sent, 1))
		}
		k.Flushed(tell("caught up"))
		k.Flushed(tell("caught up"))
		select {
		case got := <-told:
			t.Fatalf("%s, while %d bytes wait", got, s.Stats().QueuedBytes)
		default:
		}
		for range sent {
			p.frame()
		}
		for range 2 {
			if got := receive(t, told, "end of a flush"); got != "caught up" {
				t.Fatal(got)
			}
		}
		for s.Stats().QueuedBytes < 1<<20 && sent < 2*sendsMax {
			k.Send(numbered(sent, 1))
			sent++
		}
		k.Flushed(tell("ended"))
		p.Close()
		receive(t, r.ends, "end")
		if got := receive(t, told, "end of a flush"); got != "ended" {
			t.Fatal(got)
		}
		k.Flushed(tell("over"))
		receive(t, told, "end of a flush")
	})
}
