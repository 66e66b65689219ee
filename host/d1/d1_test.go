package d1

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/holdfast-run/holdfast/guest-sdk/abi"
	"github.com/holdfast-run/holdfast/host/storage"
)

// bench is a host over an engine in memory.
type bench struct {
	t      *testing.T
	fs     vfs.FS
	change func(*Config)
	engine *storage.Engine
	host   *Host
}

func newBench(t *testing.T, change func(*Config)) *bench {
	b := &bench{t: t, fs: vfs.NewMem(), change: change}
	b.start()
	t.Cleanup(b.stop)
	return b
}

func (b *bench) start() {
	b.t.Helper()
	engine, err := storage.Open(storage.Config{Dir: "data", FS: b.fs, CacheBytes: 8 << 20, MemTableBytes: 4 << 20})
	if err != nil {
		b.t.Fatal(err)
	}
	cfg := Config{Engine: engine, Logger: slog.New(slog.DiscardHandler), Scratch: b.t.TempDir()}
	if b.change != nil {
		b.change(&cfg)
	}
	b.engine = engine
	if b.host, err = New(cfg); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) stop() {
	if err := errors.Join(b.host.Close(), b.engine.Close()); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) check(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) query(sql string, params ...abi.Value) Result {
	b.t.Helper()
	results, _, err := b.host.Query(b.t.Context(), Source{Name: "db"}, []Statement{{SQL: sql, Params: params}}, false, "")
	if err != nil {
		b.t.Fatalf("%s: %v", sql, err)
	}
	return results[0]
}

func (b *bench) want(sql, want string, params ...abi.Value) {
	b.t.Helper()
	if got := text(b.query(sql, params...)); got != want {
		b.t.Fatalf("%s: got %s, want %s", sql, got, want)
	}
}

// fails runs a query that must fail with this text.
func (b *bench) fails(want, sql string, params ...abi.Value) *Error {
	b.t.Helper()
	_, _, err := b.host.Query(b.t.Context(), Source{Name: "db"}, []Statement{{SQL: sql, Params: params}}, false, "")
	return b.wantError(err, want, sql)
}

func (b *bench) wantError(err error, want, what string) *Error {
	b.t.Helper()
	var fault *Error
	if !errors.As(err, &fault) || fault.Message != want {
		b.t.Fatalf("%.60q: got error %v, want %q", what, err, want)
	}
	return fault
}

func text(r Result) string {
	var rows []string
	for _, row := range r.Rows {
		var values []string
		for _, v := range row {
			switch v.Kind {
			case abi.ValueNull:
				values = append(values, "NULL")
			case abi.ValueInteger:
				values = append(values, fmt.Sprint(v.Int))
			case abi.ValueFloat:
				values = append(values, fmt.Sprintf("%g!", v.Float))
			case abi.ValueText:
				values = append(values, string(v.Bytes))
			case abi.ValueBlob:
				values = append(values, fmt.Sprintf("x'%x'", v.Bytes))
			}
		}
		rows = append(rows, strings.Join(values, "|"))
	}
	return strings.Join(rows, " ")
}

func TestQuery_Values(t *testing.T) {
	b := newBench(t, nil)
	b.query("CREATE TABLE v (i, f, t, b, n)")
	b.query("INSERT INTO v VALUES (?, ?, ?, ?, ?)", abi.Integer(9007199254740993), abi.Float(1), abi.Text("x"), abi.Blob([]byte{0, 9}), abi.Null())
	b.want("SELECT * FROM v", "9007199254740993|1!|x|x'0009'|NULL")
	b.want("SELECT typeof(?), typeof(?)", "real|integer", abi.Float(1), abi.Integer(1))
	b.want("SELECT :a, ?2, @c", "1|2|3", abi.Integer(1), abi.Integer(2), abi.Integer(3))
	r := b.query("SELECT 1 AS a, 2 AS a")
	if strings.Join(r.Columns, ",") != "a,a" {
		t.Fatalf("columns %v", r.Columns)
	}
	b.want("CREATE TABLE w (a); INSERT INTO w VALUES (1), (2); SELECT a * ? FROM w", "10 20", abi.Integer(10))
}

