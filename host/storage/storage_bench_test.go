package storage

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/holdfast-run/holdfast/guest-sdk/abi"
	"github.com/holdfast-run/holdfast/runtime/store"
)

// benchEngine opens an engine on the real disk with the default config.
func benchEngine(b *testing.B) *Engine {
	b.Helper()
	e, err := Open(Config{Dir: b.TempDir(), FS: vfs.Default})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = e.Close() })
	return e
}

func benchRef(n int) store.Ref {
	r := store.Ref{Namespace: "bench.Object", Name: fmt.Sprintf("object-%d", n)}
	r.ID[0], r.ID[1], r.ID[2] = byte(n*7), byte(n), byte(n>>8)
	return r
}

// benchTurns runs turn on objects, a goroutine each, with at most inFlight
// turns of an object waiting for their sync, and reports durable turns.
func benchTurns(b *testing.B, objects, inFlight int, turn func(o store.Object, n int) error) {
	e := benchEngine(b)
	var left atomic.Int64
	left.Store(int64(b.N))
	var done sync.WaitGroup
	b.ReportAllocs()
	b.ResetTimer()
	for i := range objects {
		done.Go(func() {
			o, err := e.Open(benchRef(i))
			if err != nil {
				b.Error(err)
				return
			}
			slots := make(chan struct{}, inFlight)
			for n := 0; left.Add(-1) >= 0; n++ {
				slots <- struct{}{}
				if err := turn(o, n); err != nil {
					b.Error(err)
					return
				}
				if _, err := o.Commit(func(error) { <-slots }); err != nil {
					b.Error(err)
					return
				}
			}
			for range inFlight {
				slots <- struct{}{}
			}
			if err := o.Close(); err != nil {
				b.Error(err)
			}
		})
	}
	done.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "turns/s")
}

var benchValue = make([]byte, 100)

func kvTurn(o store.Object, n int) error {
	if _, _, err := o.Get("counter"); err != nil {
		return err
	}
	if err := o.Put("counter", benchValue[:16]); err != nil {
		return err
	}
	return o.Put(fmt.Sprintf("entry-%08d", n%512), benchValue)
}

func BenchmarkKVTurn(b *testing.B) {
	for _, objects := range []int{1, 100, 1000} {
		b.Run(fmt.Sprintf("objects=%d", objects), func(b *testing.B) { benchTurns(b, objects, 8, kvTurn) })
	}
}

func runSQL(o store.Object, query string, args ...abi.Value) error {
	c, err := o.Exec(query, args)
	if err != nil {
		return err
	}
	return c.Close()
}

func sqlTurn(o store.Object, n int) error {
	if n == 0 {
		if err := runSQL(o, "CREATE TABLE IF NOT EXISTS t (id INTEGER PRIMARY KEY, body BLOB)"); err != nil {
			return err
		}
	}
	if err := o.Put("counter", benchValue[:16]); err != nil {
		return err
	}
	return runSQL(o, "INSERT OR REPLACE INTO t VALUES (?, ?)", abi.Integer(int64(n%512)), abi.Blob(benchValue))
}

func BenchmarkKVAndSQLTurn(b *testing.B) {
	for _, objects := range []int{1, 100, 1000} {
		b.Run(fmt.Sprintf("objects=%d", objects), func(b *testing.B) { benchTurns(b, objects, 8, sqlTurn) })
	}
}

func BenchmarkGet(b *testing.B) {
	e := benchEngine(b)
	o, err := e.Open(benchRef(1))
	if err != nil {
		b.Fatal(err)
	}
	for n := range 1000 {
		if err := o.Put(fmt.Sprintf("key-%d", n), benchValue); err != nil {
			b.Fatal(err)
		}
	}
	if _, err := o.Commit(nil); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		if _, ok, err := o.Get("key-77"); !ok || err != nil {
			b.Fatal(ok, err)
		}
	}
}

func BenchmarkHotSelect(b *testing.B) {
	e := benchEngine(b)
	o, err := e.Open(benchRef(1))
	if err != nil {
		b.Fatal(err)
	}
	for n := range 1000 {
		if err := sqlTurn(o, n); err != nil {
			b.Fatal(err)
		}
	}
	if _, err := o.Commit(nil); err != nil {
		b.Fatal(err)
	}
	var row []abi.Value
	args := []abi.Value{abi.Integer(77)}
	b.ReportAllocs()
	for b.Loop() {
		c, err := o.Exec("SELECT body FROM t WHERE id = ?", args)
		if err != nil {
			b.Fatal(err)
		}
		if row, _, err = c.Next(row[:0]); err != nil || len(row) != 1 {
			b.Fatal(row, err)
		}
		if err := c.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkOpenObject(b *testing.B) {
	e := benchEngine(b)
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		o, err := e.Open(benchRef(n % 1000))
		if err != nil {
			b.Fatal(err)
		}
		if err := o.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkOpenDatabase(b *testing.B) {
	e := benchEngine(b)
	for b.Loop() {
		o, err := e.Open(benchRef(1))
		if err != nil {
			b.Fatal(err)
		}
		if err := runSQL(o, "SELECT 1"); err != nil {
			b.Fatal(err)
		}
		if err := o.Close(); err != nil {
			b.Fatal(err)
		}
	}
}
