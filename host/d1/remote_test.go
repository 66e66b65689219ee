package d1

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/holdfast-run/holdfast/guest-sdk/abi"
)

// fakeServer answers as much of Hrana as libsql-client-go sends: single
// statements, on one connection for all streams.
type fakeServer struct {
	t    *testing.T
	mu   sync.Mutex
	conn *sqlite3.Conn
	seen []string // statements
}

type fakeValue struct {
	Type   string  `json:"type"`
	Value  any     `json:"value,omitempty"`
	Base64 *string `json:"base64,omitempty"`
}

func newFakeServer(t *testing.T) (*fakeServer, Source) {
	t.Helper()
	conn, err := sqlite3.Open(":memory:")
	if err != nil {
		t.Fatal(err)
	}
	f := &fakeServer{t: t, conn: conn}
	server := httptest.NewServer(f)
	t.Cleanup(func() { server.Close(); _ = conn.Close() })
	return f, Source{Name: "remote", URL: server.URL, Token: "secret"}
}

func (f *fakeServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if r.Header.Get("Authorization") != "Bearer secret" {
		http.Error(w, `{"error":"no"}`, http.StatusUnauthorized)
		return
	}
	var request struct {
		Requests []struct {
			Type string `json:"type"`
			Stmt struct {
				SQL  string      `json:"sql"`
				Args []fakeValue `json:"args"`
			} `json:"stmt"`
		} `json:"requests"`
	}
	if err := json.NewDecoder(r.Body).Decode(&request); err != nil {
		f.t.Error(err)
	}
	var results []any
	for _, q := range request.Requests {
		if q.Type == "close" {
			results = append(results, map[string]any{"type": "ok", "response": map[string]any{"type": "close"}})
			continue
		}
		result, err := f.execute(q.Stmt.SQL, q.Stmt.Args)
		if err != nil {
			results = append(results, map[string]any{"type": "error", "error": map[string]any{"message": "SQLite error: " + err.Error(), "code": "SQLITE_X"}})
			continue
		}
		results = append(results, map[string]any{"type": "ok", "response": map[string]any{"type": "execute", "result": result}})
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"baton": "b", "base_url": nil, "results": results})
}

func (f *fakeServer) execute(sql string, args []fakeValue) (any, error) {
	f.seen = append(f.seen, sql)
	stmt, _, err := f.conn.Prepare(sql)
	if err != nil {
		return nil, plainError(err)
	}
	defer stmt.Close()
	for i, a := range args {
		switch a.Type {
		case "integer":
			n, _ := strconv.ParseInt(a.Value.(string), 10, 64)
			err = stmt.BindInt64(i+1, n)
		case "float":
			err = stmt.BindFloat(i+1, a.Value.(float64))
		case "text":
			err = stmt.BindText(i+1, a.Value.(string))
		case "blob":
			raw, _ := base64.RawStdEncoding.DecodeString(*a.Base64)
			err = stmt.BindBlob(i+1, raw)
		}
		if err != nil {
			return nil, plainError(err)
		}
	}
	cols, rows := []any{}, []any{}
	for i := range stmt.ColumnCount() {
		cols = append(cols, map[string]any{"name": stmt.ColumnName(i), "decltype": stmt.ColumnDeclType(i)})
	}
	for stmt.Step() {
		row := []any{}
		for i := range cols {
			row = append(row, fakeColumn(stmt, i))
		}
		rows = append(rows, row)
	}
	if err := stmt.Err(); err != nil {
		return nil, plainError(err)
	}
	return map[string]any{"cols": cols, "rows": rows, "affected_row_count": f.conn.Changes(),
		"last_insert_rowid": fmt.Sprint(f.conn.LastInsertRowID())}, nil
}

func fakeColumn(stmt *sqlite3.Stmt, i int) fakeValue {
	switch stmt.ColumnType(i) {
	case sqlite3.INTEGER:
		return fakeValue{Type: "integer", Value: fmt.Sprint(stmt.ColumnInt64(i))}
	case sqlite3.FLOAT:
		return fakeValue{Type: "float", Value: stmt.ColumnFloat(i)}
	case sqlite3.TEXT:
		return fakeValue{Type: "text", Value: stmt.ColumnText(i)}
	case sqlite3.BLOB:
		text := base64.RawStdEncoding.EncodeToString(stmt.ColumnRawBlob(i))
		return fakeValue{Type: "blob", Base64: &text}
	}
	return fakeValue{Type: "null"}
}

