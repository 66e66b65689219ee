package host_test

import (
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/holdfast-run/holdfast/host"
	"github.com/holdfast-run/holdfast/internal/wasmtest"
)

func TestStartPage_ListsWhatRuns(t *testing.T) {
	one := filesApp(t, `{"name":"one","assets":{"directory":"public"},"routes":[{"pattern":"/one/*"},{"pattern":"files.example/*"}]}`, "public/one/index.html", "<h1>One</h1>")
	h := wasmtest.Start(t, host.Config{}, one.dir, newApp(t, roomConfig).dir)
	a := wasmtest.Do(t, "GET", h.URL+"/", "", nil)
	if a.Status != 200 || !strings.HasPrefix(a.Header.Get("Content-Type"), "text/html") {
		t.Fatalf("%d %v", a.Status, a.Header)
	}
	for _, want := range []string{"<strong>one</strong>", `<a href="/one/">/one/*</a>`, "<code>files.example/*</code>", "<strong>rooms</strong>", `<html lang="en">`, "viewport"} {
		if !strings.Contains(string(a.Body), want) {
			t.Errorf("the page lacks %s:\n%s", want, a.Body)
		}
	}
	all := filesApp(t, `{"name":"all","assets":{"directory":"public"}}`, "public/index.html", "mine")
	h = wasmtest.Start(t, host.Config{}, all.dir)
	expect(t, wasmtest.Do(t, "GET", h.URL+"/", "", nil), 200, "mine")
}

func TestAssets_AnswerAsFilesDo(t *testing.T) {
	app := filesApp(t, `{"name":"one","assets":{"directory":"public"},"routes":[{"pattern":"/one/*"}]}`,
		"public/one/index.html", "<h1>One</h1>", "public/one/app.js", "export {}", "public/one/.secret", "hidden")
	h := wasmtest.Start(t, host.Config{}, app.dir)
	a := wasmtest.Do(t, "GET", h.URL+"/one/", "", nil)
	expect(t, a, 200, "<h1>One</h1>")
	if a.Header.Get("Content-Type") != "text/html; charset=utf-8" || a.Header.Get("ETag") == "" {
		t.Errorf("header %v", a.Header)
	}
	if a := wasmtest.Do(t, "GET", h.URL+"/one/app.js", "", nil); a.Header.Get("Content-Type") != "text/javascript; charset=utf-8" {
		t.Errorf("header %v", a.Header)
	}
	for path, code := range map[string]string{
		"/one/none": "not_found", "/one/.secret": "not_found", "/two/": "not_found",
		"/one/../wrangler.jsonc": "bad_request", "/one/%2e%2e/wrangler.jsonc": "bad_request",
	} {
		status := map[string]int{"not_found": 404, "bad_request": 400}[code]
		if a := wasmtest.Do(t, "GET", h.URL+path, "", nil); a.Status != status || a.Code() != code {
			t.Errorf("%s: %d %s", path, a.Status, a.Body)
		}
	}
	if a := wasmtest.Do(t, "POST", h.URL+"/one/", "", "x"); a.Status != 405 || a.Header.Get("Allow") != "GET, HEAD" {
		t.Errorf("POST: %d %s", a.Status, a.Body)
	}
}

func TestFailures_HaveOneShape(t *testing.T) {
	h := wasmtest.Start(t, host.Config{}, newApp(t, roomConfig).dir)
	for _, c := range []struct {
		path, body string
		status     int
		code       string
		words      string
	}{
		{"/nowhere", "", 404, "not_found", "/nowhere"},
		{"/_holdfast/health", "", 404, "not_found", ""},
		{"/r/a/fail", "", 500, "guest_failed", "the handler's own words"},
		{"/r/a/panic", "", 500, "reset", ""},
		{"/r/a/length", strings.Repeat("x", 1<<20+1), 413, "too_large", ""},
	} {
		a := wasmtest.Do(t, "POST", h.URL+c.path, "", c.body)
		if a.Status != c.status || a.Code() != c.code || !strings.Contains(string(a.Body), c.words) || a.Header.Get("Content-Type") != "application/json" {
			t.Errorf("%s: %d %s %s", c.path, a.Status, a.Header.Get("Content-Type"), a.Body)
		}
		if strings.Contains(string(a.Body), "last words") {
			t.Errorf("%s: a guest's panic text is the log's: %s", c.path, a.Body)
		}
	}
	expect(t, wasmtest.Do(t, "POST", h.URL+"/r/a/length", "", strings.Repeat("x", 1<<20)), 200, "1048576")
	expect(t, wasmtest.Do(t, "POST", h.URL+"/r/a/version", "", strings.Repeat("x", 2<<20)), 200, "one")
	if !strings.Contains(h.Log.String(), "the guest's last words") {
		t.Errorf("the log lacks the panic:\n%s", h.Log)
	}
}

