package cli

import (
	"context"
	"encoding/json"
	"io"
	"os"
	"os/signal"
	"path/filepath"

	"github.com/holdfast-run/holdfast/host/app"
	"github.com/holdfast-run/holdfast/runtime/engine/enginebench"
)

// benchEngine is holdfast bench engine: what instances of the app in a
// directory cost.
func benchEngine(c *call) error {
	f := c.flags()
	var cfg enginebench.Config
	f.StringVar(&cfg.Path, "path", "/counter/bench/incr", "of a request that counts up and answers the number")
	f.IntVar(&cfg.Samples, "samples", 0, "instances that are measured one by one (2000)")
	f.IntVar(&cfg.Objects, "objects", 0, "instances that live at a time, frozen (20000)")
	f.IntVar(&cfg.Live, "live", 0, "instances that live at a time, none frozen (50000)")
	asJSON := f.Bool("json", false, "figures as JSON")
	args, err := f.parse()
	if err != nil {
		return err
	}
	if cfg.Samples < 0 || cfg.Objects < 0 || cfg.Live < 0 {
		return usage("expected numbers that are not negative")
	}
	guest, err := oneApp(args[1:])
	if err != nil {
		return err
	}
	if guest.Guest == nil {
		return usage("app %s has no guest", guest.Name)
	}
	cache, err := cacheDir(c)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	path, err := app.Build(ctx, guest, filepath.Join(cache, "guests"))
	if err != nil {
		return err
	}
	if cfg.Module, err = os.ReadFile(path); err != nil {
		return err
	}
	cfg.CacheDir = filepath.Join(cache, "wazero")
	table := c.out
	if *asJSON {
		table = io.Discard
	}
	figures, err := enginebench.Run(ctx, cfg, table)
	if err != nil || !*asJSON {
		return err
	}
	return json.NewEncoder(c.out).Encode(figures)
}
