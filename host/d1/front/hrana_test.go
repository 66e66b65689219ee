package front

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/valyala/fasthttp"
)

// pipe sends requests of a stream and returns the baton and the results.
func (b *bench) pipe(baton string, requests ...string) (string, string) {
	b.t.Helper()
	head := ""
	if baton != "" {
		head = `"baton":"` + baton + `",`
	}
	ctx := b.ask("POST", "/d1/db/v2/pipeline", `{`+head+`"requests":[`+strings.Join(requests, ",")+`]}`)
	var answer struct {
		Baton   *string
		Results json.RawMessage
	}
	if err := json.Unmarshal(ctx.Response.Body(), &answer); err != nil || ctx.Response.StatusCode() != 200 {
		b.t.Fatalf("status %d: %s", ctx.Response.StatusCode(), ctx.Response.Body())
	}
	if answer.Baton == nil {
		return "", steady(answer.Results)
	}
	return *answer.Baton, steady(answer.Results)
}

func execute(sql string, rest ...string) string {
	return fmt.Sprintf(`{"type":"execute","stmt":{"sql":%q%s}}`, sql, strings.Join(rest, ""))
}

func executed(cols, rows string, changes, rowID int, read, written int) string {
	return fmt.Sprintf(`{"type":"ok","response":{"type":"execute","result":{"cols":[%s],"rows":[%s],"affected_row_count":%d,"last_insert_rowid":"%d","replication_index":null,"rows_read":%d,"rows_written":%d,"query_duration_ms":_}}}`,
		cols, rows, changes, rowID, read, written)
}

