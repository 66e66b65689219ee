package cli_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-run/holdfast/internal/wasmtest"
)

// commandMax bounds a command that ends by itself, building included.
const commandMax = 4 * time.Minute

// result is how a command ended.
type result struct {
	code     int
	out, err string
}

// holdfast runs the built command until it ends.
func holdfast(t *testing.T, args ...string) result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), commandMax)
	defer cancel()
	cmd := exec.CommandContext(ctx, wasmtest.Binary(t), args...)
	cmd.Dir = wasmtest.Root()
	cmd.Env = append(os.Environ(), "HOLDFAST_CACHE="+wasmtest.CacheDir())
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("holdfast %v: %v", args, err)
	}
	if ctx.Err() != nil {
		t.Fatalf("holdfast %v does not end:\n%s%s", args, out.String(), errs.String())
	}
	return result{cmd.ProcessState.ExitCode(), out.String(), errs.String()}
}

// fails wants an exit code and one line of error with all words.
func (r result) fails(t *testing.T, code int, words ...string) {
	t.Helper()
	if r.code != code || strings.Count(r.err, "\n") != 1 {
		t.Errorf("exit %d, want %d; errors:\n%s", r.code, code, r.err)
	}
	for _, w := range words {
		if !strings.Contains(r.err, w) {
			t.Errorf("the error %q does not say %q", r.err, w)
		}
	}
}

// free are the flags of a host that is in nobody's way.
func free(t *testing.T) []string {
	t.Helper()
	return []string{"--addr", "127.0.0.1:0", "--admin-addr", "127.0.0.1:0", "--data", t.TempDir()}
}

// files makes an app of assets alone.
func files(t *testing.T, name string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	config := `{"name":"` + name + `","assets":{"directory":"."},"routes":[{"pattern":"/` + name + `/*"}]}`
	if err := os.WriteFile(filepath.Join(dir, "wrangler.jsonc"), []byte(config), 0o644); err != nil {
		t.Fatal(err)
	}
	return dir
}

// stop ends a host with SIGTERM, which it must take gracefully.
func stop(t *testing.T, p *wasmtest.Process) {
	t.Helper()
	if code := p.Terminate(); code != 0 {
		t.Errorf("exit %d after SIGTERM:\n%s", code, p.Log())
	}
}

func TestDev_ServesAndIsAsked(t *testing.T) {
	args := append([]string{"dev", "examples/counter", "--clock", "manual"}, free(t)...)
	p := wasmtest.Spawn(t, append(args, "objects/logroom")...) // flags stand between arguments
	for _, want := range []string{"1", "2"} {
		if a := wasmtest.Do(t, "GET", p.URL+"/counter/ann/incr", "", nil); a.Status != 200 || string(a.Body) != want {
			t.Fatalf("incr: %d %s, want %s", a.Status, a.Body, want)
		}
	}
	at := []string{"--admin-addr", strings.TrimPrefix(p.Admin, "http://")}
	list := holdfast(t, append([]string{"objects", "list", "--namespace", "counter.Counter"}, at...)...)
	if list.code != 0 || !strings.Contains(list.out, "  ann  ") || strings.Count(list.out, "\n") != 2 {
		t.Errorf("list: exit %d\n%s%s", list.code, list.out, list.err)
	}
	shown := holdfast(t, append([]string{"objects", "show", "counter.Counter", "name:ann"}, at...)...)
	if shown.code != 0 || !strings.Contains(shown.out, `"tier": "hot"`) || !strings.Contains(shown.out, `"name": "ann"`) {
		t.Errorf("show: exit %d\n%s%s", shown.code, shown.out, shown.err)
	}
	if r := holdfast(t, append([]string{"objects", "evict", "counter.Counter", "name:ann"}, at...)...); r.code != 0 || r.out != "" || r.err != "" {
		t.Errorf("evict: %+v", r)
	}
	if r := holdfast(t, append([]string{"objects", "show", "counter.Counter", "name:ann"}, at...)...); !strings.Contains(r.out, `"tier": "cold"`) {
		t.Errorf("show behind evict: %+v", r)
	}
	holdfast(t, append([]string{"objects", "show", "counter.Counter", "name:nobody"}, at...)...).fails(t, 1, "not_found")
	if r := holdfast(t, append([]string{"clock", "advance", "24h"}, at...)...); r.code != 0 || !strings.HasPrefix(r.out, "now 20") || !strings.Contains(r.out, ", fired ") {
		t.Errorf("clock: %+v", r)
	}
	stop(t, p)
}