func plainError(err error) error {
	text := strings.TrimPrefix(err.Error(), "sqlite3: ")
	_, message, ok := strings.Cut(text, ": ")
	if !ok {
		message = text
	}
	return errors.New(message)
}

func remoteQuery(b *bench, src Source, statements ...Statement) ([]Result, error) {
	results, _, err := b.host.Query(b.t.Context(), src, statements, len(statements) > 1, "")
	return results, err
}

func TestRemote(t *testing.T) {
	b := newBench(t, nil)
	fake, src := newFakeServer(t)
	one := func(sql string, params ...abi.Value) Result {
		t.Helper()
		results, err := remoteQuery(b, src, Statement{SQL: sql, Params: params})
		b.check(err)
		return results[0]
	}
	one("CREATE TABLE t (id INTEGER PRIMARY KEY, a UNIQUE, at TIMESTAMP DEFAULT CURRENT_TIMESTAMP)")
	r := one("INSERT INTO t (a) VALUES (:a)", abi.Integer(9007199254740993))
	if r.Meta.Changes != 1 || r.Meta.LastRowID != 1 || !r.Meta.ChangedDB {
		t.Fatalf("%+v", r.Meta)
	}
	r = one("INSERT INTO t (a) VALUES (?2), (?1) RETURNING id", abi.Text("x"), abi.Float(2.5))
	if text(r) != "2 3" || r.Meta.Changes != 2 || r.Meta.LastRowID != 3 {
		t.Fatalf("%s %+v", text(r), r.Meta)
	}
	if got := text(one("SELECT a, length(at), typeof(at) FROM t ORDER BY id")); got != "9007199254740993|19|text 2.5!|19|text x|19|text" {
		t.Fatal(got)
	}
	if at := one("SELECT at FROM t LIMIT 1"); at.Rows[0][0].Kind != abi.ValueText || len(at.Rows[0][0].Bytes) != 19 {
		t.Fatal(text(at))
	}
	if got := text(one("SELECT ?, ?, ?", abi.Blob([]byte{1, 2}), abi.Null(), abi.Blob(nil))); got != "x'0102'|NULL|x''" {
		t.Fatal(got)
	}
	fake.seen = nil
	results, err := remoteQuery(b, src, Statement{SQL: "INSERT INTO t (a) VALUES (7); INSERT INTO t (a) VALUES (8)"}, Statement{SQL: "SELECT count(*) FROM t"})
	b.check(err)
	if len(results) != 2 || results[0].Meta.Changes != 2 || text(results[1]) != "5" {
		t.Fatalf("%+v", results)
	}
	if got := strings.Join(fake.seen, ";"); !strings.HasPrefix(got, "BEGIN IMMEDIATE;") || !strings.HasSuffix(got, ";COMMIT") {
		t.Fatal(got)
	}
	_, err = remoteQuery(b, src, Statement{SQL: "INSERT INTO t (a) VALUES (9)"}, Statement{SQL: "INSERT INTO t (a) VALUES (7)"})
	b.wantError(err, "UNIQUE constraint failed: t.a: SQLITE_CONSTRAINT (extended: SQLITE_CONSTRAINT_UNIQUE)", "batch")
	if got := text(one("SELECT count(*) FROM t")); got != "5" {
		t.Fatalf("the failed batch left %s rows", got)
	}
}

