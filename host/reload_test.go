package host_test

import (
	"strings"
	"testing"

	"github.com/holdfast-run/holdfast/internal/wasmtest"
)

// becomes waits until an object answers with a version.
func becomes(t *testing.T, h *wasmtest.Host, version string) {
	t.Helper()
	wasmtest.Eventually(t, "version "+version+" answers", func() bool {
		return string(room(t, h, "a", "version").Body) == version
	})
}

func TestReload_KeepsSocketsStateAndAlarms(t *testing.T) {
	app := newApp(t, roomConfig)
	h := wasmtest.Start(t, dev(), app.dir)
	expect(t, room(t, h, "a", "incr"), 200, "1")
	expect(t, room(t, h, "a", "arm"), 200, "ok")
	s := wasmtest.Dial(t, h.URL+"/r/a/ws", nil)
	s.Write("hello")
	if got := string(s.Text()); got != "one heard hello" {
		t.Fatalf("the socket says %q", got)
	}

	app.change("main.go", `version = "one"`, `version = "two"`)
	becomes(t, h, "two")
	s.Write("again")
	if got := string(s.Text()); got != "two heard again" {
		t.Fatalf("behind the switch the socket says %q", got)
	}
	expect(t, wasmtest.Do(t, "POST", h.URL+"/r/a/say", "", "to all"), 200, "1")
	if got := string(s.Text()); got != "to all" {
		t.Fatalf("the broadcast came as %q", got)
	}
	expect(t, room(t, h, "a", "incr"), 200, "2")
	expect(t, wasmtest.Do(t, "GET", h.URL+"/w/x", "", nil), 200, "worker two")
	if n := advance(t, h, "2h"); n != 1 {
		t.Fatalf("%d fired", n)
	}
	expect(t, room(t, h, "a", "rang"), 200, "two")
	apps := wasmtest.Do(t, "GET", h.Admin+"/_holdfast/api/apps", "", nil)
	if !strings.Contains(string(apps.Body), `"version":2`) {
		t.Errorf("the admin API says %s", apps.Body)
	}
}

func TestReload_ABrokenBuildChangesNothing(t *testing.T) {
	app := newApp(t, roomConfig)
	h := wasmtest.Start(t, dev(), app.dir)
	s := wasmtest.Dial(t, h.URL+"/r/a/ws", nil)
	app.change("main.go", `version = "one"`, `version = undefined`)
	wasmtest.Eventually(t, "the log says why", func() bool {
		return strings.Contains(h.Log.String(), "not reloaded") && strings.Contains(h.Log.String(), "undefined: undefined")
	})
	s.Write("still")
	if got := string(s.Text()); got != "one heard still" {
		t.Fatalf("the socket says %q", got)
	}
	app.change("wrangler.jsonc", `"/w/*"`, `"nonsense`)
	wasmtest.Eventually(t, "the log names the configuration", func() bool {
		return strings.Contains(h.Log.String(), "wrangler.jsonc")
	})
	expect(t, room(t, h, "a", "version"), 200, "one")
	app.change("wrangler.jsonc", `"nonsense`, `"/w/*"`)
	app.change("main.go", `version = undefined`, `version = "three"`)
	becomes(t, h, "three")
	s.Write("at last")
	if got := string(s.Text()); got != "three heard at last" {
		t.Fatalf("the socket says %q", got)
	}
}

func TestReload_RoutesVariablesAndAssets(t *testing.T) {
	app := newApp(t, strings.Replace(roomConfig, `"name": "rooms",`, `"name": "rooms", "vars": {"GREETING": "ahoy"}, "assets": {"directory": "public"},`, 1))
	app.write("public/w/page.txt", "first")
	h := wasmtest.Start(t, dev(), app.dir)
	expect(t, wasmtest.Do(t, "GET", h.URL+"/w/vars", "", nil), 200, "ahoy dev")
	expect(t, wasmtest.Do(t, "GET", h.URL+"/w/page.txt", "", nil), 200, "first")
	app.write("public/w/page.txt", "second")
	wasmtest.Eventually(t, "the file is new", func() bool {
		return string(wasmtest.Do(t, "GET", h.URL+"/w/page.txt", "", nil).Body) == "second"
	})
	if a := wasmtest.Do(t, "GET", h.URL+"/new/x", "", nil); a.Status != 404 {
		t.Fatalf("a route that is not there yet: %d", a.Status)
	}
	app.change("wrangler.jsonc", `{"pattern": "/w/*"}`, `{"pattern": "/w/*"}, {"pattern": "/new/*"}`)
	app.change("wrangler.jsonc", "ahoy", "moin")
	wasmtest.Eventually(t, "the route is there", func() bool {
		return wasmtest.Do(t, "GET", h.URL+"/new/x", "", nil).Status == 200
	})
	expect(t, wasmtest.Do(t, "GET", h.URL+"/w/vars", "", nil), 200, "moin dev")
}
