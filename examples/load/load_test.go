// The benchmarks measure a host of their own process over HTTP:
//
//	go test ./examples/load -run '^$' -bench . -benchtime 20000x
//
// server-us/op is the host's CPU time an operation, from /proc. The client is
// in the test's process and is not counted. HOLDFAST_BENCH_URL and
// HOLDFAST_BENCH_PID measure a server that runs already, and compare.sh does so
// with workerd.
package main

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/holdfast-run/holdfast/internal/wasmtest"
)

const (
	connections = 32
	objects     = 64
)

var server struct {
	once sync.Once
	dir  string
	p    *wasmtest.Process
}

// target is what is measured.
type target struct {
	url string
	pid int
}

func TestMain(m *testing.M) {
	code := m.Run()
	if server.p != nil {
		server.p.Kill()
		_ = os.RemoveAll(server.dir)
	}
	os.Exit(code)
}

// host starts the measured app, once a run, or answers the server that the
// environment names.
func host(b *testing.B) target {
	b.Helper()
	if url := os.Getenv("HOLDFAST_BENCH_URL"); url != "" {
		pid, err := strconv.Atoi(os.Getenv("HOLDFAST_BENCH_PID"))
		if err != nil {
			b.Fatalf("HOLDFAST_BENCH_PID: %v", err)
		}
		return target{url, pid}
	}
	server.once.Do(func() {
		dir, err := os.MkdirTemp("", "holdfast-load")
		if err != nil {
			b.Fatal(err)
		}
		server.dir = dir
		server.p = wasmtest.SpawnKept(b, "dev", "--addr", "127.0.0.1:0", "--admin-addr", "off", "--data", filepath.Join(dir, "data"), "examples/load/app")
		if a := wasmtest.Do(b, "GET", server.p.URL+"/d1/init", "", nil); a.Status != 200 {
			b.Fatalf("d1 init: %d %s", a.Status, a.Body)
		}
	})
	return target{server.p.URL, server.p.PID()}
}

// ticksPerSecond is what /proc counts CPU time in, on every Linux that Go
// runs on.
const ticksPerSecond = 100

func cpuMicroseconds(b *testing.B, pid int) float64 {
	b.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		b.Skipf("no CPU times on this system: %v", err)
	}
	f := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	user, err1 := strconv.ParseFloat(f[11], 64)
	system, err2 := strconv.ParseFloat(f[12], 64)
	if err1 != nil || err2 != nil {
		b.Fatalf("/proc/%d/stat: %v %v", pid, err1, err2)
	}
	return (user + system) / ticksPerSecond * 1e6
}

// measure sends b.N requests over the connections.
func measure(b *testing.B, method, path, body string) { measureOver(b, objects, method, path, body) }

// measureOver is measure with a number of objects of its own.
func measureOver(b *testing.B, objects int, method, path, body string) {
	b.Helper()
	p := host(b)
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: connections, MaxConnsPerHost: connections}}
	defer client.CloseIdleConnections()
	send := func(i int) error {
		req, err := http.NewRequest(method, p.url+strings.ReplaceAll(path, "NAME", fmt.Sprint("o", i%objects)), strings.NewReader(body))
		if err != nil {
			return err
		}
		resp, err := client.Do(req)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			return fmt.Errorf("status %d", resp.StatusCode)
		}
		return nil
	}
	for i := range objects { // activations are measured elsewhere
		if err := send(i); err != nil {
			b.Fatal(err)
		}
	}
	var next atomic.Int64
	before := cpuMicroseconds(b, p.pid)
	b.ResetTimer()
	var wg sync.WaitGroup
	for range connections {
		wg.Go(func() {
			for i := next.Add(1); i <= int64(b.N); i = next.Add(1) {
				if err := send(int(i)); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	b.StopTimer()
	b.ReportMetric((cpuMicroseconds(b, p.pid)-before)/float64(b.N), "server-us/op")
}

// BenchmarkPlain is a worker alone.
func BenchmarkPlain(b *testing.B) { measure(b, "GET", "/plain", "") }

// BenchmarkNoop is a worker and an object.
func BenchmarkNoop(b *testing.B) { measure(b, "GET", "/counter/NAME/noop", "") }

// BenchmarkIncr adds a kv get and a durable put.
func BenchmarkIncr(b *testing.B) { measure(b, "GET", "/counter/NAME/incr", "") }

// BenchmarkAppend is a durable SQL insert, a broadcast and an insert into D1.
func BenchmarkAppend(b *testing.B) {
	measure(b, "POST", "/logs/NAME/events", event)
}

// BenchmarkAppendAlone is the same without D1.
func BenchmarkAppendAlone(b *testing.B) {
	measure(b, "POST", "/rooms/NAME/events", event)
}

// tenants is how many databases of their own BenchmarkTenant… have.
const tenants = 1000

// BenchmarkTenantRead is a worker and an indexed SELECT of ten rows of a
// tenant's own D1 database, of many.
func BenchmarkTenantRead(b *testing.B) {
	measureOver(b, tenants, "GET", "/d1/tenant/NAME/read", "")
}

// BenchmarkTenantWrite is a worker and a durable INSERT into such a database.
func BenchmarkTenantWrite(b *testing.B) {
	measureOver(b, tenants, "GET", "/d1/tenant/NAME/write", "")
}

const event = `{"content":"sixty-four bytes of content, or about as many as that, for now"}`
