package d1

import (
	"context"
	"strings"
	"testing"
	"time"
)

// stream is a stream on the bench's database.
func (b *bench) stream() *Stream {
	b.t.Helper()
	s, err := b.host.NewStream(Source{Name: "db"})
	b.check(err)
	b.t.Cleanup(s.Close)
	return s
}

// script runs statements on s; after "!" the error's text is expected.
func (b *bench) script(s *Stream, lines ...string) {
	b.t.Helper()
	for _, line := range lines {
		sql, want, _ := strings.Cut(line, " => ")
		result, err := s.Execute(b.t.Context(), Statement{SQL: sql})
		switch {
		case err != nil && strings.TrimPrefix(want, "!") != err.Error():
			b.t.Fatalf("%s: got error %q, want %q", sql, err, want)
		case err == nil && text(result) != want:
			b.t.Fatalf("%s: got %s, want %s", sql, text(result), want)
		}
	}
}

func TestStream_Transactions(t *testing.T) {
	b := newBench(t, nil)
	s := b.stream()
	b.script(s,
		"CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT UNIQUE)",
		"COMMIT => !cannot commit - no transaction is active: SQLITE_ERROR",
		"ROLLBACK => !cannot rollback - no transaction is active: SQLITE_ERROR",
		"BEGIN IMMEDIATE",
		"BEGIN => !cannot start a transaction within a transaction: SQLITE_ERROR",
		"INSERT INTO t VALUES (1, 'x')",
		"SELECT * FROM t => 1|x",
		"INSERT INTO t VALUES (2, 'x') => !UNIQUE constraint failed: t.b: SQLITE_CONSTRAINT (extended: SQLITE_CONSTRAINT_UNIQUE)",
		"INSERT INTO t VALUES (2, 'y')",
		"COMMIT",
		"SELECT count(*) FROM t => 2",
		"BEGIN", "DELETE FROM t", "ROLLBACK", "SELECT count(*) FROM t => 2",
		"BEGIN", "SAVEPOINT one", "DELETE FROM t WHERE a = 1", "SAVEPOINT two", "DELETE FROM t",
		"ROLLBACK TO two", "SELECT a FROM t => 2", "RELEASE one",
		"RELEASE one => !no such savepoint: one: SQLITE_ERROR",
		"COMMIT", "SELECT a FROM t => 2",
		"SAVEPOINT outer", "INSERT INTO t VALUES (3, 'z')", "RELEASE outer", "SELECT count(*) FROM t => 2",
		"BEGIN", "INSERT OR ROLLBACK INTO t VALUES (9, 'z') => !UNIQUE constraint failed: t.b: SQLITE_CONSTRAINT (extended: SQLITE_CONSTRAINT_UNIQUE)",
		"SELECT 1; SELECT 2 => !SQL string contains more than one statement.",
	)
	b.query("INSERT INTO t VALUES (10, 'free')") // nothing holds the database
}

func TestStream_OwnsItsDatabase(t *testing.T) {
	b := newBench(t, func(c *Config) { c.QueryTimeout = time.Second })
	b.query("CREATE TABLE t (a)")
	s := b.stream()
	b.script(s, "BEGIN", "INSERT INTO t VALUES (1)")
	b.wantError(b.host.Delete(t.Context(), "db"), "The database db has an open transaction.", "delete")
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	_, _, err := b.host.Query(ctx, Source{Name: "db"}, []Statement{{SQL: "SELECT 1"}}, false, "")
	b.wantError(err, textQueueSlow, "a query beside a transaction")
	s.Close()
	b.want("SELECT count(*) FROM t", "0")
	b.check(b.host.Delete(t.Context(), "db"))
}

func TestStream_TransactionTimeout(t *testing.T) {
	b := newBench(t, func(c *Config) { c.TransactionTimeout = 20 * time.Millisecond })
	b.query("CREATE TABLE t (a)")
	s := b.stream()
	b.script(s, "BEGIN", "INSERT INTO t VALUES (1)")
	b.want("SELECT count(*) FROM t", "0") // waits for the timeout
	_, err := s.Execute(t.Context(), Statement{SQL: "COMMIT"})
	if fault := b.wantError(err, "The transaction took too long and was rolled back.", "commit"); fault.Code != CodeTransactionTimeout {
		t.Fatalf("code %q", fault.Code)
	}
	b.script(s, "SELECT count(*) FROM t => 0")
}

func TestStream_Describe(t *testing.T) {
	b := newBench(t, nil)
	b.query("CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT)")
	d, err := b.stream().Describe(t.Context(), "SELECT a, b, a + 1 FROM t WHERE b = :name AND a = ?")
	b.check(err)
	if got := strings.Join(d.Params, ",") + " " + strings.Join(d.Columns, ",") + " " + strings.Join(d.Types, ","); got != ":name, a,b,a + 1 INTEGER,TEXT," || !d.ReadOnly || d.Explain {
		t.Fatalf("got %q, %+v", got, d)
	}
	if d, err = b.stream().Describe(t.Context(), "EXPLAIN DELETE FROM t"); err != nil || !d.Explain {
		t.Fatalf("%+v, %v", d, err)
	}
}

func TestReadOnlySource(t *testing.T) {
	b := newBench(t, nil)
	b.query("CREATE TABLE t (a)")
	src := Source{Name: "db", ReadOnly: true}
	_, _, err := b.host.Query(t.Context(), src, []Statement{{SQL: "SELECT 1"}}, false, "")
	b.check(err)
	refused := "attempt to write a readonly database: SQLITE_READONLY"
	_, _, err = b.host.Query(t.Context(), src, []Statement{{SQL: "INSERT INTO t VALUES (1)"}}, false, "")
	b.wantError(err, refused, "query")
	_, _, err = b.host.Exec(t.Context(), src, "DROP TABLE t")
	b.wantError(err, refused, "exec")
	s, err := b.host.NewStream(src)
	b.check(err)
	b.script(s, "BEGIN", "INSERT INTO t VALUES (1) => !"+refused, "COMMIT => !cannot commit - no transaction is active: SQLITE_ERROR")
	b.script(s, "DELETE FROM t => !"+refused, "SELECT count(*) FROM t => 0")
}
