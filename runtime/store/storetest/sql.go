package storetest

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/holdfast-run/holdfast/guest-sdk/abi"
	"github.com/holdfast-run/holdfast/runtime/store"
)

var sqlTests = []struct {
	name string
	run  func(*testing.T, *bench)
}{
	{"SQLValues", testSQLValues}, {"SQLStatements", testSQLStatements}, {"SQLErrors", testSQLErrors},
	{"SQLTurns", testSQLTurns}, {"SQLTransactions", testSQLTransactions}, {"SQLCursors", testSQLCursors},
	{"SQLEndedTransaction", testSQLEndedTransaction}, {"SQLDeferredConstraint", testSQLDeferredConstraint},
	{"SQLWithKV", testSQLWithKV}, {"SQLDeleteAll", testSQLDeleteAll}, {"SQLCounts", testSQLCounts},
	{"SQLSize", testSQLSize}, {"SQLReopen", testSQLReopen}, {"SQLSandbox", testSQLSandbox},
	{"SQLAllowed", testSQLAllowed}, {"SQLFullText", testSQLFullText}, {"SQLLimits", testSQLLimits},
}

func testSQLUnsupported(t *testing.T, b *bench) {
	_, err := b.object(ref("app.C", 1)).Exec("SELECT 1", nil)
	b.want(err, store.ErrUnsupported)
}

func (b *bench) exec(o store.Object, query string, args ...abi.Value) {
	b.t.Helper()
	c, err := o.Exec(query, args)
	b.check(err)
	b.check(c.Close())
}

// fails runs a query that must fail with a SQL error of this text.
func (b *bench) fails(o store.Object, want, query string, args ...abi.Value) {
	b.t.Helper()
	err := b.runAll(o, query, args...)
	var fault *store.SQLError
	if !errors.As(err, &fault) {
		b.t.Fatalf("%.60q: got error %v, want %q", query, err, want)
	}
	equal(b, fmt.Sprintf("error of %.60q", query), fault.Message, want)
}

func (b *bench) runAll(o store.Object, query string, args ...abi.Value) error {
	c, err := o.Exec(query, args)
	for ok := err == nil; ok; {
		_, ok, err = c.Next(nil)
	}
	if c != nil {
		b.check(c.Close())
	}
	return err
}

func (b *bench) query(o store.Object, want, query string, args ...abi.Value) {
	b.t.Helper()
	equal(b, query, strings.Join(b.rows(o, query, args...), " "), want)
}

func testSQLValues(t *testing.T, b *bench) {
	o := b.object(ref("app.C", 1))
	b.exec(o, "CREATE TABLE v (i, f, t, b, n)")
	b.exec(o, "INSERT INTO v VALUES (?, ?, ?, ?, ?)",
		abi.Integer(9007199254740993), abi.Float(1.5), abi.Text("text\x00nul"), abi.Blob([]byte{0, 255}), abi.Null())
	b.exec(o, "INSERT INTO v VALUES (?, ?, ?, ?, ?)",
		abi.Integer(-1<<63), abi.Float(2), abi.Text(""), abi.Blob(nil), abi.Null())
	b.query(o, "9007199254740993|1.5!|text\x00nul|x'00ff'|NULL -9223372036854775808|2!||x''|NULL", "SELECT * FROM v")
	b.query(o, "integer|real|text|blob|null integer|real|text|blob|null",
		"SELECT typeof(i), typeof(f), typeof(t), typeof(b), typeof(n) FROM v")
	b.query(o, "3|2", "SELECT ?2, ?1", abi.Integer(2), abi.Integer(3))
	b.query(o, "7|8", "SELECT :a, @b", abi.Integer(7), abi.Integer(8))
	c, err := o.Exec("SELECT 1 AS a, 2 AS a, 3", nil)
	b.check(err)
	equal(b, "columns", strings.Join(c.Columns(), ","), "a,a,3")
	b.check(c.Close())
}

