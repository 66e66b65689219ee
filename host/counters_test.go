package host_test

import (
	"strings"
	"testing"

	"github.com/holdfast-run/holdfast/host"
	"github.com/holdfast-run/holdfast/internal/wasmtest"
)

// counted is the line of a counter on the metrics page, "" without one.
func counted(t *testing.T, h *wasmtest.Host, name string) string {
	t.Helper()
	a := wasmtest.Do(t, "GET", h.Admin+"/_holdfast/metrics", "", nil)
	for line := range strings.Lines(string(a.Body)) {
		if strings.HasPrefix(line, "holdfast_app_"+name+"_total{") {
			return strings.TrimSpace(line)
		}
	}
	return ""
}

func TestCounters_AreShownByAppAndOutliveAPanic(t *testing.T) {
	second := newApp(t, strings.NewReplacer(`"rooms"`, `"halls"`, "/r/", "/h/", "/w/", "/v/").Replace(roomConfig))
	h := wasmtest.Start(t, host.Config{}, newApp(t, roomConfig).dir, second.dir)
	if got := counted(t, h, "visits"); got != "" {
		t.Fatalf("before anything was counted: %s", got)
	}
	expect(t, wasmtest.Do(t, "POST", h.URL+"/r/a/count", "", "visits"), 200, "counted")
	expect(t, wasmtest.Do(t, "POST", h.URL+"/r/b/count", "", "visits"), 200, "counted")
	expect(t, wasmtest.Do(t, "POST", h.URL+"/w/count", "", "visits"), 200, "counted")
	if a := wasmtest.Do(t, "POST", h.URL+"/r/b/countpanic", "", "visits"); a.Status != 500 {
		t.Fatalf("the panic: %d %s", a.Status, a.Body)
	}
	expect(t, wasmtest.Do(t, "POST", h.URL+"/h/a/count", "", "visits"), 200, "counted")
	page := string(wasmtest.Do(t, "GET", h.Admin+"/_holdfast/metrics", "", nil).Body)
	want := "# HELP holdfast_app_visits_total Counted by the guests of an app.\n# TYPE holdfast_app_visits_total counter\n" +
		"holdfast_app_visits_total{app=\"halls\"} 1\nholdfast_app_visits_total{app=\"rooms\"} 4\n"
	if !strings.Contains(page, want) {
		t.Errorf("the page lacks\n%s\nit is\n%s", want, page)
	}
}

func TestCounters_AreLimitedAndOutliveAReload(t *testing.T) {
	app := newApp(t, strings.Replace(roomConfig, `"holdfast": {`, `"holdfast": {"limits": {"counters": 1}, `, 1))
	cfg := dev()
	cfg.Limits.Counters = 7 // the app's own counts
	h := wasmtest.Start(t, cfg, app.dir)
	for _, name := range []string{"visits", "second", "No name", "visits"} {
		expect(t, wasmtest.Do(t, "POST", h.URL+"/r/a/count", "", name), 200, "counted")
	}
	if got := counted(t, h, "visits"); got != `holdfast_app_visits_total{app="rooms"} 2` || counted(t, h, "second") != "" {
		t.Fatalf("visits: %q, second: %q", got, counted(t, h, "second"))
	}
	log := h.Log.String()
	if !strings.Contains(log, "second would be counter 2 of the app, 1 are allowed (holdfast.limits.counters)") || strings.Contains(log, "No name") {
		t.Errorf("one refusal an instance belongs in the log:\n%s", log)
	}
	app.change("wrangler.jsonc", `"counters": 1`, `"counters": 2`)
	app.change("main.go", `version = "one"`, `version = "two"`)
	becomes(t, h, "two")
	for _, name := range []string{"visits", "second", "third"} {
		expect(t, wasmtest.Do(t, "POST", h.URL+"/r/a/count", "", name), 200, "counted")
	}
	if v, s, th := counted(t, h, "visits"), counted(t, h, "second"), counted(t, h, "third"); !strings.HasSuffix(v, " 3") || !strings.HasSuffix(s, " 1") || th != "" {
		t.Errorf("behind the reload: %q, %q, %q", v, s, th)
	}
}
