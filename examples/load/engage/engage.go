// Package engage fills a running host's engage app with a firm as it might be:
// users, conversations with what people say, parties of which some conflict,
// assignments, and all the ways in which a conversation goes on and ends. It
// measures every call. It owns the firm that it makes and nothing else of the
// host; it refuses to touch a firm that is there.
package engage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// Config is a run. Zero fields have defaults; PlatformKey is needed.
type Config struct {
	URL           string // public address of the host, default http://127.0.0.1:8787
	PlatformKey   string // the token that holdfast dev prints
	Firm          string // id of the firm to make, default load-SEED
	Users         int    // default 200
	Conversations int    // default 20,000
	Messages      int    // in all, default 300,000
	Conns         int    // requests at once, default 32
	Seed          uint64 // decides everything that is made, default 1
}

// Errors of a run.
var (
	ErrConfig = errors.New("engage: wrong configuration")
	ErrWrong  = errors.New("engage: wrong answers")
)

func (c Config) withDefaults() (Config, error) {
	for _, d := range []struct {
		field *int
		def   int
		name  string
	}{{&c.Users, 200, "users"}, {&c.Conversations, 20_000, "conversations"}, {&c.Messages, 300_000, "messages"}, {&c.Conns, 32, "conns"}} {
		if *d.field < 0 {
			return c, fmt.Errorf("%w: %s is %d, expected 1 or more", ErrConfig, d.name, *d.field)
		}
		if *d.field == 0 {
			*d.field = d.def
		}
	}
	if c.PlatformKey == "" {
		return c, fmt.Errorf("%w: platform-key is needed; holdfast dev prints it as PLATFORM_KEY", ErrConfig)
	}
	if c.URL == "" {
		c.URL = "http://127.0.0.1:8787"
	}
	if c.Seed == 0 {
		c.Seed = 1
	}
	if c.Firm == "" {
		c.Firm = fmt.Sprint("load-", c.Seed)
	}
	return c, nil
}

// run is a run under way.
type run struct {
	cfg    Config
	client *http.Client
	key    string // of the firm
	made   Made
	mu     sync.Mutex // made
	calls  timings
	began  time.Time
}

// callMax bounds one call.
const callMax = 2 * time.Minute

// Run makes the firm and writes what it does, and what it took, to out. The
// answer is what was made. Its error wraps ErrConfig or ErrWrong, or is ctx's.
func Run(ctx context.Context, cfg Config, out io.Writer) (*Made, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	r := &run{cfg: cfg, began: time.Now(), made: newMade()}
	r.client = &http.Client{Timeout: callMax, Transport: &http.Transport{MaxIdleConnsPerHost: cfg.Conns + 1, MaxConnsPerHost: cfg.Conns + 1}}
	defer r.client.CloseIdleConnections()
	fmt.Fprintf(out, "firm %s: %d users, %d conversations, %d messages, seed %d, over %d connections\n", cfg.Firm, cfg.Users, cfg.Conversations, cfg.Messages, cfg.Seed, cfg.Conns)
	if err := r.found(ctx); err != nil {
		return nil, err
	}
	stop := r.progress(out)
	err = r.fill(ctx)
	stop()
	if err == nil {
		err = r.read(ctx, out)
	}
	r.summary(out)
	return &r.made, err
}

// fill makes the users, then every conversation with its client, so that which
// names conflict does not depend on who came first, and then the rest.
func (r *run) fill(ctx context.Context) error {
	lengths := r.cfg.lengths()
	for _, pass := range []struct {
		n  int
		do func(context.Context, int) error
	}{
		{r.cfg.Users, r.makeUser},
		{r.cfg.Conversations, func(ctx context.Context, n int) error { return r.begin(ctx, r.cfg.planOf(n, lengths[n])) }},
		{r.cfg.Conversations, func(ctx context.Context, n int) error { return r.carryOut(ctx, r.cfg.planOf(n, lengths[n])) }},
	} {
		if err := r.each(ctx, pass.n, pass.do); err != nil {
			return err
		}
	}
	return nil
}

// each runs do for 0 to n-1 over all connections; the first error ends it.
func (r *run) each(ctx context.Context, n int, do func(context.Context, int) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var next atomic.Int64
	var wg sync.WaitGroup
	for range r.cfg.Conns {
		wg.Go(func() {
			for i := next.Add(1) - 1; i < int64(n) && ctx.Err() == nil; i = next.Add(1) - 1 {
				if err := do(ctx, int(i)); err != nil {
					cancel(err)
					return
				}
			}
		})
	}
	wg.Wait()
	return context.Cause(ctx)
}

// progressEvery is how often a line tells how far the run is.
const progressEvery = 5 * time.Second

// progress tells now and then how far the run is, until stop is called.
func (r *run) progress(out io.Writer) (stop func()) {
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(progressEvery)
		defer tick.Stop()
		last := 0
		for {
			select {
			case <-done:
				return
			case <-tick.C:
			}
			n := r.calls.total()
			r.mu.Lock()
			fmt.Fprintf(out, "%6.0fs %9d calls, %6.0f/s; %d conversations, %d messages, %d conflicts\n", time.Since(r.began).Seconds(), n,
				float64(n-last)/progressEvery.Seconds(), r.made.Conversations, r.made.Messages, r.made.Conflicts)
			r.mu.Unlock()
			last = n
		}
	}()
	return func() {
		close(done)
		<-ended
	}
}
