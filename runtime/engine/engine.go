// Package engine turns Wasm modules into images and images into instances.
// It is the only importer of wazero. It owns compiled code, the WASI subset
// that guests get, and the check of every pointer and length that a guest
// passes; it refuses to know what a message means.
package engine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/holdfast-run/holdfast/guest-sdk/abi"
)

// DefaultMemoryMiB bounds a guest's memory unless its app says otherwise.
const DefaultMemoryMiB = 64

const wasmPageBytes = 64 << 10

// Config of an Engine; the zero value keeps compiled code in memory only.
type Config struct {
	CacheDir string // compiled code, by content; "" for none
}

// Engine compiles modules. Its methods may be called from any goroutine.
type Engine struct{ cache wazero.CompilationCache }

// New makes an engine.
func New(cfg Config) (*Engine, error) {
	if cfg.CacheDir == "" {
		return &Engine{cache: wazero.NewCompilationCache()}, nil
	}
	if err := os.MkdirAll(cfg.CacheDir, 0o755); err != nil {
		return nil, fmt.Errorf("engine: cache: %w", err)
	}
	c, err := wazero.NewCompilationCacheWithDir(cfg.CacheDir)
	if err != nil {
		return nil, fmt.Errorf("engine: cache %s: %w", cfg.CacheDir, err)
	}
	return &Engine{cache: c}, nil
}

// Close drops compiled code. Images must be closed before.
func (e *Engine) Close() error { return e.cache.Close(context.Background()) }

// Calls is what an instance's host functions reach. All of its methods run
// on the goroutine that is inside the guest; requests are views of guest
// memory, valid until the call returns.
type Calls interface {
	Sync(fn int, req []byte) (abi.Status, []byte)
	Async(fn int, req []byte) (op uint32, st abi.Status, failure []byte)
	// Post may end the instance by returning an error: the guest traps.
	Post(fn int, req []byte) (st abi.Status, failure []byte, trap error)
	// Now is the wall clock in nanoseconds, Mono one that never runs back.
	Now() int64
	Mono() int64
	Random(p []byte)
	// Output takes what the guest wrote to stdout (1) or stderr (2).
	Output(fd int, p []byte)
}

// ImageConfig bounds an image.
type ImageConfig struct {
	MemoryMiB int // 0: DefaultMemoryMiB
}

// Image is a compiled guest. Instances come from it until Close.
type Image struct {
	runtime  wazero.Runtime
	compiled wazero.CompiledModule
	classes  []abi.RegisterRequest
	bytes    int
	memory   int64
}

// ErrModule is wrapped by every refusal of a module.
var ErrModule = errors.New("not a guest module")

func refuse(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrModule, fmt.Sprintf(format, args...))
}

// Image checks and compiles a module, and runs its initialisers once to learn
// its classes.
func (e *Engine) Image(ctx context.Context, module []byte, cfg ImageConfig) (*Image, error) {
	mib := cfg.MemoryMiB
	if mib == 0 {
		mib = DefaultMemoryMiB
	}
	if mib < 1 || mib > 4096 {
		return nil, fmt.Errorf("engine: memory_mib is %d, expected 1 to 4096", mib)
	}
	rc := wazero.NewRuntimeConfig().WithCompilationCache(e.cache).
		WithMemoryLimitPages(uint32(mib << 20 / wasmPageBytes)).WithDebugInfoEnabled(false)
	img := &Image{runtime: wazero.NewRuntimeWithConfig(ctx, rc), bytes: len(module)}
	if err := img.load(ctx, module); err != nil {
		return nil, errors.Join(err, img.Close())
	}
	return img, nil
}

func (i *Image) load(ctx context.Context, module []byte) error {
	var err error
	if i.compiled, err = i.runtime.CompileModule(ctx, module); err != nil {
		return refuse("%v", err)
	}
	if err := checkModule(i.compiled); err != nil {
		return err
	}
	if err := linkWASI(ctx, i.runtime); err != nil {
		return err
	}
	if err := linkHost(ctx, i.runtime); err != nil {
		return err
	}
	reg := &registrar{}
	in, err := i.instantiate(reg)
	if err != nil {
		if reg.refused != "" {
			return refuse("it calls %s while it is initialised; only register, log, random and the clock may be used there", reg.refused)
		}
		return err
	}
	i.memory = in.MemoryBytes()
	in.Close()
	if len(reg.classes) == 0 {
		return refuse("it registers no class and no worker; call edge.Register in func init")
	}
	i.classes = reg.classes
	return nil
}

// Classes is what the module registered, in order.
func (i *Image) Classes() []abi.RegisterRequest { return i.classes }

// ModuleBytes is the size of the module.
func (i *Image) ModuleBytes() int { return i.bytes }

// Close frees the image; no instance may be running.
func (i *Image) Close() error {
	if err := i.runtime.Close(context.Background()); err != nil {
		return fmt.Errorf("engine: close image: %w", err)
	}
	return nil
}

// checkModule refuses a module that the boundary does not fit.
func checkModule(m wazero.CompiledModule) error {
	known := map[string]bool{}
	for _, f := range abi.Functions {
		known[f.Name] = true
	}
	for _, f := range m.ImportedFunctions() {
		module, name, _ := f.Import()
		switch {
		case module == abi.Module && !known[name]:
			return refuse("it imports %s.%s, which this host does not have", module, name)
		case module == abi.Module, module == wasiModule:
		case strings.HasPrefix(module, "holdfast_v"):
			return refuse("it is built for ABI %s, this host has %s", module, abi.Module)
		default:
			return refuse("it imports %s.%s; only %s and %s are there", module, name, abi.Module, wasiModule)
		}
	}
	if len(m.ImportedMemories()) > 0 || len(m.ExportedMemories()) != 1 || m.ExportedMemories()[abi.ExportMemory] == nil {
		return refuse("it must have exactly one memory of its own, exported as %q", abi.ExportMemory)
	}
	return checkExports(m.ExportedFunctions())
}

func checkExports(have map[string]api.FunctionDefinition) error {
	i32 := api.ValueTypeI32
	for _, want := range []struct {
		name            string
		params, results []api.ValueType
	}{
		{abi.ExportInitialize, nil, nil},
		{abi.ExportBuffer, []api.ValueType{i32}, []api.ValueType{i32}},
		{abi.ExportEvent, []api.ValueType{i32, i32}, []api.ValueType{i32}},
		{abi.ExportCompletion, []api.ValueType{i32, i32, i32}, []api.ValueType{i32}},
		{abi.ExportTick, nil, []api.ValueType{i32}},
	} {
		f := have[want.name]
		if f == nil {
			return refuse("it does not export %s; Go guests are built with -buildmode=c-shared and import guest-sdk/edge", want.name)
		}
		if string(f.ParamTypes()) != string(want.params) || string(f.ResultTypes()) != string(want.results) {
			return refuse("its export %s has the wrong signature", want.name)
		}
	}
	return nil
}

// MemoryBytes is the memory that a fresh instance has.
func (i *Image) MemoryBytes() int64 { return i.memory }
