package c_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/holdfast-run/holdfast/internal/wasmtest"
	"github.com/holdfast-run/holdfast/objects/tck/countertest"
)

// tools fails or skips a test without clang and wasm-ld: it is skipped with
// the reason, and fails under HOLDFAST_TEST_ALL=1.
func tools(t *testing.T) {
	t.Helper()
	for _, tool := range []string{"clang", "wasm-ld"} {
		_, err := exec.LookPath(tool)
		if err != nil && os.Getenv("HOLDFAST_TEST_ALL") == "1" {
			t.Fatalf("HOLDFAST_TEST_ALL=1 wants C guests too: %v", err)
		}
		if err != nil {
			t.Skipf("C guests are built by clang and wasm-ld: %v", err)
		}
	}
}

// files copies what the guests are made of to a directory of the test's own.
// The test reads the files itself, so that its cached answer ends when one
// changes.
func files(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	for _, name := range []string{"holdfast.h", "example/counter.c", "example/wrangler.jsonc", "testdata/helpers.c", "testdata/wrangler.jsonc"} {
		if err := os.MkdirAll(filepath.Join(dir, filepath.Dir(name)), 0o755); err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// compile builds the guest NAME.c to NAME.wasm in dir.
func compile(t *testing.T, dir, name string) {
	t.Helper()
	tools(t)
	cmd := exec.Command("clang", "--target=wasm32", "-nostdlib", "-O2", "-Wall", "-Wextra", "-Werror", "-Wl,--no-entry", "-o", name+".wasm", name+".c")
	cmd.Dir = dir
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("clang: %v\n%s", err, text)
	}
}

func TestCounter_PassesTheKit(t *testing.T) {
	dir := filepath.Join(files(t), "example")
	compile(t, dir, "counter")
	countertest.RunApp(t, dir, "counter-c")
}

func TestHelpers_DoWhatTheySay(t *testing.T) {
	dir := filepath.Join(files(t), "testdata")
	compile(t, dir, "helpers")
	// An app in a directory of this name is found where it is named itself.
	p := wasmtest.Spawn(t, "dev", "--addr", "127.0.0.1:0", "--admin-addr", "127.0.0.1:0", "--data", t.TempDir(), dir)
	large := strings.Repeat("v", 60_000)
	for _, c := range []struct {
		path, body string
		status     int
		want       string
	}{
		{"get?k=a", "", 500, "kv_get failed"},
		{"put?k=a", "1", 200, "ok"},
		{"put?k=b1", "2", 200, "ok"},
		{"put?k=b2", "3", 200, "ok"},
		{"put?k=c", "", 200, "ok"},
		{"get?k=b2", "", 200, "3"},
		{"get?k=c", "", 200, ""},
		{"list", "", 200, "a=1,b1=2,b2=3,c=,"},
		{"list?prefix=b", "", 200, "b1=2,b2=3,"},
		{"list?limit=2", "", 200, "a=1,b1=2,"},
		{"list?after=b1&limit=2", "", 200, "b2=3,c=,"},
		{"put?k=d1", large, 200, "ok"},
		{"put?k=d2", large, 200, "ok"},
		{"put?k=d3", "4", 200, "ok"},
		{"list?prefix=d", "", 200, "d1=vv,d2=vv,+"},
		{"list?prefix=d&after=d2", "", 200, "d3=4,"},
		{"list?prefix=none", "", 200, ""},
		{"delete?k=a", "", 200, "was"},
		{"delete?k=a", "", 200, "was not"},
		{"put?k=large", large, 200, "ok"},
		{"get?k=large", "", 200, large},
		{"put?k=large", large + large, 200, "too large"},
		{"get?k=large", "", 200, large},
		{"header", "", 200, "Bearer secret"},
		{"echo", large, 201, large},
		{"echo", large + large, 500, "the response was not taken"},
		{"metric?k=visits", "", 200, "ok"},
		{"metric?k=visits", "", 200, "ok"},
		{"metric?k=Visits", "", 200, "invalid"},
		{"unset", "", 200, "ok"},
		{"nothing", "", 500, "nothing"},
		{"alarm", "", 200, "ok"},
	} {
		a := wasmtest.Do(t, "POST", p.URL+"/helpers/ann/"+c.path, "secret", c.body)
		if ok := a.Status == c.status && (string(a.Body) == c.want || c.status >= 400 && strings.Contains(string(a.Body), c.want)); !ok {
			t.Errorf("%s: %d %.200q, want %d %.200q", c.path, a.Status, a.Body, c.status, c.want)
		}
	}
	wasmtest.Eventually(t, "the alarm has run once", func() bool {
		return string(wasmtest.Do(t, "POST", p.URL+"/helpers/ann/get?k=alarm", "", nil).Body) == "once"
	})
	if page := string(wasmtest.Do(t, "GET", p.Admin+"/_holdfast/metrics", "", nil).Body); !strings.Contains(page, `holdfast_app_visits_total{app="helpers"} 14`) {
		t.Errorf("the metrics lack the guest's counter:\n%s", page)
	}
	if !strings.Contains(p.Log(), "the alarm is set") {
		t.Errorf("the log lacks the guest's line:\n%s", p.Log())
	}
}
