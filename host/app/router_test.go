package app

import (
	"strings"
	"testing"
)

// routed makes a router of one app for each line: a pattern, and for a route
// to an object its name.
func routed(t testing.TB, lines ...string) *Router {
	t.Helper()
	var apps []*Config
	for _, line := range lines {
		pattern, name, isObject := strings.Cut(line, " ")
		route := Route{Pattern: pattern, key: "routes[0]"}
		if isObject {
			route.Kind, route.Binding, route.Name = KindObject, "OBJECT", name
		}
		apps = append(apps, &Config{File: "/" + pattern + "/wrangler.json", Name: pattern, Routes: []Route{route}})
	}
	r, err := NewRouter(apps)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestRouter_TheLongestWins(t *testing.T) {
	r := routed(t, "/*", "/logs", "/logs/*", "/logs/:id :id", "/logs/:id/* :id", "/logs/:id/import import-:id", "/logs/special",
		"/api*", "/apiary", "/:one/:two/end :two-:one", "/", "/trailing/", "example.com/*", "example.com/logs", "*.example.com/logs/*", "*.deep.example.com/logs/*", "https://exact.org", "*/everywhere")
	for request, want := range map[string]string{
		"h/":                        "/",
		"h/nothing":                 "/*",
		"h/nothing/else":            "/*",
		"h/logs":                    "/logs",
		"h/logs/":                   "/logs/*",
		"h/logs/7":                  "/logs/:id 7",
		"h/logs/special":            "/logs/special",
		"h/logs/special/x":          "/logs/:id/* special",
		"h/logs/7/":                 "/logs/:id/* 7",
		"h/logs/7/a/b":              "/logs/:id/* 7",
		"h/logs/7/import":           "/logs/:id/import import-7",
		"h/logs/7/import/":          "/logs/:id/* 7",
		"h/logs//x":                 "/logs/*",
		"h/logs/a%20b%2Fc":          "/logs/:id a b/c",
		"h/logs/%E2%82%AC":          "/logs/:id €",
		"h/api":                     "/api*",
		"h/api2/x":                  "/api*",
		"h/apiary":                  "/apiary",
		"h/apiary/x":                "/api*",
		"h/x/y/end":                 "/:one/:two/end y-x",
		"h/x/y/end/z":               "/*",
		"h/trailing/":               "/trailing/",
		"h/trailing":                "/*",
		"example.com/logs":          "example.com/logs",
		"example.com/logs/7":        "example.com/*",
		"a.example.com/logs/7":      "*.example.com/logs/*",
		"a.deep.example.com/logs/7": "*.deep.example.com/logs/*",
		"a.example.com/logs":        "/logs",
		"exact.org/":                "https://exact.org",
		"exact.org/x":               "/*",
		"h/everywhere":              "*/everywhere",
	} {
		host, path, _ := strings.Cut(request, "/")
		m, ok := r.Match(host, "/"+path)
		got := m.Pattern
		if m.Kind == KindObject {
			got += " " + m.Name
		}
		if !ok || got != want || m.App != m.Pattern {
			t.Errorf("%s leads to %q, %v; want %q", request, got, ok, want)
		}
	}
}

func TestRouter_NoMatch(t *testing.T) {
	r := routed(t, "/a/:x/b :x", "/c")
	for _, path := range []string{"/", "/a", "/a/", "/a//b", "/a/x", "/a/x/b/", "/c/", "", "c", "/a/%FF/b"} {
		if m, ok := r.Match("h", path); ok {
			t.Errorf("%q leads to %+v", path, m)
		}
	}
}

func TestRouter_TheSamePatternTwiceNamesBothApps(t *testing.T) {
	for _, pair := range [][2]string{{"/*", "/*"}, {"/a/:x", "/a/:y"}, {"Example.com/a", "https://example.com/a"}, {"*.x.org/a*", "*.x.org/a*"}, {"/a/:x/*", "*/a/:y/*"}} {
		apps := []*Config{
			{File: "/one/wrangler.json", Name: "one", Routes: []Route{{Pattern: pair[0], key: "routes[0]"}}},
			{File: "/two/wrangler.json", Name: "two", Routes: []Route{{Pattern: pair[1], key: "routes[0]"}}},
		}
		_, err := NewRouter(apps)
		if err == nil || !strings.Contains(err.Error(), "app one") || !strings.Contains(err.Error(), "app two") || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: error is %v", pair, err)
		}
	}
}

func TestParsePattern_Faults(t *testing.T) {
	for _, bad := range []string{"", "a b/x", "h:80/x", "/a*/b", "/*/b", "/a**", "/:", "/:a-b", "/:x/:x", "/a?b", "/a#b", "ex*ample.com/", "/:a/:b/:c/:d/:e/:f/:g/:h/:i", "/" + strings.Repeat("x", patternBytesMax)} {
		if p, err := parsePattern(bad); err == nil {
			t.Errorf("%.40q was read as %+v", bad, p)
		}
	}
}

func TestRouter_AllocatesNothing(t *testing.T) {
	r := routed(t, "/*", "/logs/:id/* :id", "/logs", "example.com/*")
	if allocs := testing.AllocsPerRun(100, func() {
		if m, ok := r.Match("h", "/logs/some-room/events"); !ok || m.Name != "some-room" {
			t.Fatal(m)
		}
	}); allocs > 0 {
		t.Errorf("Match allocates %.1f times", allocs)
	}
}

func BenchmarkRouter(b *testing.B) {
	r := routed(b, "/*", "/logs/:id/* :id", "/logs", "/counter/:name/* :name", "example.com/*")
	b.ReportAllocs()
	for b.Loop() {
		if _, ok := r.Match("127.0.0.1", "/counter/alice/incr"); !ok {
			b.Fatal("no match")
		}
	}
}

func FuzzRouter(f *testing.F) {
	f.Add("/logs/:id/*", "/logs/7/x")
	f.Add("example.com/a*", "/abc")
	f.Add("/:a/:b", "/%zz/%41")
	f.Add("/", "/")
	f.Fuzz(func(t *testing.T, text, path string) {
		p, err := parsePattern(text)
		if err != nil {
			return
		}
		name := "n"
		if len(p.params) > 0 {
			name = ":" + p.params[0]
		}
		r, err := NewRouter([]*Config{{Name: "a", Routes: []Route{{Pattern: text, Kind: KindObject, Binding: "B", Name: name}}}})
		if err != nil {
			t.Fatalf("%q can be read and not routed: %v", text, err)
		}
		m, ok := r.Match(p.host, path)
		if !ok {
			return
		}
		if !strings.HasPrefix(path, "/") {
			t.Fatalf("%q matches %q", text, path)
		}
		if p.tail == tailNone && strings.Count(path, "/") != len(p.segments) {
			t.Fatalf("%q matches %q, which has another number of segments", text, path)
		}
		if name != "n" && m.Name == "" {
			t.Fatalf("%q matches %q with an empty name", text, path)
		}
	})
}
