package outbox_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/holdfast-run/holdfast/guest-sdk/edge"
	"github.com/holdfast-run/holdfast/guest-sdk/edge/edgetest"
	"github.com/holdfast-run/holdfast/guest-sdk/edge/outbox"
)

var errAway = errors.New("away")

func fails(*courier) error { return errAway }

func TestPump_DeliversAtOnceAndLeavesNoAlarm(t *testing.T) {
	w := edgetest.New(t)
	r := &round{}
	h := object(t, w, r)
	do(t, h, (*courier).add)
	if r.delivered != 1 {
		t.Fatalf("%d delivered", r.delivered)
	}
	noAlarm(t, h)
	if kv := h.KV(); kv[failuresKey] != nil {
		t.Fatalf("a count of failures is stored: %s", kv[failuresKey])
	}
}

func TestPump_BackoffDoublesWithJitterUntilOneWorks(t *testing.T) {
	w := edgetest.New(t)
	r := &round{step: fails}
	h := object(t, w, r)
	do(t, h, (*courier).add)
	base, exact := outbox.BackoffFirst, 0
	const tries = 12
	for try := 1; try <= tries; try++ {
		wait := alarmIn(t, w, h)
		if r.steps != try || wait < base-time.Millisecond || wait > base+base/4 {
			t.Fatalf("after %d steps of %d the next is in %s, want %s and up to a quarter more", r.steps, try, wait, base)
		}
		if wait == base {
			exact++
		}
		if w.Advance(wait - time.Millisecond); r.steps != try {
			t.Fatalf("try %d came early", try+1)
		}
		if try == tries {
			r.step = nil
		}
		w.Advance(time.Millisecond)
		base = min(2*base, outbox.BackoffMax)
	}
	if exact == tries {
		t.Fatal("no pause was longer than its base: there is no jitter")
	}
	if r.delivered != 1 {
		t.Fatalf("%d delivered", r.delivered)
	}
	noAlarm(t, h)
	do(t, h, func(c *courier) error {
		if n := c.pump.Failing(); n != 0 {
			return fmt.Errorf("the pump counts %d failures after one that worked", n)
		}
		return nil
	})
	if kv := h.KV(); kv[failuresKey] != nil {
		t.Fatalf("a count of failures is left: %s", kv[failuresKey])
	}
}

func TestPump_FailuresOutliveTheInstance(t *testing.T) {
	w := edgetest.New(t)
	r := &round{step: fails}
	h := object(t, w, r)
	do(t, h, (*courier).add)
	w.Advance(alarmIn(t, w, h))
	w.Advance(alarmIn(t, w, h)) // three failures
	wait := alarmIn(t, w, h)
	h.Crash()
	w.Advance(wait)
	if r.failing != 3 {
		t.Fatalf("the new instance knows of %d failures, want 3", r.failing)
	}
	if wait := alarmIn(t, w, h); wait < 8*outbox.BackoffFirst-time.Millisecond {
		t.Fatalf("the fourth failure waits %s", wait)
	}
}

func TestPump_KickWaitsForTheBackoffButNotAfterRetry(t *testing.T) {
	w := edgetest.New(t)
	r := &round{step: fails}
	h := object(t, w, r)
	do(t, h, (*courier).add)
	do(t, h, (*courier).add)
	do(t, h, func(c *courier) error {
		select {
		case <-c.pump.Kick():
			return nil
		default:
			return errors.New("the channel of a kick that does nothing is open")
		}
	})
	if r.steps != 1 {
		t.Fatalf("%d steps while the failure was recent", r.steps)
	}
	r.step = nil
	do(t, h, func(c *courier) error { c.pump.Retry(); c.pump.Kick(); return nil })
	if r.delivered != 2 {
		t.Fatalf("%d delivered", r.delivered)
	}
}

func TestPump_OneDeliveryAtATimeTakesWhatComesMeanwhile(t *testing.T) {
	w := edgetest.New(t)
	r := &round{}
	h := object(t, w, r)
	do(t, h, r.shut)
	var ends []<-chan struct{}
	for range 3 {
		do(t, h, func(c *courier) error {
			if err := c.add(); err != nil {
				return err
			}
			ends = append(ends, c.pump.Kick())
			return nil
		})
	}
	for delivered := range 4 {
		if delivered > 0 {
			do(t, h, r.open)
		}
		if r.delivered != delivered || r.steps != min(delivered+1, 3) {
			t.Fatalf("%d delivered in %d steps, want %d in one step more", r.delivered, r.steps, delivered)
		}
		do(t, h, func(*courier) error {
			for i, end := range ends {
				select {
				case <-end:
					if delivered < 3 {
						return fmt.Errorf("the channel of kick %d is closed while a delivery runs", i)
					}
				default:
					if delivered == 3 {
						return fmt.Errorf("the channel of kick %d is open when nothing runs", i)
					}
				}
			}
			return nil
		})
	}
	noAlarm(t, h)
}

