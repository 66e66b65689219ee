package front

import (
	"encoding/json"
	"errors"
	"log/slog"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/valyala/fasthttp"

	"github.com/holdfast-run/holdfast/host/d1"
	"github.com/holdfast-run/holdfast/host/storage"
)

type bench struct {
	t    *testing.T
	fs   vfs.FS
	host func(*d1.Config) // changes the configurations; may be nil
	own  func(*Config)
	stop func()

	mu    sync.Mutex // guards the rest while a server runs
	front *Front
	asked string // the bodies that it has been sent
}

func newBench(t *testing.T) *bench { return newBenchWith(t, nil, nil) }

func newBenchWith(t *testing.T, host func(*d1.Config), own func(*Config)) *bench {
	t.Helper()
	b := &bench{t: t, fs: vfs.NewMem(), host: host, own: own}
	b.start()
	t.Cleanup(func() { b.stop() })
	return b
}

func (b *bench) start() {
	b.t.Helper()
	engine, err := storage.Open(storage.Config{Dir: "data", FS: b.fs, CacheBytes: 8 << 20, MemTableBytes: 4 << 20})
	if err != nil {
		b.t.Fatal(err)
	}
	hostConfig := d1.Config{Engine: engine, Scratch: b.t.TempDir(), Logger: slog.New(slog.DiscardHandler)}
	if b.host != nil {
		b.host(&hostConfig)
	}
	host, err := d1.New(hostConfig)
	if err != nil {
		b.t.Fatal(err)
	}
	config := Config{Host: host}
	if b.own != nil {
		b.own(&config)
	}
	made := New(config)
	b.mu.Lock()
	b.front = made
	b.mu.Unlock()
	b.stop = func() {
		if err := errors.Join(made.Close(), host.Close(), engine.Close()); err != nil {
			b.t.Error(err)
		}
	}
}

// restart ends the host in order and starts it again over its data. No request
// may be on its way.
func (b *bench) restart() {
	b.t.Helper()
	b.stop()
	b.start()
}

// ask sends a request and returns the answer.
func (b *bench) ask(method, uri, body string, headers ...string) *fasthttp.RequestCtx {
	b.t.Helper()
	ctx := &fasthttp.RequestCtx{}
	ctx.Request.Header.SetMethod(method)
	ctx.Request.SetRequestURI(uri)
	ctx.Request.SetBodyString(body)
	for i := 0; i < len(headers); i += 2 {
		ctx.Request.Header.Set(headers[i], headers[i+1])
	}
	if !b.front.Handle(ctx, true) {
		b.t.Fatalf("%s %s was not taken", method, uri)
	}
	if !json.Valid(ctx.Response.Body()) {
		b.t.Fatalf("%s %s: no JSON: %s", method, uri, ctx.Response.Body())
	}
	return ctx
}

// changing are the parts of an answer that are not the same each time.
var changing = regexp.MustCompile(`"(?:query_duration_ms|sql_duration_ms|duration|size_after|file_size)":[0-9.e-]+|"created_at":"[^"]+"|"uuid":"[^"]+"`)

func steady(body []byte) string {
	return changing.ReplaceAllStringFunc(string(body), func(s string) string { return s[:strings.Index(s, ":")+1] + "_" })
}

func (b *bench) want(ctx *fasthttp.RequestCtx, status int, body string) {
	b.t.Helper()
	if got := steady(ctx.Response.Body()); ctx.Response.StatusCode() != status || got != body {
		b.t.Fatalf("got %d %s\nwant %d %s", ctx.Response.StatusCode(), got, status, body)
	}
}

func meta(changes, lastRowID string, changed bool, read, written string) string {
	text := "false"
	if changed {
		text = "true"
	}
	return `"meta":{"served_by":"holdfast","served_by_primary":true,"timings":{"sql_duration_ms":_},"duration":_,"changes":` + changes +
		`,"last_row_id":` + lastRowID + `,"changed_db":` + text + `,"size_after":_,"rows_read":` + read + `,"rows_written":` + written + `}`
}

