package admin_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/holdfast-run/holdfast/host/admin"
)

func TestAPI_Answers(t *testing.T) {
	h := &fake{}
	api := serve(t, h) + "/_holdfast/api/"
	for _, c := range []struct{ method, path, body, want, asked string }{
		{"GET", "apps", "", `{"items":[{"name":"logs","version":2,"routes":["/logs"],"guest":{"bytes":3,"imageBytes":4}}]}`, ""},
		{"GET", "namespaces", "", `{"items":[]}`, "namespaces"},
		{"GET", "objects", "", `{"items":[{"id":"1","name":"a","tier":"","createdAt":"","lastActiveAt":"","storageBytes":0}],"cursor":"next"}`, `objects "" "" "" 100`},
		{"GET", "objects?namespace=logs.LogRoom&prefix=a%2Fb&cursor=c&limit=1000", "", "", `objects "logs.LogRoom" "a/b" "c" 1000`},
		{"GET", "objects/logs.LogRoom/0123", "", "", `object "logs.LogRoom" "0123" false`},
		{"GET", "objects/logs.LogRoom/name:ann", "", "", `object "logs.LogRoom" "ann" true`},
		{"GET", "alarms?limit=1&cursor=x", "", `{"items":[]}`, `alarms "x" 1`},
		{"GET", "alarms/dead", "", `{"items":[]}`, `dead "" 100`},
		{"GET", "d1", "", `{"items":[{"name":"logs","uuid":"u","createdAt":"c","fileSize":5}]}`, "d1"},
		{"GET", "crons", "", `{"items":[]}`, ""},
		{"POST", "crons/logs/2/run", "", `{"durationMs":1500,"outcome":"ok"}`, `cron "logs" 2`},
		{"GET", "clock", "", `{"mode":"manual","now":"1970-01-01T00:00:01.234Z"}`, ""},
		{"POST", "clock", `{"advance":"90s"}`, `{"fired":3,"now":"1970-01-01T00:01:31.234Z"}`, "advance 1m30s"},
	} {
		h.asked = nil
		a := ask(t, c.method, api+c.path, c.body)
		if a.status != 200 || c.want != "" && a.body != c.want {
			t.Errorf("%s %s: %d %s, want %s", c.method, c.path, a.status, a.body, c.want)
		}
		if got := strings.Join(h.asked, "|"); got != c.asked {
			t.Errorf("%s %s asked %s, want %s", c.method, c.path, got, c.asked)
		}
	}
	for _, act := range []string{"evict", "crash"} {
		h.asked = nil
		if a := ask(t, "POST", api+"objects/logs.LogRoom/name:ann/"+act, ""); a.status != 204 || a.body != "" || h.asked[0] != act+` "logs.LogRoom" "ann" true` {
			t.Errorf("%s: %d %s, asked %v", act, a.status, a.body, h.asked)
		}
	}
}

// TestAPI_NamesOfAnyKind: a name may hold slashes, blanks, per cent signs.
func TestAPI_NamesOfAnyKind(t *testing.T) {
	h := &fake{}
	api := serve(t, h) + "/_holdfast/api/"
	for escaped, name := range map[string]string{
		"a%2Fb": "a/b", "100%25": "100%", "%252F": "%2F", "a%20b": "a b", "%C3%A4": "ä", "..%2F..": "../..", "%2e%2e": "..", "a//b": "",
	} {
		h.asked = nil
		a := ask(t, "GET", api+"objects/n/name:"+escaped, "")
		if name == "" {
			if a.status != 404 {
				t.Errorf("%s: %d %s", escaped, a.status, a.body)
			}
			continue
		}
		if want := fmt.Sprintf(`object "n" %q true`, name); a.status != 200 || strings.Join(h.asked, "|") != want {
			t.Errorf("%s: %d %s, asked %v, want %s", escaped, a.status, a.body, h.asked, want)
		}
	}
}

