package outbox_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/holdfast-run/holdfast/guest-sdk/edge"
	"github.com/holdfast-run/holdfast/guest-sdk/edge/edgetest"
	"github.com/holdfast-run/holdfast/guest-sdk/edge/outbox"
)

// things has a column, note, that no table of the tests writes.
const things = `CREATE TABLE things (id TEXT PRIMARY KEY, name TEXT, version INTEGER, note TEXT DEFAULT 'none');`

var (
	versioned = outbox.Table{Name: "things", Key: []string{"id"}, Columns: []string{"id", "name", "version"}, Version: "version"}
	fixed     = outbox.Table{Name: "things", Key: []string{"id"}, Columns: []string{"id", "name", "version"}}
)

// tabling runs fn over an empty table.
func tabling(t *testing.T, fn func(db *edge.D1) error) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "0001_things.sql"), []byte(things), 0o600); err != nil {
		t.Fatal(err)
	}
	w := edgetest.New(t, edgetest.D1("DB", "main", dir))
	do(t, object(t, w, &round{}), func(c *courier) error { return fn(c.env.D1("DB")) })
}

// thing is a row as the tests look at it.
type thing struct {
	Rowid int64  `json:"rowid"`
	ID    string `json:"id"`
	Name  string `json:"name"`
	Note  string `json:"note"`
}

// shows is an error unless the table has exactly these rows, in the order of
// their rowids.
func shows(db *edge.D1, want ...thing) error {
	r, err := db.Prepare("SELECT rowid AS rowid, id, name, note FROM things ORDER BY rowid").All()
	if err != nil {
		return err
	}
	got, err := edge.Scan[thing](r)
	if err != nil {
		return err
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		return fmt.Errorf("the table has %v, want %v", got, want)
	}
	return nil
}

func TestTable_OnlyANewerVersionChangesARow(t *testing.T) {
	tabling(t, func(db *edge.D1) error {
		if _, err := db.Batch(versioned.Upserts(db, [][]any{{"a", "a2", 2}, {"b", "b2", 2}, {"c", "c2", 2}})...); err != nil {
			return err
		}
		if _, err := db.Prepare("UPDATE things SET note = 'kept' WHERE id = 'b'").Run(); err != nil {
			return err
		}
		if _, err := db.Batch(versioned.Upserts(db, [][]any{{"a", "a1", 1}, {"b", "b3", 3}, {"c", "same", 2}, {"d", "d1", 1}})...); err != nil {
			return err
		}
		return shows(db, thing{1, "a", "a2", "none"}, thing{2, "b", "b3", "kept"}, thing{3, "c", "c2", "none"}, thing{4, "d", "d1", "none"})
	})
}

func TestTable_OverwritesWhateverVersion(t *testing.T) {
	tabling(t, func(db *edge.D1) error {
		if _, err := db.Batch(versioned.Upserts(db, [][]any{{"a", "a9", 9}, {"b", "b2", 2}})...); err != nil {
			return err
		}
		if _, err := db.Prepare("UPDATE things SET note = 'kept'").Run(); err != nil {
			return err
		}
		if _, err := db.Batch(versioned.Overwrites(db, [][]any{{"a", "older", 1}, {"b", "equal", 2}})...); err != nil {
			return err
		}
		return shows(db, thing{1, "a", "older", "kept"}, thing{2, "b", "equal", "kept"})
	})
}

func TestTable_WithoutAVersionTheFirstRowStays(t *testing.T) {
	for name, write := range map[string]func(*outbox.Table, *edge.D1, [][]any) []*edge.Stmt{
		"upserts": (*outbox.Table).Upserts, "overwrites": (*outbox.Table).Overwrites,
	} {
		t.Run(name, func(t *testing.T) {
			tabling(t, func(db *edge.D1) error {
				for _, rows := range [][][]any{{{"a", "first", 1}}, {{"a", "second", 2}, {"b", "new", 1}}} {
					if _, err := db.Batch(write(&fixed, db, rows)...); err != nil {
						return err
					}
				}
				return shows(db, thing{1, "a", "first", "none"}, thing{2, "b", "new", "none"})
			})
		})
	}
}

func TestTable_SplitsRowsWithinTheBindsOfAStatement(t *testing.T) {
	if n := versioned.RowsPerStatement(); n != outbox.BindsMax/3 {
		t.Fatalf("%d rows of three columns in a statement", n)
	}
	wide := outbox.Table{Columns: make([]string, outbox.BindsMax+1)}
	if n := wide.RowsPerStatement(); n != 1 {
		t.Fatalf("%d rows of too many columns in a statement", n)
	}
	tabling(t, func(db *edge.D1) error {
		for _, n := range []int{0, 1, 33, 34, 66, 67} {
			var rows [][]any
			var want []thing
			for i := range n {
				id := fmt.Sprintf("%03d", i)
				rows = append(rows, []any{id, "n" + id, n})
				want = append(want, thing{int64(i + 1), id, "n" + id, "none"})
			}
			stmts := versioned.Upserts(db, rows)
			if len(stmts) != (n+32)/33 {
				return fmt.Errorf("%d rows in %d statements", n, len(stmts))
			}
			if n == 0 {
				continue
			}
			if _, err := db.Batch(stmts...); err != nil { // D1 refuses more binds than it takes
				return err
			}
			if err := shows(db, want...); err != nil {
				return fmt.Errorf("%d rows: %w", n, err)
			}
		}
		return nil
	})
}
