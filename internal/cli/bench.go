package cli

import (
	"context"
	"encoding/json"
	"io"
	"os"
	"os/signal"

	"github.com/holdfast-run/holdfast/host/storage/storagebench"
)

// bench is holdfast bench storage and holdfast bench engine.
func bench(c *call) error {
	if len(c.args) > 0 && c.args[0] == "engine" {
		return benchEngine(c)
	}
	f := c.flags()
	var cfg storagebench.Config
	f.StringVar(&cfg.Dir, "dir", "", "where a directory is made and removed; the disk under it is measured")
	f.DurationVar(&cfg.Time, "time", 0, "of each load (3s)")
	f.IntVar(&cfg.Repeat, "repeat", 0, "runs of each, for medians (3)")
	f.IntVar(&cfg.Objects, "objects", 0, "of the host that is opened (100000)")
	f.IntVar(&cfg.Alarms, "alarms", 0, "that are set (100000)")
	f.StringVar(&cfg.Only, "only", "", "measures whose names contain it")
	asJSON := f.Bool("json", false, "figures as JSON")
	args, err := f.parse()
	if err != nil {
		return err
	}
	if len(args) != 1 || args[0] != "storage" || cfg.Time < 0 || cfg.Repeat < 0 || cfg.Objects < 0 || cfg.Alarms < 0 {
		return usage("expected bench storage, and numbers that are not negative")
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	table := c.out
	if *asJSON {
		table = io.Discard
	}
	figures, err := storagebench.Run(ctx, cfg, table)
	if err != nil || !*asJSON {
		return err
	}
	return json.NewEncoder(c.out).Encode(figures)
}