func TestQuery_Meta(t *testing.T) {
	b := newBench(t, nil)
	tests := []struct {
		sql                 string
		changes, lastRowID  int64
		changed             bool
		rowsRead, rowsWrote int64
	}{
		{"CREATE TABLE t (a, b UNIQUE)", 0, 0, true, 0, 0},
		{"INSERT INTO t VALUES (1, 1)", 1, 1, true, 0, 2},
		{"SELECT * FROM t", 0, 1, false, 1, 0},
		{"INSERT INTO t VALUES (2, 2), (3, 3)", 2, 3, true, 0, 4},
		{"SELECT * FROM t", 0, 3, false, 3, 0},
		{"UPDATE t SET a = 9 WHERE b > 1", 2, 3, true, 0, 2},
		{"DELETE FROM t WHERE b = 77", 0, 3, false, 0, 0},
	}
	for _, test := range tests {
		m := b.query(test.sql).Meta
		if m.Changes != test.changes || m.LastRowID != test.lastRowID || m.ChangedDB != test.changed ||
			m.RowsRead != test.rowsRead || m.RowsWritten != test.rowsWrote || m.SizeAfter == 0 || m.DurationMs <= 0 {
			t.Errorf("%s: %+v", test.sql, m)
		}
	}
}

func TestQuery_Errors(t *testing.T) {
	b := newBench(t, nil)
	b.query("CREATE TABLE t (a PRIMARY KEY, b UNIQUE, d NOT NULL DEFAULT 0, p REFERENCES t (a)); INSERT INTO t (a, b) VALUES (1, 1)")
	many := "SELECT " + strings.TrimSuffix(strings.Repeat("?,", 101), ",")
	tests := []struct {
		want, sql string
		params    []abi.Value
	}{
		{`near "SELEC": syntax error at offset 0: SQLITE_ERROR`, "SELEC 1", nil},
		{"no such table: nope: SQLITE_ERROR", "SELECT * FROM nope", nil},
		{"no such column: zz at offset 7: SQLITE_ERROR", "SELECT zz FROM t", nil},
		{"UNIQUE constraint failed: t.b: SQLITE_CONSTRAINT (extended: SQLITE_CONSTRAINT_UNIQUE)", "INSERT INTO t (a, b) VALUES (2, 1)", nil},
		{"UNIQUE constraint failed: t.a: SQLITE_CONSTRAINT (extended: SQLITE_CONSTRAINT_PRIMARYKEY)", "INSERT INTO t (a, b) VALUES (1, 2)", nil},
		{"NOT NULL constraint failed: t.d: SQLITE_CONSTRAINT (extended: SQLITE_CONSTRAINT_NOTNULL)", "INSERT INTO t (a, b, d) VALUES (2, 2, NULL)", nil},
		{"FOREIGN KEY constraint failed: SQLITE_CONSTRAINT (extended: SQLITE_CONSTRAINT_FOREIGNKEY)", "INSERT INTO t (a, b, p) VALUES (2, 2, 9)", nil},
		{"UNIQUE constraint failed: t.b: SQLITE_CONSTRAINT (extended: SQLITE_CONSTRAINT_UNIQUE)", "INSERT OR ROLLBACK INTO t (a, b) VALUES (2, 1)", nil},
		{"Wrong number of parameter bindings for SQL query.", "SELECT ?", nil},
		{"Wrong number of parameter bindings for SQL query.", "SELECT ?", []abi.Value{abi.Null(), abi.Null()}},
		{"too many SQL variables at offset 207: SQLITE_ERROR", many, nil},
		{"statement too long: SQLITE_TOOBIG", "SELECT '" + strings.Repeat("x", 100_001) + "'", nil},
		{"string or blob too big: SQLITE_TOOBIG", "SELECT ?", []abi.Value{abi.Blob(make([]byte, 5_000_000))}},
		{"too many terms in compound SELECT: SQLITE_ERROR", "SELECT 1 UNION SELECT 2 UNION SELECT 3 UNION SELECT 4 UNION SELECT 5 UNION SELECT 6", nil},
		{"LIKE or GLOB pattern too complex: SQLITE_ERROR", "SELECT '' LIKE '" + strings.Repeat("x", 51) + "'", nil},
		{"not authorized: SQLITE_AUTH", "ATTACH ':memory:' AS x", nil},
		{"not authorized: SQLITE_AUTH", "PRAGMA journal_mode = WAL", nil},
		{"not authorized: SQLITE_AUTH", "CREATE TABLE _cf_x (a)", nil},
		{"not authorized to use function: sqlite_version at offset 7: SQLITE_ERROR", "SELECT sqlite_version()", nil},
		{"No SQL statements detected.", "", nil},
		{"No SQL statements detected.", "  \n  -- a comment", nil},
		{"SQL code did not contain a statement.", "-- a comment", nil},
		{"When executing multiple SQL statements in a single call, only the last statement can have parameters.", "SELECT ?; SELECT ?", []abi.Value{abi.Null()}},
		{"To execute a transaction, please use the state.storage.transaction() or state.storage.transactionSync() APIs instead of the SQL BEGIN TRANSACTION or SAVEPOINT statements. The JavaScript API is safer because it will automatically roll back on exceptions, and because it interacts correctly with Durable Objects' automatic atomic write coalescing.", "BEGIN", nil},
	}
	for _, test := range tests {
		if fault := b.fails(test.want, test.sql, test.params...); fault.Kind != KindSQL || fault.Retryable {
			t.Errorf("%s: kind %d, retryable %v", test.want, fault.Kind, fault.Retryable)
		}
	}
	b.want("SELECT count(*) FROM t", "1")
	b.query("PRAGMA foreign_keys = OFF")
	b.fails(tests[6].want, tests[6].sql) // the pragma does nothing inside a transaction
	_, _, err := b.host.Query(t.Context(), Source{Name: "db"}, nil, true, "")
	b.wantError(err, "No SQL statements detected.", "empty batch")
}

