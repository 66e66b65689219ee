package d1

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-run/holdfast/guest-sdk/abi"
)

func TestTimeTravel(t *testing.T) {
	b := newBench(t, nil)
	b.query("CREATE TABLE t (a)")
	b.query("INSERT INTO t VALUES (1)")
	first, err := b.host.Bookmark("db", Point{})
	b.check(err)
	b.query("INSERT INTO t VALUES (2)")
	before, err := b.host.Bookmark("db", Point{})
	b.check(err)
	if first >= before {
		t.Fatalf("bookmark %s is not before %s", first, before)
	}
	mark, undo, err := b.host.Restore(t.Context(), "db", Point{Bookmark: first})
	b.check(err)
	if mark != first {
		t.Fatalf("restored to %s, not %s", mark, first)
	}
	b.want("SELECT a FROM t", "1")
	after, err := b.host.Bookmark("db", Point{})
	b.check(err)
	if after <= before {
		t.Fatalf("the bookmark went back from %s to %s", before, after)
	}
	_, _, err = b.host.Restore(t.Context(), "db", Point{Bookmark: undo})
	b.check(err)
	b.want("SELECT a FROM t", "1 2")

	made, err := b.host.Fork(t.Context(), "db", Point{Bookmark: first}, "copy")
	b.check(err)
	results, _, err := b.host.Query(t.Context(), Source{Name: "copy"}, []Statement{{SQL: "SELECT a FROM t"}}, false, "")
	b.check(err)
	if text(results[0]) != "1" || made.Name != "copy" {
		t.Fatalf("the fork %+v holds %s", made, text(results[0]))
	}
	_, err = b.host.Fork(t.Context(), "db", Point{}, "copy")
	b.wantError(err, `A database with the name "copy" already exists.`, "fork")
	b.want("SELECT a FROM t", "1 2")

	b.stop()
	b.start()
	again, err := b.host.Bookmark("db", Point{Time: time.Now().Add(time.Minute)})
	b.check(err)
	if again < after {
		t.Fatalf("after a restart the bookmark is %s, before %s", again, after)
	}
}

func TestGeneration(t *testing.T) {
	b := newBench(t, nil)
	b.query("CREATE TABLE t (a)")
	mark, err := b.host.Bookmark("db", Point{})
	b.check(err)
	var file bytes.Buffer
	b.check(b.host.ExportFile("db", Point{}, &file))
	last := b.host.Generation()
	for what, change := range map[string]func() error{
		"import":  func() error { return b.host.ImportFile(t.Context(), "other", &file) },
		"restore": func() error { _, _, err := b.host.Restore(t.Context(), "db", Point{Bookmark: mark}); return err },
	} {
		b.check(change())
		if now := b.host.Generation(); now == last {
			t.Errorf("%s leaves the generation", what)
		} else {
			last = now
		}
	}
	b.check(b.host.Delete(t.Context(), "db"))
	if b.host.Generation() == last {
		t.Error("delete leaves the generation")
	}
}

func TestTimeTravel_Refusals(t *testing.T) {
	b := newBench(t, nil)
	b.query("CREATE TABLE t (a)")
	for _, at := range []Point{{Bookmark: "x"}, {Bookmark: strings.Repeat("f", 8) + "-00000000-00000000-" + strings.Repeat("0", 32)}, {Time: time.Unix(0, 0)}, {}} {
		if _, _, err := b.host.Restore(t.Context(), "db", at); err == nil {
			t.Errorf("restored to %+v", at)
		}
	}
	_, err := b.host.Bookmark("none", Point{})
	b.wantError(err, "The database none could not be found", "bookmark")
	off := newBench(t, func(c *Config) { c.NoHistory = true })
	off.query("CREATE TABLE t (a)")
	mark, err := off.host.Bookmark("db", Point{})
	off.check(err)
	off.query("DROP TABLE t")
	if _, _, err := off.host.Restore(t.Context(), "db", Point{Bookmark: mark}); err == nil {
		t.Error("restored without a history")
	}
}

