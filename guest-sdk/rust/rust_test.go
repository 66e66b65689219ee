package rust_test

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/holdfast-run/holdfast/objects/tck/countertest"
)

// files copies the crate and its example to a directory of the test's own. The
// test reads the files itself, so that its cached answer ends when one
// changes.
func files(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	err := fs.WalkDir(os.DirFS("."), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if d.Name() == "target" {
				return fs.SkipDir
			}
			return os.MkdirAll(filepath.Join(dir, name), 0o755)
		}
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(dir, name), text, 0o644)
	})
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// cargo runs a command in dir, without a network.
func cargo(t *testing.T, dir string, args ...string) {
	t.Helper()
	cmd := exec.Command("cargo", append(args, "--offline")...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "CARGO_TARGET_DIR="+filepath.Join(dir, "target"), "RUSTFLAGS=-Dwarnings")
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("cargo %s: %v\n%s", strings.Join(args, " "), err, text)
	}
}

func needCargo(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath("cargo"); err != nil {
		t.Skipf("guests in Rust are built by cargo: %v", err)
	}
}

func TestCrate_PassesItsOwnTests(t *testing.T) {
	needCargo(t)
	dir := files(t)
	cargo(t, dir, "test")
	cargo(t, filepath.Join(dir, "example", "counter"), "test")
}

// target is rustc's name of what guests are built for.
const target = "wasm32-unknown-unknown"

func TestCounter_PassesTheKit(t *testing.T) {
	needCargo(t)
	lib, err := exec.Command("rustc", "--print", "target-libdir", "--target", target).Output()
	if err == nil {
		_, err = os.Stat(strings.TrimSpace(string(lib)))
	}
	if err != nil {
		t.Skipf("rustc cannot build for %s (rustup target add %s): %v", target, target, err)
	}
	dir := filepath.Join(files(t), "example", "counter")
	cargo(t, dir, "build", "--release", "--target", target)
	countertest.RunApp(t, dir, "counter-rust")
}