func TestQuery_BatchIsOneTransaction(t *testing.T) {
	b := newBench(t, nil)
	b.query("CREATE TABLE t (a UNIQUE)")
	batch := func(sql ...string) ([]Result, error) {
		var statements []Statement
		for _, s := range sql {
			statements = append(statements, Statement{SQL: s})
		}
		results, _, err := b.host.Query(t.Context(), Source{Name: "db"}, statements, true, "")
		return results, err
	}
	_, err := batch("INSERT INTO t VALUES (1)", "CREATE TABLE u (x)", "INSERT INTO t VALUES (1)")
	b.wantError(err, "UNIQUE constraint failed: t.a: SQLITE_CONSTRAINT (extended: SQLITE_CONSTRAINT_UNIQUE)", "batch")
	b.want("SELECT count(*) FROM t", "0")
	b.fails("no such table: u: SQLITE_ERROR", "SELECT * FROM u")
	results, err := batch("INSERT INTO t VALUES (1)", "", "SELECT a FROM t", "  -- nothing", "DELETE FROM t RETURNING a")
	b.check(err)
	if len(results) != 3 || text(results[1]) != "1" || text(results[2]) != "1" {
		t.Fatalf("%+v", results)
	}
	_, err = batch("PRAGMA defer_foreign_keys = ON", "CREATE TABLE c (p REFERENCES t (a))", "INSERT INTO c VALUES (5)")
	b.wantError(err, "FOREIGN KEY constraint failed: SQLITE_CONSTRAINT (extended: SQLITE_CONSTRAINT_FOREIGNKEY)", "a deferred constraint")
	b.want("SELECT count(*) FROM sqlite_schema WHERE name = 'c'", "0")
}

