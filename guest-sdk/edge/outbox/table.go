package outbox

import (
	"strings"
	"sync"

	"github.com/holdfast-run/holdfast/guest-sdk/edge"
)

// BindsMax is how many parameters D1 takes in one statement.
const BindsMax = 100

// Table describes rows that are brought to a D1 table.
type Table struct {
	Name    string
	Columns []string // all that are written, the key's among them
	Key     []string // the table's primary key, or another unique one
	// Version is the column that decides between an older and a newer row:
	// the newer one stays. Empty: the row that is there stays.
	Version string

	texts sync.Map // of statements, by textKey: they are long, and made again and again
}

// textKey says which statement of a table a text is.
type textKey struct {
	rows  int
	force bool
}

// RowsPerStatement is how many rows fit into a statement's parameters.
func (t *Table) RowsPerStatement() int { return max(1, BindsMax/len(t.Columns)) }

// Upserts makes the statements that bring rows to the table, each a list of
// values in the order of Columns. A row that is there changes only to a newer
// version. Nothing is deleted on the way: rowids stay, and so do columns that
// are not the table's.
func (t *Table) Upserts(db *edge.D1, rows [][]any) []*edge.Stmt {
	return t.statements(db, rows, false)
}

// Overwrites is Upserts whatever version is there.
func (t *Table) Overwrites(db *edge.D1, rows [][]any) []*edge.Stmt {
	return t.statements(db, rows, true)
}

func (t *Table) statements(db *edge.D1, rows [][]any, force bool) []*edge.Stmt {
	var stmts []*edge.Stmt
	for len(rows) > 0 {
		n := min(len(rows), t.RowsPerStatement())
		args := make([]any, 0, n*len(t.Columns))
		for _, r := range rows[:n] {
			args = append(args, r...)
		}
		stmts = append(stmts, db.Prepare(t.text(n, force)).Bind(args...))
		rows = rows[n:]
	}
	return stmts
}

// text is the statement for a number of rows.
func (t *Table) text(rows int, force bool) string {
	key := textKey{rows, force}
	if s, ok := t.texts.Load(key); ok {
		return s.(string)
	}
	s := "INSERT INTO " + t.Name + " (" + strings.Join(t.Columns, ", ") + ") VALUES " + Values(len(t.Columns), rows) + t.conflict(force)
	t.texts.Store(key, s)
	return s
}

// Values is the parameters of some rows of some columns: "(?, ?), (?, ?)".
func Values(columns, rows int) string {
	row := "(?" + strings.Repeat(", ?", columns-1) + ")"
	return row + strings.Repeat(", "+row, rows-1)
}

func (t *Table) conflict(force bool) string {
	key := " ON CONFLICT (" + strings.Join(t.Key, ", ") + ") DO "
	if t.Version == "" {
		return key + "NOTHING"
	}
	b := key + "UPDATE SET "
	sep := ""
	for _, c := range t.Columns {
		if !t.isKey(c) {
			b += sep + c + " = excluded." + c
			sep = ", "
		}
	}
	if !force {
		b += " WHERE excluded." + t.Version + " > " + t.Name + "." + t.Version
	}
	return b
}

func (t *Table) isKey(column string) bool {
	for _, k := range t.Key {
		if k == column {
			return true
		}
	}
	return false
}
