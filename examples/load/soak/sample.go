package soak

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// What is sampled of the host.
const (
	otherMiB   = iota // what the process has to itself, without the next three
	hotMiB            // live instances
	frozenMiB         // memory of frozen ones: it grows with what they do, to its limit
	garbageMiB        // of the Go heap: what waits for a collection, and what is free
	liveMiB           // of the Go heap, behind a collection
	cacheMiB          // blocks of storage's tables: it fills to its limit, and empties
	databases         // of SQLite, open
	descriptors
	mappings
	goroutines
	hot
	frozen
	crashes
	thaws
	figures
)

// figure is how a figure is shown, and how many a host may take more without
// that being a trend: what comes and goes by chance. 0: it is no matter of
// trends.
type figure struct {
	name  string
	slack float64
}

var shown = [figures]figure{
	{"other MiB", 8}, {"hot MiB", 0}, {"frozen MiB", 0}, {"garbage MiB", 0}, {"live MiB", 0}, {"cache MiB", 0}, {"databases", 50}, {"descriptors", 8}, {"mappings", 100}, {"goroutines", 20},
	{"hot", 0}, {"frozen", 0}, {"crashes", 0}, {"thaws", 0},
}

// sample is the figures at a time.
type sample struct {
	at     time.Duration
	ops    int64
	values [figures]float64
}

// samplesPerRun and rowsPerRun are how often a run is sampled and shown.
const (
	samplesPerRun = 96
	rowsPerRun    = 16
)

// watch samples until ctx ends, and shows some of it.
func (r *run) watch(ctx context.Context, out io.Writer) ([]sample, error) {
	fmt.Fprintf(out, "\n%8s %9s", "time", "ops")
	for _, f := range shown {
		fmt.Fprintf(out, " %11s", f.name)
	}
	fmt.Fprintln(out)
	tick := time.NewTicker(max(r.cfg.Time/samplesPerRun, 20*time.Millisecond))
	defer tick.Stop()
	var samples []sample
	for {
		select {
		case <-ctx.Done():
			return samples, nil
		case <-tick.C:
		}
		s, err := r.sample()
		if err != nil {
			return samples, fmt.Errorf("soak: sample the host: %w", err)
		}
		samples = append(samples, s)
		if len(samples)%(samplesPerRun/rowsPerRun) == 0 {
			fmt.Fprintf(out, "%8v %9d", s.at.Round(time.Second), s.ops)
			for _, v := range s.values {
				fmt.Fprintf(out, " %11.0f", v)
			}
			fmt.Fprintln(out)
		}
	}
}

func (r *run) sample() (sample, error) {
	s := sample{at: time.Since(r.started)}
	for op := range opKinds {
		s.ops += r.ops[op].Load()
	}
	dir := fmt.Sprintf("/proc/%d/", r.cfg.PID)
	// The resident set counts an image's pages once for each instance that maps
	// them, so it rises with the instances: the proportional set is the truth.
	rollup, err := os.ReadFile(dir + "smaps_rollup")
	if err != nil {
		return s, err
	}
	kib, err := field(string(rollup), "Pss:")
	if err != nil {
		return s, err
	}
	maps, err := os.ReadFile(dir + "maps")
	if err != nil {
		return s, err
	}
	fds, err := os.ReadDir(dir + "fd")
	if err != nil {
		return s, err
	}
	s.values[descriptors], s.values[mappings] = float64(len(fds)), float64(strings.Count(string(maps), "\n"))
	code, body, err := r.send("GET", r.cfg.Admin+"/_holdfast/metrics")
	if err != nil {
		return s, err
	}
	if code != http.StatusOK {
		return s, fmt.Errorf("metrics: status %d %.200s", code, body)
	}
	for i, name := range map[int]string{
		hotMiB: "holdfast_objects_hot_bytes", frozenMiB: "holdfast_frozen_ram_bytes", cacheMiB: "holdfast_storage_cache_bytes",
		garbageMiB: "holdfast_heap_held_bytes", liveMiB: "holdfast_heap_live_bytes", databases: "holdfast_sql_databases_open",
		goroutines: "holdfast_goroutines", hot: "holdfast_objects_hot", frozen: "holdfast_objects_frozen",
		crashes: "holdfast_crashes_total", thaws: "holdfast_thaws_total",
	} {
		if s.values[i], err = field(string(body), name); err != nil {
			return s, err
		}
	}
	for i := hotMiB; i <= cacheMiB; i++ {
		s.values[i] /= 1 << 20
	}
	s.values[garbageMiB] -= s.values[liveMiB]
	s.values[otherMiB] = kib / 1024
	for i := hotMiB; i <= garbageMiB; i++ {
		s.values[otherMiB] -= s.values[i]
	}
	return s, nil
}

// field is the number behind a name at the beginning of a line.
func field(text, name string) (float64, error) {
	for line := range strings.Lines(text) {
		if words := strings.Fields(line); len(words) > 1 && words[0] == name {
			return strconv.ParseFloat(words[1], 64)
		}
	}
	return 0, fmt.Errorf("no line begins with %s", name)
}

// trends compares the medians of the last quarter and of the second one, shows
// them, and fails what has grown by more than percent and by more than chance.
// A run that was too short to have quarters has no trend.
func trends(out io.Writer, samples []sample, percent float64) error {
	quarter := len(samples) / 4
	if quarter == 0 {
		return nil
	}
	var errs []error
	fmt.Fprintf(out, "\n%11s %12s %12s\n", "median of", "2nd quarter", "4th quarter")
	for i, f := range shown {
		before, after := median(samples[quarter:2*quarter], i), median(samples[len(samples)-quarter:], i)
		fmt.Fprintf(out, "%11s %12.1f %12.1f\n", f.name, before, after)
		if f.slack > 0 && percent >= 0 && after > before*(1+percent/100) && after > before+f.slack {
			errs = append(errs, fmt.Errorf("%w: %s from %.1f to %.1f, more than %g %%", ErrTrend, f.name, before, after, percent))
		}
	}
	return errors.Join(errs...)
}

func median(samples []sample, i int) float64 {
	var all []float64
	for _, s := range samples {
		all = append(all, s.values[i])
	}
	slices.Sort(all)
	return all[len(all)/2]
}
