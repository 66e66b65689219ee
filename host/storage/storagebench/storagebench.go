// Package storagebench measures the storage engine in a directory of the
// caller's: durable turns, new objects, opening, clones, alarms. It owns the
// loads and what is counted; it refuses to judge: goals are printed beside the
// figures. Figures count only with the machine, the disk and what else ran.
package storagebench

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/holdfast-run/holdfast/host/storage"
)

// Config says what is measured. Zero fields have defaults.
type Config struct {
	Dir     string        // an empty directory is made below it, and removed; default the system's
	Time    time.Duration // of each load of turns (3 s)
	Repeat  int           // runs of each; medians are reported (3)
	Objects int           // of the host that is opened (100,000)
	Alarms  int           // that are set (100,000)
	Only    string        // measures whose names contain it
}

func (c Config) withDefaults() Config {
	c.Dir = cmp.Or(c.Dir, os.TempDir())
	c.Time = cmp.Or(c.Time, 3*time.Second)
	c.Repeat = cmp.Or(c.Repeat, 3)
	c.Objects = cmp.Or(c.Objects, 100_000)
	c.Alarms = cmp.Or(c.Alarms, 100_000)
	return c
}

// Figure is one thing measured: the median of its runs.
type Figure struct {
	Name  string  `json:"name"`
	Value float64 `json:"value"`
	Unit  string  `json:"unit"`
	Goal  string  `json:"goal,omitempty"`
}

// measure is a load with the figures that one run of it gives.
type measure struct {
	name string
	runs int // 0: Config.Repeat
	run  func(b *bench) ([]Figure, error)
}

// bench is one run of a measure in a directory of its own.
type bench struct {
	ctx   context.Context
	cfg   Config
	dir   string
	syncs *countingFS
}

var measures = []measure{
	{"kv turns, 100 objects", 0, func(b *bench) ([]Figure, error) { return b.turns(kvTurn, 100, 8, false, ">= 60,000") }},
	{"kv turns, 1,000 objects", 0, func(b *bench) ([]Figure, error) { return b.turns(kvTurn, 1000, 1, false, ">= 60,000") }},
	{"kv + SQL turns, 1,000 objects", 0, func(b *bench) ([]Figure, error) { return b.turns(sqlTurn, 1000, 1, false, ">= 20,000") }},
	{"kv turns with history, 1,000 objects", 0, func(b *bench) ([]Figure, error) { return b.turns(kvTurn, 1000, 1, true, "") }},
	{"kv + SQL turns with history, 1,000 objects", 0, func(b *bench) ([]Figure, error) { return b.turns(sqlTurn, 1000, 1, true, "") }},
	{"new objects", 0, (*bench).newObjects},
	{"open of a host", 1, (*bench).openHost},
	{"clone and restore, 100 KiB", 1, (*bench).cloneRestore},
	{"alarms", 1, (*bench).alarms},
}

// Run measures and prints a table as it goes.
func Run(ctx context.Context, cfg Config, out io.Writer) ([]Figure, error) {
	cfg = cfg.withDefaults()
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "MEASURE\tMEDIAN\tUNIT\tGOAL")
	var all []Figure
	for _, m := range measures {
		if !strings.Contains(m.name, cfg.Only) {
			continue
		}
		figures, err := m.repeat(ctx, cfg)
		if err != nil {
			return all, fmt.Errorf("%s: %w", m.name, err)
		}
		for _, f := range figures {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", f.Name, number(f.Value), f.Unit, f.Goal)
		}
		all = append(all, figures...)
	}
	return all, w.Flush()
}

func number(v float64) string {
	switch {
	case v >= 1000:
		return fmt.Sprintf("%.0f", v)
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.3f", v)
}

// repeat runs a measure and takes the median of each figure.
func (m *measure) repeat(ctx context.Context, cfg Config) ([]Figure, error) {
	var runs [][]Figure
	for range cmp.Or(m.runs, cfg.Repeat) {
		figures, err := m.once(ctx, cfg)
		if err != nil {
			return nil, err
		}
		runs = append(runs, figures)
	}
	medians := slices.Clone(runs[0])
	for i := range medians {
		var values []float64
		for _, r := range runs {
			values = append(values, r[i].Value)
		}
		slices.Sort(values)
		medians[i].Value = values[len(values)/2]
		medians[i].Name = m.name + ": " + medians[i].Name
	}
	return medians, nil
}

func (m *measure) once(ctx context.Context, cfg Config) (figures []Figure, err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(cfg.Dir, "holdfast-bench-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	return m.run(&bench{ctx: ctx, cfg: cfg, dir: filepath.Join(dir, "data"), syncs: newCountingFS()})
}

func (b *bench) open() (*storage.Engine, error) {
	return storage.Open(storage.Config{Dir: b.dir, FS: b.syncs, Logger: slog.New(slog.DiscardHandler)})
}
