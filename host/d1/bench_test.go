package d1

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/holdfast-run/holdfast/guest-sdk/abi"
	"github.com/holdfast-run/holdfast/host/storage"
)

func benchHost(b *testing.B) *Host {
	b.Helper()
	engine, err := storage.Open(storage.Config{Dir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	h, err := New(Config{Engine: engine})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _, _ = h.Close(), engine.Close() })
	return h
}

const benchSchema = "CREATE TABLE t (id INTEGER PRIMARY KEY, k TEXT, body TEXT)\nCREATE INDEX i ON t (k)"

// BenchmarkInsert is a durable INSERT of 200 bytes into a table with an
// index, from callers spread over databases.
func BenchmarkInsert(b *testing.B) {
	for _, n := range []struct{ databases, callers int }{{1, 1}, {1, 32}, {16, 64}} {
		b.Run(fmt.Sprintf("databases=%d/callers=%d", n.databases, n.callers), func(b *testing.B) {
			h := benchHost(b)
			for i := range n.databases {
				if _, _, err := h.Exec(b.Context(), Source{Name: fmt.Sprintf("db%d", i)}, benchSchema); err != nil {
					b.Fatal(err)
				}
			}
			body := abi.Text(string(make([]byte, 200)))
			var left atomic.Int64
			left.Store(int64(b.N))
			b.ReportAllocs()
			b.ResetTimer()
			var done sync.WaitGroup
			for c := range n.callers {
				done.Go(func() {
					src := Source{Name: fmt.Sprintf("db%d", c%n.databases)}
					for {
						k := left.Add(-1)
						if k < 0 {
							return
						}
						s := []Statement{{SQL: "INSERT INTO t (k, body) VALUES (?, ?)", Params: []abi.Value{abi.Text(fmt.Sprint(k * 7919)), body}}}
						if _, _, err := h.Query(context.Background(), src, s, false, ""); err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			done.Wait()
		})
	}
}

func BenchmarkSelect(b *testing.B) {
	h := benchHost(b)
	src := Source{Name: "db"}
	if _, _, err := h.Exec(b.Context(), src, benchSchema+"\nINSERT INTO t SELECT value, value, value FROM json_each('[1,2,3,4,5,6,7,8,9]')"); err != nil {
		b.Fatal(err)
	}
	s := []Statement{{SQL: "SELECT * FROM t WHERE id = ?", Params: []abi.Value{abi.Integer(5)}}}
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := h.Query(b.Context(), src, s, false, ""); err != nil {
			b.Fatal(err)
		}
	}
}
