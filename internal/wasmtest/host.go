// Package wasmtest runs real hosts for tests: in the test's process, or as a
// process of its own that can be killed. Guests are built by the ordinary Go
// toolchain, once, into a cache that all tests of a run share. It owns ports
// and directories; it refuses to fake anything.
package wasmtest

import (
	"context"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/holdfast-run/holdfast/host"
)

// Root is the repository's directory.
func Root() string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Dir(filepath.Dir(filepath.Dir(file)))
}

// CacheDir keeps built guests and compiled images between tests.
func CacheDir() string {
	if d := os.Getenv("HOLDFAST_CACHE"); d != "" {
		return d
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		dir = os.TempDir()
	}
	return filepath.Join(dir, "holdfast-test")
}

// Host is a host in the test's process.
type Host struct {
	*host.Host
	t       testing.TB
	URL     string // "http://127.0.0.1:PORT"
	Admin   string // the same of the admin address
	Log     *Log
	stopped bool
	ended   chan error
}

// Start runs a host over apps (directories below the repository's root) until
// the test ends. Zero fields of cfg get test values: free ports, a fresh data
// directory, dev mode.
func Start(t testing.TB, cfg host.Config, apps ...string) *Host {
	t.Helper()
	for _, a := range apps {
		if !filepath.IsAbs(a) {
			a = filepath.Join(Root(), a)
		}
		cfg.Dirs = append(cfg.Dirs, a)
	}
	if cfg.Addr == "" {
		cfg.Addr = "127.0.0.1:0"
	}
	if cfg.AdminAddr == "" {
		cfg.AdminAddr = "127.0.0.1:0"
	}
	if cfg.DataDir == "" {
		cfg.DataDir = t.TempDir()
	}
	cfg.CacheDir = CacheDir()
	h := &Host{t: t, Log: &Log{}, ended: make(chan error, 1)}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.NewTextHandler(h.Log, &slog.HandlerOptions{Level: slog.LevelInfo}))
	}
	var err error
	if h.Host, err = host.New(t.Context(), cfg); err != nil {
		t.Fatalf("start host: %v", err)
	}
	ready := make(chan struct{})
	go func() { h.ended <- h.Serve(func() { close(ready) }) }()
	<-ready
	h.URL, h.Admin = h.Scheme()+"://"+h.Addr(), "http://"+h.AdminAddr()
	t.Cleanup(h.Stop)
	return h
}

// stopMax bounds a graceful stop in tests.
const stopMax = 20 * time.Second

// Stop shuts the host down; a second call does nothing.
func (h *Host) Stop() {
	if h.stopped {
		return
	}
	h.stopped = true
	ctx, cancel := context.WithTimeout(context.Background(), stopMax)
	defer cancel()
	if err := h.Shutdown(ctx); err != nil {
		h.t.Errorf("shut down: %v", err)
	}
	if err := <-h.ended; err != nil {
		h.t.Errorf("serve: %v", err)
	}
	if h.t.Failed() {
		h.t.Logf("host log:\n%s", h.Log)
	}
}

// Log keeps what a host logs.
type Log struct {
	mu   sync.Mutex
	text strings.Builder
}

var _ io.Writer = (*Log)(nil)

// Write is io.Writer's.
func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

// String is all that was logged.
func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}
