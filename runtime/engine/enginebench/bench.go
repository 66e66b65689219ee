// Package enginebench measures what an instance costs: to activate, to keep,
// to freeze and to wake. It owns the loads and the table; it refuses to know
// objects, storage and networks, which have measures of their own.
package enginebench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/holdfast-run/holdfast/guest-sdk/abi"
	"github.com/holdfast-run/holdfast/runtime/engine"
)

// Config of Run; zero fields have defaults.
type Config struct {
	Module   []byte // the guest, of which the first class is taken
	Path     string // of a request that counts up and answers the number
	CacheDir string // of compiled code
	Samples  int    // instances that are measured one by one (2000)
	Objects  int    // instances that live at a time, most of them frozen (20000)
	Live     int    // instances that live at a time, none frozen (50000)

	Idle time.Duration // how long those are left alone (10 s)
}

// Figure is one measure.
type Figure struct {
	Name  string  `json:"name"`
	Value float64 `json:"value"`
	Unit  string  `json:"unit"`
	Of    string  `json:"of"` // how it was taken
}

// Run measures and writes the table. An error is a measure that failed, or
// ctx's.
func Run(ctx context.Context, cfg Config, out io.Writer) ([]Figure, error) {
	if cfg.Samples == 0 {
		cfg.Samples = 2000
	}
	if cfg.Objects == 0 {
		cfg.Objects = 20000
	}
	if cfg.Live == 0 {
		cfg.Live = 50000
	}
	if cfg.Idle == 0 {
		cfg.Idle = 10 * time.Second
	}
	e, err := engine.New(engine.Config{CacheDir: cfg.CacheDir})
	if err != nil {
		return nil, err
	}
	img, err := e.Image(ctx, cfg.Module, engine.ImageConfig{})
	if err != nil {
		return nil, errors.Join(err, e.Close())
	}
	b := &bench{ctx: ctx, cfg: cfg, img: img}
	for _, measure := range []func() error{b.single, b.memory, b.crowd, b.live} {
		if err = measure(); err != nil {
			break
		}
	}
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	for _, f := range b.figures {
		fmt.Fprintf(w, "%s\t%s %s\t%s\n", f.Name, strconv.FormatFloat(f.Value, 'g', 4, 64), f.Unit, f.Of)
	}
	return b.figures, errors.Join(err, w.Flush(), img.Close(), e.Close())
}

type bench struct {
	ctx     context.Context
	cfg     Config
	img     *engine.Image
	figures []Figure
}

func (b *bench) add(name string, value float64, unit, of string) {
	b.figures = append(b.figures, Figure{name, value, unit, of})
}

func (b *bench) times(name string, all []time.Duration, of string) {
	slices.Sort(all)
	us := func(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1e3 }
	b.add(name, us(all[len(all)/2]), "us", fmt.Sprintf("median of %d, p99 %.4g us; %s", len(all), us(all[len(all)*99/100]), of))
}

// object is one instance and its host.
type object struct {
	calls
	in     *engine.Instance
	frozen *engine.Frozen
}

func (b *bench) activate() (*object, error) {
	o := &object{}
	var err error
	o.in, err = b.img.Instantiate(&o.calls)
	return o, err
}

// construct runs the constructor.
func (b *bench) construct(o *object) error {
	m := abi.ConstructEvent{Event: 1, Class: b.img.Classes()[0].Class, ID: strings.Repeat("0", 64), Name: "bench", Mode: "serve"}
	return o.in.Event(abi.EventConstruct, m.Append(nil))
}

// count sends the request and checks the number that comes back.
func (b *bench) count(o *object, want int) error {
	m := abi.FetchEvent{Event: 2, Request: abi.Request{Method: "POST", URL: "http://bench" + b.cfg.Path, Headers: []abi.Header{{Name: "Host", Value: "bench"}}}}
	if err := o.in.Event(abi.EventFetch, m.Append(nil)); err != nil {
		return err
	}
	if !strings.Contains(o.answer, strconv.Itoa(want)) {
		return fmt.Errorf("enginebench: the guest answered %q, expected %d", o.answer, want)
	}
	return nil
}

