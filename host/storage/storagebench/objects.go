package storagebench

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/holdfast-run/holdfast/guest-sdk/abi"
	"github.com/holdfast-run/holdfast/host/storage"
	"github.com/holdfast-run/holdfast/runtime/store"
)

// makers is how many goroutines make objects at once.
const makers = 256

// populate makes objects, each in one turn.
func populate(e *storage.Engine, objects int, fill func(o store.Object, n int) error) error {
	errs := make([]error, makers)
	var all sync.WaitGroup
	for m := range makers {
		all.Go(func() {
			for n := m; n < objects && errs[m] == nil; n += makers {
				errs[m] = one(e, ref(n), func(o store.Object) error { return fill(o, n) })
			}
		})
	}
	all.Wait()
	return errors.Join(errs...)
}

func one(e *storage.Engine, r store.Ref, fill func(o store.Object) error) error {
	o, err := e.Open(r)
	if err != nil {
		return err
	}
	err = fill(o)
	if err == nil {
		err = commit(o)
	}
	return errors.Join(err, o.Close())
}

// newObjects makes objects with one value of 100 bytes, and looks at what that
// takes on disk when all is written.
func (b *bench) newObjects() ([]Figure, error) {
	const objects = 20_000
	e, err := b.open()
	if err != nil {
		return nil, err
	}
	syncs, cpu, began := b.syncs.count.Load(), cpuTime(), time.Now()
	err = populate(e, objects, func(o store.Object, _ int) error { return o.Put("k", hundred) })
	took, used, syncs := time.Since(began), cpuTime()-cpu, b.syncs.count.Load()-syncs
	if err = errors.Join(err, e.Compact(b.ctx), e.Close()); err != nil {
		return nil, err
	}
	if e, err = b.open(); err != nil { // what the log held is in tables, its file is new
		return nil, err
	}
	if err := e.Close(); err != nil {
		return nil, err
	}
	bytes, err := diskBytes(b.dir)
	return []Figure{
		{Name: "bytes on disk", Value: float64(bytes) / objects, Unit: "", Goal: "<= 1,024"},
		{Name: "syncs", Value: float64(syncs) / objects, Unit: "", Goal: "shared"},
		{Name: "made", Value: objects / took.Seconds(), Unit: "1/s"},
		{Name: "CPU", Value: float64(used.Nanoseconds()) / 1000 / objects, Unit: "µs"},
	}, err
}

// openHost opens a host of many objects, after an orderly end and as a crash
// leaves it.
func (b *bench) openHost() ([]Figure, error) {
	e, err := b.open()
	if err != nil {
		return nil, err
	}
	err = populate(e, b.cfg.Objects, func(o store.Object, _ int) error {
		var errs []error
		for i := range 10 {
			errs = append(errs, o.Put(fmt.Sprintf("value-%d", i), hundred))
		}
		return errors.Join(errs...)
	})
	if err = errors.Join(err, e.Close()); err != nil {
		return nil, err
	}
	var times []time.Duration
	for range 5 {
		began := time.Now()
		e, err := b.open()
		if err != nil {
			return nil, err
		}
		times = append(times, time.Since(began))
		if err := e.Close(); err != nil {
			return nil, err
		}
	}
	return []Figure{
		{Name: fmt.Sprintf("%d objects of 10 values, the first time", b.cfg.Objects), Value: milliseconds(times[0]), Unit: "ms", Goal: "<= 100"},
		{Name: "again", Value: median(times[1:]), Unit: "ms"},
	}, nil
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func median(times []time.Duration) float64 {
	times = slices.Clone(times)
	slices.Sort(times)
	return milliseconds(times[len(times)/2])
}

// cloneRestore copies an object of 100 KiB, half kv and half SQL, and takes it
// back over 20 turns.
func (b *bench) cloneRestore() (_ []Figure, err error) {
	e, err := b.open()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, e.Close()) }()
	if err := e.SetHistory(namespace, time.Hour); err != nil {
		return nil, err
	}
	o, err := e.OpenWith(ref(0), storage.ObjectOptions{})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, o.Close()) }()
	if err := hundredKiB(o); err != nil {
		return nil, err
	}
	var clones, restores []time.Duration
	for i := range 50 {
		began := time.Now()
		c, err := e.OpenWith(ref(1+i), storage.ObjectOptions{})
		if err != nil {
			return nil, err
		}
		if err := wait(func(durable func(error)) (bool, error) { return c.CopyFrom(ref(0), "", durable) }); err != nil {
			return nil, err
		}
		clones = append(clones, time.Since(began))
		if err := c.Close(); err != nil {
			return nil, err
		}
		took, err := restoreOnce(o, i)
		if err != nil {
			return nil, err
		}
		restores = append(restores, took)
	}
	return []Figure{
		{Name: "clone", Value: median(clones), Unit: "ms", Goal: "<= 5"},
		{Name: "restore over 20 turns", Value: median(restores), Unit: "ms", Goal: "<= 5"},
	}, nil
}