const sample = `
CREATE TABLE "odd name" (id INTEGER PRIMARY KEY AUTOINCREMENT, "a""b" TEXT, c BLOB, d REAL, e GENERATED ALWAYS AS (id * 2));
CREATE TABLE child (id INTEGER PRIMARY KEY, parent REFERENCES "odd name"(id));
CREATE INDEX i ON child (parent);
CREATE VIEW v AS SELECT id FROM child;
CREATE TRIGGER tr AFTER INSERT ON child BEGIN UPDATE child SET parent = parent WHERE id = 0; END;
CREATE VIRTUAL TABLE words USING fts5(title, body, tokenize='porter');
CREATE VIRTUAL TABLE over USING fts5(parent, content='child', content_rowid='id');
CREATE VIRTUAL TABLE vocab USING fts5vocab(words, row);
INSERT INTO "odd name" VALUES (7, 'it''s; one' || char(10) || 'two \n' || char(13), x'00ff', 1.5);
INSERT INTO "odd name" VALUES (9, NULL, NULL, 3);
INSERT INTO "odd name" ("a""b") VALUES ('n' || char(0) || 'l');
DELETE FROM "odd name" WHERE id = 9;
INSERT INTO child VALUES (1, 7);
INSERT INTO words (rowid, title, body) VALUES (5, 'Kelp', 'forests of the sea');
INSERT INTO over (over) VALUES ('rebuild');`

// probes are queries whose results tell two databases apart.
var probes = []string{
	`SELECT *, typeof("a""b"), typeof(c), typeof(d), e FROM "odd name"`, "SELECT * FROM child", "SELECT * FROM v",
	"SELECT rowid, * FROM words WHERE words MATCH 'forest'", "SELECT rowid FROM over WHERE over MATCH '7'",
	"SELECT * FROM vocab", "SELECT name, seq FROM sqlite_sequence", "SELECT type, name, tbl_name FROM sqlite_schema WHERE type <> 'table' ORDER BY name",
}

func (b *bench) same(from, to string) {
	b.t.Helper()
	for _, probe := range probes {
		var got [2]string
		for i, name := range []string{from, to} {
			results, _, err := b.host.Query(b.t.Context(), Source{Name: name}, []Statement{{SQL: probe}}, false, "")
			if err != nil {
				b.t.Fatalf("%s: %s: %v", name, probe, err)
			}
			got[i] = text(results[0])
		}
		if got[0] != got[1] || got[0] == "" && !strings.Contains(probe, "sqlite_sequence") {
			b.t.Errorf("%s: %s holds %q, %s %q", probe, from, got[0], to, got[1])
		}
	}
}

func TestExport_ComesBack(t *testing.T) {
	b := newBench(t, nil)
	_, err := b.host.ImportSQL(t.Context(), "db", sample)
	b.check(err)
	var dump, file, csv bytes.Buffer
	b.check(b.host.ExportSQL(t.Context(), "db", Point{}, DumpOptions{}, &dump))
	if lines := strings.Split(dump.String(), "\n"); lines[0] != "PRAGMA defer_foreign_keys=TRUE;" || !strings.HasPrefix(lines[1], `CREATE TABLE IF NOT EXISTS "odd name"`) {
		t.Fatalf("the dump begins %q", lines[:2])
	}
	done, err := b.host.ImportSQL(t.Context(), "bySQL", dump.String())
	b.check(err)
	if done.Queries < 10 || done.Bookmark == "" {
		t.Errorf("imported %+v", done)
	}
	b.same("db", "bySQL")
	b.check(b.host.ExportFile("db", Point{}, &file))
	b.check(b.host.ImportFile(t.Context(), "byFile", &file))
	b.same("db", "byFile")
	b.check(b.host.ExportCSV(t.Context(), "db", Point{}, "CHILD", &csv))
	if csv.String() != "id,parent\n1,7\n" {
		t.Errorf("csv %q", csv.String())
	}
	b.wantError(b.host.ExportCSV(t.Context(), "db", Point{}, "none", &csv), `The database has no table "none"`, "csv")
}