// TestOverload_IsToldAtOnce holds an object in a handler: what its mailbox
// has no room for is refused, not kept waiting.
func TestOverload_IsToldAtOnce(t *testing.T) {
	h := wasmtest.Start(t, host.Config{Manual: true, Limits: host.Limits{MailboxEvents: 2}}, newApp(t, roomConfig).dir)
	var wg sync.WaitGroup
	answers := make(chan wasmtest.Answer, 8)
	ask := func(op string) {
		wg.Go(func() {
			if a, err := wasmtest.Try("GET", h.URL+"/r/busy/"+op, "", nil); err == nil {
				answers <- a
			}
		})
	}
	ask("hold")
	events := func() int {
		a := wasmtest.Do(t, "GET", h.Admin+"/_holdfast/api/objects/rooms.Room/name:busy", "", nil)
		if a.Status != 200 {
			return -1
		}
		return int(a.JSON(t)["mailbox"].(map[string]any)["events"].(float64))
	}
	wasmtest.Eventually(t, "the handler holds the object", func() bool { return events() == 0 })
	ask("version")
	ask("version")
	wasmtest.Eventually(t, "the mailbox is full", func() bool { return events() == 2 })
	a := wasmtest.Do(t, "GET", h.URL+"/r/busy/version", "", nil)
	if a.Status != 503 || a.Code() != "overloaded" || a.Header.Get("Retry-After") == "" {
		t.Errorf("%d %v %s", a.Status, a.Header, a.Body)
	}
	expect(t, room(t, h, "free", "version"), 200, "one") // others do not notice
	advance(t, h, "1h")
	wg.Wait()
	close(answers)
	got := map[string]int{}
	for a := range answers {
		got[string(a.Body)]++
	}
	if got["held"] != 1 || got["one"] != 2 {
		t.Errorf("the others got %v", got)
	}
}

// TestD1_RemoteThatDoesNotAnswerDelaysNothing: a host is ready, and its other
// paths answer, whatever a remote database does.
func TestD1_RemoteThatDoesNotAnswerDelaysNothing(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0") // accepts, by its backlog, and never says a word
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	gone, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	refuses := gone.Addr().String()
	if err := gone.Close(); err != nil {
		t.Fatal(err)
	}
	for name, addr := range map[string]string{"refuses": refuses, "is silent": silent.Addr().String()} {
		t.Run(name, func(t *testing.T) {
			config := strings.Replace(roomConfig, `"holdfast": {`, `"d1_databases": [{"binding": "DB", "database_name": "notes", "database_id": "notes", "migrations_dir": "migrations"}],
				"holdfast": {"d1": [{"binding": "DB", "url": "http://`+addr+`"}], `, 1)
			app := newApp(t, config)
			app.write("migrations/0001_notes.sql", "CREATE TABLE notes (id INTEGER PRIMARY KEY);\n")
			began := time.Now()
			h := wasmtest.Start(t, host.Config{Limits: host.Limits{D1Seconds: 2}}, app.dir)
			t.Logf("ready after %v, building included", time.Since(began).Round(time.Millisecond))
			expect(t, room(t, h, "a", "incr"), 200, "1")
			if a := wasmtest.Do(t, "GET", h.URL+"/w/d1", "", nil); a.Status != 500 {
				t.Errorf("a query of it: %d %s", a.Status, a.Body)
			}
			expect(t, room(t, h, "a", "incr"), 200, "2")
		})
	}
	local := newApp(t, strings.Replace(roomConfig, `"holdfast": {`, `"d1_databases": [{"binding": "DB", "database_name": "notes", "database_id": "notes", "migrations_dir": "migrations"}], "holdfast": {`, 1))
	local.write("migrations/0001_notes.sql", "CREATE TABLE notes (id INTEGER PRIMARY KEY);\nINSERT INTO notes VALUES (1), (2);\n")
	h := wasmtest.Start(t, host.Config{}, local.dir)
	expect(t, wasmtest.Do(t, "GET", h.URL+"/w/d1", "", nil), 200, "2")
}

func TestMetrics_AreNamedAndTold(t *testing.T) {
	h := wasmtest.Start(t, host.Config{}, newApp(t, roomConfig).dir)
	expect(t, room(t, h, "a", "incr"), 200, "1")
	a := wasmtest.Do(t, "GET", h.Admin+"/_holdfast/metrics", "", nil)
	if a.Status != 200 {
		t.Fatalf("%d %s", a.Status, a.Body)
	}
	help, kinds, values := map[string]bool{}, map[string]bool{}, 0
	for line := range strings.Lines(string(a.Body)) {
		words := strings.Fields(line)
		switch {
		case strings.HasPrefix(line, "# HELP "):
			help[words[2]] = len(words) > 3
		case strings.HasPrefix(line, "# TYPE "):
			kinds[words[2]] = true
		default:
			values++
			name, _, _ := strings.Cut(words[0], "{")
			if !strings.HasPrefix(name, "holdfast_") || !help[name] || !kinds[name] {
				t.Errorf("metric without name, help or type: %s", line)
			}
		}
	}
	if values < 10 || !strings.Contains(string(a.Body), "\nholdfast_objects_hot 1\n") {
		t.Errorf("%d metrics:\n%s", values, a.Body)
	}
}
