package c_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

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

// files copies what the example is made of to a directory of the test's own.
// The test reads the files itself, so that its cached answer ends when one
// changes.
func files(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "example"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"holdfast.h", "example/counter.c", "example/wrangler.jsonc"} {
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

func TestCounter_PassesTheKit(t *testing.T) {
	tools(t)
	dir := filepath.Join(files(t), "example")
	cmd := exec.Command("clang", "--target=wasm32", "-nostdlib", "-O2", "-Wall", "-Wextra", "-Werror", "-Wl,--no-entry", "-o", "counter.wasm", "counter.c")
	cmd.Dir = dir
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("clang: %v\n%s", err, text)
	}
	countertest.RunApp(t, dir, "counter-c")
}
