package edgetest

import (
	"errors"
	"os"
	"testing"

	"github.com/holdfast-run/holdfast/guest-sdk/edge/edgetest/internal/process"
)

// Both runs fn as subtests against a native world and against the compiled
// guest: "native" and "wasm". pkg is the directory of the app, with its
// wrangler.jsonc, from which both worlds take bindings and routes.
func Both(t *testing.T, pkg string, fn func(t *testing.T, w *World), o ...Option) {
	t.Helper()
	t.Run("native", func(t *testing.T) { fn(t, New(t, append([]Option{Config(pkg)}, o...)...)) })
	t.Run("wasm", func(t *testing.T) { Wasm(t, pkg, fn, o...) })
}

// Wasm runs fn against the guest of the app in directory pkg, compiled and
// served by a real host with a manual clock: the command of $HOLDFAST_BIN, of
// the module under test, or of the PATH. Without a command, under -short, and
// where fn asks for what a real host cannot do, the test is skipped with the
// reason; with HOLDFAST_TEST_ALL=1 a missing command fails it.
func Wasm(t *testing.T, pkg string, fn func(t *testing.T, w *World), o ...Option) {
	t.Helper()
	s, err := settingsOf(append([]Option{Config(pkg)}, o...))
	if err != nil {
		t.Fatalf("edgetest: %v", err)
	}
	all := os.Getenv("HOLDFAST_TEST_ALL") == "1"
	switch {
	case testing.Short() && !all:
		t.Skip("the compiled guest is left out: -short")
	case s.mode != "dev":
		t.Skipf("the compiled guest is left out: a manual clock runs in dev, not in %s", s.mode)
	case len(s.outbound) > 0:
		t.Skip("the compiled guest is left out: Outbound answers in native worlds only")
	case len(s.sockets) > 0:
		t.Skip("the compiled guest is left out: OutboundSocket opens sockets in native worlds only")
	}
	b, err := process.New(s.app, t.TempDir(), s.vars, s.start)
	if errors.Is(err, process.ErrNoBinary) && !all {
		t.Skipf("the compiled guest is left out: %v", err)
	}
	if err != nil {
		t.Fatalf("edgetest: %v", err)
	}
	fn(t, newWorld(t, b))
}
