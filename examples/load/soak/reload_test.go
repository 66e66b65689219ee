package soak

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/holdfast-run/holdfast/host"
	"github.com/holdfast-run/holdfast/internal/wasmtest"
)

// guestDir is a copy of the soak's app that a test may change.
func guestDir(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"main.go", "wrangler.jsonc"} {
		b, err := os.ReadFile(filepath.Join("app", name))
		if err != nil {
			t.Fatal(err)
		}
		writeFile(t, filepath.Join(dir, name), string(b))
	}
	writeFile(t, filepath.Join(dir, "go.mod"), fmt.Sprintf("module example.com/soak\n\ngo 1.26.0\n\nrequire github.com/holdfast-run/holdfast v0.0.0\n\nreplace github.com/holdfast-run/holdfast => %s\n", wasmtest.Root()))
	return dir
}

func writeFile(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// unknown is what the guest answers to what it does not know.
const unknown = "no such operation"

func TestRun_VersionsSwitchMeanwhile(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the host's process is looked at in /proc")
	}
	dir := guestDir(t)
	source, err := os.ReadFile(filepath.Join(dir, "main.go"))
	if err != nil {
		t.Fatal(err)
	}
	h := wasmtest.Start(t, host.Config{Limits: host.Limits{FreezeSeconds: 1}}, dir)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var out bytes.Buffer
	ended := make(chan error, 1)
	go func() {
		cfg := Config{URL: h.URL, Admin: h.Admin, PID: os.Getpid(), Objects: 100, Sockets: 20, Rate: 150, Prefix: "v", Trend: -1}
		ended <- Run(ctx, cfg, &out)
	}()
	url := h.URL + "/soak/v0/version"
	for n := 2; n <= 3; n++ {
		// A number that is not zero says that the load is under way.
		wasmtest.Eventually(t, "the load", func() bool {
			a := wasmtest.Do(t, "GET", h.URL+"/soak/v0/get", "", nil)
			return a.Status == http.StatusOK && !strings.Contains(string(a.Body), `"n":0,`)
		})
		answer := fmt.Sprintf("version %d", n)
		writeFile(t, filepath.Join(dir, "main.go"), strings.Replace(string(source), unknown, answer, 1))
		if err := h.Reload(t.Context(), "soak"); err != nil {
			t.Fatal(err)
		}
		wasmtest.Eventually(t, answer, func() bool { return string(wasmtest.Do(t, "GET", url, "", nil).Body) == answer })
	}
	state := func() string { return string(wasmtest.Do(t, "GET", h.URL+"/soak/v0/get", "", nil).Body) }
	behind := state()
	wasmtest.Eventually(t, "the load goes on behind the last switch", func() bool { return state() != behind })
	stop()
	if err := <-ended; err != nil {
		t.Fatalf("%v\n%s", err, &out)
	}
	if !strings.Contains(out.String(), "100 objects asked once more") || !strings.Contains(out.String(), "wrong: 0") {
		t.Errorf("the table says:\n%s", &out)
	}
}