func TestAPI_Refuses(t *testing.T) {
	h := &fake{}
	base := serve(t, h)
	for _, c := range []struct {
		method, path, body string
		status             int
		code               string
	}{
		{"GET", "/", "", 404, "not_found"},
		{"GET", "/_holdfast/api/", "", 404, "not_found"},
		{"GET", "/_holdfast/api/nothing", "", 404, "not_found"},
		{"DELETE", "/_holdfast/api/apps", "", 404, "not_found"},
		{"GET", "/_holdfast/api/objects/n", "", 404, "not_found"},
		{"POST", "/_holdfast/api/objects", "", 404, "not_found"},
		{"POST", "/_holdfast/api/objects/n/1/dance", "", 404, "not_found"},
		{"GET", "/_holdfast/api/alarms/alive", "", 404, "not_found"},
		{"POST", "/_holdfast/api/crons/logs/2", "", 404, "not_found"},
		{"POST", "/_holdfast/api/crons/logs/x/run", "", 400, "bad_request"},
		{"GET", "/_holdfast/api/objects?limit=0", "", 400, "bad_request"},
		{"GET", "/_holdfast/api/objects?limit=1001", "", 400, "bad_request"},
		{"GET", "/_holdfast/api/alarms?limit=x", "", 400, "bad_request"},
		{"POST", "/_holdfast/api/clock", "", 400, "bad_request"},
		{"POST", "/_holdfast/api/clock", `{"advance":"soon"}`, 400, "bad_request"},
		{"POST", "/_holdfast/api/clock", `{"advance":"-1s"}`, 400, "bad_request"},
		{"POST", "/_holdfast/api/clock", `{"advance":3}`, 400, "bad_request"},
	} {
		if a := ask(t, c.method, base+c.path, c.body); a.status != c.status || a.code() != c.code || a.header.Get("Content-Type") != "application/json" {
			t.Errorf("%s %s %s: %d %s, want %d %s", c.method, c.path, c.body, a.status, a.body, c.status, c.code)
		}
	}
	if len(h.asked) > 0 {
		t.Errorf("the host was asked %v", h.asked)
	}
}

func TestAPI_ErrorsOfTheHost(t *testing.T) {
	h := &fake{}
	api := serve(t, h) + "/_holdfast/api/"
	for _, c := range []struct {
		err    error
		status int
		code   string
	}{
		{fmt.Errorf("%w: no object x", admin.ErrNotFound), 404, "not_found"},
		{errors.Join(admin.ErrConflict, errors.New("it is busy")), 409, "conflict"},
		{errors.New("the disk is gone"), 500, "internal"},
	} {
		h.failed = c.err
		for _, call := range []string{
			"GET namespaces", "GET objects", "GET objects/n/1", "POST objects/n/1/evict", "POST objects/n/1/crash",
			"GET alarms", "GET alarms/dead", "GET d1", "POST crons/logs/0/run",
		} {
			method, path, _ := strings.Cut(call, " ")
			if a := ask(t, method, api+path, ""); a.status != c.status || a.code() != c.code {
				t.Errorf("%s with %v: %d %s", call, c.err, a.status, a.body)
			}
		}
		if a := ask(t, "POST", api+"clock", `{"advance":"1s"}`); a.status != c.status || a.code() != c.code {
			t.Errorf("clock with %v: %d %s", c.err, a.status, a.body)
		}
	}
}

// TestShutdown_BeforeServe: a signal may come while a host is starting.
func TestShutdown_BeforeServe(t *testing.T) {
	s, err := admin.New(admin.Config{Addr: "127.0.0.1:0"}, &fake{})
	if err != nil {
		t.Fatal(err)
	}
	if s.Addr() != nil {
		t.Error("it has an address before it listens")
	}
	if err := s.Shutdown(context.Background()); err != nil {
		t.Errorf("before Listen: %v", err)
	}
	if err := s.Listen(); err != nil {
		t.Fatal(err)
	}
	if err := s.Shutdown(context.Background()); err != nil {
		t.Errorf("before Serve: %v", err)
	}
	if err := s.Serve(); err != nil {
		t.Errorf("Serve behind Shutdown: %v", err)
	}
}

func TestOthers_MetricsProfilesAndD1(t *testing.T) {
	base := serve(t, &fake{})
	if a := ask(t, "GET", base+"/_holdfast/metrics", ""); a.status != 200 {
		t.Errorf("metrics: %d %s", a.status, a.body)
	}
	for path, want := range map[string]string{"": "Types of profiles", "/heap?debug=1": "heap profile: ", "/goroutine?debug=1": "goroutine profile: "} {
		if a := ask(t, "GET", base+"/_holdfast/debug/pprof"+path, ""); a.status != 200 || !strings.Contains(a.body, want) {
			t.Errorf("profiles%s: %d %.200s", path, a.status, a.body)
		}
	}
	if a := ask(t, "POST", base+"/d1/main/query", "{}"); a.status != 200 || a.body != "from d1" {
		t.Errorf("d1: %d %s", a.status, a.body)
	}
}
