package main

import (
	"fmt"
	"testing"
	"time"

	"github.com/holdfast-run/holdfast/host"
	"github.com/holdfast-run/holdfast/internal/wasmtest"
)

func advance(t *testing.T, h *wasmtest.Host, d time.Duration) int {
	t.Helper()
	a := wasmtest.Do(t, "POST", h.Admin+"/_holdfast/api/clock", "", map[string]string{"advance": d.String()})
	if a.Status != 200 {
		t.Fatalf("advance %v: %d %s", d, a.Status, a.Body)
	}
	return int(a.JSON(t)["fired"].(float64))
}

func TestAlarm_RetriesSixTimesThenDies(t *testing.T) {
	h, get := kit(t, host.Config{Manual: true})
	expect(t, get("probe/a/alarm?arg=fail+100"), 200, "ok")
	if n := advance(t, h, 9*time.Second); n != 0 {
		t.Fatalf("fired %d early", n)
	}
	if n := advance(t, h, 2*time.Second); n != 1 {
		t.Fatalf("fired %d", n)
	}
	// 2+4+8+16+32+64 s with up to a quarter of jitter on each.
	if n := advance(t, h, 3*time.Minute); n != 6 {
		t.Fatalf("%d retries, want 6", n)
	}
	expect(t, get("probe/a/get?arg=alarms"), 200, "7")
	expect(t, get("probe/a/get?arg=alarm-note"), 200, `"6/true/false"`)
	if n := advance(t, h, time.Hour); n != 0 {
		t.Fatalf("a dead alarm fired %d times", n)
	}
	dead := wasmtest.Do(t, "GET", h.Admin+"/_holdfast/api/alarms/dead", "", nil).JSON(t)["items"].([]any)
	if len(dead) != 1 || dead[0].(map[string]any)["name"] != "a" {
		t.Fatalf("dead letters: %v", dead)
	}
}

func TestAlarm_PanicIsCountedAndWritesAreLost(t *testing.T) {
	h, get := kit(t, host.Config{Manual: true})
	expect(t, get("probe/a/alarm?arg=panic+1"), 200, "ok")
	// The panic drops its own count, so it would panic for ever: six retries.
	if n := advance(t, h, 10*time.Minute); n != 7 {
		t.Fatalf("fired %d", n)
	}
	if a := get("probe/a/get?arg=alarms"); a.Status != 404 {
		t.Fatalf("the dropped turn left %d %s", a.Status, a.Body)
	}
}

func TestAlarm_SetAnewWhileItRuns(t *testing.T) {
	h, get := kit(t, host.Config{Manual: true})
	expect(t, get("probe/a/alarm?arg=again+3"), 200, "ok")
	if n := advance(t, h, 10*time.Minute); n != 4 {
		t.Fatalf("fired %d, want 1 and 3 again", n)
	}
	expect(t, get("probe/a/get?arg=alarm-note"), 200, `"0/false/false"`)
}

func TestAlarm_OverdueFiresAfterRestart(t *testing.T) {
	dir := t.TempDir()
	h, get := kit(t, host.Config{Manual: true, DataDir: dir})
	expect(t, get("probe/a/alarm"), 200, "ok")
	h.Stop()
	h, get = kit(t, host.Config{Manual: true, DataDir: dir})
	if n := advance(t, h, time.Hour); n != 1 {
		t.Fatalf("fired %d", n)
	}
	expect(t, get("probe/a/get?arg=alarms"), 200, "1")
}

func TestCron_RunsOnTimeAndOnDemand(t *testing.T) {
	h, get := kit(t, host.Config{Manual: true})
	if n := advance(t, h, 24*time.Hour); n != 1 {
		t.Fatalf("a day fired %d", n)
	}
	first := string(get("probe/cron/get").Body)
	a := wasmtest.Do(t, "POST", h.Admin+"/_holdfast/api/crons/tck/0/run", "", nil)
	if a.Status != 200 || a.JSON(t)["outcome"] != "ok" {
		t.Fatalf("run: %d %s", a.Status, a.Body)
	}
	if again := string(get("probe/cron/get").Body); again == first {
		t.Fatalf("the run left no mark: %s", again)
	}
}

func TestClock_SystemRefusesAdvance(t *testing.T) {
	h, _ := kit(t, host.Config{})
	a := wasmtest.Do(t, "POST", h.Admin+"/_holdfast/api/clock", "", map[string]string{"advance": "1h"})
	if a.Status != 409 {
		t.Fatalf("got %d %s", a.Status, a.Body)
	}
}

func TestEviction_MemoryIsBoundedAndStateReturns(t *testing.T) {
	objects := 2000
	if testing.Short() {
		objects = 200
	}
	h, get := kit(t, host.Config{Limits: host.Limits{HotMax: 64, IdleSeconds: 1}})
	for i := range objects {
		expect(t, get(fmt.Sprintf("probe/o%d/put?arg=v%d", i, i)), 200, "ok")
		if hot := h.Hot(); hot > 64+1 {
			t.Fatalf("%d live instances with a limit of 64", hot)
		}
	}
	wasmtest.Eventually(t, "all instances go cold", func() bool { return h.Hot() <= 1 })
	for i := 0; i < objects; i += 37 {
		expect(t, get(fmt.Sprintf("probe/o%d/get", i)), 200, fmt.Sprintf("%q", fmt.Sprint("v", i)))
	}
}

func TestAlarm_ConstructorThatWaits(t *testing.T) {
	h, get := kit(t, host.Config{Manual: true})
	expect(t, get("probe/slow/alarm"), 200, "ok")
	if a := wasmtest.Do(t, "POST", h.Admin+"/_holdfast/api/objects/tck.Probe/name:slow/evict", "", nil); a.Status != 204 {
		t.Fatalf("evict: %d %s", a.Status, a.Body)
	}
	if n := advance(t, h, time.Minute); n != 1 {
		t.Fatalf("fired %d", n)
	}
	expect(t, get("probe/slow/get?arg=alarms"), 200, "1")
}

func TestClock_MovesWhileAHandlerSleeps(t *testing.T) {
	h, get := kit(t, host.Config{Manual: true})
	answered := make(chan string, 1)
	go func() { answered <- string(get("probe/s/sleep?arg=10000").Body) }()
	wasmtest.Eventually(t, "the sleeper wakes by the clock", func() bool {
		advance(t, h, 3*time.Second)
		select {
		case body := <-answered:
			return body == "slept"
		default:
			return false
		}
	})
}
