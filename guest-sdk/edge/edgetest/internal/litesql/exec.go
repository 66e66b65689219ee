package litesql

import (
	"errors"

	"github.com/ncruces/go-sqlite3"

	"github.com/holdfast-run/holdfast/guest-sdk/abi"
)

// Rows is the outcome of the last statement of an Exec, whole: a test world
// reads results ahead.
type Rows struct {
	Columns     []string // nil for a statement without rows
	Values      [][]abi.Value
	RowsRead    int64
	RowsWritten int64
}

// Exec runs one or several statements; args go to the last, whose rows are
// the answer. write is called before the first statement that changes
// something, so that the caller can begin a transaction.
func (db *DB) Exec(query string, args []abi.Value, write func() error) (*Rows, error) {
	if len(query) > sqlTextBytesMax {
		return nil, &Error{Message: textTooLong, Code: "SQLITE_TOOBIG"}
	}
	for {
		stmt, tail, err := db.prepare(query)
		if err != nil {
			return nil, err
		}
		last := db.blank(tail)
		switch {
		case stmt == nil && last:
			return nil, &Error{Message: TextNoStatement, Code: "SQLITE_ERROR"}
		case stmt == nil:
			query = tail
			continue
		case !last && stmt.BindCount() > 0:
			return nil, errors.Join(&Error{Message: textOnlyLast, Code: "SQLITE_ERROR"}, stmt.Close())
		}
		var given []abi.Value
		if last {
			given = args
		}
		rows, err := db.run(stmt, given, write)
		if cerr := stmt.Close(); err == nil && cerr != nil {
			err = sqlError(cerr, "")
		}
		if err != nil || last {
			return rows, err
		}
		query = tail
	}
}

// blank reports whether text holds no statement.
func (db *DB) blank(text string) bool {
	for text != "" {
		stmt, tail, err := db.conn.Prepare(text)
		if err != nil {
			return false // the next round reports it
		}
		if stmt != nil {
			_ = stmt.Close() // it never ran
			return false
		}
		text = tail
	}
	return true
}

func (db *DB) run(stmt *sqlite3.Stmt, args []abi.Value, write func() error) (*Rows, error) {
	if len(args) != stmt.BindCount() {
		return nil, &Error{Message: textBindingCount, Code: "SQLITE_ERROR"}
	}
	for i := range args {
		if err := bind(stmt, i+1, &args[i]); err != nil {
			return nil, sqlError(err, "")
		}
	}
	if !stmt.ReadOnly() && write != nil {
		if err := write(); err != nil {
			return nil, err
		}
	}
	r := &Rows{}
	for i := range stmt.ColumnCount() {
		r.Columns = append(r.Columns, stmt.ColumnName(i))
	}
	before := db.Changes()
	for stmt.Step() {
		r.Values = append(r.Values, row(stmt, len(r.Columns)))
	}
	if err := stmt.Err(); err != nil {
		return nil, sqlError(err, "")
	}
	scanned := int64(stmt.Status(sqlite3.STMTSTATUS_FULLSCAN_STEP, false))
	if scanned > 0 {
		scanned++ // the first row of a scan is not stepped to
	}
	r.RowsRead = max(int64(len(r.Values)), scanned)
	if !stmt.ReadOnly() {
		r.RowsWritten = db.Changes() - before
	}
	return r, nil
}

func row(stmt *sqlite3.Stmt, columns int) []abi.Value {
	out := make([]abi.Value, columns)
	for i := range out {
		switch stmt.ColumnType(i) {
		case sqlite3.INTEGER:
			out[i] = abi.Integer(stmt.ColumnInt64(i))
		case sqlite3.FLOAT:
			out[i] = abi.Float(stmt.ColumnFloat(i))
		case sqlite3.TEXT:
			out[i] = abi.Text(string(stmt.ColumnRawText(i)))
		case sqlite3.BLOB:
			out[i] = abi.Blob(append([]byte{}, stmt.ColumnRawBlob(i)...))
		}
	}
	return out
}