func TestHandle_OtherPaths(t *testing.T) {
	b := newBench(t)
	for _, path := range []string{"/", "/d1", "/d1/db", "/client/v4/accounts/a/workers", "/client/v4/accounts/a/d1/databases", "/query", "/execute", "/dump"} {
		ctx := &fasthttp.RequestCtx{}
		ctx.Request.SetRequestURI(path)
		if b.front.Handle(ctx, true) {
			t.Errorf("%s was taken", path)
		}
	}
}

func TestWire(t *testing.T) {
	b := newBench(t)
	b.want(b.ask("POST", "/d1/db/execute?resultsFormat=NONE", `[{"sql":"CREATE TABLE t (a INTEGER, b)"},{"sql":"INSERT INTO t VALUES (?, ?)","params":[1,"x\"\n\u00fc"]}]`),
		200, `[{"success":true,`+meta("0", "0", true, "0", "0")+`,"results":[]},{"success":true,`+meta("1", "1", true, "0", "1")+`,"results":[]}]`)
	b.want(b.ask("POST", "/d1/db/query?resultsFormat=ROWS_AND_COLUMNS", `{"sql":"SELECT a, b, 1 AS a FROM t","params":null}`),
		200, `[{"success":true,`+meta("0", "1", false, "1", "0")+`,"results":{"columns":["a","b","a"],"rows":[[1,"x\"\nü",1]]}}]`)
	b.want(b.ask("POST", "/d1/db/query", `{"sql":"SELECT 1 AS a, 2 AS b, 3 AS a"}`),
		200, `[{"success":true,`+meta("0", "1", false, "1", "0")+`,"results":[{"a":3,"b":2}]}]`)
	b.want(b.ask("POST", "/d1/db/query?resultsFormat=ROWS_AND_COLUMNS",
		`{"sql":"SELECT typeof(?1), ?2, ?3, ?4, typeof(?5), 9007199254740993, 1e999, 1.0, 1.5e300, x''","params":[1,null,[0,255],"",true]}`),
		200, `[{"success":true,`+meta("0", "1", false, "1", "0")+
			`,"results":{"columns":["typeof(?1)","?2","?3","?4","typeof(?5)","9007199254740993","1e999","1.0","1.5e300","x''"],"rows":[["real",null,[0,255],"","real",9007199254740993,null,1,1.5e+300,[]]]}}]`)
}

func TestWire_Failures(t *testing.T) {
	b := newBench(t)
	for _, test := range []struct {
		status       int
		method, body string
		want         string
	}{
		{500, "POST", `{"sql":"SELECT * FROM nope"}`, "no such table: nope: SQLITE_ERROR"},
		{500, "POST", `[{"sql":"CREATE TABLE t (a)"},{"sql":"SELEC"}]`, `near \"SELEC\": syntax error at offset 0: SQLITE_ERROR`},
		{500, "POST", `{"sql":"SELECT * FROM t"}`, "no such table: t: SQLITE_ERROR"},
		{500, "POST", `[]`, "No SQL statements detected."},
		{500, "POST", `{"sql":""}`, "No SQL statements detected."},
		{500, "POST", `{"sql":"SELECT ?"}`, "Wrong number of parameter bindings for SQL query."},
		{400, "POST", `{"sql":"SELECT ?","params":[{}]}`, "Type 'object' not supported for value '[object Object]'"},
		{400, "POST", `{"sql":"SELECT ?","params":[[256]]}`, "A list among the parameters holds 256, which is no byte."},
		{400, "POST", `{}`, `A query has no \"sql\".`},
		{400, "POST", `{"sql":"SELECT 1"} {}`, "The body goes on after its JSON value."},
		{405, "GET", "", "Only POST is answered here."},
	} {
		b.want(b.ask(test.method, "/d1/db/query", test.body), test.status, `{"success":false,"error":"`+test.want+`"}`)
	}
	b.want(b.ask("POST", "/d1/db/dump", ""), 404, `{"success":false,"error":"unsupported: dump"}`)
	b.want(b.ask("POST", "/d1/-x/query", `{"sql":"SELECT 1"}`), 500,
		`{"success":false,"error":"\"-x\" is no name of a database: 1 to 64 letters, digits, '_', '-' and '.'"}`)
}