func TestExport_Options(t *testing.T) {
	b := newBench(t, nil)
	_, err := b.host.ImportSQL(t.Context(), "db", sample)
	b.check(err)
	var out bytes.Buffer
	b.check(b.host.ExportSQL(t.Context(), "db", Point{}, DumpOptions{NoSchema: true, Tables: []string{"child"}}, &out))
	if out.String() != "PRAGMA defer_foreign_keys=TRUE;\nINSERT INTO \"child\" (\"id\",\"parent\") VALUES(1,7);\n" {
		t.Errorf("got %q", out.String())
	}
	out.Reset()
	b.check(b.host.ExportSQL(t.Context(), "db", Point{}, DumpOptions{NoData: true}, &out))
	if strings.Contains(out.String(), "INSERT INTO \"") || !strings.Contains(out.String(), "CREATE TRIGGER tr") {
		t.Errorf("got %q", out.String())
	}
	b.query("CREATE VIRTUAL TABLE bare USING fts5(a, content='')")
	b.wantError(b.host.ExportSQL(t.Context(), "db", Point{}, DumpOptions{}, &out), "D1 Export error: the FTS5 table bare keeps no contents; take the database as a file", "export")
}

func TestImport_ErrorChangesNothing(t *testing.T) {
	b := newBench(t, nil)
	b.query("CREATE TABLE t (a)")
	_, err := b.host.ImportSQL(t.Context(), "db", "INSERT INTO t VALUES (1); INSERT INTO none VALUES (2)")
	b.wantError(err, "no such table: none: SQLITE_ERROR", "import")
	b.want("SELECT count(*) FROM t", "0")
	_, err = b.host.ImportSQL(t.Context(), "db", "-- nothing")
	b.wantError(err, textNoStatement, "import")
	if err := b.host.ImportFile(t.Context(), "db", strings.NewReader(strings.Repeat("no database", 1000))); err == nil {
		t.Error("took a file that is no database")
	}
	b.want("SELECT count(*) FROM t", "0")
	long := "INSERT INTO t VALUES ('" + strings.Repeat("x", 150_000) + "')"
	_, err = b.host.ImportSQL(t.Context(), "db", long)
	b.check(err)
	b.fails(textTooLong, long) // the limits are back
}

func TestRelaxed(t *testing.T) {
	b := newBench(t, func(c *Config) { c.Relaxed = []string{"d*"} })
	params := make([]abi.Value, 500)
	b.query("SELECT 1 WHERE 1 IN ("+strings.TrimSuffix(strings.Repeat("?,", 500), ",")+")", params...)
	b.want("SELECT 'a' LIKE '"+strings.Repeat("%", 100)+"'", "1")
	strict := newBench(t, nil)
	strict.fails("LIKE or GLOB pattern too complex: SQLITE_ERROR", "SELECT 'a' LIKE '"+strings.Repeat("%", 100)+"'")
}

func TestTokens(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	b := newBench(t, func(c *Config) { c.Clock = func() time.Time { return now } })
	_, err := b.host.Create(t.Context(), "db")
	b.check(err)
	secret, token, err := b.host.CreateToken(t.Context(), "db", RoleReadOnly, now.Add(time.Hour))
	b.check(err)
	name, role, err := b.host.CheckToken(secret)
	if err != nil || name != "db" || role != RoleReadOnly {
		t.Fatalf("%s, %s, %v", name, role, err)
	}
	b.stop()
	b.start()
	if _, _, err = b.host.CheckToken(secret); err != nil {
		t.Fatal(err)
	}
	for _, wrong := range []string{"", TokenPrefix, secret[:len(secret)-1], secret + "x", strings.Replace(secret, "_", "-", 1)} {
		_, _, err := b.host.CheckToken(wrong)
		b.wantError(err, "The token is not valid.", wrong)
	}
	now = now.Add(2 * time.Hour)
	_, _, err = b.host.CheckToken(secret)
	b.wantError(err, "The token is not valid.", "expired")
	now = now.Add(-2 * time.Hour)
	b.check(b.host.DeleteToken("db", token.ID))
	_, _, err = b.host.CheckToken(secret)
	b.wantError(err, "The token is not valid.", "deleted")
	if _, _, err := b.host.CreateToken(t.Context(), "db", "admin", time.Time{}); err == nil {
		t.Error("made a token of no role")
	}
	secret, _, err = b.host.CreateToken(t.Context(), "db", RoleReadWrite, time.Time{})
	b.check(err)
	b.check(b.host.Delete(t.Context(), "db"))
	_, _, err = b.host.CheckToken(secret)
	b.wantError(err, "The token is not valid.", "of a deleted database")
}
