package edgetest_test

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-run/holdfast/guest-sdk/edge"
	"github.com/holdfast-run/holdfast/guest-sdk/edge/edgetest"
)

// judged is a test that is watched: it notes how it ends.
type judged struct {
	testing.TB
	verdict string
	cleanup []func()
}

func (j *judged) Helper()             {}
func (j *judged) Failed() bool        { return j.verdict != "" }
func (j *judged) Logf(string, ...any) {}
func (j *judged) Cleanup(fn func())   { j.cleanup = append(j.cleanup, fn) }
func (j *judged) Errorf(format string, args ...any) {
	j.verdict += fmt.Sprintf(format, args...)
}
func (j *judged) Fatalf(format string, args ...any) {
	j.Errorf(format, args...)
	runtime.Goexit()
}

// judge runs fn as a test of its own and answers what it failed with.
func judge(fn func(t testing.TB)) string {
	j := &judged{}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() {
			for i := len(j.cleanup) - 1; i >= 0; i-- {
				j.cleanup[i]()
			}
		}()
		fn(j)
	}()
	<-done
	return j.verdict
}

func TestUnmet_FailsWithAClearMessage(t *testing.T) {
	sleeps := fetching(func(*probe, *edge.Request) (*edge.Response, error) {
		time.Sleep(time.Hour)
		return edge.Text(200, ""), nil
	})
	accepts := fetching(sockets())
	for name, c := range map[string]struct {
		fn   func(w *edgetest.World)
		want string
	}{
		"a handler that waits": {func(w *edgetest.World) { w.Object("Probe", "a").Fetch("GET", sleeps, nil) }, "no answer, and nothing is left to run"},
		"a wrong status":       {func(w *edgetest.World) { w.Fetch("GET", "/ok", nil).Want(201) }, "GET /ok of the app: answered 200, want 201: ok"},
		"an unknown class":     {func(w *edgetest.World) { w.Object("None", "a").Fetch("GET", "/", nil).Want(200) }, `no class \"None\" is registered`},
		"no frame":             {func(w *edgetest.World) { w.Object("Probe", "a").Connect(accepts).Expect("x") }, "receive: nothing came"},
		"another frame": {func(w *edgetest.World) {
			c := w.Object("Probe", "a").Connect(accepts)
			c.Send("y")
			c.Expect("x")
		}, `received "y" (binary false), want "x"`},
		"no close": {func(w *edgetest.World) {
			c := w.Object("Probe", "a").Connect(accepts)
			c.Send("y")
			c.ExpectClose(1000)
		}, "want a close with 1000"},
		"a frame too many": {func(w *edgetest.World) {
			c := w.Object("Probe", "a").Connect(accepts)
			c.Send("y")
			c.Quiet()
		}, `received "y", want nothing`},
		"an upgrade that is refused": {func(w *edgetest.World) { w.Connect("/ok") }, "the upgrade was answered 200: ok"},
		"a busy object": {func(w *edgetest.World) {
			w.Object("Probe", "a").Begin("GET", sleeps, nil)
			w.Object("Probe", "a").Evict()
		}, `Probe "a" is busy`},
		"no alarm":       {func(w *edgetest.World) { w.Object("Probe", "a").RunAlarm() }, `Probe "a" has no alarm`},
		"not JSON":       {func(w *edgetest.World) { w.Fetch("GET", "/ok", nil).JSON(new(int)) }, "is no such JSON"},
		"a bad header":   {func(w *edgetest.World) { w.Fetch("GET", "/ok", nil, "x") }, "expected NAME: VALUE"},
		"a bad path":     {func(w *edgetest.World) { w.Fetch("GET", "ok", nil) }, "does not begin with a slash"},
		"no such object": {func(w *edgetest.World) { w.Object("Probe", "a").KV() }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			got := judge(func(t testing.TB) { c.fn(edgetest.New(t)) })
			if c.want == "" && got != "" || !strings.Contains(got, c.want) {
				t.Fatalf("failed with %q, want %q", got, c.want)
			}
		})
	}
}

func TestNew_RefusesABindingWithoutAClass(t *testing.T) {
	got := judge(func(t testing.TB) { edgetest.New(t, edgetest.Namespace("X", "None")) })
	if !strings.Contains(got, `binding X: no class "None" is registered`) {
		t.Fatal(got)
	}
	dir := t.TempDir()
	if got := judge(func(t testing.TB) { edgetest.New(t, edgetest.Config(dir)) }); !strings.Contains(got, "expected a wrangler.jsonc or wrangler.json") {
		t.Fatal(got)
	}
	if err := os.WriteFile(filepath.Join(dir, "0001_bad.sql"), []byte("CREATE nothing"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := judge(func(t testing.TB) { edgetest.New(t, edgetest.D1("DB", "x", dir)) }); !strings.Contains(got, "migration 0001_bad.sql") {
		t.Fatal(got)
	}
}

func TestWorlds_LeaveNoGoroutinesOfTheirsBehind(t *testing.T) {
	before := runtime.NumGoroutine()
	for range 20 {
		judge(func(t testing.TB) {
			w := edgetest.New(t)
			w.Object("Probe", "a").Begin("GET", fetching(func(p *probe, _ *edge.Request) (*edge.Response, error) {
				return edge.Text(200, ""), p.state.Storage.Sync()
			}), nil)
			w.Object("Probe", "b").Connect(fetching(sockets()))
		})
	}
	// A goroutine that has been told to end may take a moment to.
	after := runtime.NumGoroutine()
	for end := time.Now().Add(10 * time.Second); after > before && time.Now().Before(end); after = runtime.NumGoroutine() {
		time.Sleep(time.Millisecond)
	}
	if after > before {
		t.Fatalf("%d goroutines before, %d after", before, after)
	}
}
