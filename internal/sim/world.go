package sim

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/holdfast-run/holdfast/guest-sdk/abi"
	"github.com/holdfast-run/holdfast/runtime/clock"
	"github.com/holdfast-run/holdfast/runtime/object"
	"github.com/holdfast-run/holdfast/runtime/store"
	"github.com/holdfast-run/holdfast/runtime/store/memstore"
)

const objectsInWorld = 4

// world is one simulated host.
type world struct {
	rand  *rand.Rand
	clock *clock.Manual
	mem   *memstore.Engine
	dir   *object.Directory
	class *object.Class

	mu     sync.Mutex
	live   map[string]int
	seen   map[string]uint64 // the highest number a client saw
	faults []string
	socks  []*sock
	nextID uint64
}

func newWorld(seed uint64, mem *memstore.Engine, now time.Time, seen map[string]uint64) (*world, error) {
	w := &world{
		rand: rand.New(rand.NewPCG(seed, 1)), clock: clock.NewManual(now), mem: mem,
		live: map[string]int{}, seen: seen,
	}
	var err error
	w.dir, err = object.New(object.Config{
		Clock: w.clock, Engine: mem, Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
		Frames: func(_ bool, data []byte) []byte { return append([]byte(nil), data...) },
		Random: func([]byte) {}, HotMax: objectsInWorld,
	})
	if err != nil {
		return nil, err
	}
	w.class = object.NewClass("sim", "Counter", object.Limits{}, &object.Version{
		Number: 1, New: w.newGuest, Construct: abi.ConstructEvent{Class: "Counter"},
		Handlers: abi.HandlesFetch | abi.HandlesAlarm | abi.HandlesSocketClose,
	})
	w.dir.AddClass(w.class)
	w.dir.Alarms().Start()
	return w, nil
}

func (w *world) fault(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.faults = append(w.faults, fmt.Sprintf(format, args...))
}

func (w *world) born(name string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.live[name]++; w.live[name] > 1 {
		w.faults = append(w.faults, name+" has two live instances")
	}
}

func (w *world) died(name string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.live[name]--
}

// loses says whether the next frozen guest is one that cannot be thawed.
func (w *world) loses() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.rand.IntN(3) == 0
}

func (w *world) ref(name string) store.Ref { return object.RefByName(w.class.Namespace, name) }

// saw is a number that left the host: it must be durable by now.
func (w *world) saw(name string, n uint64) {
	d, err := durable(w.mem, w.ref(name))
	if err != nil {
		w.fault("%s: %v", name, err)
	}
	if d < n {
		w.fault("%s: %d was seen, %d is durable", name, n, d)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.seen[name] = max(w.seen[name], n)
}

// durable is an object's number as a crash would leave it.
func durable(mem *memstore.Engine, ref store.Ref) (uint64, error) {
	clone := mem.CrashClone()
	defer clone.Close()
	o, err := clone.Open(ref)
	if err != nil {
		return 0, err
	}
	defer o.Close()
	b, ok, err := o.Get(countKey)
	if err != nil || !ok {
		return 0, err
	}
	return binary.BigEndian.Uint64(b), nil
}

// send gives an object a request and does not wait.
func (w *world) send(name, op string) {
	e := &object.Event{
		Kind: abi.EventFetch, Reply: &reply{w: w, name: name, op: op},
		Message: &abi.FetchEvent{Request: abi.Request{Method: "POST", URL: "http://sim/", Body: []byte(op)}},
	}
	if op == "join" {
		s := w.newSock(name)
		e.Upgrade = &object.Offer{Socket: s}
		e.Message.(*abi.FetchEvent).Upgrade = s.id
	}
	_ = w.dir.Send(w.class, w.ref(name), e) // a refusal is an answer like any other
}

// settle makes everything durable and waits until nothing runs.
func (w *world) settle() bool {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
				if w.mem.Flush() == 0 {
					time.Sleep(50 * time.Microsecond) // nothing is pending yet
				}
			}
		}
	})
	ok := w.dir.Alarms().Settle(ctx) && w.dir.Quiet(ctx)
	close(done)
	wg.Wait()
	return ok
}

// reply checks an answer as it leaves.
type reply struct {
	w        *world
	name, op string
}

// Respond is an answer with a number.
func (r *reply) Respond(resp *abi.Response) {
	if len(resp.Body) == countBytes {
		r.w.saw(r.name, binary.BigEndian.Uint64(resp.Body))
	}
}

// Chunk never comes.
func (r *reply) Chunk([]byte, bool) {}

// Done is a failure: nothing to learn.
func (r *reply) Done(abi.Status, []byte) {}

// sock is a client that checks the order of what it gets.
type sock struct {
	w    *world
	id   uint64
	name string

	mu     sync.Mutex
	last   uint64
	joined bool
	closed bool
	sink   object.SocketSink
}

func (w *world) newSock(name string) *sock {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.nextID++
	s := &sock{w: w, id: w.nextID, name: name}
	w.socks = append(w.socks, s)
	return s
}

// ID is the socket's.
func (s *sock) ID() uint64 { return s.id }

// Send checks that numbers rise one by one from the first.
func (s *sock) Send(frames []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return // the client has gone: a real socket drops it too
	}
	for ; len(frames) >= countBytes; frames = frames[countBytes:] {
		n := binary.BigEndian.Uint64(frames)
		if s.joined && n != s.last+1 {
			s.w.fault("%s: socket %d got %d after %d", s.name, s.id, n, s.last)
		}
		s.joined, s.last = true, n
		s.w.saw(s.name, n)
	}
}

// Close ends it.
func (s *sock) Close(int, string) { s.end() }

// Drop ends it.
func (s *sock) Drop() { s.end() }

func (s *sock) end() {
	s.mu.Lock()
	sink, was := s.sink, s.closed
	s.closed = true
	s.mu.Unlock()
	if sink != nil && !was {
		go sink.SocketClosed(s.id, 1000, "", true)
	}
}

// SetAutoResponse does nothing here.
func (s *sock) SetAutoResponse(bool, string, string) {}

// AutoResponseAtMs is never.
func (s *sock) AutoResponseAtMs() int64 { return 0 }

// Flushed is object.Socket's.
func (s *sock) Flushed(fn func()) { go fn() }

// Bind says who hears of the close.
func (s *sock) Bind(k object.SocketSink) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sink = k
}
