package engine

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/holdfast-run/holdfast/guest-sdk/abi"
	"github.com/holdfast-run/holdfast/runtime/engine/rewrite"
)

// ImageConfig bounds an image.
type ImageConfig struct {
	MemoryMiB int // 0: DefaultMemoryMiB
}

// Image is a compiled guest and the state that it has once it is initialised.
// Instances come from it until Close. Each image is captured with entropy of
// its own: it belongs to this process.
type Image struct {
	engine   *Engine
	runtime  wazero.Runtime
	compiled wazero.CompiledModule
	config   wazero.ModuleConfig
	layout   *rewrite.Result
	classes  []abi.RegisterRequest
	bytes    int

	// What was captured. Without it (layout.State says why) instances start
	// with empty memory and are initialised one by one.
	captured bool
	memory   backing
	pages    uint32 // of 64 KiB
	globals  []uint64
	buffer   uint32 // the guest's standing buffer
	number   uint64 // of this image in its process
}

var imageCount atomic.Uint64

// moduleConfig is that of all instances. It names all that wazero would make
// anew for each of them: no guest ever reaches it, and a random source alone
// takes 5 KiB.
var moduleConfig = wazero.NewModuleConfig().WithName("").WithStartFunctions().WithRandSource(rand.Reader).
	WithSysWalltime().WithSysNanotime()

// Image checks, rewrites and compiles a module, runs its initialisers once
// and captures what they leave, classes included.
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
	img := &Image{
		engine: e, runtime: wazero.NewRuntimeWithConfig(ctx, rc), bytes: len(module), number: imageCount.Add(1),
		config: moduleConfig,
	}
	if err := img.load(ctx, module, mib<<20); err != nil {
		return nil, errors.Join(err, img.Close())
	}
	return img, nil
}

func (i *Image) load(ctx context.Context, module []byte, slotBytes int) error {
	var err error
	if i.layout, err = rewrite.Rewrite(module, rewrite.Options{Enter: entries}); err != nil {
		return refuse("%v", err)
	}
	if i.layout.Table != "" {
		i.engine.log.Info("guest keeps its function table: instances take more memory", "reason", i.layout.Table)
	}
	if i.compiled, err = i.runtime.CompileModule(ctx, i.layout.Module); err != nil {
		return refuse("%v", err)
	}
	i.layout.Module = nil
	if err := checkModule(i.compiled); err != nil {
		return err
	}
	for _, link := range []func(context.Context, wazero.Runtime) error{linkWASI, linkHost, linkYield} {
		if err := link(ctx, i.runtime); err != nil {
			return err
		}
	}
	return i.capture(slotBytes)
}

// capture initialises one instance and keeps its memory and globals.
func (i *Image) capture(slotBytes int) error {
	reg := &registrar{}
	s, err := newCopied(nil, slotBytes).take()
	if err != nil {
		return err
	}
	in, err := i.boot(reg, s)
	if err != nil {
		if reg.refused != "" {
			return refuse("it calls %s while it is initialised; only register, log, random and the clock may be used there", reg.refused)
		}
		return reg.tell(err)
	}
	defer in.Close()
	if len(reg.classes) == 0 {
		return refuse("it registers no class and no worker; call edge.Register in func init")
	}
	if err := in.Tick(); err != nil { // the guest's chance to make itself ready
		return reg.tell(err)
	}
	i.classes, i.buffer, i.pages = reg.classes, in.bufferPtr, in.memory.Size()/wasmPageBytes
	if i.layout.State != "" {
		i.engine.log.Log(context.Background(), slog.LevelWarn, "guest cannot be captured: each instance is initialised by itself", "reason", i.layout.State)
		i.memory, err = i.backing(nil, slotBytes)
		return err
	}
	mem, ok := in.memory.Read(0, in.memory.Size())
	if !ok {
		return errors.New("engine: the memory of the image cannot be read")
	}
	i.globals = in.readGlobals(nil)
	i.captured = true
	i.memory, err = i.backing(mem, slotBytes)
	i.layout.Data = nil
	return err
}

