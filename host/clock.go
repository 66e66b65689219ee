package host

import (
	"context"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/holdfast-run/holdfast/host/admin"
	"github.com/holdfast-run/holdfast/runtime/clock"
	"github.com/holdfast-run/holdfast/runtime/store"
)

// clockSetting is where the manual clock's time is kept.
const clockSetting = "clock.manual"

// manualClock brings the manual clock back to where it stood; at the first
// start it stands at start, or where that is zero at the system's time.
func manualClock(e store.Engine, start time.Time) (*clock.Manual, error) {
	b, ok, err := e.Setting(clockSetting)
	if err != nil {
		return nil, fmt.Errorf("manual clock: %w", err)
	}
	if ok && len(b) == 8 {
		return clock.NewManual(time.UnixMilli(int64(binary.LittleEndian.Uint64(b)))), nil
	}
	if start.IsZero() {
		start = time.Now()
	}
	c := clock.NewManual(time.UnixMilli(start.UnixMilli()))
	return c, keepClock(e, c.Now())
}

func keepClock(e store.Engine, now time.Time) error {
	b := binary.LittleEndian.AppendUint64(nil, uint64(now.UnixMilli()))
	if err := e.SetSetting(clockSetting, b); err != nil {
		return fmt.Errorf("manual clock: %w", err)
	}
	return nil
}

// Clock is the mode and time of the host's clock.
func (h *Host) Clock() (mode string, now time.Time) {
	if h.manual != nil {
		return "manual", h.clock.Now()
	}
	return "system", h.clock.Now()
}

// Advance moves the manual clock. Alarms, crons and timers that come due run
// in the order of their times, each before the clock moves on; fired counts
// alarms and crons.
func (h *Host) Advance(ctx context.Context, d time.Duration) (now time.Time, fired int, err error) {
	if h.manual == nil {
		return h.clock.Now(), 0, fmt.Errorf("%w: the clock is the system's; start with --clock manual", admin.ErrConflict)
	}
	h.advance.Lock()
	defer h.advance.Unlock()
	before := h.dir.Alarms().Fired() + h.crons.fired.Load()
	target := h.manual.Now().Add(d)
	if err := h.settle(ctx); err != nil {
		return h.manual.Now(), 0, err
	}
	for {
		next, ok := h.manual.Next()
		if !ok || next.After(target) {
			break
		}
		h.manual.Set(next)
		if err := h.settle(ctx); err != nil {
			return h.manual.Now(), 0, err
		}
	}
	h.manual.Set(target)
	if err := h.settle(ctx); err != nil {
		return target, 0, err
	}
	if err := keepClock(h.storage, target); err != nil {
		return target, 0, err
	}
	return target, int(h.dir.Alarms().Fired() + h.crons.fired.Load() - before), nil
}

// settleMax bounds the wait for work that does not end, such as a call to a
// database that hangs.
const settleMax = 40 * time.Second

// settle waits until everything that is due now has run, as far as it goes
// without the clock: a handler that sleeps goes on as the clock moves.
func (h *Host) settle(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, settleMax)
	defer cancel()
	for {
		if !h.dir.Alarms().Settle(ctx) || !h.dir.Quiet(ctx) {
			return fmt.Errorf("advance: what came due did not end: %w", ctx.Err())
		}
		if h.dir.Alarms().Idle() {
			return nil
		}
	}
}
