package storage

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/ncruces/go-sqlite3"

	"github.com/holdfast-run/holdfast/runtime/store"
)

// TestSQL_SameAsPlainSQLite runs random statements, in turns that commit or
// abort, with nested transactions, on an object and on a plain SQLite
// database. Rows, changes and failures must be the same; the object is closed
// and opened in between, and shares the engine with others.
func TestSQL_SameAsPlainSQLite(t *testing.T) {
	for seed := range uint64(rounds(t, 5, 20)) {
		e := openMem(t, vfs.NewMem(), func(c *Config) { c.OpenDatabasesMax, c.SQLCacheKiB, c.Logger = 1, 16, quiet() })
		plain, err := sqlite3.Open(":memory:")
		must(t, err)
		must(t, plain.Exec("PRAGMA foreign_keys=ON; PRAGMA trusted_schema=OFF"))
		d := &differ{t: t, seed: seed, r: rand.New(rand.NewPCG(seed, 5)), engine: e, plain: plain, object: mustOpen(t, e, 1)}
		for range 60 {
			d.turn()
		}
		must(t, d.object.Close())
		verified(t, e)
		must(t, e.Close())
		must(t, plain.Close())
	}
}

type differ struct {
	t      *testing.T
	seed   uint64
	r      *rand.Rand
	engine *Engine
	object *Object
	plain  *sqlite3.Conn
	said   []string
	depth  int
}

// turn runs statements and ends them in one of the ways there are.
func (d *differ) turn() {
	must(d.t, d.plain.Exec("BEGIN"))
	for range 1 + d.r.IntN(12) {
		switch d.r.IntN(12) {
		case 0:
			must(d.t, d.object.Begin())
			must(d.t, d.plain.Exec("SAVEPOINT hf"))
			d.depth++
		case 1:
			if d.depth > 0 {
				d.end(d.r.IntN(2) == 0)
			}
		default:
			d.both(d.statement())
		}
	}
	for d.depth > 0 {
		d.end(d.r.IntN(2) == 0)
	}
	d.both("SELECT count(*), total(a), group_concat(quote(b)) FROM (SELECT * FROM t0 ORDER BY id)")
	if d.r.IntN(4) == 0 {
		must(d.t, d.object.Abort())
		must(d.t, d.plain.Exec("ROLLBACK"))
	} else {
		_, err := d.object.Commit(nil)
		must(d.t, err)
		must(d.t, d.plain.Exec("COMMIT"))
	}
	switch d.r.IntN(6) {
	case 0: // another object takes the one open database
		o := mustOpen(d.t, d.engine, 2)
		must(d.t, runSQL(o, "CREATE TABLE IF NOT EXISTS t0 (id, a, b); INSERT INTO t0 VALUES (1, 2, 3)"))
		commitDurably(d.t, o)
		must(d.t, o.Close())
	case 1:
		must(d.t, d.object.Close())
		d.object = mustOpen(d.t, d.engine, 1)
	case 2:
		_, err := d.object.Vacuum(nil)
		must(d.t, err)
		must(d.t, d.plain.Exec("VACUUM"))
	}
}

func (d *differ) end(keep bool) {
	d.depth--
	if keep {
		must(d.t, d.object.Release())
		must(d.t, d.plain.Exec("RELEASE hf"))
		return
	}
	must(d.t, d.object.Rollback())
	must(d.t, d.plain.Exec("ROLLBACK TO hf; RELEASE hf"))
}

// both runs a statement on both and compares.
func (d *differ) both(query string) {
	d.t.Helper()
	d.said = append(d.said, query)
	got, gotErr := objectRows(d.object, query)
	want, wantErr := plainRows(d.plain, query)
	if (gotErr == nil) != (wantErr == nil) || gotErr == nil && got != want {
		d.t.Fatalf("seed %d: %s\ngot  %s (%v)\nwant %s (%v)\nafter:\n%s", d.seed, query, got, gotErr, want, wantErr,
			strings.Join(d.said[max(0, len(d.said)-30):], ";\n"))
	}
}

