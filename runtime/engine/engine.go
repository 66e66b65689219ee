// Package engine turns Wasm modules into images and images into instances.
// It is the only importer of wazero. It owns compiled code, captured memory
// and the slots that map it, frozen instances, the pace of guests that do not
// return, the WASI subset that guests get, and the check of every pointer and
// length that a guest passes; it refuses to know what a message means.
package engine

import (
	"context"
	"fmt"
	"log/slog"
	"os"

	"github.com/tetratelabs/wazero"

	"github.com/holdfast-run/holdfast/guest-sdk/abi"
)

// DefaultMemoryMiB bounds a guest's memory unless its app says otherwise.
const DefaultMemoryMiB = 64

const wasmPageBytes = 64 << 10

// Config of an Engine; the zero value keeps compiled code in memory only.
type Config struct {
	CacheDir string // compiled code, by content; "" for none
	// SlotsMax bounds the instances of captured images that are mapped at a
	// time; 0 or more than the system's limit of mappings less 10,000 means
	// that. Beyond it Instantiate and Thaw fail with ErrNoRoom.
	SlotsMax int
	// CopyMemory gives each instance a copy of its image instead of a
	// mapping, as on systems without memfd.
	CopyMemory bool
	Log        *slog.Logger // nil: none
}

// Engine compiles modules. Its methods may be called from any goroutine.
type Engine struct {
	cache  wazero.CompilationCache
	slots  *slotBudget
	copies bool
	log    *slog.Logger
}

// New makes an engine.
func New(cfg Config) (*Engine, error) {
	e := &Engine{cache: wazero.NewCompilationCache(), slots: newSlotBudget(cfg.SlotsMax), copies: cfg.CopyMemory, log: cfg.Log}
	if e.log == nil {
		e.log = slog.New(slog.DiscardHandler)
	}
	if cfg.CacheDir != "" {
		if err := os.MkdirAll(cfg.CacheDir, 0o755); err != nil {
			return nil, fmt.Errorf("engine: cache: %w", err)
		}
		c, err := wazero.NewCompilationCacheWithDir(cfg.CacheDir)
		if err != nil {
			return nil, fmt.Errorf("engine: cache %s: %w", cfg.CacheDir, err)
		}
		e.cache = c
	}
	return e, nil
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
