package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/holdfast-run/holdfast/host/app"
	"github.com/holdfast-run/holdfast/runtime/engine"
)

// oneApp is the app in the directory that args name, or in this one.
func oneApp(args []string) (*app.Config, error) {
	dir := "."
	if len(args) > 1 {
		return nil, usage("expected at most one directory")
	}
	if len(args) == 1 {
		dir = args[0]
	}
	files, err := app.Find([]string{dir})
	if err != nil {
		return nil, err
	}
	if len(files) != 1 {
		return nil, usage("%s: expected one app, found %d", dir, len(files))
	}
	return app.Load(files[0])
}

// build compiles and checks the guest of one app.
func build(c *call) error {
	f := c.flags()
	args, err := f.parse()
	if err != nil {
		return err
	}
	cfg, err := oneApp(args)
	if err != nil {
		return err
	}
	if cfg.Guest == nil {
		_, err := fmt.Fprintf(c.out, "app %s has assets only\n", cfg.Name)
		return err
	}
	return buildGuest(c, cfg)
}

// cacheDir is where builds and compiled code are kept.
func cacheDir(c *call) (string, error) {
	if cache, ok := c.getenv("HOLDFAST_CACHE"); ok && cache != "" {
		return cache, nil
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", usage("no cache directory: set HOLDFAST_CACHE: %v", err)
	}
	return filepath.Join(dir, "holdfast"), nil
}

func buildGuest(c *call, cfg *app.Config) error {
	cache, err := cacheDir(c)
	if err != nil {
		return err
	}
	ctx := context.Background()
	began := time.Now()
	path, err := app.Build(ctx, cfg, filepath.Join(cache, "guests"))
	if err != nil {
		return err
	}
	built := time.Since(began)
	warnings, err := app.Warnings(ctx, cfg)
	if err != nil {
		return err
	}
	for _, w := range warnings {
		fmt.Fprintf(c.out, "warning: %s\n", w)
	}
	module, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	e, err := engine.New(engine.Config{CacheDir: filepath.Join(cache, "wazero")})
	if err != nil {
		return err
	}
	defer e.Close()
	began = time.Now()
	img, err := e.Image(ctx, module, engine.ImageConfig{MemoryMiB: cfg.MemoryMiB})
	if err != nil {
		if errors.Is(err, engine.ErrModule) {
			return usage("app %s: %v", cfg.Name, err)
		}
		return err
	}
	defer img.Close()
	fmt.Fprintf(c.out, "app %s: module %d KiB, built in %v; memory of a fresh instance %d KiB, compiled in %v\n",
		cfg.Name, len(module)>>10, built.Round(time.Millisecond), img.MemoryBytes()>>10, time.Since(began).Round(time.Millisecond))
	for _, r := range img.Classes() {
		name := "class " + r.Class
		if r.Class == "" {
			name = "worker"
		}
		fmt.Fprintf(c.out, "  %s\n", name)
	}
	return nil
}