func (b *bench) equal(got, want string) {
	b.t.Helper()
	if got != want {
		b.t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestHrana_Values(t *testing.T) {
	b := newBench(t)
	baton, got := b.pipe("", execute("CREATE TABLE t (a INTEGER PRIMARY KEY, b)"),
		execute("INSERT INTO t VALUES (?, ?)", `,"args":[{"type":"integer","value":"9007199254740993"},{"type":"blob","base64":"AQI="}]`),
		execute("SELECT a, b, :x AS c, 'y' AS d, null FROM t WHERE a > @y", `,"named_args":[{"name":"y","value":{"type":"float","value":1.5}},{"name":":x","value":{"type":"float","value":0.5}}]`),
		execute("SELECT 1", `,"want_rows":false`), `{"type":"get_autocommit"}`, `{"type":"close"}`)
	if baton != "" {
		t.Errorf("a closed stream has the baton %s", baton)
	}
	column := func(name, kind string) string { return `{"name":"` + name + `","decltype":` + kind + `}` }
	b.equal(got, "["+strings.Join([]string{
		executed("", "", 0, 0, 0, 0), executed("", "", 1, 9007199254740993, 0, 1),
		executed(column("a", `"INTEGER"`)+","+column("b", "null")+","+column("c", "null")+","+column("d", "null")+","+column("null", "null"),
			`[{"type":"integer","value":"9007199254740993"},{"type":"blob","base64":"AQI"},{"type":"float","value":0.5},{"type":"text","value":"y"},{"type":"null"}]`, 0, 9007199254740993, 1, 0),
		executed(column("1", "null"), "", 0, 9007199254740993, 1, 0),
		`{"type":"ok","response":{"type":"get_autocommit","is_autocommit":true}}`, `{"type":"ok","response":{"type":"close"}}`,
	}, ",")+"]")
}

func TestHrana_Errors(t *testing.T) {
	b := newBench(t)
	fault := func(message, code string) string {
		return fmt.Sprintf(`{"type":"error","error":{"message":%q,"code":%q}}`, message, code)
	}
	_, got := b.pipe("", execute("SELEC 1"), execute(""), execute("SELECT 1; SELECT 2"), execute("SELECT ?"),
		execute("SELECT ?", `,"args":[{"type":"integer","value":"x"}]`), execute("SELECT :a", `,"named_args":[{"name":"b","value":{"type":"null"}}]`),
		`{"type":"execute","stmt":{"sql_id":7}}`, `{"type":"nonsense"}`, `{"type":"describe","sql":"SELECT nope"}`)
	b.equal(got, "["+strings.Join([]string{
		fault(`near "SELEC": syntax error at offset 0`, "SQLITE_ERROR"), fault("SQL code did not contain a statement.", "SQL_NO_STATEMENT"),
		fault("SQL string contains more than one statement.", "SQL_MANY_STATEMENTS"), fault("Wrong number of parameter bindings for SQL query.", "SQL_INPUT_ERROR"),
		fault(`A value of type "integer" has "x", expected the digits of a 64-bit integer in a string.`, "ARGS_INVALID"),
		fault(`The statement has no parameter "b".`, "ARGS_INVALID"), fault("No text is stored under 7.", "SQL_NOT_FOUND"),
		fault(`A request of type "nonsense" is not known.`, "HRANA_PROTO_ERROR"), fault("no such column: nope at offset 7", "SQLITE_ERROR"),
	}, ",")+"]")
	for body, want := range map[string]int{`{"baton":"x","requests":[]}`: 400, `[`: 400} {
		if ctx := b.ask("POST", "/d1/db/v2/pipeline", body); ctx.Response.StatusCode() != want {
			t.Errorf("%s: %d %s", body, ctx.Response.StatusCode(), ctx.Response.Body())
		}
	}
}

func TestHrana_Transaction(t *testing.T) {
	b := newBench(t)
	baton, _ := b.pipe("", execute("CREATE TABLE t (a)"), execute("BEGIN"), execute("INSERT INTO t VALUES (1)"))
	baton, got := b.pipe(baton, `{"type":"get_autocommit"}`)
	b.equal(got, `[{"type":"ok","response":{"type":"get_autocommit","is_autocommit":false}}]`)
	stale := baton
	baton, _ = b.pipe(baton, execute("COMMIT"))
	if ctx := b.ask("POST", "/d1/db/v2/pipeline", `{"baton":"`+stale+`","requests":[]}`); ctx.Response.StatusCode() != 400 || !strings.Contains(string(ctx.Response.Body()), "STREAM_EXPIRED") {
		t.Errorf("a baton works twice: %s", ctx.Response.Body())
	}
	_, got = b.pipe(baton, `{"type":"store_sql","sql_id":1,"sql":"SELECT count(*) AS n FROM t"}`, `{"type":"execute","stmt":{"sql_id":1}}`, `{"type":"close_sql","sql_id":1}`,
		`{"type":"sequence","sql":"INSERT INTO t VALUES (2); INSERT INTO none VALUES (1); DELETE FROM t"}`, execute("SELECT count(*) AS n FROM t LIMIT 1"), `{"type":"close"}`)
	count := func(n int) string {
		return executed(`{"name":"n","decltype":null}`, fmt.Sprintf(`[{"type":"integer","value":"%d"}]`, n), 0, n, 1, 0)
	}
	b.equal(got, `[{"type":"ok","response":{"type":"store_sql"}},`+count(1)+`,{"type":"ok","response":{"type":"close_sql"}},`+
		`{"type":"error","error":{"message":"no such table: none","code":"SQLITE_ERROR"}},`+count(2)+`,{"type":"ok","response":{"type":"close"}}]`)
}

func TestHrana_Batch(t *testing.T) {
	b := newBench(t)
	step := func(sql, condition string) string {
		if condition != "" {
			condition = `,"condition":` + condition
		}
		return fmt.Sprintf(`{"stmt":{"sql":%q}%s}`, sql, condition)
	}
	ok := func(n int) string { return fmt.Sprintf(`{"type":"ok","step":%d}`, n) }
	_, got := b.pipe("", execute("CREATE TABLE t (a PRIMARY KEY)"), `{"type":"batch","batch":{"steps":[`+strings.Join([]string{
		step("BEGIN", ""), step("INSERT INTO t VALUES (1)", ok(0)), step("INSERT INTO t VALUES (1)", ok(1)), step("COMMIT", ok(2)),
		step("ROLLBACK", `{"type":"and","conds":[{"type":"not","cond":{"type":"ok","step":3}},{"type":"not","cond":{"type":"is_autocommit"}},{"type":"or","conds":[{"type":"error","step":2}]}]}`),
	}, ",")+`]}}`, execute("SELECT count(*) AS n FROM t"))
	if !strings.Contains(got, `"step_errors":[null,null,{"message":"UNIQUE constraint failed: t.a","code":"SQLITE_CONSTRAINT"},null,null]`) ||
		!strings.Contains(got, `"rows":[[{"type":"integer","value":"0"}]]`) {
		t.Errorf("got %s", got)
	}
	ctx := &fasthttp.RequestCtx{}
	ctx.Request.Header.SetMethod("POST")
	ctx.Request.SetRequestURI("/d1/db/v3/cursor")
	ctx.Request.SetBodyString(`{"batch":{"steps":[` + step("SELECT 1 AS one", "") + `,` + step("SELEC", "") + `]}}`)
	b.front.Handle(ctx, true)
	_, lines, _ := strings.Cut(string(ctx.Response.Body()), "\n")
	b.equal(lines, `{"type":"step_begin","step":0,"cols":[{"name":"one","decltype":null}]}
{"type":"row","row":[{"type":"integer","value":"1"}]}
{"type":"step_end","affected_row_count":0,"last_insert_rowid":"1"}
{"type":"step_error","step":1,"error":{"message":"near \"SELEC\": syntax error at offset 0","code":"SQLITE_ERROR"}}
`)
}

func TestHrana_StreamExpires(t *testing.T) {
	b := newBench(t)
	b.front.streams.idle = time.Millisecond
	b.pipe("", execute("CREATE TABLE t (a)"), execute("BEGIN"), execute("INSERT INTO t VALUES (1)"))
	b.want(b.ask("POST", "/d1/db/query", `{"sql":"SELECT count(*) AS n FROM t"}`), 200, // waits until the stream is gone
		`[{"success":true,`+meta("0", "1", false, "1", "0")+`,"results":[{"n":0}]}]`)
	b.front.streams.idle, b.front.streams.max = time.Hour, b.front.streams.open
	if ctx := b.ask("POST", "/d1/db/v2/pipeline", `{"requests":[]}`); ctx.Response.StatusCode() != 503 {
		t.Errorf("a stream too many: %d", ctx.Response.StatusCode())
	}
}
