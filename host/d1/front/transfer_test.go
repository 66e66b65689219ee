package front

import (
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"net/url"
	"strings"
	"testing"

	"github.com/valyala/fasthttp"
)

// result asks and decodes the result of an envelope into out.
func (b *bench) result(method, uri, body string, out any, headers ...string) {
	b.t.Helper()
	ctx := b.ask(method, uri, body, headers...)
	envelope := struct {
		Success bool
		Result  any
	}{Result: out}
	if err := json.Unmarshal(ctx.Response.Body(), &envelope); err != nil || !envelope.Success {
		b.t.Fatalf("%s %s: %s, %v", method, uri, ctx.Response.Body(), err)
	}
}

// plain asks for what is no JSON.
func (b *bench) plain(method, uri, body string) *fasthttp.RequestCtx {
	b.t.Helper()
	ctx := &fasthttp.RequestCtx{}
	ctx.Request.Header.SetMethod(method)
	ctx.Request.SetRequestURI(uri)
	ctx.Request.SetBodyString(body)
	if !b.front.Handle(ctx, false) {
		b.t.Fatalf("%s %s was not taken", method, uri)
	}
	return ctx
}

func pathOf(t *testing.T, address string) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil || u.Host != "host:1" {
		t.Fatalf("address %s, %v", address, err)
	}
	return u.Path
}

func TestREST_ExportAndImport(t *testing.T) {
	b := newBench(t)
	id := b.create("db")
	base := account + "/" + id
	b.ask("POST", base+"/query", `{"sql":"CREATE TABLE t (a); INSERT INTO t VALUES ('x')"}`)
	var out struct {
		Status     string
		AtBookmark string `json:"at_bookmark"`
		Error      string
		Result     struct {
			SignedURL  string `json:"signed_url"`
			NumQueries int    `json:"num_queries"`
		}
	}
	b.result("POST", base+"/export", `{"output_format":"polling"}`, &out, "Host", "host:1")
	const want = "PRAGMA defer_foreign_keys=TRUE;\nCREATE TABLE t (a);\nINSERT INTO \"t\" (\"a\") VALUES('x');\n"
	if got := b.plain("GET", pathOf(t, out.Result.SignedURL), ""); string(got.Response.Body()) != want || out.Status != "complete" || out.AtBookmark == "" {
		t.Fatalf("got %q, %+v", got.Response.Body(), out)
	}
	target := account + "/" + b.create("copy")
	sum := md5.Sum([]byte(want))
	etag := hex.EncodeToString(sum[:])
	var begun struct {
		Filename  string
		UploadURL string `json:"upload_url"`
	}
	b.result("POST", target+"/import", `{"action":"init","etag":"`+etag+`"}`, &begun, "Host", "host:1")
	if ctx := b.plain("PUT", pathOf(t, begun.UploadURL), want+"x"); ctx.Response.StatusCode() != 400 {
		t.Errorf("another file was taken: %d", ctx.Response.StatusCode())
	}
	if ctx := b.ask("POST", target+"/import", `{"action":"ingest","filename":"`+begun.Filename+`"}`); ctx.Response.StatusCode() != 400 {
		t.Errorf("ran what was not uploaded: %s", ctx.Response.Body())
	}
	if ctx := b.plain("PUT", pathOf(t, begun.UploadURL), want); string(ctx.Response.Header.Peek("ETag")) != `"`+etag+`"` {
		t.Fatalf("upload: %d %s", ctx.Response.StatusCode(), ctx.Response.Body())
	}
	b.result("POST", target+"/import", `{"action":"ingest","etag":"`+etag+`","filename":"`+begun.Filename+`"}`, &out)
	if out.Status != "complete" || out.Result.NumQueries != 3 {
		t.Errorf("import: %+v", out)
	}
	if ctx := b.plain("GET", filesPath+"none", ""); ctx.Response.StatusCode() != 404 {
		t.Errorf("a file that is not there: %d", ctx.Response.StatusCode())
	}
	if err := b.front.Close(); err != nil || len(b.front.files.byToken) != 0 {
		t.Errorf("files are left: %v", err)
	}
}

func TestREST_Files(t *testing.T) {
	b := newBench(t)
	base := account + "/" + b.create("db")
	b.ask("POST", base+"/query", `{"sql":"CREATE TABLE t (a, b); INSERT INTO t VALUES ('x', 1)"}`)
	get := func(uri string) string {
		ctx := &fasthttp.RequestCtx{}
		ctx.Request.SetRequestURI(uri)
		b.front.Handle(ctx, true)
		return string(ctx.Response.Body())
	}
	if got := get(base + "/csv?table=t"); got != "a,b\nx,1\n" {
		t.Errorf("csv %q", got)
	}
	file := get(base + "/file")
	b.result("PUT", account+"/other/file", file, nil)
	b.want(b.ask("POST", "/d1/other/query", `{"sql":"SELECT a FROM t"}`), 200, `[{"success":true,`+meta("0", "0", false, "1", "0")+`,"results":[{"a":"x"}]}]`)
	if ctx := b.ask("PUT", account+"/other/file", "no database"); ctx.Response.StatusCode() != 400 {
		t.Errorf("took a file that is none: %s", ctx.Response.Body())
	}
}