func testSQLStatements(t *testing.T, b *bench) {
	o := b.object(ref("app.C", 1))
	b.query(o, "5", `CREATE TABLE t (a); -- a comment; with a semicolon
		INSERT INTO t VALUES (1); INSERT INTO t VALUES (2);
		SELECT sum(a) + ? FROM t; /* the end */ ;`, abi.Integer(2))
	b.exec(o, `CREATE TRIGGER g AFTER INSERT ON t BEGIN UPDATE t SET a = a + 1; DELETE FROM t WHERE a > 100; END; INSERT INTO t VALUES (3)`)
	b.query(o, "2 3 4", "SELECT a FROM t ORDER BY a")
	b.query(o, "2", "DELETE FROM t WHERE a = 2 RETURNING a")
	b.fails(o, "no such table: nope: SQLITE_ERROR", "INSERT INTO t VALUES (9); SELECT * FROM nope")
	b.query(o, "1", "SELECT count(*) FROM t WHERE a = 10")
}

func testSQLErrors(t *testing.T, b *bench) {
	o := b.object(ref("app.C", 1))
	b.exec(o, `CREATE TABLE p (id INTEGER PRIMARY KEY);
		CREATE TABLE t (a PRIMARY KEY, b UNIQUE, d NOT NULL, c CHECK (c > 0), p REFERENCES p (id));
		INSERT INTO t VALUES (1, 1, 1, 1, NULL)`)
	b.commit(o)
	tests := []struct{ want, query string }{
		{`near "SELEC": syntax error at offset 0: SQLITE_ERROR`, "SELEC 1"},
		{"no such table: nope: SQLITE_ERROR", "SELECT * FROM nope"},
		{"no such column: zz at offset 7: SQLITE_ERROR", "SELECT zz FROM t"},
		{"UNIQUE constraint failed: t.b: SQLITE_CONSTRAINT (extended: SQLITE_CONSTRAINT_UNIQUE)", "INSERT INTO t VALUES (2, 1, 1, 1, NULL)"},
		{"UNIQUE constraint failed: t.a: SQLITE_CONSTRAINT (extended: SQLITE_CONSTRAINT_PRIMARYKEY)", "INSERT INTO t VALUES (1, 2, 1, 1, NULL)"},
		{"NOT NULL constraint failed: t.d: SQLITE_CONSTRAINT (extended: SQLITE_CONSTRAINT_NOTNULL)", "INSERT INTO t VALUES (2, 2, NULL, 1, NULL)"},
		{"CHECK constraint failed: c > 0: SQLITE_CONSTRAINT (extended: SQLITE_CONSTRAINT_CHECK)", "INSERT INTO t VALUES (2, 2, 1, 0, NULL)"},
		{"FOREIGN KEY constraint failed: SQLITE_CONSTRAINT (extended: SQLITE_CONSTRAINT_FOREIGNKEY)", "INSERT INTO t VALUES (2, 2, 1, 1, 77)"},
		{"not authorized: SQLITE_AUTH", "ATTACH 'x' AS y"},
		{"not authorized: SQLITE_AUTH", "PRAGMA journal_mode"},
		{"not authorized to use function: sqlite_version at offset 7: SQLITE_ERROR", "SELECT sqlite_version()"},
		{"SQL code did not contain a statement.", ""},
		{"SQL code did not contain a statement.", "-- nothing\n;"},
		{"Wrong number of parameter bindings for SQL query.", "SELECT ?"},
		{"When executing multiple SQL statements in a single call, only the last statement can have parameters.", "SELECT ?; SELECT 1"},
		{"LIKE or GLOB pattern too complex: SQLITE_ERROR", "SELECT 'x' LIKE '" + strings.Repeat("x", 51) + "'"},
		{"too many terms in compound SELECT: SQLITE_ERROR", "SELECT 1" + strings.Repeat(" UNION SELECT 1", 5)},
		{"statement too long: SQLITE_TOOBIG", "SELECT '" + strings.Repeat("x", 100_000) + "'"},
	}
	for _, test := range tests {
		b.fails(o, test.want, test.query)
	}
	b.fails(o, "Wrong number of parameter bindings for SQL query.", "SELECT 1", abi.Null())
	b.fails(o, "string or blob too big: SQLITE_TOOBIG", "SELECT ?", abi.Blob(make([]byte, 5<<20)))
	b.query(o, "1", "SELECT count(*) FROM t")
	equal(b, "failed statements change nothing", b.tryCommit(o), false)
	for _, query := range []string{"BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT a", "RELEASE a", "end", "begin immediate"} {
		_, err := o.Exec(query, nil)
		b.want(err, store.ErrTransactionSQL)
	}
}