func (i *Image) backing(mem []byte, slotBytes int) (backing, error) {
	if i.engine.copies {
		return newCopied(mem, slotBytes), nil
	}
	return i.engine.slots.newBacking(mem, slotBytes)
}

// instantiate makes a module instance in a slot, which is freed with it.
func (i *Image) instantiate(calls Calls, s slot) (*Instance, error) {
	in := &Instance{image: i, calls: calls, slot: s, bufferPtr: i.buffer, bufferCap: bufferBytesFirst}
	in.ctx = &callContext{context.Background(), in}
	m, err := i.runtime.InstantiateModule(inSlot(in.ctx, s), i.compiled, i.config)
	if err != nil {
		s.Free()
		return nil, fmt.Errorf("engine: instantiate: %w", err)
	}
	in.module, in.memory = m, m.Memory()
	in.fuel = m.ExportedGlobal(rewrite.ExportFuel).(api.MutableGlobal) // it is in every rewritten module
	in.pace.limit = initialiseMax
	return in, nil
}

// boot makes an instance by running its initialisers.
func (i *Image) boot(calls Calls, s slot) (*Instance, error) {
	in, err := i.instantiate(calls, s)
	if err != nil {
		return nil, err
	}
	if err := in.initialise(); err != nil {
		in.Close()
		return nil, err
	}
	return in, nil
}

func (in *Instance) initialise() error {
	for n, d := range in.image.layout.Data {
		if !in.memory.Write(d.Offset, d.Data) {
			return refuse("data segment %d, %d bytes at %d, lies outside the memory of %d bytes", n, len(d.Data), d.Offset, in.memory.Size())
		}
	}
	for _, name := range []string{in.image.layout.Start, abi.ExportInitialize} {
		if name == "" {
			continue
		}
		in.pace.turn++
		if err := in.module.ExportedFunction(name).CallWithStack(in.ctx, in.stack[:]); err != nil {
			return in.trap("initialise", err)
		}
	}
	ptr, err := in.call("buffer", entryBuffer, bufferBytesFirst, 0, 0)
	if err != nil {
		return err
	}
	in.bufferPtr, in.bufferCap, in.clockRead = ptr, bufferBytesFirst, false
	return nil
}

// Instantiate makes an instance whose host calls go to calls, in the state in
// which the image was captured.
func (i *Image) Instantiate(calls Calls) (*Instance, error) {
	s, err := i.memory.take()
	if err != nil {
		return nil, err
	}
	if i.captured {
		return i.restore(calls, s, i.pages, i.globals)
	}
	in, err := i.boot(&registrar{}, s)
	if err != nil {
		return nil, err
	}
	in.calls = calls
	return in, nil
}

// restore makes an instance of what is in the slot.
func (i *Image) restore(calls Calls, s slot, pages uint32, globals []uint64) (*Instance, error) {
	in, err := i.instantiate(calls, s)
	if err != nil {
		return nil, err
	}
	if have := in.memory.Size() / wasmPageBytes; have < pages {
		if _, ok := in.memory.Grow(pages - have); !ok {
			in.Close()
			return nil, fmt.Errorf("%w: memory of %d pages", ErrNoRoom, pages)
		}
	}
	in.writeGlobals(globals)
	return in, nil
}

// Classes is what the module registered, in order.
func (i *Image) Classes() []abi.RegisterRequest { return i.classes }

// ModuleBytes is the size of the module.
func (i *Image) ModuleBytes() int { return i.bytes }

// MemoryBytes is the linear memory that a fresh instance has; it shares most
// of it with the image.
func (i *Image) MemoryBytes() int64 { return int64(i.pages) * wasmPageBytes }

// Close frees the image; no instance may be running, and what was frozen of it
// is worth nothing.
func (i *Image) Close() error {
	var errs []error
	if i.memory != nil {
		errs = append(errs, i.memory.close())
	}
	if err := i.runtime.Close(context.Background()); err != nil {
		errs = append(errs, fmt.Errorf("engine: close image: %w", err))
	}
	return errors.Join(errs...)
}
