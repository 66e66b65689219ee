package main

import (
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/holdfast-run/holdfast/host"
	"github.com/holdfast-run/holdfast/internal/wasmtest"
)

// metric is a figure of the host's metrics, "" if it is not there.
func metric(t *testing.T, h *wasmtest.Host, name string) string {
	t.Helper()
	a := wasmtest.Do(t, "GET", h.Admin+"/_holdfast/metrics", "", nil)
	for line := range strings.Lines(string(a.Body)) {
		if k, v, ok := strings.Cut(strings.TrimSpace(line), " "); ok && k == name {
			return v
		}
	}
	return ""
}

// TestFreeze_IsNotSeen: objects that rest come back with what they remember,
// with sockets, and with handlers that were asleep; a panic of one leaves the
// others' memory alone.
func TestFreeze_IsNotSeen(t *testing.T) {
	h, get := kit(t, host.Config{Limits: host.Limits{FreezeSeconds: 1, IdleSeconds: 300}})
	const n = 40
	for i := range n {
		expect(t, get(fmt.Sprintf("probe/f%d/runs", i)), 200, "1")
	}
	s := wasmtest.Dial(t, h.URL+"/tck/probe/f0/ws", nil)
	var sleeper sync.WaitGroup
	sleeper.Go(func() { expect(t, get("probe/f1/sleep?arg=4000"), 200, "slept") })
	wasmtest.Eventually(t, "all objects are frozen, the sleeping one too", func() bool { return metric(t, h, "holdfast_objects_hot") == "0" })
	s.Write("still here")
	if got := string(s.Text()); got != "still here" {
		t.Fatalf("socket: %q", got)
	}
	sleeper.Wait()
	if a := get("probe/f2/panic"); a.Status != 500 {
		t.Fatalf("panic: %d", a.Status)
	}
	for i := range n {
		want := "2"
		switch i {
		case 0, 1:
			want = "3" // the upgrade; the sleep
		case 2:
			want = "1"
		}
		expect(t, get(fmt.Sprintf("probe/f%d/runs", i)), 200, want)
	}
	if metric(t, h, "holdfast_thaws_total") == "0" {
		t.Fatal("nothing was thawed: the test tests nothing")
	}
}

// TestFreeze_LosesNothingWithoutRoom: with no room for frozen memory, objects
// start again from storage; what waits is kept all the same.
func TestFreeze_LosesNothingWithoutRoom(t *testing.T) {
	h, get := kit(t, host.Config{Limits: host.Limits{FreezeSeconds: 1, IdleSeconds: 300, FrozenBytesMax: 1, FrozenDiskBytesMax: -1}})
	expect(t, get("probe/a/put?arg=kept"), 200, "ok")
	var sleeper sync.WaitGroup
	began := time.Now()
	sleeper.Go(func() { expect(t, get("probe/b/sleep?arg=4000"), 200, "slept") })
	wasmtest.Eventually(t, "both are frozen", func() bool { return metric(t, h, "holdfast_frozen_dropped_total") >= "1" })
	expect(t, get("probe/a/runs"), 200, "1")
	expect(t, get("probe/a/get"), 200, `"kept"`)
	sleeper.Wait()
	if took := time.Since(began); took < 4*time.Second {
		t.Fatalf("a sleep of 4 s took %v", took)
	}
}

// TestFreeze_OutlastsIdleness: a frozen object keeps what it remembers when a
// live one would have gone cold, but no open database; of many the longest idle
// go.
func TestFreeze_OutlastsIdleness(t *testing.T) {
	h, get := kit(t, host.Config{Limits: host.Limits{FreezeSeconds: 1, IdleSeconds: 2, FrozenMax: 3, FrozenSeconds: 300}})
	at := func(name, value string) {
		t.Helper()
		wasmtest.Eventually(t, name+" is "+value, func() bool { return metric(t, h, name) == value })
	}
	for i := range 5 {
		expect(t, get(fmt.Sprintf("probe/s%d/runs", i)), 200, "1")
	}
	expect(t, get("probe/s4/sql?arg=SELECT+1+AS+one"), 200, "1 rows of [one]")
	if n := metric(t, h, "holdfast_sql_databases_open"); n != "1" {
		t.Fatalf("%s open databases: the test tests nothing", n)
	}
	at("holdfast_objects_frozen", "3")
	at("holdfast_sql_databases_open", "0")
	expect(t, get("probe/s4/sql?arg=SELECT+1+AS+one"), 200, "1 rows of [one]")
	expect(t, get("probe/s4/runs"), 200, "4")
	if bytes, err := strconv.ParseFloat(metric(t, h, "holdfast_objects_hot_bytes"), 64); err != nil || bytes < 40<<10 {
		t.Errorf("a thawed instance weighs %v bytes, %v", bytes, err)
	}
	expect(t, get("probe/s0/runs"), 200, "1")
}

// TestFreeze_ByAManualClock: a frozen object remembers, and goes cold when a
// live one would, so that a test sees what the app has not stored.
func TestFreeze_ByAManualClock(t *testing.T) {
	h, get := kit(t, host.Config{Manual: true})
	forward := func(d time.Duration) {
		t.Helper()
		if _, _, err := h.Advance(t.Context(), d); err != nil {
			t.Fatal(err)
		}
	}
	expect(t, get("probe/m/runs"), 200, "1")
	forward(3 * time.Second)
	wasmtest.Eventually(t, "it is frozen", func() bool { return metric(t, h, "holdfast_objects_frozen") == "1" })
	expect(t, get("probe/m/runs"), 200, "2")
	forward(11 * time.Second)
	wasmtest.Eventually(t, "it is cold", func() bool { return metric(t, h, "holdfast_objects_known") == "0" })
	expect(t, get("probe/m/runs"), 200, "1")
}

// TestFreeze_Ends: a frozen object that nobody asks for goes cold.
func TestFreeze_Ends(t *testing.T) {
	h, get := kit(t, host.Config{Limits: host.Limits{FreezeSeconds: 1, IdleSeconds: 2, FrozenSeconds: 3}})
	expect(t, get("probe/e/runs"), 200, "1")
	wasmtest.Eventually(t, "it leaves", func() bool { return metric(t, h, "holdfast_objects_known") == "0" })
	if n := metric(t, h, "holdfast_freezes_total"); n != "1" {
		t.Errorf("%s freezes", n)
	}
}

// TestLoop_IsStopped: a guest that does not return is stopped at its limit,
// its caller told, and the others served meanwhile.
func TestLoop_IsStopped(t *testing.T) {
	_, get := kit(t, host.Config{Limits: host.Limits{EventSeconds: 1}})
	expect(t, get("probe/l/put?arg=kept"), 200, "ok")
	var looping sync.WaitGroup
	looping.Go(func() {
		a := get("probe/l/loop")
		if a.Status != 504 && a.Status != 503 && a.Status != 500 || !strings.Contains(string(a.Body), "longer than") {
			t.Errorf("the caller got %d %s", a.Status, a.Body)
		}
	})
	for range 20 {
		get("probe/m/runs")
	}
	looping.Wait()
	expect(t, get("probe/l/get"), 200, `"kept"`)
	expect(t, get("probe/l/get?arg=constructed"), 200, "2")
}
