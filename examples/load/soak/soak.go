// Package soak loads a running host for a long time with what objects do and
// what befalls them, compares every answer with what it must be, and watches
// what the host's process takes. It owns neither the host nor its process; the
// guest is examples/load/soak/app. It refuses to run against objects that
// somebody else changes.
package soak

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// Config is a run. Zero fields have defaults; URL, Admin and PID are needed.
type Config struct {
	URL        string // public address of the host, such as http://127.0.0.1:8787
	Admin      string // its admin address
	AdminToken string // where it wants one
	PID        int    // its process, on this machine

	Objects int           // default 20,000
	Time    time.Duration // default 30 minutes
	Rate    int           // operations a second, default 500
	Workers int           // requests at once, default 16
	Sockets int           // objects with a socket, default 100
	Trend   float64       // growth in percent that fails, default 10; negative: none
	Prefix  string        // of the objects' names, default a new one
	Seed    uint64        // of the operations, default 1
}

// Errors of a run.
var (
	ErrConfig = errors.New("soak: wrong configuration")
	ErrWrong  = errors.New("soak: wrong answers")
	ErrTrend  = errors.New("soak: the host grows")
)

func (c Config) withDefaults() (Config, error) {
	for _, d := range []struct {
		field *int
		def   int
		name  string
	}{{&c.Objects, 20_000, "objects"}, {&c.Rate, 500, "rate"}, {&c.Workers, 16, "workers"}, {&c.Sockets, 100, "sockets"}} {
		if *d.field < 0 {
			return c, fmt.Errorf("%w: %s is %d, expected 1 or more", ErrConfig, d.name, *d.field)
		}
		if *d.field == 0 {
			*d.field = d.def
		}
	}
	if c.URL == "" || c.Admin == "" || c.PID <= 0 {
		return c, fmt.Errorf("%w: url, admin and pid are needed", ErrConfig)
	}
	if c.Time < 0 {
		return c, fmt.Errorf("%w: time is %v, expected more than 0", ErrConfig, c.Time)
	}
	if c.Time == 0 {
		c.Time = 30 * time.Minute
	}
	if c.Trend == 0 {
		c.Trend = 10
	}
	if c.Seed == 0 {
		c.Seed = 1
	}
	if c.Prefix == "" {
		c.Prefix = fmt.Sprintf("s%x-", time.Now().UnixNano())
	}
	c.Sockets = min(c.Sockets, c.Objects)
	return c, nil
}

// run is a soak under way.
type run struct {
	cfg     Config
	client  *http.Client
	objects []*object
	started time.Time
	ops     [opKinds]atomic.Int64
	refused atomic.Int64 // answers of 503
	faults  faults
}

// faults keeps the first wrong answers and counts all.
type faults struct {
	mu    sync.Mutex
	first []error
	n     int
}

// faultsShown is how many wrong answers are told.
const faultsShown = 10

func (f *faults) add(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.n++; len(f.first) < faultsShown {
		f.first = append(f.first, err)
	}
}

// err is all of them, or nil.
func (f *faults) err() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.n == 0 {
		return nil
	}
	return fmt.Errorf("%w: %d of them, the first:\n%w", ErrWrong, f.n, errors.Join(f.first...))
}

// requestMax bounds one request.
const requestMax = 60 * time.Second

// Run loads the host and writes a table to out. Its error wraps ErrWrong,
// ErrTrend or ErrConfig. When ctx ends, the run ends early and is judged by
// what it has seen.
func Run(ctx context.Context, cfg Config, out io.Writer) error {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return err
	}
	r := &run{cfg: cfg, client: &http.Client{Timeout: requestMax, Transport: &http.Transport{MaxIdleConnsPerHost: cfg.Workers + 1}}}
	defer r.client.CloseIdleConnections()
	for i := range cfg.Objects {
		r.objects = append(r.objects, &object{name: fmt.Sprintf("%s%d", cfg.Prefix, i)})
	}
	defer func() {
		for _, o := range r.objects {
			o.hangUp()
		}
	}()
	fmt.Fprintf(out, "%d objects %s…, %d with a socket; %d operations a second for %v\n", cfg.Objects, cfg.Prefix, cfg.Sockets, cfg.Rate, cfg.Time)
	if err := r.touch(ctx); err != nil {
		return err
	}
	r.started = time.Now()
	timed, cancel := context.WithTimeout(ctx, cfg.Time)
	defer cancel()
	var load sync.WaitGroup
	for w := range cfg.Workers {
		load.Go(func() { r.work(timed, rand.New(rand.NewPCG(cfg.Seed, uint64(w)))) })
	}
	samples, sampled := r.watch(timed, out)
	load.Wait()
	r.verify()
	r.summary(out)
	return errors.Join(sampled, r.faults.err(), trends(out, samples, cfg.Trend))
}

// touch makes every object, with all that it will ever hold, and opens the
// sockets, unmeasured: what grows behind it does not grow for want of objects.
func (r *run) touch(ctx context.Context) error {
	var next atomic.Int64
	var wg sync.WaitGroup
	for range r.cfg.Workers {
		wg.Go(func() {
			for i := next.Add(1) - 1; i < int64(len(r.objects)) && ctx.Err() == nil; i = next.Add(1) - 1 {
				o := r.objects[i]
				err := r.step(o, opIncr)
				if err == nil && int(i) < r.cfg.Sockets {
					err = o.listen(r)
				}
				if err == nil {
					err = r.step(o, opAppend) // its SQL database
				}
				if err != nil {
					r.faults.add(err)
				}
			}
		})
	}
	wg.Wait()
	return r.faults.err()
}

// work makes its share of the operations, at the rate of all.
func (r *run) work(ctx context.Context, rng *rand.Rand) {
	every := time.Second * time.Duration(r.cfg.Workers) / time.Duration(r.cfg.Rate)
	next := time.Now().Add(time.Duration(rng.Int64N(int64(every))))
	timer := time.NewTimer(time.Until(next))
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		o, op := r.objects[rng.IntN(len(r.objects))], pick(rng.IntN(opWeights))
		o.mu.Lock()
		err := r.step(o, op)
		o.mu.Unlock()
		if err != nil {
			r.faults.add(err)
		}
		next = next.Add(every)
		timer.Reset(time.Until(next)) // a late one follows at once
	}
}

// verify asks every object for all that it has, and waits for what the
// sockets have not yet read.
func (r *run) verify() {
	var next atomic.Int64
	var wg sync.WaitGroup
	for range r.cfg.Workers {
		wg.Go(func() {
			for i := next.Add(1) - 1; i < int64(len(r.objects)); i = next.Add(1) - 1 {
				if err := r.step(r.objects[i], opGet); err != nil {
					r.faults.add(err)
				}
				if err := r.objects[i].heardAll(); err != nil {
					r.faults.add(err)
				}
			}
		})
	}
	wg.Wait()
}

func (r *run) summary(out io.Writer) {
	fmt.Fprintf(out, "\n%d objects asked once more; operations:", len(r.objects))
	for op := range opKinds {
		fmt.Fprintf(out, " %s %d", opNames[op], r.ops[op].Load())
	}
	fmt.Fprintf(out, "; refused with 503: %d; wrong: %d\n", r.refused.Load(), r.faults.n)
}