// rest freezes an instance.
func (o *object) rest() error {
	f, err := o.in.Freeze()
	if err != nil {
		return err
	}
	o.in.Close()
	o.in, o.frozen = nil, f
	return nil
}

func (b *bench) wake(o *object) error {
	in, err := b.img.Thaw(o.frozen, &o.calls)
	if err != nil {
		return err
	}
	o.in, o.frozen = in, nil
	return nil
}

// single takes the time of each step of an instance's life.
func (b *bench) single() error {
	var activated, first, event, froze, woke []time.Duration
	for range b.cfg.Samples {
		if err := b.ctx.Err(); err != nil {
			return err
		}
		var o *object
		var err error
		steps := []struct {
			into *[]time.Duration
			do   func() error
		}{
			{&activated, func() error { o, err = b.activate(); return err }},
			{&first, func() error { return errors.Join(b.construct(o), b.count(o, 1)) }},
			{&event, func() error { return b.count(o, 2) }},
			{&froze, func() error { return o.rest() }},
			{&woke, func() error { return errors.Join(b.wake(o), b.count(o, 3)) }},
		}
		for _, s := range steps {
			began := time.Now()
			if err := s.do(); err != nil {
				return err
			}
			*s.into = append(*s.into, time.Since(began))
		}
		o.in.Close()
	}
	b.times("activate", activated, "constructor excluded")
	b.times("first answer", first, "constructor and one event of a new instance")
	b.times("event", event, "the second")
	b.times("freeze", froze, "after two events")
	b.times("wake", woke, "thaw and one event")
	return nil
}

// memory takes what many instances add to the process, by one.
func (b *bench) memory() error {
	all := make([]*object, 0, b.cfg.Samples)
	before := private()
	note := func(name, of string) {
		b.add(name, float64(private()-before)/float64(len(all))/1024, "KiB", of)
	}
	for range b.cfg.Samples {
		o, err := b.activate()
		if err != nil {
			return err
		}
		all = append(all, o)
	}
	note("memory activated", fmt.Sprintf("each of %d, all bookkeeping of the engine", len(all)))
	for _, o := range all {
		if err := b.construct(o); err != nil {
			return err
		}
		for n := range 10 {
			if err := b.count(o, n+1); err != nil {
				return err
			}
		}
	}
	note("memory after 10 events", "stack of the instance included")
	for _, o := range all {
		if err := o.rest(); err != nil {
			return err
		}
	}
	note("memory frozen", "after 10 events")
	for _, o := range all {
		if err := b.wake(o); err != nil {
			return err
		}
		if err := b.count(o, 11); err != nil {
			return err
		}
		o.in.Close()
	}
	return nil
}

// crowd keeps many objects, freezes each after its first event, and wakes all
// of them again.
func (b *bench) crowd() error {
	all := make([]*object, 0, b.cfg.Objects)
	before := private()
	for range b.cfg.Objects {
		if err := b.ctx.Err(); err != nil {
			return err
		}
		o, err := b.activate()
		if err != nil {
			return err
		}
		if err := errors.Join(b.construct(o), b.count(o, 1), o.rest()); err != nil {
			return err
		}
		all = append(all, o)
	}
	b.add("crowd", float64(private()-before)/(1<<20), "MiB", fmt.Sprintf("%d frozen instances", len(all)))
	for _, o := range all {
		if err := b.wake(o); err != nil {
			return err
		}
		if err := errors.Join(b.count(o, 2), o.rest()); err != nil {
			return err
		}
	}
	runtime.KeepAlive(all)
	return nil
}

// private is the memory of the process that it shares with nobody, in bytes,
// after a collection; 0 where the system does not tell.
func private() int64 {
	debug.FreeOSMemory()
	text, err := os.ReadFile("/proc/self/smaps_rollup")
	if err != nil {
		return 0
	}
	total := int64(0)
	for line := range strings.Lines(string(text)) {
		if name, rest, _ := strings.Cut(line, ":"); strings.HasPrefix(name, "Private_") {
			kib, _ := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			total += kib << 10
		}
	}
	return total
}