func TestPump_LongDeliveryOutlivesItsWatchdog(t *testing.T) {
	w := edgetest.New(t)
	r := &round{}
	h := object(t, w, r)
	do(t, h, r.shut)
	do(t, h, (*courier).add)
	w.Advance(4 * outbox.Watchdog)
	if wait := alarmIn(t, w, h); r.steps != 1 || wait > outbox.Watchdog {
		t.Fatalf("%d steps, alarm in %s", r.steps, wait)
	}
	do(t, h, r.open)
	if r.delivered != 1 || r.steps != 1 {
		t.Fatalf("%d delivered in %d steps", r.delivered, r.steps)
	}
	noAlarm(t, h)
}

func TestPump_AlarmTakesUpWhatDiedWithAnInstance(t *testing.T) {
	w := edgetest.New(t)
	r := &round{}
	h := object(t, w, r)
	do(t, h, r.shut)
	do(t, h, (*courier).add)
	h.Crash()
	r.step = nil
	if wait := alarmIn(t, w, h); wait != outbox.Watchdog {
		t.Fatalf("the watchdog comes in %s", wait)
	}
	if w.Advance(outbox.Watchdog - time.Millisecond); r.delivered != 0 {
		t.Fatal("delivered before the watchdog")
	}
	if w.Advance(time.Millisecond); r.delivered != 1 {
		t.Fatalf("%d delivered after the watchdog", r.delivered)
	}
	noAlarm(t, h)
}

func TestPump_WakeWinsWhereItIsEarlier(t *testing.T) {
	w := edgetest.New(t)
	r := &round{step: fails}
	h := object(t, w, r)
	due := func() time.Duration {
		t.Helper()
		do(t, h, func(c *courier) error { return c.pump.Due() })
		return alarmIn(t, w, h).Round(time.Millisecond)
	}
	in := func(d time.Duration) int64 { return w.Now().Add(d).UnixMilli() }
	r.wake = in(time.Hour)
	if got := due(); got != time.Hour {
		t.Fatalf("nothing is pending, the object wakes in an hour, the alarm is in %s", got)
	}
	do(t, h, (*courier).add)
	if got := due(); got < outbox.BackoffFirst || got > outbox.BackoffFirst*5/4 {
		t.Fatalf("a failure waits, the object wakes in an hour, the alarm is in %s", got)
	}
	r.wake = in(time.Second)
	if got := due(); got != time.Second {
		t.Fatalf("a failure waits, the object wakes in a second, the alarm is in %s", got)
	}
	r.wake = 0
	do(t, h, func(c *courier) error { return errors.Join(c.owe(-1), c.pump.Due()) })
	noAlarm(t, h)
}

func TestPump_AnAlarmThatIsRunEarlyTriesAtOnceAndIsSetAnew(t *testing.T) {
	w := edgetest.New(t)
	r := &round{step: fails, wake: w.Now().Add(time.Hour).UnixMilli()}
	h := object(t, w, r)
	do(t, h, (*courier).add)
	if h.RunAlarm(); r.steps != 2 {
		t.Fatalf("%d steps after an alarm amid the backoff", r.steps)
	}
	r.step = nil
	w.Advance(alarmIn(t, w, h))
	h.RunAlarm()
	if wait := w.Now().Add(alarmIn(t, w, h)).UnixMilli(); r.delivered != 1 || wait != r.wake {
		t.Fatalf("%d delivered, and the object wakes at %d, want %d", r.delivered, wait, r.wake)
	}
}

func TestPump_ForgetsWithDeleteAll(t *testing.T) {
	w := edgetest.New(t)
	r := &round{step: fails}
	h := object(t, w, r)
	do(t, h, (*courier).add)
	w.Advance(alarmIn(t, w, h)) // two failures
	do(t, h, func(c *courier) error {
		if err := c.state.Storage.DeleteAll(); err != nil {
			return err
		}
		c.owed = 0
		c.pump.Forget()
		if n := c.pump.Failing(); n != 0 {
			return fmt.Errorf("the pump counts %d failures", n)
		}
		return nil
	})
	noAlarm(t, h)
	do(t, h, r.shut)
	do(t, h, (*courier).add)
	if wait := alarmIn(t, w, h); wait != outbox.Watchdog {
		t.Fatalf("the watchdog of the new delivery comes in %s", wait)
	}
	r.step = fails
	do(t, h, (*courier).add)
	do(t, h, r.open)
	if r.steps != 4 {
		t.Fatalf("%d steps, want two of before and two of after", r.steps)
	}
	if wait := alarmIn(t, w, h); wait > outbox.BackoffFirst*5/4 {
		t.Fatalf("the first failure after DeleteAll waits %s", wait)
	}
	if n, err := failuresOf(h); n != 1 || err != nil {
		t.Fatalf("storage counts %d failures, %v", n, err)
	}
}

func failuresOf(h *edgetest.Handle) (n int, err error) {
	text := string(h.KV()[failuresKey])
	_, err = fmt.Sscan(text, &n)
	return n, err
}

var _ edge.Alarmer = (*courier)(nil)
