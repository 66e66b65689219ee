package countertest

import (
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/holdfast-run/holdfast/internal/wasmtest"
)

// RunApp serves the app of a directory by a process of its own and runs the
// whole kit: what Run does, then that numbers outlive an eviction and kill -9.
// name is the app's name. It is called from the test's goroutine.
func RunApp(t *testing.T, dir, name string) {
	t.Helper()
	dir, err := filepath.Abs(dir)
	if err != nil {
		t.Fatal(err)
	}
	args := []string{"dev", "--addr", "127.0.0.1:0", "--admin-addr", "127.0.0.1:0", "--data", t.TempDir(), dir}
	p := wasmtest.Spawn(t, args...)
	Run(t, p.URL)
	k := kit{t, p.URL}
	k.answers("/counter/lasting/add?n=41", "41")
	t.Run("outlives an eviction", func(t *testing.T) {
		a := wasmtest.Do(t, "POST", p.Admin+"/_holdfast/api/objects/"+name+".Counter/name:lasting/evict", "", nil)
		if a.Status != http.StatusNoContent {
			t.Fatalf("evict: %d %s", a.Status, a.Body)
		}
		kit{t, p.URL}.answers("/counter/lasting/incr", "42")
	})
	t.Run("outlives kill -9", func(t *testing.T) {
		outlivesKill(t, p, args)
	})
}

// outlivesKill kills the host while objects are incremented: afterwards each
// has what it acknowledged, and at most the one increment whose answer was
// lost besides.
func outlivesKill(t *testing.T, p *wasmtest.Process, args []string) {
	const writers, before = 4, 20
	acked := make([]int, writers)
	faults := make([]error, writers)
	var wg, ready sync.WaitGroup
	ready.Add(writers)
	for i := range writers {
		wg.Go(func() {
			acked[i], faults[i] = increments(p.URL+path("killed", i)+"incr", before, ready.Done)
		})
	}
	ready.Wait()
	p.Kill()
	wg.Wait()
	again := kit{t, wasmtest.Spawn(t, args...).URL}
	again.answers("/counter/lasting/get", "42")
	for i, n := range acked {
		if faults[i] != nil {
			t.Error(faults[i])
		}
		if got := again.number(path("killed", i) + "get"); got != n && got != n+1 {
			t.Errorf("object %d has %d, it had acknowledged %d", i, got, n)
		}
	}
}

// increments counts an object up, one request behind the other, until the
// host is gone; ready is called after before of them. It answers the last
// acknowledged number.
func increments(url string, before int, ready func()) (int, error) {
	ready = sync.OnceFunc(ready)
	defer ready()
	for n := 0; ; n++ {
		if n == before {
			ready()
		}
		a, err := wasmtest.Try("POST", url, "", nil)
		if err != nil {
			if n < before {
				return n, fmt.Errorf("increment %d: %w", n+1, err)
			}
			return n, nil
		}
		if want := strconv.Itoa(n + 1); a.Status != http.StatusOK || string(a.Body) != want {
			return n, fmt.Errorf("incr: %d %s, want %s", a.Status, a.Body, want)
		}
	}
}

// Run runs what a running host shows by itself. url is its address, such as
// http://127.0.0.1:8787; the objects' numbers are expected to be 0.
func Run(t *testing.T, url string) {
	t.Helper()
	t.Run("worker", func(t *testing.T) { kit{t, url}.answers("/plain", "ok") })
	t.Run("counts", func(t *testing.T) { counts(kit{t, url}) })
	t.Run("objects are apart", func(t *testing.T) { apart(kit{t, url}) })
	t.Run("wrong requests", func(t *testing.T) { wrong(kit{t, url}) })
	t.Run("large requests", func(t *testing.T) { large(kit{t, url}) })
	t.Run("in parallel", func(t *testing.T) { parallel(kit{t, url}) })
}

// kit sends requests to a host and says what is wrong with the answers.
type kit struct {
	t   testing.TB
	url string
}

func path(name string, i int) string { return fmt.Sprintf("/counter/%s-%d/", name, i) }