func TestExec(t *testing.T) {
	b := newBench(t, nil)
	count, duration, err := b.host.Exec(t.Context(), Source{Name: "db"},
		"\nCREATE TABLE t (a);\n\n  -- a comment\nINSERT INTO t VALUES (1); INSERT INTO t VALUES (2)\nSELECT * FROM t\n")
	b.check(err)
	if count != 3 || duration <= 0 {
		t.Fatalf("count %d, duration %g", count, duration)
	}
	_, _, err = b.host.Exec(t.Context(), Source{Name: "db"}, "INSERT INTO t VALUES (3)\nSELECT nope")
	b.wantError(err, "no such column: nope at offset 7: SQLITE_ERROR", "exec")
	b.want("SELECT count(*) FROM t", "2")
	_, _, err = b.host.Exec(t.Context(), Source{Name: "db"}, " \n ")
	b.wantError(err, "No SQL statements detected.", "exec")
}

func TestBookmarks_Rise(t *testing.T) {
	b := newBench(t, nil)
	last := ""
	for i := range 5 {
		_, mark, err := b.host.Query(t.Context(), Source{Name: "db"}, []Statement{{SQL: fmt.Sprintf("CREATE TABLE t%d (a)", i)}}, false, last)
		b.check(err)
		if mark <= last || len(mark) != 8+1+8+1+8+1+32 {
			t.Fatalf("bookmark %q after %q", mark, last)
		}
		_, same, err := b.host.Query(t.Context(), Source{Name: "db"}, []Statement{{SQL: "SELECT 1"}}, false, mark)
		b.check(err)
		if same != mark {
			t.Fatalf("a read moved the bookmark from %q to %q", mark, same)
		}
		last = mark
	}
}

func TestRestart(t *testing.T) {
	b := newBench(t, nil)
	d, err := b.host.Create(t.Context(), "db")
	b.check(err)
	b.query("CREATE TABLE t (id INTEGER PRIMARY KEY, a)")
	for i := range 100 {
		b.query("INSERT INTO t (a) VALUES (?)", abi.Integer(int64(i)))
	}
	b.stop()
	b.start()
	b.want("SELECT count(*), max(a), max(id) FROM t", "100|99|100")
	b.want("PRAGMA quick_check", "ok")
	again, err := b.host.Get(t.Context(), d.UUID)
	b.check(err)
	if again.Name != "db" || !again.CreatedAt.Equal(d.CreatedAt) || again.NumTables != 1 || again.FileSize == 0 {
		t.Fatalf("%+v", again)
	}
}

func TestCatalog(t *testing.T) {
	b := newBench(t, nil)
	d, err := b.host.Create(t.Context(), "one")
	b.check(err)
	if len(d.UUID) != 36 || d.Name != "one" || d.CreatedAt.IsZero() || d.NumTables != 0 {
		t.Fatalf("%+v", d)
	}
	_, err = b.host.Create(t.Context(), "one")
	if fault := b.wantError(err, `A database with the name "one" already exists.`, "create"); fault.Kind != KindExists {
		t.Fatalf("kind %d", fault.Kind)
	}
	_, _, err = b.host.Exec(t.Context(), Source{Name: "two"}, "CREATE TABLE t (a)\nCREATE TABLE u (a)")
	b.check(err)
	two, err := b.host.Get(t.Context(), "two")
	b.check(err)
	if two.NumTables != 2 {
		t.Fatalf("%+v", two)
	}
	_, _, err = b.host.Query(t.Context(), Source{Name: "three"}, []Statement{{SQL: "SELECT 1"}}, false, "")
	b.check(err)
	names := func(part string) string {
		all, err := b.host.List(part)
		b.check(err)
		var names []string
		for _, d := range all {
			names = append(names, d.Name)
		}
		return strings.Join(names, " ")
	}
	if got := names(""); got != "one two" { // reading makes no database
		t.Fatalf("databases: %s", got)
	}
	if got := names("w"); got != "two" {
		t.Fatalf("databases with w: %s", got)
	}
	infos, _, err := b.engine.List("", "", "", 10)
	b.check(err)
	if len(infos) != 0 {
		t.Fatalf("databases show among the objects: %v", infos)
	}
	b.check(b.host.Delete(t.Context(), two.UUID))
	if got := names(""); got != "one" {
		t.Fatalf("after delete: %s", got)
	}
	err = b.host.Delete(t.Context(), two.UUID)
	if fault := b.wantError(err, "The database "+two.UUID+" could not be found", "delete"); fault.Kind != KindNotFound {
		t.Fatalf("kind %d", fault.Kind)
	}
	again, err := b.host.Create(t.Context(), "two")
	b.check(err)
	if again.UUID == two.UUID || again.NumTables != 0 {
		t.Fatalf("%+v is the old database", again)
	}
	for _, name := range []string{"", "a/b", "a b", "-a", "..", strings.Repeat("a", 65)} {
		if _, err := b.host.Create(t.Context(), name); err == nil {
			t.Errorf("the name %q was accepted", name)
		}
	}
}