func TestREST_TimeTravel(t *testing.T) {
	b := newBench(t)
	base := account + "/" + b.create("db")
	b.ask("POST", base+"/query", `{"sql":"CREATE TABLE t (a)"}`)
	var mark struct {
		Bookmark string
		Previous string `json:"previous_bookmark"`
	}
	b.result("GET", base+"/time_travel/bookmark", "", &mark)
	b.ask("POST", base+"/query", `{"sql":"INSERT INTO t VALUES (1)"}`)
	var fork struct{ Name string }
	b.result("POST", base+"/time_travel/fork?name=fork", "", &fork)
	b.result("POST", base+"/time_travel/restore?bookmark="+mark.Bookmark, "", &mark)
	count := func(name, n string) {
		t.Helper()
		if got := b.ask("POST", "/d1/"+name+"/query", `{"sql":"SELECT count(*) AS n FROM t"}`); !strings.Contains(string(got.Response.Body()), `{"n":`+n+`}`) {
			t.Errorf("%s: %s", name, got.Response.Body())
		}
	}
	count("db", "0")
	count("fork", "1")
	b.result("POST", base+"/time_travel/restore?bookmark="+mark.Previous, "", &mark)
	count("db", "1")
	for uri, want := range map[string]int{"restore?bookmark=x": 400, "restore": 400, "restore?timestamp=yesterday": 400, "restore?timestamp=1999-01-01T00:00:00Z": 409, "fork?name=db": 400} {
		if ctx := b.ask("POST", base+"/time_travel/"+uri, ""); ctx.Response.StatusCode() != want {
			t.Errorf("%s: %d %s", uri, ctx.Response.StatusCode(), ctx.Response.Body())
		}
	}
}

func TestTokens_AllowWhatTheyAreFor(t *testing.T) {
	b := newBench(t)
	base := account + "/" + b.create("db")
	other := account + "/" + b.create("other")
	token := map[string]string{}
	for _, role := range []string{"read-only", "read-write"} {
		var made struct{ Token string }
		b.result("POST", base+"/tokens", `{"role":"`+role+`"}`, &made)
		token[role] = made.Token
	}
	ask := func(role, method, uri, body string) int {
		ctx := &fasthttp.RequestCtx{}
		ctx.Request.Header.SetMethod(method)
		ctx.Request.SetRequestURI(uri)
		ctx.Request.SetBodyString(body)
		ctx.Request.Header.Set("Authorization", "Bearer "+token[role])
		if !b.front.Handle(ctx, false) {
			return 0
		}
		return ctx.Response.StatusCode()
	}
	token["wrong"], token["foreign"] = "hfd1_00000000000000000000000000000000_x", "something"
	write := `{"sql":"CREATE TABLE IF NOT EXISTS t (a)"}`
	for _, test := range []struct {
		method, uri, body                   string
		readOnly, readWrite, wrong, foreign int
	}{
		{"POST", base + "/query", `{"sql":"SELECT 1"}`, 200, 200, 401, 0},
		{"POST", base + "/query", write, 403, 200, 401, 0},
		{"POST", "/d1/db/query", write, 500, 200, 401, 0},
		{"POST", "/query", `{"sql":"SELECT 1"}`, 200, 200, 401, 0},
		{"POST", "/execute", write, 500, 200, 401, 0},
		{"POST", "/dump", "", 404, 404, 401, 0},
		{"POST", "/d1/db/v2/pipeline", `{"requests":[]}`, 200, 200, 401, 0},
		{"POST", "/d1/v2/pipeline", `{"requests":[]}`, 200, 200, 401, 0},
		{"POST", "/d1/other/v2/pipeline", `{"requests":[]}`, 403, 403, 401, 0},
		{"POST", "/d1/other/query", `{"sql":"SELECT 1"}`, 403, 403, 401, 0},
		{"POST", other + "/query", `{"sql":"SELECT 1"}`, 403, 403, 401, 0},
		{"GET", base, "", 200, 200, 401, 0},
		{"GET", account, "", 403, 403, 401, 0},
		{"POST", account, `{"name":"x"}`, 403, 403, 401, 0},
		{"DELETE", base, "", 403, 403, 401, 0},
		{"POST", base + "/tokens", `{"role":"read-write"}`, 403, 403, 401, 0},
		{"POST", base + "/import", `{"action":"poll"}`, 403, 200, 401, 0},
		{"POST", base + "/time_travel/restore?bookmark=x", "", 403, 400, 401, 0},
		{"POST", base + "/time_travel/fork?name=y", "", 403, 403, 401, 0},
	} {
		for role, want := range map[string]int{"read-only": test.readOnly, "read-write": test.readWrite, "wrong": test.wrong, "foreign": test.foreign} {
			if got := ask(role, test.method, test.uri, test.body); got != want {
				t.Errorf("%s: %s %s: %d, want %d", role, test.method, test.uri, got, want)
			}
		}
	}
}