func (k kit) answers(path, want string) {
	k.t.Helper()
	if a := wasmtest.Do(k.t, "POST", k.url+path, "", nil); a.Status != http.StatusOK || string(a.Body) != want {
		k.t.Fatalf("%s: %d %q, want 200 %q", path, a.Status, a.Body, want)
	}
}

func (k kit) number(path string) int {
	k.t.Helper()
	a := wasmtest.Do(k.t, "GET", k.url+path, "", nil)
	n, err := strconv.Atoi(string(a.Body))
	if a.Status != http.StatusOK || err != nil {
		k.t.Fatalf("%s: %d %q, want 200 and a number", path, a.Status, a.Body)
	}
	return n
}

func counts(k kit) {
	for _, step := range []struct{ op, want string }{
		{"get", "0"}, {"noop", "ok"}, {"incr", "1"}, {"incr", "2"}, {"get", "2"},
		{"add?n=5", "7"}, {"add?n=-10", "-3"}, {"incr", "-2"}, {"add?other=1&n=2", "0"},
		{"add?n=1000000000", "1000000000"}, {"add?n=1000000000", "2000000000"}, {"add?n=1000000000", "3000000000"}, {"get", "3000000000"},
	} {
		k.answers("/counter/steps/"+step.op, step.want)
	}
}

func apart(k kit) {
	names := []string{"ann", "bob", "Ann", "a%20n", "%C3%A4"}
	for i, name := range names {
		for n := range i + 1 {
			k.answers("/counter/"+name+"/incr", strconv.Itoa(n+1))
		}
	}
	for i, name := range names {
		k.answers("/counter/"+name+"/get", strconv.Itoa(i+1))
	}
}

func wrong(k kit) {
	k.answers("/counter/wrong/incr", "1")
	for path, status := range map[string]int{
		"other": 404, "add": 400, "add?n": 400, "add?n=": 400, "add?n=-": 400, "add?n=1x": 400, "add?m=1": 400,
		"add?n=1000000001": 400, "add?n=-1000000001": 400, "add?n=99999999999999999999": 400,
	} {
		if a := wasmtest.Do(k.t, "POST", k.url+"/counter/wrong/"+path, "", nil); a.Status != status || len(a.Body) == 0 {
			k.t.Errorf("%s: %d %q, want %d and why", path, a.Status, a.Body, status)
		}
	}
	k.answers("/counter/wrong/get", "1")
}

// largeBytes is more than any buffer that a guest begins with.
const largeBytes = 3 << 20

// large sends bodies that do not fit a standing buffer, growing and
// shrinking.
func large(k kit) {
	for i, n := range []int{largeBytes / 2, 100, largeBytes, largeBytes, 0, 70_000} {
		a := wasmtest.Do(k.t, "POST", k.url+"/counter/large/incr", "", strings.Repeat("x", n))
		if want := strconv.Itoa(i + 1); a.Status != http.StatusOK || string(a.Body) != want {
			k.t.Fatalf("with a body of %d bytes: %d %q, want 200 %q", n, a.Status, a.Body, want)
		}
	}
}

// parallel sends increments from many connections at once: each gets a number
// of its own, and none is left out.
func parallel(k kit) {
	const clients, each = 16, 25
	got := make(chan int, clients*each)
	var wg sync.WaitGroup
	for range clients {
		wg.Go(func() {
			for range each {
				a, err := wasmtest.Try("POST", k.url+"/counter/shared/incr", "", nil)
				n, bad := strconv.Atoi(string(a.Body))
				if err != nil || a.Status != http.StatusOK || bad != nil {
					k.t.Errorf("incr: %d %q, %v", a.Status, a.Body, err)
					return
				}
				got <- n
			}
		})
	}
	wg.Wait()
	close(got)
	var all []int
	for n := range got {
		all = append(all, n)
	}
	slices.Sort(all)
	for i, n := range all {
		if n != i+1 {
			k.t.Fatalf("%d answers, and in order number %d is %d", len(all), i+1, n)
		}
	}
}
