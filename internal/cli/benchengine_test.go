package cli

import (
	"strings"
	"testing"

	"github.com/holdfast-run/holdfast/internal/wasmtest"
)

// TestBenchEngine_MeasuresAnApp: the command takes an app's directory and
// prints each figure.
func TestBenchEngine_MeasuresAnApp(t *testing.T) {
	var out, errs strings.Builder
	env := func(name string) (string, bool) { return wasmtest.CacheDir(), name == "HOLDFAST_CACHE" }
	if code := Run([]string{"bench", "engine", "--samples", "5", "--objects", "5", "../../examples/counter"}, &out, &errs, env, nil); code != exitOK {
		t.Fatalf("exit %d: %s", code, &errs)
	}
	for _, name := range []string{"activate", "wake", "memory frozen", "crowd"} {
		if !strings.Contains(out.String(), name) {
			t.Errorf("no %q in\n%s", name, &out)
		}
	}
	errs.Reset()
	if code := Run([]string{"bench", "engine", "--path", "/counter/x/get", "../../examples/counter"}, &out, &errs, env, nil); code != exitFailed || !strings.Contains(errs.String(), "answered") {
		t.Fatalf("a path that does not count: exit %d: %s", code, &errs)
	}
}
