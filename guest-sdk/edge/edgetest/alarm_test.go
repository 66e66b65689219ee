package edgetest_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/holdfast-run/holdfast/guest-sdk/edge"
	"github.com/holdfast-run/holdfast/guest-sdk/edge/edgetest"
)

func alarmIn(d time.Duration) func(p *probe) error {
	return func(p *probe) error { return p.state.Storage.SetAlarm(p.state.Now().Add(d)) }
}

func TestAlarm_RunsOnceAtItsTime(t *testing.T) {
	w := edgetest.New(t)
	h := w.Object("Probe", "alarmed")
	start := w.Now()
	var runs []time.Duration
	on(t, "alarmed", &hooks{alarm: func(p *probe, a edge.AlarmInfo) error {
		runs = append(runs, p.state.Now().Sub(start))
		if _, ok, _ := p.state.Storage.GetAlarm(); ok || a.IsRetry || a.RetryCount != 0 || !a.Scheduled.Equal(p.state.Now()) {
			return fmt.Errorf("set %v, info %+v", ok, a)
		}
		if len(runs) == 1 {
			return alarmIn(time.Minute)(p)
		}
		return nil
	}})
	must(t, h, alarmIn(time.Hour))
	w.Advance(time.Hour - 1)
	if len(runs) != 0 {
		t.Fatal("ran early")
	}
	w.Advance(2 * time.Hour)
	if want := []time.Duration{time.Hour, time.Hour + time.Minute}; !slices.Equal(runs, want) {
		t.Fatalf("ran at %v, want %v", runs, want)
	}
	if _, ok := h.Alarm(); ok {
		t.Fatal("an alarm is left")
	}
	must(t, h, alarmIn(-time.Hour))
	if len(runs) != 3 {
		t.Fatal("a past alarm did not run at once")
	}
	must(t, h, alarmIn(time.Hour))
	if h.RunAlarm(); len(runs) != 4 {
		t.Fatal("RunAlarm did not run it")
	}
}

func TestAlarm_RetriesSixTimesThenDies(t *testing.T) {
	for name, fail := range map[string]func(p *probe) error{
		"error": func(*probe) error { return errors.New("no") },
		"panic": func(*probe) error { panic("no") },
		"abort": func(p *probe) error { p.state.Abort("no"); return nil },
	} {
		t.Run(name, func(t *testing.T) {
			w := edgetest.New(t)
			h := w.Object("Probe", "failing")
			var runs []time.Time
			on(t, "failing", &hooks{alarm: func(p *probe, a edge.AlarmInfo) error {
				if a.RetryCount != len(runs) || a.IsRetry != (len(runs) > 0) {
					t.Errorf("run %d: %+v", len(runs), a)
				}
				runs = append(runs, p.state.Now())
				return fail(p)
			}})
			must(t, h, alarmIn(time.Second))
			w.Advance(time.Hour)
			if len(runs) != 7 {
				t.Fatalf("ran %d times", len(runs))
			}
			for i := 1; i < len(runs); i++ {
				base := 2 * time.Second << (i - 1)
				if d := runs[i].Sub(runs[i-1]); d < base || d > base+base/4+time.Millisecond {
					t.Errorf("retry %d after %s, want %s to %s", i, d, base, base+base/4)
				}
			}
			if _, ok := h.Alarm(); ok {
				t.Fatal("a dead alarm is still set")
			}
		})
	}
}

func TestAlarm_AbortWithoutRetryDropsIt(t *testing.T) {
	w := edgetest.New(t)
	h := w.Object("Probe", "dropped")
	runs := 0
	on(t, "dropped", &hooks{alarm: func(p *probe, _ edge.AlarmInfo) error {
		runs++
		p.state.Abort("no", edge.NoAlarmRetry())
		return nil
	}})
	must(t, h, alarmIn(time.Second))
	w.Advance(time.Hour)
	if _, ok := h.Alarm(); runs != 1 || ok {
		t.Fatalf("ran %d times, still set: %v", runs, ok)
	}
}

func TestAlarm_WakesAColdObjectWhoseConstructorWaits(t *testing.T) {
	w := edgetest.New(t)
	h := w.Object("Probe", "cold")
	runs := 0
	on(t, "cold", &hooks{
		create: func(p *probe) error { return p.state.Storage.Sync() },
		alarm:  func(*probe, edge.AlarmInfo) error { runs++; return nil },
	})
	must(t, h, alarmIn(time.Second))
	h.Evict()
	if w.Advance(time.Second); runs != 1 {
		t.Fatalf("ran %d times", runs)
	}
}

func TestAlarm_WithoutAHandlerIsDropped(t *testing.T) {
	w := edgetest.New(t, edgetest.Namespace("BARE", "Bare"))
	w.Object("Bare", "a").Fetch("GET", "/", nil).Want(200)
	if _, ok := w.Object("Bare", "a").Alarm(); ok {
		t.Fatal("an alarm is set")
	}
}

func TestCron_FiresByTheClockAndOnDemand(t *testing.T) {
	w := edgetest.New(t, edgetest.Cron("*/10 * * * *"), edgetest.Cron("0 1 * * *"))
	var runs []string
	cronRuns = func(s edge.Scheduled, e *edge.Env) error {
		runs = append(runs, s.Cron+" "+s.Time.UTC().Format("15:04"))
		if !s.Time.Equal(e.Now()) {
			return errors.New("not at its time")
		}
		if s.Cron == "bad" {
			return errors.New("bad cron")
		}
		return nil
	}
	w.Advance(time.Hour)
	want := []string{"*/10 * * * * 00:10", "*/10 * * * * 00:20", "*/10 * * * * 00:30", "*/10 * * * * 00:40", "*/10 * * * * 00:50", "*/10 * * * * 01:00", "0 1 * * * 01:00"}
	if !slices.Equal(runs, want) {
		t.Fatalf("ran %q", runs)
	}
	if err := w.Scheduled("bad"); err == nil || err.Error() != "bad cron" {
		t.Fatalf("scheduled: %v", err)
	}
}