func hundredKiB(o *storage.Object) error {
	if err := exec(o, "CREATE TABLE t (id INTEGER PRIMARY KEY, v BLOB)"); err != nil {
		return err
	}
	for i := range 500 {
		err := errors.Join(o.Put(fmt.Sprintf("k-%04d", i), hundred),
			exec(o, "INSERT INTO t VALUES (?, ?)", abi.Integer(int64(i)), abi.Blob(hundred)))
		if err != nil {
			return err
		}
	}
	return commit(o)
}

func restoreOnce(o *storage.Object, seed int) (time.Duration, error) {
	mark, err := o.Bookmark()
	if err != nil {
		return 0, err
	}
	r := rand.New(rand.NewPCG(1, uint64(seed)))
	for range 20 {
		err := errors.Join(o.Put(fmt.Sprintf("k-%04d", r.IntN(500)), hundred[:50]),
			exec(o, "UPDATE t SET v = ? WHERE id = ?", abi.Blob(hundred[:50]), abi.Integer(r.Int64N(500))), commit(o))
		if err != nil {
			return 0, err
		}
	}
	began := time.Now()
	if _, err := o.RestoreNext(mark); err != nil {
		return 0, err
	}
	if _, err := o.Commit(nil); err != nil {
		return 0, err
	}
	err = wait(o.Rewind)
	return time.Since(began), err
}

func wait(change func(durable func(error)) (bool, error)) error {
	done := make(chan error, 1)
	changed, err := change(func(err error) { done <- err })
	if err != nil || !changed {
		return err
	}
	return <-done
}

// alarms sets alarms on as many objects, and takes the nearest one after the
// other, as the scheduler does.
func (b *bench) alarms() (_ []Figure, err error) {
	e, err := b.open()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, e.Close()) }()
	before := heap()
	began := time.Now()
	err = populate(e, b.cfg.Alarms, func(o store.Object, n int) error {
		return o.SetAlarm(store.Alarm{ScheduledMs: int64(1 + n), DueMs: int64(1 + n)})
	})
	if err != nil {
		return nil, err
	}
	set := time.Since(began)
	grown := heap() - before
	const fired = 2000
	began = time.Now()
	for range fired {
		a, ok, err := e.NextAlarm()
		if err != nil || !ok {
			return nil, fmt.Errorf("next alarm: %v, %w", ok, err)
		}
		err = one(e, a.Ref, func(o store.Object) error { return o.ClearAlarm() })
		if err != nil {
			return nil, err
		}
	}
	each := time.Since(began)
	began = time.Now()
	window, err := e.Alarms(math.MaxInt64, 256, nil)
	if err != nil || len(window) != min(256, b.cfg.Alarms-fired) {
		return nil, fmt.Errorf("a window of %d alarms: %w", len(window), err)
	}
	return []Figure{
		{Name: fmt.Sprintf("set of %d", b.cfg.Alarms), Value: float64(b.cfg.Alarms) / set.Seconds(), Unit: "1/s"},
		{Name: "heap that stays for each", Value: max(0, float64(grown)) / float64(b.cfg.Alarms), Unit: "bytes"},
		{Name: "next, and cleared durably", Value: float64(each.Microseconds()) / fired, Unit: "µs"},
		{Name: "a window of 256", Value: float64(time.Since(began).Microseconds()), Unit: "µs"},
	}, nil
}

// heap is what is in use after a collection.
func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
