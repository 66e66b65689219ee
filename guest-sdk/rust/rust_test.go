package rust_test

import (
	"cmp"
	"errors"
	"fmt"
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

// toolchain is a cargo and the rustc that it is to run.
type toolchain struct{ cargo, rustc string }

// target is rustc's name of what guests are built for.
const target = "wasm32-unknown-unknown"

// toolchains are those of this machine: what RUSTC names, what is first on the
// PATH, and the system's own behind a rustup that shadows it.
func toolchains() []toolchain {
	var all []toolchain
	if rustc := os.Getenv("RUSTC"); rustc != "" {
		all = append(all, toolchain{"cargo", rustc})
	}
	return append(all, toolchain{"cargo", "rustc"}, toolchain{"/usr/bin/cargo", "/usr/bin/rustc"})
}

// builds is nil where c is there and can build for target; "" is this machine.
func (c toolchain) builds(target string) error {
	if _, err := exec.LookPath(c.cargo); err != nil {
		return err
	}
	args := []string{"--print", "target-libdir"}
	if target != "" {
		args = append(args, "--target", target)
	}
	dir, err := exec.Command(c.rustc, args...).Output()
	if err != nil {
		return fmt.Errorf("%s: %w", c.rustc, err)
	}
	if _, err := os.Stat(strings.TrimSpace(string(dir))); err != nil {
		return fmt.Errorf("%s has no library for %s: %w", c.rustc, cmp.Or(target, "this machine"), err)
	}
	return nil
}

// need is the first toolchain that builds for target. Without one the test is
// skipped with the reasons, and fails under HOLDFAST_TEST_ALL=1.
func need(t *testing.T, target string) toolchain {
	t.Helper()
	var errs []error
	for _, c := range toolchains() {
		err := c.builds(target)
		if err == nil {
			return c
		}
		errs = append(errs, err)
	}
	err := errors.Join(errs...)
	if os.Getenv("HOLDFAST_TEST_ALL") == "1" {
		t.Fatalf("HOLDFAST_TEST_ALL=1 wants Rust guests too: %v", err)
	}
	t.Skipf("guests in Rust are built by cargo and rustc (rustup target add wasm32-unknown-unknown): %v", err)
	return toolchain{}
}

// run runs cargo in dir, without a network.
func (c toolchain) run(t *testing.T, dir string, args ...string) {
	t.Helper()
	cmd := exec.Command(c.cargo, append(args, "--offline")...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "RUSTC="+c.rustc, "CARGO_TARGET_DIR="+filepath.Join(dir, "target"), "RUSTFLAGS=-Dwarnings")
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s %s with %s: %v\n%s", c.cargo, strings.Join(args, " "), c.rustc, err, text)
	}
}

func TestCrate_PassesItsOwnTests(t *testing.T) {
	c := need(t, "")
	dir := files(t)
	c.run(t, dir, "test")
	c.run(t, filepath.Join(dir, "example", "counter"), "test")
}

func TestCounter_PassesTheKit(t *testing.T) {
	c := need(t, target)
	dir := filepath.Join(files(t), "example", "counter")
	c.run(t, dir, "build", "--release", "--target", target)
	countertest.RunApp(t, dir, "counter-rust")
}