func TestMigrate(t *testing.T) {
	b := newBench(t, nil)
	files := fstest.MapFS{
		"0002_rows.sql":   {Data: []byte("INSERT INTO t VALUES (1); -- one; two\nINSERT INTO t VALUES (2);")},
		"0001_init.sql":   {Data: []byte("CREATE TABLE t (a);\nCREATE TRIGGER g AFTER INSERT ON t BEGIN SELECT 1; END;")},
		"0010_ten.sql":    {Data: []byte("INSERT INTO t VALUES (10)")},
		"README.md":       {Data: []byte("no migration")},
		"sub/0003_no.sql": {Data: []byte("no migration")},
	}
	src := Source{Name: "db"}
	applied, err := b.host.Migrate(t.Context(), src, files, "")
	b.check(err)
	if got := strings.Join(applied, " "); got != "0001_init.sql 0002_rows.sql 0010_ten.sql" {
		t.Fatalf("applied %s", got)
	}
	applied, err = b.host.Migrate(t.Context(), src, files, "")
	if b.check(err); len(applied) != 0 {
		t.Fatalf("applied again: %v", applied)
	}
	b.want("SELECT id, name, length(applied_at) FROM d1_migrations", "1|0001_init.sql|19 2|0002_rows.sql|19 3|0010_ten.sql|19")
	b.want("SELECT sum(a) FROM t", "13")
	files["0011_bad.sql"] = &fstest.MapFile{Data: []byte("INSERT INTO t VALUES (11); INSERT INTO nope VALUES (1)")}
	files["0012_after.sql"] = &fstest.MapFile{Data: []byte("INSERT INTO t VALUES (12)")}
	_, err = b.host.Migrate(t.Context(), src, files, "")
	if err == nil || err.Error() != "migration 0011_bad.sql: no such table: nope: SQLITE_ERROR" {
		t.Fatalf("got %v", err)
	}
	b.want("SELECT sum(a) FROM t", "13")
	if _, err := b.host.Migrate(t.Context(), Source{Name: "other"}, files, "my_table"); err == nil {
		t.Fatal("the bad migration was applied")
	}
	results, _, err := b.host.Query(t.Context(), Source{Name: "other"}, []Statement{{SQL: "SELECT count(*) FROM my_table"}}, false, "")
	if b.check(err); text(results[0]) != "3" {
		t.Fatalf("%s migrations", text(results[0]))
	}
}