func testSQLTurns(t *testing.T, b *bench) {
	o := b.object(ref("app.C", 1))
	b.exec(o, "CREATE TABLE t (a); INSERT INTO t VALUES (1)")
	equal(b, "dirty", o.Dirty(), true)
	b.check(o.Abort())
	b.fails(o, "no such table: t: SQLITE_ERROR", "SELECT * FROM t")
	b.exec(o, "CREATE TABLE t (a); INSERT INTO t VALUES (1)")
	b.commit(o)
	b.query(o, "1", "SELECT * FROM t")
	equal(b, "reading is clean", o.Dirty(), false)
	equal(b, "reading commits nothing", b.tryCommit(o), false)
	b.exec(o, "INSERT INTO t SELECT value FROM json_each('[1,2,3,4,5,6,7,8,9,10]')")
	b.check(o.Abort())
	b.query(o, "1", "SELECT count(*) FROM t")
	b.exec(o, "UPDATE t SET a = 5 WHERE a = 7")
	equal(b, "a write that changes nothing commits nothing", b.tryCommit(o), false)
	for i := 10; i < 60; i++ {
		b.exec(o, "UPDATE t SET a = ?", abi.Integer(int64(i)))
		if i%3 == 0 {
			b.check(o.Abort())
			continue
		}
		b.commit(o)
		b.query(o, fmt.Sprint(i), "SELECT a FROM t")
	}
}

func testSQLTransactions(t *testing.T, b *bench) {
	o := b.object(ref("app.C", 1))
	b.exec(o, "CREATE TABLE t (a)")
	b.commit(o)
	count := func(want string) { t.Helper(); b.query(o, want, "SELECT count(*) FROM t") }
	b.check(o.Begin())
	b.exec(o, "INSERT INTO t VALUES (1)")
	b.put(o, "k", "1")
	b.check(o.Begin())
	b.exec(o, "INSERT INTO t VALUES (2); CREATE TABLE u (x)")
	b.check(o.Rollback())
	count("1")
	b.check(o.Begin())
	b.exec(o, "INSERT INTO t VALUES (3)")
	b.check(o.Release())
	count("2")
	b.check(o.Rollback())
	count("0")
	equal(b, "kv follows", b.get(o, "k"), "<none>")
	b.exec(o, "INSERT INTO t VALUES (4)")
	b.check(o.Begin())
	b.exec(o, "DELETE FROM t")
	b.check(o.Rollback())
	b.commit(o)
	count("1")
}

func testSQLCursors(t *testing.T, b *bench) {
	o := b.object(ref("app.C", 1))
	b.exec(o, "CREATE TABLE t (a); INSERT INTO t VALUES (1), (2), (3)")
	b.commit(o)
	first, err := o.Exec("SELECT a FROM t ORDER BY a", nil)
	b.check(err)
	second, err := o.Exec("SELECT a FROM t ORDER BY a", nil)
	b.check(err)
	for want := range int64(3) {
		for _, c := range []store.Cursor{first, second} {
			row, ok, err := c.Next(nil)
			b.check(err)
			equal(b, "row", ok && row[0].Int == want+1, true)
		}
	}
	for range 2 {
		_, ok, err := first.Next(nil)
		b.check(err)
		equal(b, "after the last row", ok, false)
	}
	open, err := o.Exec("SELECT a FROM t ORDER BY a", nil)
	b.check(err)
	b.exec(o, "INSERT INTO t VALUES (4)")
	b.commit(o)
	_, _, err = open.Next(nil)
	b.want(err, store.ErrClosed)
	b.check(open.Close())
	b.check(second.Close())
	b.check(second.Close())
}

func testSQLEndedTransaction(t *testing.T, b *bench) {
	o := b.object(ref("app.C", 1))
	b.exec(o, `CREATE TABLE t (a UNIQUE); CREATE TRIGGER g BEFORE DELETE ON t BEGIN SELECT RAISE(ROLLBACK, 'no'); END;
		INSERT INTO t VALUES (1)`)
	b.commit(o)
	for _, query := range []string{"INSERT OR ROLLBACK INTO t VALUES (1)", "DELETE FROM t", "INSERT OR ROLLBACK INTO t VALUES (7), (1) RETURNING a"} {
		b.put(o, "k", "v")
		b.exec(o, "INSERT INTO t VALUES (2)")
		b.want(b.runAll(o, query), store.ErrAborted)
		_, _, err := o.Get("k")
		b.want(err, store.ErrAborted)
		b.want(o.Put("k", nil), store.ErrAborted)
		_, err = o.Exec("SELECT 1", nil)
		b.want(err, store.ErrAborted)
		_, err = o.Commit(func(error) { t.Error("durable was called") })
		b.want(err, store.ErrAborted)
		equal(b, "kv", b.get(o, "k"), "<none>")
		b.query(o, "1", "SELECT a FROM t")
	}
}

