package storage

import (
	"fmt"

	"github.com/ncruces/go-sqlite3"

	"github.com/holdfast-run/holdfast/guest-sdk/abi"
	"github.com/holdfast-run/holdfast/runtime/store"
)

// cursor walks the rows of the last statement of an Exec. It ends with the
// turn, with a rollback, or with its last row.
type cursor struct {
	object    *Object
	statement *statement
	pending   bool // a row is ready that Next has not given out
	done      bool // the statement has ended by itself
	closed    bool

	changes  int64 // total_changes() before
	returned int64 // rows
	scanned  int64 // rows stepped over in full scans
	written  int64
	bytes    []byte // of the row that Next gave out last
}

var _ store.Cursor = (*cursor)(nil)

// begin enters the cursor into its turn.
func (c *cursor) begin() {
	db := c.object.session
	db.cursors = append(db.cursors, c)
	c.changes = db.conn.TotalChanges()
	c.statement.stmt.Status(sqlite3.STMTSTATUS_FULLSCAN_STEP, true)
}

// advance steps to the next row; where there is none the statement is free.
func (c *cursor) advance() (bool, error) {
	stmt := c.statement.stmt
	if stmt.Step() {
		c.returned++
		return true, nil
	}
	err := stmt.Err()
	if err != nil {
		err = c.object.limit.explain(sqlError(err, c.statement.text))
	}
	c.done = true
	c.finish()
	return false, c.object.stands(err)
}

// finish takes the counts and returns the statement. It may be called twice.
func (c *cursor) finish() {
	if c.closed {
		return
	}
	c.closed = true
	db := c.object.session
	for i, open := range db.cursors {
		if open == c {
			db.cursors = append(db.cursors[:i], db.cursors[i+1:]...)
			c.count()
			break
		}
	}
	_ = c.statement.stmt.Reset() // reports the last run's error again
	if c.statement.params > 0 {
		_ = c.statement.stmt.ClearBindings() // cannot fail; large values must not stay
	}
	db.cache.put(c.statement)
}

func (c *cursor) count() {
	stmt := c.statement.stmt
	c.scanned = int64(stmt.Status(sqlite3.STMTSTATUS_FULLSCAN_STEP, false))
	if !c.statement.readOnly {
		c.written = (c.object.session.conn.TotalChanges() - c.changes) * c.statement.rowCost
	}
}

// Columns are the names of the result's columns.
func (c *cursor) Columns() []string { return c.statement.columns }

// Next appends the next row to dst.
func (c *cursor) Next(dst []abi.Value) (_ []abi.Value, ok bool, err error) {
	if c.done && !c.pending {
		return dst, false, nil
	}
	if c.closed {
		return dst, false, fmt.Errorf("cursor: %w", store.ErrClosed)
	}
	defer c.object.survive(&err)
	if !c.pending {
		if ok, err := c.advance(); !ok {
			return dst, false, err
		}
	}
	c.pending = false
	return c.row(dst), true, nil
}

// row appends the current row. Its bytes are copied out of SQLite's memory,
// which may go away under whoever keeps them too long.
func (c *cursor) row(dst []abi.Value) []abi.Value {
	stmt := c.statement.stmt
	c.bytes = c.bytes[:0]
	for i := range c.statement.columns {
		switch stmt.ColumnType(i) {
		case sqlite3.INTEGER:
			dst = append(dst, abi.Integer(stmt.ColumnInt64(i)))
		case sqlite3.FLOAT:
			dst = append(dst, abi.Float(stmt.ColumnFloat(i)))
		case sqlite3.TEXT:
			dst = append(dst, abi.Value{Kind: abi.ValueText, Bytes: c.keep(stmt.ColumnRawText(i))})
		case sqlite3.BLOB:
			dst = append(dst, abi.Value{Kind: abi.ValueBlob, Bytes: c.keep(stmt.ColumnRawBlob(i))})
		default:
			dst = append(dst, abi.Null())
		}
	}
	return dst
}

// keep copies b into the cursor's buffer. What an earlier copy returned stays
// valid when the buffer grows.
func (c *cursor) keep(b []byte) []byte {
	start := len(c.bytes)
	c.bytes = append(c.bytes, b...)
	return c.bytes[start:len(c.bytes):len(c.bytes)]
}

// RowsRead is the larger of the rows returned and the rows stepped over in
// full scans. SQLite does not count rows found through an index and not
// returned.
func (c *cursor) RowsRead() int64 {
	scanned := c.scanned
	if !c.closed {
		scanned = int64(c.statement.stmt.Status(sqlite3.STMTSTATUS_FULLSCAN_STEP, false))
	}
	if scanned > 0 {
		scanned++ // the first row of a scan is not stepped to
	}
	return max(c.returned, scanned)
}

// RowsWritten is the number of rows that the statement and its triggers
// changed, each counted once more for every index of the table that it
// inserts into or deletes from.
func (c *cursor) RowsWritten() int64 {
	if c.closed || c.statement.readOnly {
		return c.written
	}
	return (c.object.session.conn.TotalChanges() - c.changes) * c.statement.rowCost
}

// Close frees the statement.
func (c *cursor) Close() error {
	c.finish()
	return nil
}
