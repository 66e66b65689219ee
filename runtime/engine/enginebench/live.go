package enginebench

import (
	"fmt"
	"math"
	"os"
	"runtime"
	"runtime/metrics"
	"strconv"
	"strings"
	"time"

	"github.com/holdfast-run/holdfast/runtime/engine"
)

// What live takes of each figure.
const (
	liveKiBMax  = 200 // of an instance, its stack included, roughly
	liveCycles  = 5   // forced collections
	ticksPerSec = 100 // of /proc/self/stat
)

// live keeps many instances ready to run, and takes what that costs a process
// in which nothing happens: collections and time. Where the machine has no
// room for them it says so instead.
func (b *bench) live() error {
	if reason := noRoom(b.cfg.Live); reason != "" {
		b.add("live", 0, "instances", "not measured: "+reason)
		return nil
	}
	all := make([]*object, 0, b.cfg.Live)
	defer func() {
		for _, o := range all {
			o.in.Close()
		}
	}()
	for range b.cfg.Live {
		if err := b.ctx.Err(); err != nil {
			return err
		}
		o, err := b.activate()
		if err != nil {
			return err
		}
		all = append(all, o)
		if err := b.construct(o); err != nil {
			return err
		}
	}
	runtime.GC()
	b.collections(len(all))
	of := fmt.Sprintf("%d live instances", len(all))
	began, busy := time.Now(), processTime()
	select {
	case <-b.ctx.Done():
		return b.ctx.Err()
	case <-time.After(b.cfg.Idle):
	}
	b.add("live, idle", 100*(processTime()-busy).Seconds()/time.Since(began).Seconds(), "%", fmt.Sprintf("of one core, over %v, %s", b.cfg.Idle, of))
	return nil
}

// noRoom says why n instances cannot live here, or "".
func noRoom(n int) string {
	if most := engine.SlotsMax(); n > most {
		return fmt.Sprintf("%d instances, vm.max_map_count has room for %d", n, most)
	}
	text, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return "" // the system does not tell
	}
	free, err := procNumber(string(text), "MemAvailable:")
	if want := n * liveKiBMax; err == nil && free < want {
		return fmt.Sprintf("%d instances take %d MiB, %d are available", n, want>>10, free>>10)
	}
	return ""
}

func procNumber(text, name string) (int, error) {
	_, rest, found := strings.Cut(text, name)
	words := strings.Fields(rest)
	if !found || len(words) == 0 {
		return 0, fmt.Errorf("enginebench: nothing is called %s", name)
	}
	return strconv.Atoi(words[0])
}

// processTime is the CPU time of the process; 0 where the system does not
// tell.
func processTime() time.Duration {
	text, err := os.ReadFile("/proc/self/stat")
	if err != nil {
		return 0
	}
	words := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	if len(words) < 13 {
		return 0
	}
	user, _ := strconv.Atoi(words[11])
	system, _ := strconv.Atoi(words[12])
	return time.Duration(user+system) * time.Second / ticksPerSec
}

// collections takes some collections, with n instances alive.
func (b *bench) collections(n int) {
	samples := []metrics.Sample{{Name: "/cpu/classes/gc/total:cpu-seconds"}, {Name: "/sched/pauses/total/gc:seconds"}}
	metrics.Read(samples)
	cpu := samples[0].Value.Float64()
	before := append([]uint64(nil), samples[1].Value.Float64Histogram().Counts...)
	for range liveCycles {
		runtime.GC()
	}
	metrics.Read(samples)
	h := samples[1].Value.Float64Histogram()
	counts := make([]uint64, len(h.Counts))
	for i, c := range h.Counts {
		counts[i] = c - before[i]
	}
	of := fmt.Sprintf("%d live instances, %d forced collections", n, liveCycles)
	b.add("live, GC cycle", (samples[0].Value.Float64()-cpu)/liveCycles*1e3, "ms", "CPU of one, "+of)
	b.add("live, GC pause", quantile(h.Buckets, counts, 0.5)*1e6, "us", fmt.Sprintf("median, max %.4g us; %s", quantile(h.Buckets, counts, 1)*1e6, of))
}

// quantile is the upper bound of the bucket that holds the q-th part of what
// was counted; counts[i] lie from buckets[i] on.
func quantile(buckets []float64, counts []uint64, q float64) float64 {
	total := uint64(0)
	for _, c := range counts {
		total += c
	}
	want, seen := uint64(math.Ceil(q*float64(total))), uint64(0)
	for i, c := range counts {
		if seen += c; c > 0 && seen >= want {
			if math.IsInf(buckets[i+1], 1) {
				return buckets[i]
			}
			return buckets[i+1]
		}
	}
	return 0
}