func testSQLDeferredConstraint(t *testing.T, b *bench) {
	o := b.object(ref("app.C", 1))
	b.exec(o, `CREATE TABLE p (id INTEGER PRIMARY KEY);
		CREATE TABLE c (p REFERENCES p (id) DEFERRABLE INITIALLY DEFERRED)`)
	b.commit(o)
	b.put(o, "k", "v")
	b.exec(o, "INSERT INTO c VALUES (1)")
	_, err := o.Commit(func(error) { t.Error("durable was called") })
	var fault *store.SQLError
	equal(b, "a failed commit is SQL's error", errors.As(err, &fault), true)
	equal(b, "text", fault.Message, "FOREIGN KEY constraint failed: SQLITE_CONSTRAINT (extended: SQLITE_CONSTRAINT_FOREIGNKEY)")
	equal(b, "kv", b.get(o, "k"), "<none>")
	b.query(o, "0", "SELECT count(*) FROM c")
	b.exec(o, "INSERT INTO c VALUES (1); INSERT INTO p VALUES (1)")
	b.commit(o)
}

func testSQLWithKV(t *testing.T, b *bench) {
	r := ref("app.C", 1)
	b.with(r, func(o store.Object) {
		b.exec(o, "CREATE TABLE t (a)")
		b.put(o, "k", "1")
		b.check(o.SetAlarm(store.Alarm{DueMs: 1}))
		b.commit(o)
		b.exec(o, "INSERT INTO t VALUES (1)")
		b.put(o, "k", "2")
		b.check(o.ClearAlarm())
		b.check(o.Abort())
		equal(b, "sequence", o.Sequence(), 1)
	})
	b.restart()
	b.with(r, func(o store.Object) {
		b.query(o, "0", "SELECT count(*) FROM t")
		equal(b, "kv", b.get(o, "k"), "1")
		_, has := o.Alarm()
		equal(b, "alarm", has, true)
	})
}

func testSQLDeleteAll(t *testing.T, b *bench) {
	o := b.object(ref("app.C", 1))
	b.exec(o, "CREATE TABLE t (a); INSERT INTO t SELECT zeroblob(1000) FROM json_each('"+jsonNumbers(300)+"')")
	b.commit(o)
	b.exec(o, "INSERT INTO t VALUES (2)")
	b.check(o.DeleteAll())
	b.fails(o, "no such table: t: SQLITE_ERROR", "SELECT * FROM t")
	b.exec(o, "CREATE TABLE u (a); INSERT INTO u VALUES (9)")
	b.check(o.Abort())
	b.query(o, "300", "SELECT count(*) FROM t")
	b.check(o.DeleteAll())
	equal(b, "size", o.DatabaseSize(), 0)
	b.exec(o, "CREATE TABLE u (a); INSERT INTO u VALUES (9)")
	b.commit(o)
	b.query(o, "9", "SELECT a FROM u")
	b.query(o, "u", "SELECT name FROM sqlite_schema")
	b.check(o.DeleteAll())
	b.commit(o)
	b.query(o, "0", "SELECT count(*) FROM sqlite_schema")
	_, ok, err := b.engine.Stat("app.C", ref("app.C", 1).ID)
	b.check(err)
	equal(b, "vanished", ok, false)
}

func jsonNumbers(n int) string { return "[" + strings.Repeat("1,", n-1) + "1]" }

