package engine_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/holdfast-run/holdfast/guest-sdk/abi"
	"github.com/holdfast-run/holdfast/runtime/engine"
)

func TestImage_TakesTheTinyGuest(t *testing.T) {
	module := tiny().encode()
	img := image(t, module, engine.ImageConfig{})
	if got := img.Classes(); len(got) != 1 || got[0].Class != "Tiny" {
		t.Fatalf("classes %+v", got)
	}
	if img.ModuleBytes() != len(module) || img.MemoryBytes() != 3<<16 {
		t.Fatalf("module of %d bytes, memory of %d", img.ModuleBytes(), img.MemoryBytes())
	}
}

func TestImage_RefusesForeignAndOtherVersions(t *testing.T) {
	for _, c := range []struct {
		name, module, fn string
		words            []string
	}{
		{"another version", "holdfast_v2", "kv_get", []string{"holdfast_v2", "holdfast_v1"}},
		{"an unknown function", abi.Module, "kv_steal", []string{"holdfast_v1.kv_steal", "does not have"}},
		{"another host's", "env", "abort", []string{"env.abort", "holdfast_v1", "wasi_snapshot_preview1"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			expectRefused(t, tiny().importing(c.module, c.fn).encode(), append(c.words, engine.ErrModule.Error())...)
		})
	}
}

func TestImage_RefusesMissingExports(t *testing.T) {
	for _, export := range []string{abi.ExportInitialize, abi.ExportMemory, abi.ExportBuffer, abi.ExportEvent, abi.ExportCompletion, abi.ExportTick} {
		t.Run(export, func(t *testing.T) {
			expectRefused(t, tiny().without(export).encode(), export)
		})
	}
}

func TestImage_RefusesWrongSignatures(t *testing.T) {
	m := tiny().with(abi.ExportEvent, func(f *function) { f.params = []byte{i32, i32, i32} })
	expectRefused(t, m.encode(), abi.ExportEvent, "signature")
	m = tiny().importing(abi.Module, "now") // (i32 i32) -> i32 is not its shape
	expectRefused(t, m.encode(), "now")
}

func TestImage_RefusesMemoryThatIsNotItsOwn(t *testing.T) {
	m := tiny()
	m.outside, m.memory = true, ""
	expectRefused(t, m.encode(), "memory")
	m = tiny()
	m.pages = 65 // of 64 KiB, with room for 64
	expectRefused(t, m.encode(), "memory")
}

func TestImage_RefusesWhatIsNoWasm(t *testing.T) {
	for _, b := range [][]byte{nil, []byte("no wasm"), tiny().encode()[:40]} {
		expectRefused(t, b, engine.ErrModule.Error())
	}
}

func TestImage_RefusesCallsWhileInitialised(t *testing.T) {
	for fn, number := range map[string]int{"kv_get": fnGet, "kv_put": fnPut, "sync": fnSync} {
		t.Run(fn, func(t *testing.T) {
			args := slices.Concat(constant(0), constant(0))
			if number == fnGet {
				args = slices.Concat(args, args)
			}
			// The status is an error; this guest then gives up.
			m := tiny().with(abi.ExportInitialize, func(f *function) { f.code = slices.Concat(args, callFn(number), trap()) })
			expectRefused(t, m.encode(), "calls "+fn+" while it is initialised")
		})
	}
}

func TestImage_RefusesWhatRegistersNothingOrDies(t *testing.T) {
	m := tiny().with(abi.ExportInitialize, func(f *function) { f.code = []byte{0x01} })
	expectRefused(t, m.encode(), "registers no class and no worker")
	m = tiny().with(abi.ExportInitialize, func(f *function) { f.code = trap() })
	img, err := newEngine(t).Image(context.Background(), m.encode(), engine.ImageConfig{})
	var tr *engine.Trap
	if img != nil || !errors.As(err, &tr) {
		t.Fatalf("a guest that dies while it is initialised: %v", err)
	}
}

func TestImage_BoundsItsMemoryLimit(t *testing.T) {
	for _, mib := range []int{-1, 4097} {
		if _, err := newEngine(t).Image(context.Background(), tiny().encode(), engine.ImageConfig{MemoryMiB: mib}); err == nil {
			t.Errorf("memory_mib of %d was taken", mib)
		}
	}
}

func TestNew_RefusesACacheThatCannotBe(t *testing.T) {
	if _, err := engine.New(engine.Config{CacheDir: "/dev/null/cache"}); err == nil {
		t.Fatal("a cache below a file was taken")
	}
}