func TestRemote_Errors(t *testing.T) {
	b := newBench(t, nil)
	_, src := newFakeServer(t)
	for sql, want := range map[string]string{
		"SELEC 1":            `near "SELEC": syntax error: SQLITE_ERROR`,
		"SELECT * FROM nope": "no such table: nope: SQLITE_ERROR",
		"SELECT ?":           "Wrong number of parameter bindings for SQL query.",
		"begin":              "To execute a transaction, please use the state.storage.transaction() or state.storage.transactionSync() APIs instead of the SQL BEGIN TRANSACTION or SAVEPOINT statements. The JavaScript API is safer because it will automatically roll back on exceptions, and because it interacts correctly with Durable Objects' automatic atomic write coalescing.",
		"ATTACH 'x' AS y":    "not authorized: SQLITE_AUTH",
		"":                   "No SQL statements detected.",
		"SELECT '" + strings.Repeat("x", 100_000): "statement too long: SQLITE_TOOBIG",
	} {
		_, err := remoteQuery(b, src, Statement{SQL: sql})
		if fault := b.wantError(err, want, sql); fault.Kind != KindSQL || fault.Retryable {
			t.Errorf("%.40q: %+v", sql, fault)
		}
	}
	src.Token = "wrong"
	_, err := remoteQuery(b, src, Statement{SQL: "SELECT 1"})
	if fault := b.wantError(err, "The remote database refused the token.", "token"); fault.Kind != KindUnauthorized || fault.Retryable {
		t.Errorf("%+v", fault)
	}
	_, err = remoteQuery(b, Source{URL: "ftp://x"}, Statement{SQL: "SELECT 1"})
	if fault := new(Error); !errors.As(err, &fault) || fault.Kind != KindInvalid {
		t.Errorf("got %v", err)
	}
}

// TestRemote_Down: a server that refuses, hangs, drops or talks nonsense.
func TestRemote_Down(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	refusing := "http://" + listener.Addr().String()
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	hang := make(chan struct{})
	defer close(hang)
	serve := func(handler http.HandlerFunc) string {
		server := httptest.NewServer(handler)
		t.Cleanup(server.CloseClientConnections)
		return server.URL
	}
	tests := []struct {
		name, url, want string
		kind            Kind
		timeoutMs       int
	}{
		{"refuses", refusing, textConnection, KindUnavailable, 0},
		{"hangs", serve(func(http.ResponseWriter, *http.Request) { <-hang }), textTimeout, KindTimeout, 50},
		{"drops", serve(func(w http.ResponseWriter, r *http.Request) { panic(http.ErrAbortHandler) }), textConnection, KindUnavailable, 0},
		{"fails", serve(func(w http.ResponseWriter, r *http.Request) { http.Error(w, `{"error":"busy"}`, 503) }), textConnection, KindUnavailable, 0},
		{"no JSON", serve(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "<html>") }), "The remote database did not answer in JSON.", KindUnavailable, 0},
		{"wrong JSON", serve(func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprint(w, `{"baton":"b","results":[{"type":"ok","response":{"type":"execute","result":{"cols":[{"name":"a"}],"rows":[[{"type":"integer","value":1}]]}}}]}`)
		}), textConnection, KindUnavailable, 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			b := newBench(t, func(c *Config) {
				if test.timeoutMs > 0 {
					c.QueryTimeout = time.Duration(test.timeoutMs) * time.Millisecond
				}
			})
			for range 3 { // the connection is given back
				_, err := remoteQuery(b, Source{URL: test.url}, Statement{SQL: "SELECT 1"})
				if fault := b.wantError(err, test.want, test.name); fault.Kind != test.kind || !fault.Retryable {
					t.Errorf("%+v", fault)
				}
			}
		})
	}
}

// TestRemoteError_KnowsAHostOfItsKind: what a host says of itself as a server
// comes to the caller as the server's own callers hear it.
func TestRemoteError_KnowsAHostOfItsKind(t *testing.T) {
	for text, want := range map[string]struct {
		message string
		kind    Kind
	}{
		"The host's disk is nearly full; nothing was written": {textDiskFull, KindStorage},
		textQueueFull:           {textQueueFull, KindOverloaded},
		textTimeout:             {"The remote database ended the transaction: it took too long.", KindTimeout},
		"Transaction timed-out": {"The remote database ended the transaction: it took too long.", KindTimeout},
	} {
		var fault *Error
		err := remoteError(t.Context(), errors.New("failed to execute SQL: INSERT INTO t VALUES (1)\n"+text))
		if !errors.As(err, &fault) || fault.Message != want.message || fault.Kind != want.kind || !fault.Retryable {
			t.Errorf("%s: got %v (%+v)", text, err, fault)
		}
	}
}