func testSQLCounts(t *testing.T, b *bench) {
	o := b.object(ref("app.C", 1))
	b.exec(o, "CREATE TABLE t (a, b UNIQUE)")
	run := func(query string, read, written int64) {
		t.Helper()
		c, err := o.Exec(query, nil)
		b.check(err)
		for ok := true; ok; {
			_, ok, err = c.Next(nil)
			b.check(err)
		}
		equal(b, "rows read by "+query, c.RowsRead(), read)
		equal(b, "rows written by "+query, c.RowsWritten(), written)
	}
	run("INSERT INTO t VALUES (1, 1)", 0, 2)
	run("INSERT INTO t VALUES (2, 2), (3, 3)", 0, 4)
	run("SELECT * FROM t", 3, 0)
	run("SELECT * FROM t WHERE a = 2", 3, 0)
	run("SELECT * FROM t WHERE b = 2", 1, 0)
	run("UPDATE t SET a = 5 WHERE b = 2", 0, 1)
	run("DELETE FROM t WHERE b = 2", 0, 2)
}

func testSQLSize(t *testing.T, b *bench) {
	o := b.object(ref("app.C", 1))
	equal(b, "none", o.DatabaseSize(), 0)
	b.exec(o, "CREATE TABLE t (a)")
	b.commit(o)
	small := o.DatabaseSize()
	b.exec(o, "INSERT INTO t SELECT zeroblob(1000) FROM json_each('"+jsonNumbers(100)+"')")
	equal(b, "grows in the turn", o.DatabaseSize() > small+100_000, true)
	b.commit(o)
	equal(b, "grown", o.DatabaseSize() > small+100_000, true)
	b.exec(o, "DELETE FROM t")
	b.commit(o)
	equal(b, "free pages do not count", o.DatabaseSize() < small+20_000, true)
	equal(b, "info", o.Info().SQLBytes >= o.DatabaseSize(), true)
}

func testSQLReopen(t *testing.T, b *bench) {
	r := ref("app.C", 1)
	b.with(r, func(o store.Object) {
		b.exec(o, "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT); CREATE INDEX i ON t (a)")
		b.commit(o)
		for i := range 200 {
			b.exec(o, "INSERT INTO t (a) VALUES (?)", abi.Text(fmt.Sprintf("row %d %s", i, strings.Repeat("x", i))))
			b.commit(o)
		}
		b.exec(o, "DELETE FROM t WHERE id > 100")
		b.commit(o)
		b.exec(o, "DELETE FROM t")
		b.check(o.Abort())
		for range 2 {
			b.check(o.Rest())
		}
		b.query(o, "100|100", "SELECT count(*), max(id) FROM t")
	})
	b.restart()
	b.with(r, func(o store.Object) {
		b.query(o, "100|100", "SELECT count(*), max(id) FROM t")
		b.query(o, "ok", "PRAGMA quick_check")
		b.query(o, "5", "SELECT id FROM t WHERE a = 'row 4 xxxx'")
	})
}

func testSQLSandbox(t *testing.T, b *bench) {
	o := b.object(ref("app.C", 1))
	b.exec(o, "CREATE TABLE t (a)")
	refused := []string{
		"CREATE TABLE _cf_x (a)", "CREATE TABLE _CF_x (a)", "CREATE INDEX _cf_i ON t (a)", "CREATE VIEW _cf_v AS SELECT 1",
		"CREATE TEMP TABLE x (a)", "CREATE TEMP VIEW x AS SELECT 1", "CREATE TABLE temp.x (a)", "DETACH main",
		"PRAGMA page_size = 4096", "PRAGMA locking_mode = NORMAL", "PRAGMA writable_schema = ON", "PRAGMA synchronous",
		"PRAGMA foreign_keys = 7", "PRAGMA mmap_size", "PRAGMA table_info(_cf_x)", "PRAGMA max_page_count = 1",
		"SELECT load_extension('x')", "SELECT sqlite_compileoption_get(1)", "SELECT sqlite_source_id()",
		"CREATE VIRTUAL TABLE x USING geopoly(a)", "CREATE VIRTUAL TABLE x USING csv(a)", "CREATE VIRTUAL TABLE x USING dbstat",
		"ALTER TABLE t RENAME TO _cf_t", "VACUUM", "VACUUM INTO 'x'", "UPDATE sqlite_schema SET sql = ''",
	}
	for _, query := range refused {
		err := b.runAll(o, query)
		var fault *store.SQLError
		if !errors.As(err, &fault) {
			t.Errorf("%s: got %v, want a refusal", query, err)
		}
	}
	b.query(o, "t", "SELECT name FROM sqlite_schema")
}

