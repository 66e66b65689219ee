package host_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/holdfast-run/holdfast/host"
	"github.com/holdfast-run/holdfast/internal/wasmtest"
)

// appDir is a project of its own, outside of the repository, that a test may
// change as a developer does.
type appDir struct {
	t   *testing.T
	dir string
}

// roomConfig is the usual configuration of the guest in testdata.
const roomConfig = `{
	"name": "rooms", "main": ".", "compatibility_date": "2026-04-07",
	"durable_objects": {"bindings": [{"name": "ROOM", "class_name": "Room"}]},
	"migrations": [{"tag": "v1", "new_sqlite_classes": ["Room"]}],
	"routes": [{"pattern": "/w/*"}, {"pattern": "/r/*"}],
	"holdfast": {"routes": [{"pattern": "/r/:name/*", "binding": "ROOM", "name": ":name"}, {"pattern": "/r/:name/length", "binding": "ROOM", "name": ":name", "body_mib": 1}]}
}`

// newApp makes a project of the guest in testdata.
func newApp(t *testing.T, config string) *appDir {
	t.Helper()
	a := &appDir{t, t.TempDir()}
	source, err := os.ReadFile("testdata/guest/main.go.txt")
	if err != nil {
		t.Fatal(err)
	}
	a.write("main.go", string(source))
	a.write("go.mod", fmt.Sprintf("module example.com/rooms\n\ngo 1.26.0\n\nrequire github.com/holdfast-run/holdfast v0.0.0\n\nreplace github.com/holdfast-run/holdfast => %s\n", wasmtest.Root()))
	a.write("wrangler.jsonc", config)
	return a
}

// filesApp makes a project without a guest: pairs of names and texts.
func filesApp(t *testing.T, config string, files ...string) *appDir {
	t.Helper()
	a := &appDir{t, t.TempDir()}
	a.write("wrangler.jsonc", config)
	for i := 0; i+1 < len(files); i += 2 {
		a.write(files[i], files[i+1])
	}
	return a
}

func (a *appDir) write(name, text string) {
	a.t.Helper()
	path := filepath.Join(a.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		a.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		a.t.Fatal(err)
	}
}

// change replaces text in a file, which must be there.
func (a *appDir) change(name, from, to string) {
	a.t.Helper()
	b, err := os.ReadFile(filepath.Join(a.dir, name))
	if err != nil {
		a.t.Fatal(err)
	}
	if !strings.Contains(string(b), from) {
		a.t.Fatalf("%s has no %q", name, from)
	}
	a.write(name, strings.ReplaceAll(string(b), from, to))
}

// room asks an object; op is the path behind its name.
func room(t *testing.T, h *wasmtest.Host, name, op string) wasmtest.Answer {
	t.Helper()
	return wasmtest.Do(t, "POST", h.URL+"/r/"+name+"/"+op, "", nil)
}

func expect(t *testing.T, a wasmtest.Answer, status int, body string) {
	t.Helper()
	if a.Status != status || string(a.Body) != body {
		t.Fatalf("got %d %q, want %d %q", a.Status, a.Body, status, body)
	}
}

// advance moves the manual clock and answers how much fired.
func advance(t *testing.T, h *wasmtest.Host, by string) int {
	t.Helper()
	a := wasmtest.Do(t, "POST", h.Admin+"/_holdfast/api/clock", "", map[string]string{"advance": by})
	if a.Status != 200 {
		t.Fatalf("advance %s: %d %s", by, a.Status, a.Body)
	}
	return int(a.JSON(t)["fired"].(float64))
}

// dev is the configuration of a host that watches its apps.
func dev() host.Config { return host.Config{Watch: true, Manual: true} }
