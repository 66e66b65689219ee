package enginebench_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-run/holdfast/runtime/engine/enginebench"
)

// TestRun takes every measure once, on few instances.
func TestRun(t *testing.T) {
	out := filepath.Join(t.TempDir(), "guest.wasm")
	cmd := exec.Command("go", "build", "-buildmode=c-shared", "-o", out, "../testdata/guest")
	cmd.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm")
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	module, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	var table strings.Builder
	figures, err := enginebench.Run(t.Context(), enginebench.Config{Module: module, Path: "/incr", Samples: 20, Objects: 40, Live: 30, Idle: time.Millisecond}, &table)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"activate", "first answer", "event", "freeze", "wake", "memory activated", "memory after 10 events", "memory frozen", "crowd", "live, GC cycle", "live, GC pause", "live, idle"} {
		if !strings.Contains(table.String(), "\n"+name+" ") && !strings.HasPrefix(table.String(), name+" ") {
			t.Errorf("the table has no %q:\n%s", name, &table)
		}
	}
	for _, f := range figures {
		if f.Unit == "us" && f.Value <= 0 {
			t.Errorf("%s took %v us", f.Name, f.Value)
		}
	}
	table.Reset()
	many := enginebench.Config{Module: module, Path: "/incr", Samples: 1, Objects: 1, Live: 1 << 30}
	if _, err := enginebench.Run(t.Context(), many, &table); err != nil || !strings.Contains(table.String(), "not measured: 1073741824 instances, vm.max_map_count has room for ") {
		t.Errorf("more than the machine has room for: %v\n%s", err, &table)
	}
	wrong := enginebench.Config{Module: module, Path: "/remember", Samples: 1, Objects: 1}
	if _, err := enginebench.Run(t.Context(), wrong, &table); err == nil {
		t.Error("a guest that does not count was measured")
	}
}
