package app

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
)

// buildsMax bounds the guests that are built at a time: each is a compiler
// and a linker with memory of their own.
const buildsMax = 2

var building = make(chan struct{}, buildsMax)

// buildFlags make a guest: a reactor whose bytes depend on its source alone.
var buildFlags = []string{"-buildmode=c-shared", "-trimpath", "-buildvcs=false", "-ldflags=-s -w"}

// Build builds the app's guest with the Go toolchain and returns the module's
// file. What has been built from the same content before is taken from
// cacheDir; a guest that is a .wasm is returned as it is. A guest that does
// not build is a *BuildError. Build may be called from any goroutine.
func Build(ctx context.Context, c *Config, cacheDir string) (wasmPath string, err error) {
	if c.Guest == nil {
		return "", fmt.Errorf("app %s has no guest to build", c.Name)
	}
	if c.Guest.Wasm != "" {
		if !isFile(c.Guest.Wasm) {
			return "", &ConfigError{c.File, "main", "no such file: " + c.Guest.Wasm + "; it is built first"}
		}
		return c.Guest.Wasm, nil
	}
	select {
	case building <- struct{}{}:
		defer func() { <-building }()
	case <-ctx.Done():
		return "", ctx.Err()
	}
	from, err := listSources(ctx, c)
	if err != nil {
		return "", err
	}
	wasmPath = filepath.Join(cacheDir, fmt.Sprintf("guest-%s-%s.wasm", c.Name, from.key))
	if isFile(wasmPath) {
		return wasmPath, nil
	}
	return wasmPath, buildTo(ctx, c, wasmPath)
}

// Warnings says what of a guest that builds may still surprise its author.
func Warnings(ctx context.Context, c *Config) ([]string, error) {
	if c.Guest == nil || c.Guest.Wasm != "" {
		return nil, nil
	}
	from, err := listSources(ctx, c)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, p := range from.rands {
		out = append(out, p+" imports math/rand: its generator is part of the guest's image, so objects may draw the same numbers; use crypto/rand or State.Rand")
	}
	return out, nil
}

// buildTo builds beside wasmPath and renames, so that no half-written module
// is ever taken from the cache.
func buildTo(ctx context.Context, c *Config, wasmPath string) error {
	if err := os.MkdirAll(filepath.Dir(wasmPath), 0o755); err != nil {
		return fmt.Errorf("make cache directory: %w", err)
	}
	dir, err := os.MkdirTemp(filepath.Dir(wasmPath), "build-*")
	if err != nil {
		return fmt.Errorf("make build directory: %w", err)
	}
	defer os.RemoveAll(dir)
	out := filepath.Join(dir, "guest.wasm")
	args := append(append([]string{"build"}, buildFlags...), "-o", out, c.Guest.target())
	if _, err := runGo(ctx, c, args...); err != nil {
		return err
	}
	if err := os.Rename(out, wasmPath); err != nil {
		return fmt.Errorf("keep guest: %w", err)
	}
	return nil
}
