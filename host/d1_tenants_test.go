package host

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/holdfast-run/holdfast/guest-sdk/abi"
)

// tenant is a tenant's database as guests reach it: through a binding with a
// pattern.
type tenant struct {
	app     *d1App
	name    string
	written atomic.Int64 // rows that are acknowledged
}

func (c *tenant) query(sql string, params ...abi.Value) (*abi.D1Result, error) {
	m := &abi.D1QueryRequest{Binding: "DB", Name: c.name, Statements: []abi.D1Statement{{SQL: sql, Params: params}}}
	r, err := c.app.Query(m)(context.Background())
	if err != nil {
		return nil, fmt.Errorf("%s: %s: %w", c.name, sql, err)
	}
	return &r.Results[0], nil
}

// write adds a row of 200 bytes that says whose it is.
func (c *tenant) write(n int64) error {
	_, err := c.query("INSERT INTO t (n, owner, body) VALUES (?, ?, ?)", abi.Integer(n), abi.Text(c.name), tenantBody)
	if err == nil {
		c.written.Add(1)
	}
	return err
}

var tenantBody = abi.Text(strings.Repeat("b", 200))

// read is what a page asks: the newest rows, by the index.
func (c *tenant) read() error {
	_, err := c.query("SELECT id, n, owner FROM t ORDER BY n DESC LIMIT 10")
	return err
}

// check looks for rows that are not the tenant's, and counts its own.
func (c *tenant) check() error {
	r, err := c.query("SELECT count(*), coalesce(sum(owner <> ?), 0) FROM t", abi.Text(c.name))
	if err != nil {
		return err
	}
	if rows, foreign := r.Values[0].Int, r.Values[1].Int; rows != c.written.Load() || foreign != 0 {
		return fmt.Errorf("%s has %d rows, %d of them of others; it has written %d", c.name, rows, foreign, c.written.Load())
	}
	return nil
}

// tenantsOf are the first n tenants of an app.
func tenantsOf(a *d1App, n int) []*tenant {
	out := make([]*tenant, n)
	for i := range out {
		out[i] = &tenant{app: a, name: fmt.Sprintf("tenant-%04d", i)}
	}
	return out
}

// mixed lets callers send queries to tenants at random, three reads to a
// write, and answers the first error.
func mixed(tenants []*tenant, callers int, queries int64) error {
	var left atomic.Int64
	left.Store(queries)
	errs := make(chan error, callers)
	var wg sync.WaitGroup
	for c := range callers {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(uint64(c), 4))
			for k := left.Add(-1); k >= 0; k = left.Add(-1) {
				who, err := tenants[r.IntN(len(tenants))], error(nil)
				if k%4 == 0 {
					err = who.write(k)
				} else {
					err = who.read()
				}
				if err != nil {
					errs <- err
					return
				}
			}
		})
	}
	wg.Wait()
	close(errs)
	return <-errs
}

// descriptors is how many files the process has open.
func descriptors(t *testing.T) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skipf("no list of open files on this system: %v", err)
	}
	return len(list)
}

// TestTenants_AreManyAndApart: many databases of one binding, more than may be
// open at one time, are used beside each other: no query fails, no descriptor is
// taken for a database, and each tenant has its own rows, all of them.
func TestTenants_AreManyAndApart(t *testing.T) {
	const databases, open, callers, queries = 200, 100, 32, 4000
	a := newTenants(t, open)
	tenants := tenantsOf(a, databases)
	before := descriptors(t)
	if err := mixed(tenants, callers, queries); err != nil {
		t.Fatal(err)
	}
	if n := descriptors(t) - before; n > 20 {
		t.Errorf("%d descriptors more are open for %d databases", n, databases)
	}
	total := int64(0)
	for _, c := range tenants {
		if err := c.check(); err != nil {
			t.Error(err)
		}
		total += c.written.Load()
	}
	if total != queries/4 {
		t.Errorf("%d rows were written, want %d", total, queries/4)
	}
	list, err := a.host.List("tenant-")
	if err != nil || len(list) != databases {
		t.Errorf("%d databases, want %d: %v", len(list), databases, err)
	}
	if _, err := (&tenant{app: a, name: "other-1"}).query("SELECT 1"); err == nil || !strings.Contains(err.Error(), `opens databases named "tenant-*"`) {
		t.Errorf("a database outside of the pattern: %v", err)
	}
}

// BenchmarkTenants is a query of 1,000 tenants by 64 callers, one in four a
// durable INSERT of 200 bytes: cpu-us/op is the process's, callers included.
func BenchmarkTenants(b *testing.B) {
	const databases, callers = 1000, 64
	a := newTenants(b, 0)
	tenants := tenantsOf(a, databases)
	for _, c := range tenants { // makes it, and its tables
		if err := c.write(0); err != nil {
			b.Fatal(err)
		}
	}
	cpu := processTime(b)
	b.ReportAllocs()
	b.ResetTimer()
	if err := mixed(tenants, callers, int64(b.N)); err != nil {
		b.Fatal(err)
	}
	b.StopTimer()
	b.ReportMetric(float64((processTime(b)-cpu).Nanoseconds())/1000/float64(b.N), "cpu-us/op")
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "queries/s")
	for _, c := range tenants {
		if err := c.check(); err != nil {
			b.Error(err)
		}
	}
}

// processTime is the CPU time that the process has used.
func processTime(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