func TestWire_Bookmark(t *testing.T) {
	b := newBench(t)
	plain := b.ask("POST", "/d1/db/query", `{"sql":"CREATE TABLE t (a)"}`)
	if got := plain.Response.Header.Peek(bookmarkHeader); len(got) != 0 {
		t.Fatalf("an unasked bookmark %q", got)
	}
	last := "first-primary"
	for _, sql := range []string{"INSERT INTO t VALUES (1)", "INSERT INTO t VALUES (2)"} {
		answer := b.ask("POST", "/d1/db/query", `{"sql":"`+sql+`"}`, bookmarkHeader, last)
		next := string(answer.Response.Header.Peek(bookmarkHeader))
		if !regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{8}-[0-9a-f]{8}-[0-9a-f]{32}$`).MatchString(next) || last[0] == '0' && next <= last {
			t.Fatalf("bookmark %q after %q", next, last)
		}
		last = next
	}
}

const account = "/client/v4/accounts/any/d1/database"

func (b *bench) create(name string) (uuid string) {
	b.t.Helper()
	var created struct {
		Result struct {
			UUID string `json:"uuid"`
		} `json:"result"`
	}
	ctx := b.ask("POST", account, `{"name":"`+name+`","primary_location_hint":"weur"}`)
	if err := json.Unmarshal(ctx.Response.Body(), &created); err != nil || created.Result.UUID == "" {
		b.t.Fatalf("%s (%v)", ctx.Response.Body(), err)
	}
	return created.Result.UUID
}

func TestREST_Databases(t *testing.T) {
	b := newBench(t)
	const one = `{"uuid":_,"name":"one","version":"production","created_at":_,"file_size":_,"num_tables":0,"read_replication":{"mode":"disabled"}}`
	b.want(b.ask("POST", account, `{"name":"one"}`), 200, `{"success":true,"errors":[],"messages":[],"result":`+one+`}`)
	b.want(b.ask("POST", account, `{"name":"one"}`), 400,
		`{"success":false,"errors":[{"code":7502,"message":"A database with the name \"one\" already exists."}],"messages":[],"result":null}`)
	b.want(b.ask("POST", account, `{"name":"a b"}`), 400,
		`{"success":false,"errors":[{"code":7400,"message":"\"a b\" is no name of a database: 1 to 64 letters, digits, '_', '-' and '.'"}],"messages":[],"result":null}`)
	two := b.create("two")
	b.want(b.ask("GET", account+"/one", ""), 200, `{"success":true,"errors":[],"messages":[],"result":`+one+`}`)
	for _, fields := range []string{"fields=name,num_tables", "fields=name&fields=num_tables"} {
		b.want(b.ask("GET", account+"/"+two+"?"+fields, ""), 200, `{"success":true,"errors":[],"messages":[],"result":{"name":"two","num_tables":0}}`)
	}
	b.want(b.ask("PATCH", account+"/one", `{"read_replication":{"mode":"auto"}}`), 200, `{"success":true,"errors":[],"messages":[],"result":`+one+`}`)
	const missing = "11111111-2222-4333-8444-555555555555"
	notFound := `{"success":false,"errors":[{"code":7404,"message":"The database ` + missing + ` could not be found"}],"messages":[],"result":null}`
	b.want(b.ask("GET", account+"/"+missing, ""), 404, notFound)
	b.want(b.ask("DELETE", account+"/"+missing, ""), 404, notFound)
	b.want(b.ask("POST", account+"/"+missing+"/query", `{"sql":"SELECT 1"}`), 404, notFound)
	entry := func(name string) string {
		return `{"uuid":_,"name":"` + name + `","version":"production","created_at":_}`
	}
	b.want(b.ask("GET", account+"?per_page=10", ""), 200, `{"success":true,"errors":[],"messages":[],"result":[`+entry("one")+","+entry("two")+
		`],"result_info":{"page":1,"per_page":10,"count":2,"total_count":2}}`)
	b.want(b.ask("GET", account+"?page=2&per_page=1", ""), 200, `{"success":true,"errors":[],"messages":[],"result":[`+entry("two")+
		`],"result_info":{"page":2,"per_page":1,"count":1,"total_count":2}}`)
	b.want(b.ask("GET", account+"?name=tw&page=9", ""), 200, `{"success":true,"errors":[],"messages":[],"result":[],"result_info":{"page":9,"per_page":1000,"count":0,"total_count":1}}`)
	b.want(b.ask("DELETE", account+"/"+two, ""), 200, `{"success":true,"errors":[],"messages":[],"result":null}`)
	b.want(b.ask("GET", account+"/two", ""), 404, strings.ReplaceAll(notFound, missing, "two"))
}

func TestREST_Query(t *testing.T) {
	b := newBench(t)
	id := b.create("db")
	ok := func(results string) string {
		return `{"success":true,"errors":[],"messages":[],"result":[` + results + `]}`
	}
	b.want(b.ask("POST", account+"/"+id+"/query", `{"sql":"CREATE TABLE t (a INTEGER); INSERT INTO t VALUES (1); INSERT INTO t VALUES (?);","params":["2"]}`), 200,
		ok(`{"success":true,`+meta("0", "0", true, "0", "0")+`,"results":[]},{"success":true,`+meta("1", "1", true, "0", "1")+
			`,"results":[]},{"success":true,`+meta("1", "2", true, "0", "1")+`,"results":[]}`))
	b.want(b.ask("POST", account+"/"+id+"/query", `{"sql":"SELECT a FROM t WHERE a > ?","params":[1]}`), 200,
		ok(`{"success":true,`+meta("0", "2", false, "2", "0")+`,"results":[{"a":2}]}`))
	b.want(b.ask("POST", account+"/"+id+"/raw", `{"sql":"SELECT a FROM t"}`), 200,
		ok(`{"success":true,`+meta("0", "2", false, "2", "0")+`,"results":{"columns":["a"],"rows":[[1],[2]]}}`))
	fault := func(message string) string {
		return `{"success":false,"errors":[{"code":7500,"message":"` + message + `"}],"messages":[],"result":null}`
	}
	b.want(b.ask("POST", account+"/"+id+"/query", `{"sql":"SELEC 1"}`), 400, fault(`near \"SELEC\": syntax error at offset 0: SQLITE_ERROR`))
	b.want(b.ask("POST", account+"/"+id+"/query", `{"batch":[{"sql":"DELETE FROM t"},{"sql":"SELECT nope"}]}`), 400,
		fault("no such column: nope at offset 7: SQLITE_ERROR"))
	b.want(b.ask("POST", account+"/"+id+"/query", `{"batch":[{"sql":"SELECT count(*) AS n FROM t"}]}`), 200,
		ok(`{"success":true,`+meta("0", "2", false, "1", "0")+`,"results":[{"n":2}]}`))
	b.want(b.ask("POST", account+"/"+id+"/query", `{"sql":""}`), 400, fault("No SQL statements detected."))
}

func TestREST_Unsupported(t *testing.T) {
	b := newBench(t)
	id := b.create("db")
	for _, operation := range []string{"dump", "time_travel/forward"} {
		path := account + "/" + id + "/" + operation
		b.want(b.ask("POST", path, "{}"), 404,
			`{"success":false,"errors":[{"code":7003,"message":"unsupported: POST `+path+`"}],"messages":[],"result":null}`)
	}
}
