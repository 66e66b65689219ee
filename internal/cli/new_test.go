package cli_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/holdfast-run/holdfast/internal/wasmtest"
)

// inProject runs a command in a project as its owner would, without a network.
func inProject(t *testing.T, dir, name string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOPROXY=off", "GOFLAGS=-mod=readonly", "GOWORK=off", "HOLDFAST_BIN="+wasmtest.Binary(t), "HOLDFAST_CACHE="+wasmtest.CacheDir())
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, &out)
	}
	return out.String()
}

// TestNew_MakesAProjectThatWorks makes one of each template, and does with it
// what its owner does next.
func TestNew_MakesAProjectThatWorks(t *testing.T) {
	for template, c := range map[string]struct {
		flags  []string
		passed string
		path   string
		answer string // begins with
	}{
		"counter": {nil, "TestCounter", "/my_app-1/ann", "1"},
		"chat":    {[]string{"--template", "chat"}, "TestRoom", "/my_app-1/", "<!doctype html>"},
	} {
		t.Run(template, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "my_app-1")
			r := holdfast(t, append([]string{"new", dir}, c.flags...)...)
			if want := "made my_app-1; next:\n  cd " + dir + " && go test ./...\n  holdfast dev\n"; r.code != 0 || r.out != want || r.err != "" {
				t.Fatalf("exit %d, output %q, errors %q, want %q", r.code, r.out, r.err, want)
			}
			out := inProject(t, dir, "go", "test", "-v", "./...")
			for _, want := range []string{"--- PASS: " + c.passed + "/native", "--- PASS: " + c.passed + "/wasm"} {
				if !strings.Contains(out, want) {
					t.Errorf("go test does not say %q:\n%s", want, out)
				}
			}
			inProject(t, dir, "go", "vet", "./...")
			if out := inProject(t, dir, "gofmt", "-l", "."); out != "" {
				t.Errorf("gofmt would change %s", out)
			}
			if out := inProject(t, dir, wasmtest.Binary(t), "build"); !strings.Contains(out, "my_app-1") {
				t.Errorf("holdfast build: %s", out)
			}
			p := wasmtest.Spawn(t, "dev", dir, "--data", t.TempDir(), "--addr", "127.0.0.1:0", "--admin-addr", "off")
			if a := wasmtest.Do(t, "GET", p.URL+c.path, "", nil); a.Status != 200 || !strings.HasPrefix(string(a.Body), c.answer) {
				t.Errorf("holdfast dev answers %d %s", a.Status, a.Body)
			}
			stop(t, p)
		})
	}
}

func TestNew_Refusals(t *testing.T) {
	full := t.TempDir()
	if err := os.WriteFile(filepath.Join(full, "notes.txt"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	named := filepath.Join(full, "app")
	if err := os.Mkdir(named, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(full, "notes.txt"), filepath.Join(named, "link")); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args, words []string
	}{
		{nil, []string{"new DIR"}},
		{[]string{"a", "b"}, []string{"new DIR"}},
		{[]string{named}, []string{named, "empty directory", "link"}},
		{[]string{filepath.Join(full, "notes.txt")}, []string{"notes.txt", "lower-case letters"}},
		{[]string{filepath.Join(full, "My App")}, []string{"My App", "lower-case letters"}},
		{[]string{filepath.Join(full, "9")}, []string{"lower-case letters"}},
		{[]string{filepath.Join(full, "new"), "--template", "todo"}, []string{"template", "expected counter or chat"}},
	} {
		holdfast(t, append([]string{"new"}, c.args...)...).fails(t, 2, c.words...)
	}
	left, err := os.ReadDir(full)
	if err != nil || len(left) != 2 {
		t.Errorf("refusals leave %v, %v", left, err)
	}
}