// TestConcurrency: many callers, few databases, fewer open than there are. No
// update is lost, nobody hears of a lock.
func TestConcurrency(t *testing.T) {
	const callers, rounds, databases = 16, 20, 4
	b := newBench(t, func(c *Config) { c.OpenMax = 2 })
	source := func(i int) Source { return Source{Name: fmt.Sprintf("db%d", i%databases)} }
	for i := range databases {
		_, _, err := b.host.Exec(t.Context(), source(i), "CREATE TABLE n (v)\nINSERT INTO n VALUES (0)")
		b.check(err)
	}
	var done sync.WaitGroup
	for i := range callers {
		done.Go(func() {
			for range rounds {
				_, _, err := b.host.Query(context.Background(), source(i), []Statement{
					{SQL: "UPDATE n SET v = v + 1"}, {SQL: "SELECT v FROM n"},
				}, true, "")
				if err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	done.Wait()
	for i := range databases {
		results, _, err := b.host.Query(t.Context(), source(i), []Statement{{SQL: "SELECT v FROM n"}}, false, "")
		if b.check(err); text(results[0]) != fmt.Sprint(callers/databases*rounds) {
			t.Fatalf("database %d counts %s", i, text(results[0]))
		}
	}
}

const endless = "WITH RECURSIVE n (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n"

func TestTimeout(t *testing.T) {
	b := newBench(t, nil)
	b.query("CREATE TABLE t (a)")
	for _, sql := range []string{endless, "INSERT INTO t " + endless} {
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		_, _, err := b.host.Query(ctx, Source{Name: "db"}, []Statement{{SQL: sql}}, false, "")
		cancel()
		if fault := b.wantError(err, textTimeout, sql); fault.Kind != KindTimeout {
			t.Fatalf("kind %d", fault.Kind)
		}
	}
	b.want("SELECT count(*) FROM t", "0")
}

func TestQueue(t *testing.T) {
	b := newBench(t, func(c *Config) { c.QueueMax = 1 })
	b.query("CREATE TABLE t (a)")
	db, err := b.host.acquire(Source{Name: "db"})
	b.check(err)
	defer b.host.release(db)
	b.check(db.queue.enter(t.Context()))
	ctx, cancel := context.WithCancel(t.Context())
	waiting := make(chan error, 1)
	go func() {
		_, _, err := b.host.Query(ctx, Source{Name: "db"}, []Statement{{SQL: "INSERT INTO t VALUES (1)"}}, false, "")
		waiting <- err
	}()
	for waiting := 0; waiting < 1; runtime.Gosched() {
		db.queue.mu.Lock()
		waiting = db.queue.waiting.Len()
		db.queue.mu.Unlock()
	}
	if fault := b.fails(textQueueFull, "SELECT 1"); fault.Kind != KindOverloaded || !fault.Retryable {
		t.Fatalf("%+v", fault)
	}
	cancel()
	var fault *Error
	if err := <-waiting; !errors.As(err, &fault) || fault.Kind != KindCanceled {
		t.Fatalf("a canceled query: %v", err)
	}
	expired, cancel := context.WithTimeout(t.Context(), 0)
	defer cancel()
	b.wantError(db.queue.enter(expired), textQueueSlow, "expired")
	db.queue.leave()
	b.want("SELECT count(*) FROM t", "0")
}

func TestCancel_EndsTheStatement(t *testing.T) {
	b := newBench(t, nil)
	b.query("CREATE TABLE t (a)")
	ctx, cancel := context.WithCancel(t.Context())
	started := make(chan struct{})
	ended := make(chan error, 1)
	go func() {
		close(started)
		_, _, err := b.host.Query(ctx, Source{Name: "db"}, []Statement{{SQL: "INSERT INTO t VALUES (1)"}, {SQL: endless}}, true, "")
		ended <- err
	}()
	<-started
	cancel()
	var fault *Error
	if err := <-ended; !errors.As(err, &fault) || fault.Kind != KindCanceled {
		t.Fatalf("got %v", err)
	}
	b.want("SELECT count(*) FROM t", "0")
}

func TestResultBytesMax(t *testing.T) {
	b := newBench(t, func(c *Config) { c.ResultBytesMax = 10_000 })
	b.want("SELECT length(zeroblob(20000))", "20000")
	b.fails("The result is larger than 10000 bytes.", "SELECT zeroblob(20000)")
}