func testSQLAllowed(t *testing.T, b *bench) {
	o := b.object(ref("app.C", 1))
	allowed := []string{
		"CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT, a TEXT DEFAULT CURRENT_TIMESTAMP, b)",
		"CREATE INDEX i ON t (a, lower(b))", "CREATE VIEW v AS SELECT a FROM t", "ALTER TABLE t ADD COLUMN c",
		"ALTER TABLE t RENAME COLUMN c TO d", "ALTER TABLE t DROP COLUMN d", "ALTER TABLE t RENAME TO t2",
		"ALTER TABLE t2 RENAME TO t", "INSERT INTO t (b) VALUES (json('[1]'))", "ANALYZE", "REINDEX",
		"PRAGMA table_info(t)", "SELECT * FROM pragma_table_info('t')", "PRAGMA table_list", "PRAGMA table_list(t)",
		"PRAGMA index_list(t)", "PRAGMA index_info(i)", "PRAGMA index_xinfo(i)", "PRAGMA table_xinfo(t)",
		"PRAGMA foreign_key_list(t)", "PRAGMA foreign_key_check", "PRAGMA foreign_key_check(t)", "PRAGMA foreign_keys",
		"PRAGMA foreign_keys = ON", "PRAGMA defer_foreign_keys = TRUE", "PRAGMA case_sensitive_like = off", "PRAGMA quick_check(5)",
		"PRAGMA optimize", "PRAGMA data_version", "PRAGMA page_size", "PRAGMA recursive_triggers = 1",
		"WITH RECURSIVE n (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 5) SELECT max(x) FROM n",
		"SELECT row_number() OVER (ORDER BY a), sqrt(4), soundex('x'), unixepoch(), hex(randomblob(4)) FROM t",
		"SELECT json_extract('{\"a\":1}', '$.a') -> '$', group_concat(value) FROM json_each('[1,2]')",
		"CREATE TABLE w (k PRIMARY KEY) WITHOUT ROWID", "DROP VIEW v", "DROP INDEX i", "DROP TABLE t",
		"CREATE VIRTUAL TABLE r USING rtree(id, a, b)", "INSERT INTO r VALUES (1, 2, 3)", "SELECT * FROM r WHERE a > 1", "DROP TABLE r",
		"EXPLAIN QUERY PLAN SELECT * FROM w",
	}
	for _, query := range allowed {
		if err := b.runAll(o, query); err != nil {
			t.Errorf("%s: %v", query, err)
		}
	}
	b.tryCommit(o)
}

func testSQLFullText(t *testing.T, b *bench) {
	r := ref("app.C", 1)
	b.with(r, func(o store.Object) {
		b.exec(o, `CREATE VIRTUAL TABLE d USING fts5(body); INSERT INTO d VALUES ('kelp stays'), ('waves go');
			CREATE VIRTUAL TABLE words USING fts5vocab(d, row)`)
		b.commit(o)
		b.query(o, "<kelp> stays", "SELECT highlight(d, 0, '<', '>') FROM d WHERE d MATCH 'kelp' ORDER BY bm25(d)")
		b.query(o, "4", "SELECT count(*) FROM words")
	})
	b.restart()
	b.with(r, func(o store.Object) {
		b.query(o, "waves go", "SELECT body FROM d('waves')")
		b.exec(o, "DROP TABLE d")
		b.commit(o)
	})
}

func testSQLLimits(t *testing.T, b *bench) {
	o := b.object(ref("app.C", 1))
	columns := "c0"
	for i := range 100 {
		columns += fmt.Sprintf(", c%d", i+1)
	}
	b.fails(o, "too many columns on t: SQLITE_ERROR", "CREATE TABLE t ("+columns+")")
	b.fails(o, "too many SQL variables at offset 207: SQLITE_ERROR", "SELECT "+strings.TrimSuffix(strings.Repeat("?,", 101), ","))
	script := strings.Repeat("SELECT '"+strings.Repeat("x", 1000)+"';", 300)
	b.check(b.runAll(o, script)) // the limit is a statement's, not a text's
	b.exec(o, "CREATE TABLE big (v)")
	b.exec(o, "INSERT INTO big VALUES (?)", abi.Blob(make([]byte, 2_000_000)))
	b.commit(o)
	b.query(o, "2000000", "SELECT length(v) FROM big")
}
