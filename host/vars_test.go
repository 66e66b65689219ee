package host_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/holdfast-run/holdfast/host"
	"github.com/holdfast-run/holdfast/internal/wasmtest"
)

func TestVars_CommandLineOverConfiguration(t *testing.T) {
	a := newApp(t, strings.Replace(roomConfig, `"name": "rooms",`, `"name": "rooms", "vars": {"GREETING": "ahoy"},`, 1))
	h := wasmtest.Start(t, host.Config{Mode: host.ModeServe, Vars: map[string]string{"GREETING": "moin", "HOLDFAST_MODE": "mine"}}, a.dir)
	expect(t, wasmtest.Do(t, "GET", h.URL+"/w/vars", "", nil), 200, "moin serve")
}

// keyed is roomConfig with a key of development.
var keyed = strings.Replace(roomConfig, `"holdfast": {`, `"holdfast": {"dev_keys": ["GREETING"], `, 1)

func hashOf(token string) string {
	sum := sha256.Sum256([]byte(token))
	return "sha256:" + hex.EncodeToString(sum[:])
}

// keyLines are the lines of a process that tell of a key.
func keyLines(p *wasmtest.Process) []string {
	var out []string
	for line := range strings.Lines(p.Out()) {
		if strings.HasPrefix(line, "key ") {
			out = append(out, strings.TrimSpace(line))
		}
	}
	return out
}

func TestDevKeys_AreToldOnceAndKeptAsAHash(t *testing.T) {
	app, data := newApp(t, keyed), t.TempDir()
	start := func(command string, more ...string) *wasmtest.Process {
		return wasmtest.Spawn(t, append([]string{command, app.dir, "--data", data, "--addr", "127.0.0.1:0", "--admin-addr", "127.0.0.1:0"}, more...)...)
	}
	greets := func(p *wasmtest.Process, want string) {
		t.Helper()
		expect(t, wasmtest.Do(t, "GET", p.URL+"/w/vars", "", nil), 200, want)
		p.Kill()
	}

	p := start("serve")
	if lines := keyLines(p); len(lines) != 0 {
		t.Errorf("serve makes a key: %q", lines)
	}
	greets(p, " serve")
	p = start("dev", "--var", "GREETING=mine")
	if lines := keyLines(p); len(lines) != 0 {
		t.Errorf("a key is made for a variable of the command line: %q", lines)
	}
	greets(p, "mine dev")

	p = start("dev")
	lines := keyLines(p)
	if len(lines) != 1 || len(strings.Fields(lines[0])) != 4 || strings.Index(p.Out(), "key ") > strings.Index(p.Out(), "ready ") {
		t.Fatalf("dev prints %q, want one line of a key, before ready", p.Out())
	}
	words := strings.Fields(lines[0])
	if words[1] != "rooms" || words[2] != "GREETING" || len(words[3]) < 26 {
		t.Errorf("the line is %q, want app, variable and token", lines[0])
	}
	hash := hashOf(words[3])
	greets(p, hash+" dev")

	for _, again := range []struct {
		command, want string
		more          []string
	}{
		{"dev", hash + " dev", nil},
		{"dev", "mine dev", []string{"--var", "GREETING=mine"}}, // also over a kept key
		{"serve", " serve", nil},
		{"dev", hash + " dev", nil},
	} {
		q := start(again.command, again.more...)
		if lines := keyLines(q); len(lines) != 0 {
			t.Errorf("%s %v prints %q", again.command, again.more, lines)
		}
		greets(q, again.want)
		if strings.Contains(p.Log()+q.Log(), words[3]) {
			t.Error("the token is in the log")
		}
	}
	if hasText(t, data, words[3]) {
		t.Error("the token is in the data directory")
	}
	if !hasText(t, data, hash) {
		t.Error("the hash is not in the data directory: this test looks for the token in vain")
	}
}

// hasText reports whether a file below dir holds text.
func hasText(t *testing.T, dir, text string) bool {
	t.Helper()
	found := false
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		b, err := os.ReadFile(path)
		found = found || bytes.Contains(b, []byte(text))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestDevKeys_FollowTheConfiguration(t *testing.T) {
	const set = `"name": "rooms", "vars": {"GREETING": "ahoy"},`
	app := newApp(t, strings.Replace(keyed, `"name": "rooms",`, set, 1))
	var mu sync.Mutex
	var made []host.DevKey
	keys := func() []host.DevKey {
		mu.Lock()
		defer mu.Unlock()
		return made
	}
	cfg := dev()
	cfg.KeyMade = func(k host.DevKey) {
		mu.Lock()
		defer mu.Unlock()
		made = append(made, k)
	}
	h := wasmtest.Start(t, cfg, app.dir)
	expect(t, wasmtest.Do(t, "GET", h.URL+"/w/vars", "", nil), 200, "ahoy dev")
	if len(keys()) != 0 {
		t.Errorf("a key is made for a variable that is set: %v", keys())
	}

	app.change("wrangler.jsonc", set, `"name": "rooms",`)
	answers := func() string { return string(wasmtest.Do(t, "GET", h.URL+"/w/vars", "", nil).Body) }
	wasmtest.Eventually(t, "a key is made", func() bool {
		return len(keys()) == 1 && answers() == hashOf(keys()[0].Token)+" dev"
	})
	if k := keys()[0]; k.App != "rooms" || k.Variable != "GREETING" {
		t.Errorf("the key is %+v", k)
	}
	app.change("main.go", `version = "one"`, `version = "two"`)
	becomes(t, h, "two")
	if len(keys()) != 1 || answers() != hashOf(keys()[0].Token)+" dev" {
		t.Errorf("behind a reload the keys are %v, the variable %q", keys(), answers())
	}
}

func TestDevKeys_NeedDevAndSomebodyWhoHears(t *testing.T) {
	app := newApp(t, keyed)
	unheard := wasmtest.Start(t, dev(), app.dir)
	expect(t, wasmtest.Do(t, "GET", unheard.URL+"/w/vars", "", nil), 200, " dev")
	serving := wasmtest.Start(t, host.Config{Mode: host.ModeServe, KeyMade: func(k host.DevKey) { t.Errorf("serve makes %+v", k) }}, app.dir)
	expect(t, wasmtest.Do(t, "GET", serving.URL+"/w/vars", "", nil), 200, " serve")
}
