package clock_test

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/holdfast-run/holdfast/runtime/clock"
)

var (
	_ clock.Clock = clock.System{}
	_ clock.Clock = (*clock.Manual)(nil)
)

var noon = time.Date(2026, 4, 7, 12, 0, 0, 0, time.UTC)

func TestManual_StandsStillUntilSet(t *testing.T) {
	c := clock.NewManual(noon)
	mono := c.Mono()
	if !c.Now().Equal(noon) || c.Mono() != mono || mono == 0 {
		t.Fatalf("now %v, mono %d", c.Now(), mono)
	}
	c.Set(noon.Add(time.Minute))
	if !c.Now().Equal(noon.Add(time.Minute)) || c.Mono()-mono != int64(time.Minute) {
		t.Fatalf("now %v, mono moved by %d", c.Now(), c.Mono()-mono)
	}
	c.Set(noon)
	if !c.Now().Equal(noon.Add(time.Minute)) {
		t.Fatalf("it went back to %v", c.Now())
	}
}

func TestManual_FiresInOrderOfTimesThenOfMaking(t *testing.T) {
	c := clock.NewManual(noon)
	var fired []string
	at := func(name string, d time.Duration) {
		c.AfterFunc(d, func() { fired = append(fired, fmt.Sprintf("%s@%v", name, c.Now().Sub(noon))) })
	}
	at("c", 3*time.Second)
	at("a1", time.Second)
	at("a2", time.Second)
	at("b", 2*time.Second)
	at("late", time.Hour)
	if next, ok := c.Next(); !ok || !next.Equal(noon.Add(time.Second)) {
		t.Fatalf("next is %v %v", next, ok)
	}
	if n := c.Set(noon.Add(10 * time.Second)); n != 4 {
		t.Fatalf("%d fired", n)
	}
	if want := []string{"a1@1s", "a2@1s", "b@2s", "c@3s"}; !slices.Equal(fired, want) {
		t.Fatalf("fired %v, want %v", fired, want)
	}
	if next, ok := c.Next(); !ok || !next.Equal(noon.Add(time.Hour)) {
		t.Fatalf("next is %v %v", next, ok)
	}
}

func TestManual_TimersSetWhileFiring(t *testing.T) {
	c := clock.NewManual(noon)
	var fired []time.Duration
	var again func()
	again = func() {
		fired = append(fired, c.Now().Sub(noon))
		c.AfterFunc(10*time.Second, again)
	}
	c.AfterFunc(10*time.Second, again)
	if n := c.Set(noon.Add(35 * time.Second)); n != 3 {
		t.Fatalf("%d fired", n)
	}
	if want := []time.Duration{10e9, 20e9, 30e9}; !slices.Equal(fired, want) {
		t.Fatalf("fired at %v, want %v", fired, want)
	}
	if !c.Now().Equal(noon.Add(35 * time.Second)) {
		t.Fatalf("it stands at %v", c.Now())
	}
}

func TestManual_StopKeepsFromFiring(t *testing.T) {
	c := clock.NewManual(noon)
	var second clock.Timer
	first := c.AfterFunc(time.Second, func() {
		if !second.Stop() {
			t.Error("a timer that has not fired cannot be stopped")
		}
	})
	second = c.AfterFunc(2*time.Second, func() { t.Error("a stopped timer fired") })
	if n := c.Set(noon.Add(time.Minute)); n != 1 {
		t.Fatalf("%d fired", n)
	}
	if first.Stop() || second.Stop() {
		t.Fatal("a timer was stopped twice, or after it fired")
	}
	if _, ok := c.Next(); ok {
		t.Fatal("something is left")
	}
}

func TestManual_PastTimesFireAtOnceByThemselves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := clock.NewManual(noon)
		var fired atomic.Int32
		for _, d := range []time.Duration{0, -time.Hour} {
			timer := c.AfterFunc(d, func() { fired.Add(1) })
			synctest.Wait()
			if timer.Stop() {
				t.Errorf("%v: stopped after it fired", d)
			}
		}
		if _, ok := c.Next(); ok || fired.Load() != 2 {
			t.Fatalf("%d fired", fired.Load())
		}
	})
}

func TestManual_HammerFiresEachOnce(t *testing.T) {
	c := clock.NewManual(noon)
	const makers, each = 4, 500
	var fired, stopped atomic.Int64
	var wg sync.WaitGroup
	for m := range makers {
		wg.Go(func() {
			for i := range each {
				timer := c.AfterFunc(time.Duration(1+(i*7+m)%100)*time.Second, func() { fired.Add(1) })
				if i%5 == 0 && timer.Stop() {
					stopped.Add(1)
				}
			}
		})
	}
	for s := range 50 {
		c.Set(noon.Add(time.Duration(s) * time.Second))
		c.Now()
		c.Next()
	}
	wg.Wait()
	c.Set(noon.Add(time.Hour))
	if fired.Load()+stopped.Load() != makers*each {
		t.Fatalf("%d fired and %d stopped of %d", fired.Load(), stopped.Load(), makers*each)
	}
}

func TestSystem_IsTheMachines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := clock.System{}
		now, mono := c.Now(), c.Mono()
		done := make(chan time.Time, 1)
		c.AfterFunc(time.Minute, func() { done <- c.Now() })
		kept := c.AfterFunc(time.Second, func() { t.Error("a stopped timer fired") })
		if !kept.Stop() {
			t.Error("a timer that has not fired cannot be stopped")
		}
		if at := <-done; at.Sub(now) != time.Minute || c.Mono()-mono != int64(time.Minute) {
			t.Errorf("fired after %v, mono moved by %d", at.Sub(now), c.Mono()-mono)
		}
	})
	if (clock.System{}).Mono() < int64(time.Hour) {
		t.Error("a guest may read zero")
	}
}
