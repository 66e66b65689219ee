package sim

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/holdfast-run/holdfast/runtime/store/memstore"
)

const (
	seeds = 50
	steps = 200
)

// TestSeeds runs the simulation under many seeds; HOLDFAST_SEED=n runs one.
func TestSeeds(t *testing.T) {
	if s := os.Getenv("HOLDFAST_SEED"); s != "" {
		n, err := strconv.ParseUint(s, 10, 64)
		if err != nil {
			t.Fatalf("HOLDFAST_SEED: %v", err)
		}
		simulate(t, n)
		return
	}
	for seed := range uint64(seeds) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { simulate(t, seed) })
	}
}

// simulate runs a host, crashes it, and runs what is left, a few times.
func simulate(t *testing.T, seed uint64) {
	r := rand.New(rand.NewPCG(seed, 2))
	now := time.UnixMilli(1_700_000_000_000)
	mem := memstore.New(memstore.Options{HoldSyncs: true})
	seen := map[string]uint64{}
	for life := range 3 {
		w, err := newWorld(seed*10+uint64(life), mem, now, seen)
		if err != nil {
			t.Fatal(err)
		}
		w.drive(t, r)
		told := w.told()
		crashed := mem.CrashClone()
		w.finish(t)
		for name, n := range told {
			if d, err := durable(crashed, w.ref(name)); err != nil || d < n {
				t.Errorf("seed %d: after the crash %s is at %d (%v), clients saw %d", seed, name, d, err, n)
			}
		}
		for _, f := range w.faults {
			t.Errorf("seed %d, life %d: %s", seed, life, f)
		}
		if t.Failed() {
			t.Fatalf("replay with HOLDFAST_SEED=%d go test ./internal/sim -run TestSeeds", seed)
		}
		now, mem, seen = w.clock.Now(), crashed, told
	}
	if err := mem.Close(); err != nil {
		t.Fatal(err)
	}
}

// told is what clients have seen so far.
func (w *world) told() map[string]uint64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return maps.Clone(w.seen)
}

// drive does one random thing after the other.
func (w *world) drive(t *testing.T, r *rand.Rand) {
	ops := []string{opAdd, opAdd, opAdd, opTrap, opFail, opRead, opAlarm, opWait, "join"}
	for range steps {
		name := fmt.Sprint("o", r.IntN(objectsInWorld))
		switch r.IntN(14) {
		case 0:
			w.mem.Flush()
		case 1:
			w.clock.Set(w.clock.Now().Add(time.Duration(r.IntN(1500)) * time.Millisecond))
		case 2:
			w.dir.Crash(w.ref(name), "crashed by the simulation")
		case 3:
			if !w.settle() {
				t.Fatal("the host does not come to rest")
			}
			if err := w.dir.Evict(context.Background(), w.ref(name)); err != nil {
				t.Fatal(err)
			}
		case 12, 13:
			w.dir.Freeze(w.ref(name))
		case 4:
			w.mu.Lock()
			if len(w.socks) > 0 {
				s := w.socks[r.IntN(len(w.socks))]
				defer s.end() // its close may come at any time
			}
			w.mu.Unlock()
		default:
			w.send(name, ops[r.IntN(len(ops))])
		}
	}
}

func (w *world) finish(t *testing.T) {
	if !w.settle() {
		t.Fatal("the host does not come to rest")
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := w.dir.Close(ctx); err != nil {
		t.Fatal(err)
	}
	if err := w.mem.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestFailedSync_NothingLeaves lets one sync fail: from then on no answer with
// a new number may come.
func TestFailedSync_NothingLeaves(t *testing.T) {
	for n := 1; n <= 20; n++ {
		mem := memstore.New(memstore.Options{HoldSyncs: true, FailSync: n})
		w, err := newWorld(uint64(n), mem, time.UnixMilli(1_700_000_000_000), map[string]uint64{})
		if err != nil {
			t.Fatal(err)
		}
		for i := range 40 {
			w.send(fmt.Sprint("o", i%objectsInWorld), opAdd)
			if i%3 == 0 {
				w.mem.Flush()
			}
		}
		w.settle()
		if mem.Failed() == nil {
			t.Fatalf("sync %d did not fail: the test tests nothing", n)
		}
		for _, f := range w.faults {
			t.Errorf("sync %d fails: %s", n, f)
		}
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		_ = w.dir.Close(ctx) // a broken host need not close in order
		cancel()
	}
}
