package clients

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-run/holdfast/internal/wasmtest"
)

var update = flag.Bool("update", false, "write testdata/*.json anew")

// serve starts the command over an app that has nothing but D1.
func serve(t *testing.T) *wasmtest.Process {
	t.Helper()
	packages(t) // before a host is started in vain
	dir := t.TempDir()
	config := `{"name": "d1", "assets": {"directory": "."}, "routes": [{"pattern": "/none/*"}]}`
	if err := os.WriteFile(filepath.Join(dir, "wrangler.jsonc"), []byte(config), 0o644); err != nil {
		t.Fatal(err)
	}
	return wasmtest.Spawn(t, "serve", "--addr", "127.0.0.1:0", "--admin-addr", "127.0.0.1:0", "--data", t.TempDir(), dir)
}

// database makes a database and answers a token of it.
func database(t *testing.T, p *wasmtest.Process, name string) (token string) {
	t.Helper()
	base := p.Admin + "/client/v4/accounts/a/d1/database"
	if a := wasmtest.Do(t, "POST", base, "", map[string]string{"name": name}); a.Status != http.StatusOK {
		t.Fatalf("create %s: %d %s", name, a.Status, a.Body)
	}
	a := wasmtest.Do(t, "POST", base+"/"+name+"/tokens", "", map[string]string{"role": "read-write"})
	var made struct{ Result struct{ Token string } }
	if err := json.Unmarshal(a.Body, &made); err != nil || made.Result.Token == "" {
		t.Fatalf("token of %s: %d %s", name, a.Status, a.Body)
	}
	return made.Result.Token
}

// golden compares what was told with a file, step by step.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	file := filepath.Join("testdata", name+".json")
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var want, have map[string]json.RawMessage
	if err := json.Unmarshal(text, &want); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	if err := json.Unmarshal(got, &have); err != nil {
		t.Fatalf("what was told: %v\n%s", err, got)
	}
	for step := range have {
		if want[step] == nil {
			t.Errorf("step %q is not in %s; if that is meant: go test ./host/d1/clients -update", step, file)
		}
	}
	for step, w := range want {
		if h := have[step]; !bytes.Equal(compact(t, h), compact(t, w)) {
			t.Errorf("step %q\ngot  %s\nwant %s", step, compact(t, h), compact(t, w))
		}
	}
}

func compact(t *testing.T, text []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	if len(text) > 0 {
		if err := json.Compact(&b, text); err != nil {
			t.Fatal(err)
		}
	}
	return b.Bytes()
}

func TestCloudflareSDK(t *testing.T) {
	p := serve(t)
	golden(t, "cloudflare", script(t, "cloudflare.mjs", "ADMIN="+p.Admin))
}

func TestLibSQLClient(t *testing.T) {
	p := serve(t)
	golden(t, "libsql", script(t, "libsql.mjs", "DATABASE="+p.Admin+"/d1/libsql/", "TOKEN="+database(t, p, "libsql")))
}

func TestDrizzle(t *testing.T) {
	p := serve(t)
	golden(t, "drizzle", script(t, "drizzle.mjs", "DATABASE="+p.Admin+"/d1/drizzle/", "TOKEN="+database(t, p, "drizzle")))
}

func TestWrangler(t *testing.T) {
	p := serve(t)
	golden(t, "wrangler", script(t, "wrangler.mjs", "ADMIN="+p.Admin))
}

func TestWorkerdBinding(t *testing.T) {
	p := serve(t)
	url := workerd(t, strings.TrimPrefix(p.Admin, "http://"), database(t, p, "workerd"))
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	told, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%s, %v: %s", resp.Status, err, told)
	}
	golden(t, "worker", told)
}

// workerdReadyMax bounds the start of workerd.
const workerdReadyMax = time.Minute

// workerd starts workerd with the worker of testdata, bound to the database of
// a token, and answers its address.
func workerd(t *testing.T, host, token string) string {
	t.Helper()
	modules, dir := packages(t), t.TempDir()
	copyScripts(t, dir, "worker.mjs", "tell.mjs", "config.capnp")
	file := filepath.Join(dir, "config.capnp")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	config := strings.NewReplacer("HOST", host, "TOKEN", token).Replace(string(text))
	if err := os.WriteFile(file, []byte(config), 0o644); err != nil {
		t.Fatal(err)
	}
	bins, err := filepath.Glob(filepath.Join(modules, "@cloudflare", "workerd-*", "bin", "workerd"))
	if err != nil || len(bins) != 1 {
		missing(t, "workerd has no binary for this machine: %v %v", bins, err)
	}
	said, say, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer said.Close()
	var log wasmtest.Log
	ctx, stop := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, bins[0], "serve", "config.capnp", "--control-fd=3")
	cmd.Dir, cmd.Stdout, cmd.Stderr, cmd.ExtraFiles = dir, &log, &log, []*os.File{say}
	err = cmd.Start()
	say.Close()
	if err != nil {
		missing(t, "workerd does not run here: %v", err)
	}
	t.Cleanup(func() {
		stop()
		_ = cmd.Wait() // it was killed
		if t.Failed() {
			t.Logf("workerd:\n%s", log.String())
		}
	})
	if err := said.SetReadDeadline(time.Now().Add(workerdReadyMax)); err != nil {
		t.Fatal(err)
	}
	var ready struct {
		Event string
		Port  int
	}
	if err := json.NewDecoder(said).Decode(&ready); err != nil || ready.Port == 0 {
		t.Fatalf("workerd is not ready: %v\n%s", err, log.String())
	}
	return "http://127.0.0.1:" + strconv.Itoa(ready.Port) + "/"
}