func objectRows(o store.Object, query string) (string, error) {
	c, err := o.Exec(query, nil)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	for {
		row, ok, err := c.Next(nil)
		if err != nil {
			return "", err
		}
		if !ok {
			return b.String(), c.Close()
		}
		for _, v := range row {
			fmt.Fprintf(&b, "%d:%d:%g:%s|", v.Kind, v.Int, v.Float, v.Bytes)
		}
		b.WriteByte('\n')
	}
}

func plainRows(conn *sqlite3.Conn, query string) (string, error) {
	stmt, _, err := conn.Prepare(query)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	c := &cursor{statement: &statement{stmt: stmt}}
	for range stmt.ColumnCount() {
		c.statement.columns = append(c.statement.columns, "")
	}
	for stmt.Step() {
		for _, v := range c.row(nil) {
			fmt.Fprintf(&b, "%d:%d:%g:%s|", v.Kind, v.Int, v.Float, v.Bytes)
		}
		b.WriteByte('\n')
	}
	err = stmt.Err()
	_ = stmt.Close() // reports the last run's error again
	return b.String(), err
}

// statement makes one at random; some fail.
func (d *differ) statement() string {
	r := d.r
	table := fmt.Sprintf("t%d", r.IntN(3))
	value := func() string {
		switch r.IntN(6) {
		case 0:
			return "NULL"
		case 1:
			return fmt.Sprint(r.IntN(20))
		case 2:
			return fmt.Sprintf("%d.5", r.IntN(9))
		case 3:
			return fmt.Sprintf("zeroblob(%d)", r.IntN(4000))
		case 4:
			return fmt.Sprintf("printf('%%.*c', %d, 'x')", r.IntN(3000))
		}
		return fmt.Sprintf("'text %d'", r.IntN(20))
	}
	switch r.IntN(16) {
	case 0:
		return "CREATE TABLE IF NOT EXISTS " + table + " (id INTEGER PRIMARY KEY, a, b UNIQUE, c REFERENCES t0 (id) ON DELETE CASCADE)"
	case 1:
		return fmt.Sprintf("CREATE INDEX IF NOT EXISTS i%d ON %s (a, b)", r.IntN(3), table)
	case 2:
		return "DROP TABLE IF EXISTS " + table
	case 3, 4, 5, 6:
		return fmt.Sprintf("INSERT INTO %s (id, a, b) VALUES (%d, %s, %s)", table, r.IntN(60), value(), value())
	case 7:
		return fmt.Sprintf("INSERT OR REPLACE INTO %s SELECT id + %d, b, a || '%d', NULL FROM %s", table, r.IntN(9), r.IntN(99), table)
	case 8:
		return fmt.Sprintf("UPDATE OR IGNORE %s SET a = %s, b = %s WHERE id %% %d = 0 RETURNING id, a", table, value(), value(), 1+r.IntN(5))
	case 9:
		return fmt.Sprintf("DELETE FROM %s WHERE id > %d RETURNING *", table, r.IntN(60))
	case 10:
		return fmt.Sprintf("ALTER TABLE %s ADD COLUMN d%d", table, r.IntN(3))
	case 11:
		return fmt.Sprintf("SELECT x.id, y.a FROM %s x LEFT JOIN t1 y ON x.id = y.id + %d ORDER BY 1, 2", table, r.IntN(5))
	case 12:
		return "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 50) INSERT OR IGNORE INTO " + table + " (id, a) SELECT i, i * i FROM n"
	case 13:
		return "SELECT name, sql FROM sqlite_schema ORDER BY name"
	case 14:
		return "SELECT a, count(*), max(length(b)) FROM " + table + " GROUP BY a HAVING count(*) > 1 ORDER BY a"
	}
	return "SELECT total(id), sum(length(b)) FROM " + table
}