func TestDev_AnnouncesAppsThenReady(t *testing.T) {
	cmd := exec.Command(wasmtest.Binary(t), append([]string{"dev", files(t, "one"), files(t, "two")}, free(t)...)...)
	cmd.Env = append(os.Environ(), "HOLDFAST_CACHE="+t.TempDir())
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var lines []string
	for sc := bufio.NewScanner(out); sc.Scan(); {
		lines = append(lines, strings.Join(strings.Fields(sc.Text()), " "))
		if strings.HasPrefix(sc.Text(), "ready ") {
			_ = cmd.Process.Signal(os.Interrupt) // Ctrl-C; Wait says how it ended
		}
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("after an interrupt: %v", err)
	}
	if len(lines) != 4 || !strings.HasPrefix(lines[3], "ready http://127.0.0.1:") {
		t.Fatalf("it printed %q", lines)
	}
	base := strings.TrimPrefix(lines[3], "ready ")
	if lines[0] != "app one "+base+"/one/" || lines[1] != "app two "+base+"/two/" || !strings.HasPrefix(lines[2], "admin http://127.0.0.1:") {
		t.Errorf("it printed %q", lines)
	}
}

func TestServe_LogsJSONAndStopsUnderLoad(t *testing.T) {
	p := wasmtest.Spawn(t, append([]string{"serve", "objects/logroom", "--var", `OWNER_KEYS={"a":"sha256:` + hash("key") + `"}`}, free(t)...)...)
	a := wasmtest.Do(t, "POST", p.URL+"/logs", "key", map[string]any{"id": "l", "name": "l", "ownerNamespace": "a", "secret": "s"})
	if a.Status != 201 {
		t.Fatalf("create: %d %s", a.Status, a.Body)
	}
	if a := wasmtest.Do(t, "POST", p.URL+"/logs", "", map[string]any{"name": "l", "ownerNamespace": "undeclared"}); a.Status != 403 {
		t.Errorf("serve lets anybody create: %d %s", a.Status, a.Body)
	}
	s := wasmtest.Dial(t, p.URL+"/logs/l/ws?authorId=ann", map[string][]string{"Authorization": {"Bearer s"}})
	s.Frame()
	acked := make(chan int, 1)
	go func() {
		n := 0
		for {
			a, err := wasmtest.Try("POST", p.URL+"/logs/l/events", "s", map[string]any{"authorId": "b", "content": "x"})
			if err != nil || a.Status != 201 {
				acked <- n
				return
			}
			n++
		}
	}()
	for range 10 {
		s.Frame()
	}
	stop(t, p)
	if n := <-acked; n < 10 {
		t.Errorf("%d appends were acknowledged", n)
	}
	if code := s.Closed(); code != 1012 {
		t.Errorf("the socket was closed with %d", code)
	}
	for _, line := range strings.Split(strings.TrimSpace(p.Log()), "\n") {
		var m struct{ Time, Level, Msg string }
		if json.Unmarshal([]byte(line), &m) != nil || m.Time == "" || m.Level == "" || m.Msg == "" {
			t.Errorf("no JSON log line: %s", line)
		}
	}
}

func hash(token string) string {
	h := sha256.Sum256([]byte(token))
	return hex.EncodeToString(h[:])
}

