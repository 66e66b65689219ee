package host

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/holdfast-run/holdfast/guest-sdk/abi"
	"github.com/holdfast-run/holdfast/host/admin"
	"github.com/holdfast-run/holdfast/runtime/clock"
	"github.com/holdfast-run/holdfast/runtime/object"
)

// schedule tells when a cron is due next; false if never.
type schedule interface {
	Next(after time.Time) time.Time
}

// cron is one trigger of an app.
type cron struct {
	app      string
	index    int
	text     string
	schedule schedule
	pool     *object.Workers

	timer   clock.Timer
	next    time.Time
	last    time.Time
	outcome string
}

// crons fires the triggers of all apps, by the host's clock. A trigger that
// was due while the host was down is not made up for, as with Cloudflare's.
type crons struct {
	clock clock.Clock
	log   *slog.Logger
	fired atomic.Int64

	mu      sync.Mutex
	list    []*cron
	stopped bool
}

func newCrons(c clock.Clock, log *slog.Logger) *crons {
	return &crons{clock: c, log: log}
}

// replace sets an app's triggers.
func (cs *crons) replace(app string, list []*cron) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	var kept []*cron
	for _, c := range cs.list {
		if c.app != app {
			kept = append(kept, c)
			continue
		}
		c.timer.Stop()
	}
	cs.list = append(kept, list...)
	for _, c := range list {
		cs.arm(c)
	}
}

// arm sets a trigger's timer; cs.mu is held.
func (cs *crons) arm(c *cron) {
	now := cs.clock.Now()
	c.next = c.schedule.Next(now)
	c.timer = cs.clock.AfterFunc(c.next.Sub(now), func() { cs.due(c) })
}

func (cs *crons) due(c *cron) {
	cs.mu.Lock()
	if cs.stopped {
		cs.mu.Unlock()
		return
	}
	at := c.next
	cs.arm(c)
	cs.mu.Unlock()
	cs.fired.Add(1)
	cs.start(c, at, func(string, time.Duration) {})
}

// start gives a trigger to the app's worker; ended is called once.
func (cs *crons) start(c *cron, at time.Time, ended func(outcome string, took time.Duration)) {
	cs.mu.Lock()
	c.last = at
	cs.mu.Unlock()
	began := time.Now()
	end := func(outcome string) {
		cs.mu.Lock()
		c.outcome = outcome
		cs.mu.Unlock()
		ended(outcome, time.Since(began))
	}
	m := &abi.ScheduledEvent{Cron: c.text, ScheduledMs: at.UnixMilli()}
	err := c.pool.Send(&object.Event{Kind: abi.EventScheduled, Message: m, Reply: cronReply(end)})
	if err != nil {
		cs.log.Error("cron did not run", "app", c.app, "cron", c.text, "error", err.Error())
		end(err.Error())
	}
}

func (cs *crons) stop() {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	cs.stopped = true
	for _, c := range cs.list {
		c.timer.Stop()
	}
}

// cronReply hears how a run ended.
type cronReply func(outcome string)

// Respond never comes to a trigger.
func (r cronReply) Respond(*abi.Response) {}

// Chunk never comes to a trigger.
func (r cronReply) Chunk([]byte, bool) {}

// Done is the end of a run: "ok", or the error.
func (r cronReply) Done(st abi.Status, payload []byte) {
	if st == abi.OK {
		r("ok")
		return
	}
	var f abi.Failure
	if f.Decode(payload) != nil || f.Message == "" {
		f.Message = st.String()
	}
	r("error: " + f.Message)
}

// Crons lists the triggers of all apps.
func (h *Host) Crons() []admin.Cron {
	h.crons.mu.Lock()
	defer h.crons.mu.Unlock()
	var out []admin.Cron
	for _, c := range h.crons.list {
		a := admin.Cron{App: c.app, Index: c.index, Cron: c.text, NextAt: admin.Time(c.next), Outcome: c.outcome}
		if !c.last.IsZero() {
			a.LastAt = admin.Time(c.last)
		}
		out = append(out, a)
	}
	return out
}

// RunCron runs a trigger now and waits for it.
func (h *Host) RunCron(ctx context.Context, app string, index int) (outcome string, took time.Duration, err error) {
	h.crons.mu.Lock()
	var found *cron
	for _, c := range h.crons.list {
		if c.app == app && c.index == index {
			found = c
		}
	}
	h.crons.mu.Unlock()
	if found == nil {
		return "", 0, fmt.Errorf("%w: app %q has no cron %d", admin.ErrNotFound, app, index)
	}
	type end struct {
		outcome string
		took    time.Duration
	}
	ended := make(chan end, 1)
	h.crons.start(found, h.clock.Now(), func(o string, t time.Duration) { ended <- end{o, t} })
	select {
	case e := <-ended:
		return e.outcome, e.took, nil
	case <-ctx.Done():
		return "", 0, ctx.Err()
	}
}
