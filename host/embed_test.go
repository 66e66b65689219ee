package host_test

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"

	"github.com/holdfast-run/holdfast/host"
	"github.com/holdfast-run/holdfast/host/app"
	"github.com/holdfast-run/holdfast/internal/wasmtest"
	"github.com/holdfast-run/holdfast/runtime/store"
)

const oneFile = `{"name":"one","assets":{"directory":"."},"routes":[{"pattern":"/one/*"}]}`

// config is a host over apps that is in nobody's way.
func config(t *testing.T, apps ...*appDir) host.Config {
	t.Helper()
	cfg := host.Config{Addr: "127.0.0.1:0", AdminAddr: host.AdminOff, DataDir: t.TempDir(), CacheDir: wasmtest.CacheDir(), Log: slog.New(slog.DiscardHandler)}
	for _, a := range apps {
		cfg.Dirs = append(cfg.Dirs, a.dir)
	}
	return cfg
}

// run makes a host, serves, and shuts it down.
func run(t *testing.T, cfg host.Config) {
	t.Helper()
	h, err := host.New(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	ready := make(chan struct{})
	ended := make(chan error, 1)
	go func() { ended <- h.Serve(func() { close(ready) }) }()
	<-ready
	if err := errors.Join(h.Shutdown(context.Background()), <-ended); err != nil {
		t.Error(err)
	}
}

func TestNew_OpensNothingForGoodWhenItFails(t *testing.T) {
	taken := wasmtest.Start(t, host.Config{}, filesApp(t, oneFile).dir)
	cfg := config(t, filesApp(t, oneFile))
	cfg.AdminAddr = strings.TrimPrefix(taken.Admin, "http://")
	// An address of its own, which the failure must give back.
	probe, err := host.New(t.Context(), config(t, filesApp(t, oneFile)))
	if err != nil {
		t.Fatal(err)
	}
	cfg.Addr = probe.Addr()
	if err := probe.Shutdown(context.Background()); err != nil {
		t.Fatal(err)
	}
	if h, err := host.New(t.Context(), cfg); err == nil || h != nil || !strings.Contains(err.Error(), "admin address") {
		t.Fatalf("with the admin address taken: %v", err)
	}
	cfg.AdminAddr = host.AdminOff
	run(t, cfg)
}

func TestNew_RefusesTwoHostsOnOneDirectory(t *testing.T) {
	cfg := config(t, filesApp(t, oneFile))
	h, err := host.New(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := host.New(t.Context(), cfg); !errors.Is(err, store.ErrLocked) || !strings.Contains(err.Error(), cfg.DataDir) {
		t.Errorf("a second host: %v", err)
	}
	if err := h.Shutdown(context.Background()); err != nil {
		t.Error(err)
	}
	run(t, cfg)
}

func TestNew_NamesFileAndKey(t *testing.T) {
	bind := func(binding string) string {
		return strings.Replace(roomConfig, `{"name": "ROOM", "class_name": "Room"}`, binding, 1)
	}
	for _, c := range []struct {
		name string
		apps []*appDir
		key  string
		want string
	}{
		{"two apps of one name", []*appDir{filesApp(t, oneFile), filesApp(t, strings.Replace(oneFile, "/one", "/two", 1))}, "name", "one"},
		{"one route twice", []*appDir{filesApp(t, oneFile), filesApp(t, strings.Replace(oneFile, `"one"`, `"two"`, 1))}, "routes[0]", "/one/*"},
		{"a class that no guest registers", []*appDir{newApp(t, bind(`{"name": "ROOM", "class_name": "Rooom"}`))}, "durable_objects.bindings[0]", "Rooom"},
		{"an app that is not there", []*appDir{newApp(t, bind(`{"name": "ROOM", "class_name": "Room", "script_name": "elsewhere"}`))}, "durable_objects.bindings[0]", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := host.New(t.Context(), config(t, c.apps...))
			var ce *app.ConfigError
			if !errors.As(err, &ce) || !strings.HasPrefix(ce.Key, c.key) || !strings.Contains(err.Error(), c.want) || !strings.HasSuffix(ce.File, "wrangler.jsonc") {
				t.Errorf("got %v", err)
			}
		})
	}
}

// TestNew_ServesAStandaloneAppThatIsNamed: by its directory or its file, and
// not from the directory above.
func TestNew_ServesAStandaloneAppThatIsNamed(t *testing.T) {
	a := filesApp(t, strings.Replace(oneFile, "{", `{"holdfast":{"standalone":true},`, 1))
	for dir, served := range map[string]bool{a.dir: true, filepath.Join(a.dir, "wrangler.jsonc"): true, filepath.Dir(a.dir): false} {
		cfg := config(t)
		cfg.Dirs = []string{dir}
		if served {
			run(t, cfg)
		} else if _, err := host.New(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), "no app found") {
			t.Errorf("from the directory above: %v", err)
		}
	}
}

func TestShutdown_BeforeServe(t *testing.T) {
	cfg := config(t, filesApp(t, oneFile))
	cfg.AdminAddr = "127.0.0.1:0"
	h, err := host.New(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Shutdown(context.Background()); err != nil {
		t.Error(err)
	}
	run(t, cfg)
}

func TestShutdown_TellsSocketsToComeBack(t *testing.T) {
	h := wasmtest.Start(t, host.Config{}, newApp(t, roomConfig).dir)
	s := wasmtest.Dial(t, h.URL+"/r/a/ws", nil)
	s.Write("x")
	s.Text()
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		h.Stop()
	}()
	if code := s.Closed(); code != 1012 {
		t.Errorf("closed with %d", code)
	}
	<-stopped
}