func TestServe_AdminTokens(t *testing.T) {
	config := filepath.Join(t.TempDir(), "host.jsonc")
	text := `{ // who may ask
		"admin": {"tokens": ["sha256:` + hash("right") + `"]} }`
	if err := os.WriteFile(config, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	// With a token any address will do, loopback or not.
	p := wasmtest.Spawn(t, "serve", files(t, "f"), "--config", config, "--addr", "127.0.0.1:0", "--admin-addr", "0.0.0.0:0", "--data", t.TempDir())
	port := p.Admin[strings.LastIndexByte(p.Admin, ':')+1:]
	list := func(more ...string) result {
		t.Helper()
		return holdfast(t, append([]string{"objects", "list", "--admin-addr", "127.0.0.1:" + port}, more...)...)
	}
	list().fails(t, 1, "unauthorized")
	list("--admin-token", "wrong").fails(t, 1, "forbidden")
	if r := list("--admin-token", "right"); r.code != 0 || r.err != "" {
		t.Errorf("with the token: %+v", r)
	}
	if strings.Contains(p.Log(), "right") || strings.Contains(p.Log(), hash("right")) {
		t.Errorf("the token is in the log:\n%s", p.Log())
	}
	stop(t, p)
}

func TestServe_AdminOff(t *testing.T) {
	p := wasmtest.Spawn(t, "serve", files(t, "f"), "--addr", "127.0.0.1:0", "--admin-addr", "off", "--data", t.TempDir())
	if p.Admin != "" {
		t.Errorf("it serves an admin API at %s", p.Admin)
	}
	if a := wasmtest.Do(t, "GET", p.URL+"/_holdfast/health", "", nil); a.Status != 404 {
		t.Errorf("the public address answers for it: %d %s", a.Status, a.Body)
	}
	stop(t, p)
}

func TestServe_OneHostADataDirectory(t *testing.T) {
	app, data := files(t, "f"), t.TempDir()
	p := wasmtest.Spawn(t, "serve", app, "--addr", "127.0.0.1:0", "--admin-addr", "off", "--data", data)
	holdfast(t, "serve", app, "--addr", "127.0.0.1:0", "--admin-addr", "off", "--data", data).fails(t, 2, data)
	stop(t, p)
	again := wasmtest.Spawn(t, "serve", app, "--addr", "127.0.0.1:0", "--admin-addr", "off", "--data", data)
	stop(t, again)
}

func TestServe_AddressTaken(t *testing.T) {
	app := files(t, "f")
	p := wasmtest.Spawn(t, append([]string{"serve", app}, free(t)...)...)
	addr, admin := strings.TrimPrefix(p.URL, "http://"), strings.TrimPrefix(p.Admin, "http://")
	holdfast(t, "serve", app, "--addr", addr, "--admin-addr", "off", "--data", t.TempDir()).fails(t, 1, addr)
	holdfast(t, "serve", app, "--addr", "127.0.0.1:0", "--admin-addr", admin, "--data", t.TempDir()).fails(t, 1, admin)
	stop(t, p)
}

func TestServe_ReadsVariables(t *testing.T) {
	t.Setenv("HOLDFAST_ADDR", "127.0.0.1:0")
	t.Setenv("HOLDFAST_ADMIN_ADDR", "off")
	t.Setenv("HOLDFAST_DATA", t.TempDir())
	t.Setenv("HOLDFAST_LOG", "text")
	p := wasmtest.Spawn(t, "serve", files(t, "f"))
	if p.Admin != "" || strings.HasSuffix(p.URL, ":8787") {
		t.Errorf("it serves at %s, the admin API at %q", p.URL, p.Admin)
	}
	stop(t, p)
}

func TestBuild_PrintsFiguresAndRefuses(t *testing.T) {
	r := holdfast(t, "build", "examples/counter")
	if r.code != 0 || r.err != "" || !strings.HasPrefix(r.out, "app counter: module ") || !strings.Contains(r.out, "  class Counter\n") || !strings.Contains(r.out, "  worker\n") {
		t.Errorf("counter: %+v", r)
	}
	if r := holdfast(t, "build", files(t, "f")); r.code != 0 || r.out != "app f has assets only\n" {
		t.Errorf("assets: %+v", r)
	}
	app := func(main, source string) string {
		t.Helper()
		dir := t.TempDir()
		for name, text := range map[string]string{
			"go.mod": "module example.com/guest\n\ngo 1.26\n", "main.go": source,
			"wrangler.jsonc": `{"name":"g","main":"` + main + `","compatibility_date":"2026-04-07"}`,
		} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		return dir
	}
	broken := holdfast(t, "build", app(".", "package main\n\nfunc main() { undefined() }\n"))
	if broken.code != 1 || !strings.Contains(broken.err, "main.go:3:15: undefined: undefined") {
		t.Errorf("a guest that does not compile: %+v", broken)
	}
	holdfast(t, "build", app(".", "package main\n\nfunc main() {}\n")).fails(t, 2, "app g", "does not export", "guest-sdk/edge")
}
