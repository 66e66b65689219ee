package clients

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/holdfast-run/holdfast/internal/wasmtest"
)

// missing fails or skips a test for want of something outside: it is skipped
// with the reason, and fails under HOLDFAST_TEST_ALL=1.
func missing(t *testing.T, format string, args ...any) {
	t.Helper()
	if os.Getenv("HOLDFAST_TEST_ALL") == "1" {
		t.Fatalf("HOLDFAST_TEST_ALL=1 wants D1's clients too: "+format, args...)
	}
	t.Skipf("D1's clients run on node and come by npm: "+format, args...)
}

var installed struct {
	once sync.Once
	dir  string
	out  []byte
	err  error
}

// packages is the directory of the installed npm packages.
func packages(t *testing.T) string {
	t.Helper()
	for _, tool := range []string{"node", "npm"} {
		if _, err := exec.LookPath(tool); err != nil {
			missing(t, "%v", err)
		}
	}
	// wrangler, the most demanding of them, refuses an older one.
	if out, err := exec.Command("node", "-e", "if (parseInt(process.versions.node) < 20) { console.log(process.version); process.exit(1) }").CombinedOutput(); err != nil {
		missing(t, "node 20 is the oldest that they take, this is %s(%v)", out, err)
	}
	installed.once.Do(func() { installed.dir, installed.out, installed.err = install() })
	if installed.err != nil {
		missing(t, "npm ci: %v\n%s", installed.err, installed.out)
	}
	return installed.dir
}

// install installs what the lock file names into a directory of the cache,
// once for each state of that file.
func install() (dir string, out []byte, err error) {
	var files [2][]byte
	sum := sha256.New()
	for i, name := range []string{"package.json", "package-lock.json"} {
		if files[i], err = os.ReadFile(filepath.Join("testdata", name)); err != nil {
			return "", nil, err
		}
		sum.Write(files[i])
	}
	dir = filepath.Join(wasmtest.CacheDir(), "npm-"+hex.EncodeToString(sum.Sum(nil))[:16])
	whole := filepath.Join(dir, "node_modules")
	if _, err := os.Stat(whole); !errors.Is(err, fs.ErrNotExist) {
		return whole, nil, err
	}
	if err := os.MkdirAll(wasmtest.CacheDir(), 0o755); err != nil {
		return "", nil, err
	}
	// Elsewhere first, so that what is cut off is never taken for whole.
	fresh, err := os.MkdirTemp(wasmtest.CacheDir(), "npm-new-")
	if err != nil {
		return "", nil, err
	}
	defer os.RemoveAll(fresh)
	err = errors.Join(os.WriteFile(filepath.Join(fresh, "package.json"), files[0], 0o644), os.WriteFile(filepath.Join(fresh, "package-lock.json"), files[1], 0o644))
	if err != nil {
		return "", nil, err
	}
	cmd := exec.Command("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
	cmd.Dir = fresh
	if out, err = cmd.CombinedOutput(); err != nil {
		return "", out, err
	}
	if err := os.Rename(fresh, dir); err != nil {
		if _, there := os.Stat(whole); there != nil { // another test was not faster
			return "", nil, err
		}
	}
	return whole, nil, nil
}

// script runs a script of testdata in a directory of its own, and answers what
// it told.
func script(t *testing.T, name string, env ...string) []byte {
	t.Helper()
	modules := packages(t)
	dir := t.TempDir()
	copyScripts(t, dir, "tell.mjs", name)
	if err := os.Symlink(modules, filepath.Join(dir, "node_modules")); err != nil {
		t.Fatal(err)
	}
	var out, errs bytes.Buffer
	cmd := exec.CommandContext(t.Context(), "node", name)
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, &out, &errs
	cmd.Env = append(append(os.Environ(), "MODULES="+modules), env...)
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s: %v\n%s%s", name, err, out.Bytes(), errs.Bytes())
	}
	return out.Bytes()
}

// copyScripts copies files of testdata to dir. The test reads them itself, so
// that its cached answer ends when one changes.
func copyScripts(t *testing.T, dir string, names ...string) {
	t.Helper()
	for _, name := range names {
		text, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
