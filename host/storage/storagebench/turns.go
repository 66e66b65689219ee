package storagebench

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/holdfast-run/holdfast/guest-sdk/abi"
	"github.com/holdfast-run/holdfast/host/storage"
	"github.com/holdfast-run/holdfast/runtime/store"
)

const namespace = "bench.Object"

func ref(n int) store.Ref {
	return store.Ref{Namespace: namespace, Name: fmt.Sprintf("object-%07d", n), ID: store.ID{byte(n >> 16), byte(n >> 8), byte(n)}}
}

// work is what one turn does before its commit; n counts the object's turns.
type work func(o store.Object, n int) error

var hundred = make([]byte, 100)

// kvTurn reads a counter, writes it, and puts 100 bytes under a new key.
func kvTurn(o store.Object, n int) error {
	_, _, err := o.Get("count")
	return errors.Join(err, o.Put("count", fmt.Append(nil, n)), o.Put(fmt.Sprintf("e-%09d", n), hundred))
}

// sqlTurn writes a counter and a row of 100 bytes.
func sqlTurn(o store.Object, n int) error {
	if n == 0 {
		if err := exec(o, "CREATE TABLE t (id INTEGER PRIMARY KEY, v BLOB)"); err != nil {
			return err
		}
	}
	return errors.Join(o.Put("count", fmt.Append(nil, n)),
		exec(o, "INSERT OR REPLACE INTO t VALUES (?, ?)", abi.Integer(int64(n%500)), abi.Blob(hundred)))
}

func exec(o store.Object, query string, args ...abi.Value) error {
	c, err := o.Exec(query, args)
	if err != nil {
		return err
	}
	return c.Close()
}

// commit commits and waits until that is durable.
func commit(o store.Object) error {
	done := make(chan error, 1)
	changed, err := o.Commit(func(err error) { done <- err })
	if err != nil || !changed {
		return err
	}
	return <-done
}

// turns runs turns on many objects, each with some in flight, for a while.
func (b *bench) turns(turn work, objects, inFlight int, history bool, goal string) (_ []Figure, err error) {
	e, err := b.open()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, e.Close()) }()
	if history {
		if err := e.SetHistory(namespace, time.Hour); err != nil {
			return nil, err
		}
	}
	l := load{engine: e, turn: turn, inFlight: inFlight, waits: make([][]time.Duration, objects)}
	if err := l.run(objects, warmUp); err != nil { // tables and caches are made
		return nil, err
	}
	clear(l.waits)
	l.done.Store(0)
	cpu, began, syncs := cpuTime(), time.Now(), b.syncs.count.Load()
	if err := l.run(objects, b.cfg.Time); err != nil {
		return nil, err
	}
	took, turns := time.Since(began), float64(l.done.Load())
	used := cpuTime() - cpu
	waits := slices.Concat(l.waits...)
	slices.Sort(waits)
	at := func(percent int) float64 {
		return float64(waits[min(len(waits)-1, len(waits)*percent/100)].Microseconds()) / 1000
	}
	return []Figure{
		{Name: "durable turns", Value: turns / took.Seconds(), Unit: "1/s", Goal: goal},
		{Name: "CPU a turn", Value: float64(used.Nanoseconds()) / 1000 / turns, Unit: "µs"},
		{Name: "until durable, p50", Value: at(50), Unit: "ms"},
		{Name: "until durable, p99", Value: at(99), Unit: "ms", Goal: "<= 20"},
		{Name: "turns a sync", Value: turns / float64(b.syncs.count.Load()-syncs), Unit: ""},
	}, nil
}

const warmUp = 300 * time.Millisecond

// load runs turns, a goroutine an object.
type load struct {
	engine   *storage.Engine
	turn     work
	inFlight int
	done     atomic.Int64
	waits    [][]time.Duration // by object, until durable
}

func (l *load) run(objects int, d time.Duration) error {
	errs := make([]error, objects)
	stop := time.Now().Add(d)
	var all sync.WaitGroup
	for i := range objects {
		all.Go(func() { errs[i] = l.object(i, stop) })
	}
	all.Wait()
	return errors.Join(errs...)
}

func (l *load) object(i int, stop time.Time) (err error) {
	o, err := l.engine.Open(ref(i))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, o.Close()) }()
	window := make(chan error, l.inFlight) // places; a failure comes back as one
	for range l.inFlight {
		window <- nil
	}
	var mu sync.Mutex
	for n := int(o.Sequence()); ; n++ {
		began := time.Now()
		if began.After(stop) {
			break
		}
		if err := <-window; err != nil {
			return err
		}
		began = time.Now()
		if err := l.turn(o, n); err != nil {
			return err
		}
		_, err := o.Commit(func(err error) {
			wait := time.Since(began)
			mu.Lock()
			l.waits[i] = append(l.waits[i], wait)
			mu.Unlock()
			l.done.Add(1)
			window <- err
		})
		if err != nil {
			return err
		}
	}
	for range l.inFlight {
		err = errors.Join(err, <-window)
	}
	return err
}

// cpuTime is what the process has used.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
