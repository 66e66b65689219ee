package edge

import (
	"bytes"
	"fmt"
	"strconv"

	"github.com/holdfast-run/holdfast/guest-sdk/abi"
	"github.com/holdfast-run/holdfast/guest-sdk/edge/internal/bridge"
)

// SQL is the object's own SQLite database.
type SQL struct{ in *instance }

// Exec runs one or several statements; args go to the last, and the cursor is
// the last's. Arguments are nil, bool, integers, floats, string and []byte.
// A cursor ends with its turn: read it before anything that waits.
func (s *SQL) Exec(query string, args ...any) (*Cursor, error) {
	vals, err := values(args)
	if err != nil {
		return nil, err
	}
	out, err := s.in.sync(bridge.SQLExec, &abi.SQLExecRequest{Query: query, Args: vals})
	if err != nil {
		return nil, err
	}
	c := &Cursor{in: s.in}
	return c, c.take(out)
}

// DatabaseSize is the database's size in bytes.
func (s *SQL) DatabaseSize() (int64, error) {
	out, err := s.in.sync(bridge.SQLSize, nil)
	if err != nil {
		return 0, err
	}
	var m abi.Int
	err = m.Decode(out)
	return m.Value, err
}

// migrationsTable counts the steps that a database has seen.
const migrationsTable = "hf_migrations"

// Migrate runs the steps that this database has not seen yet, in order, each
// once and each in a transaction of its own. Steps are only ever appended.
func (s *SQL) Migrate(steps ...string) error {
	if _, err := s.Exec("CREATE TABLE IF NOT EXISTS " + migrationsTable + " (step INTEGER PRIMARY KEY)"); err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	c, err := s.Exec("SELECT coalesce(max(step), 0) FROM " + migrationsTable)
	if err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	done, err := One[int](c)
	if err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	st := Storage{in: s.in}
	for i := done; i < len(steps); i++ {
		err := st.Transaction(func() error {
			if _, err := s.Exec(steps[i]); err != nil {
				return err
			}
			_, err := s.Exec("INSERT INTO "+migrationsTable+" (step) VALUES (?)", i+1)
			return err
		})
		if err != nil {
			return fmt.Errorf("migrate: step %d: %w", i+1, err)
		}
	}
	return nil
}

// Cursor walks the rows of a statement.
type Cursor struct {
	in          *instance
	id          uint32
	columns     []string
	rows        []abi.Value // what is left of the page
	rowsRead    int64
	rowsWritten int64
}

func (c *Cursor) take(out []byte) error {
	var p abi.SQLPage
	if err := p.Decode(bytes.Clone(out)); err != nil {
		return err
	}
	if p.Columns != nil {
		c.columns = p.Columns
	}
	c.id, c.rows, c.rowsRead, c.rowsWritten = p.Cursor, p.Values, p.RowsRead, p.RowsWritten
	return nil
}

// ColumnNames are the result's columns, duplicates kept.
func (c *Cursor) ColumnNames() []string { return c.columns }

// RowsRead and RowsWritten count rows so far, as the host approximates them.
func (c *Cursor) RowsRead() int64 { return c.rowsRead }

// RowsWritten counts rows written so far.
func (c *Cursor) RowsWritten() int64 { return c.rowsWritten }

// Next is the next row's values; ok is false behind the last.
func (c *Cursor) Next() (row []abi.Value, ok bool, err error) {
	for len(c.rows) == 0 {
		if c.id == 0 {
			return nil, false, nil
		}
		out, err := c.in.sync(bridge.SQLNext, &abi.CursorRequest{Cursor: c.id})
		if err != nil {
			return nil, false, err
		}
		if err := c.take(out); err != nil {
			return nil, false, err
		}
	}
	n := len(c.columns)
	row, c.rows = c.rows[:n:n], c.rows[n:]
	return row, true, nil
}

// Raw is all rows that are left.
func (c *Cursor) Raw() ([][]abi.Value, error) {
	var all [][]abi.Value
	for {
		row, ok, err := c.Next()
		if err != nil || !ok {
			return all, err
		}
		all = append(all, row)
	}
}

// Close ends a cursor that was not read to its end.
func (c *Cursor) Close() error {
	if c.id == 0 {
		return nil
	}
	id := c.id
	c.id, c.rows = 0, nil
	return c.in.post(bridge.SQLClose, &abi.CursorRequest{Cursor: id})
}

func values(args []any) ([]abi.Value, error) {
	if len(args) == 0 {
		return nil, nil
	}
	vals := make([]abi.Value, len(args))
	for i, a := range args {
		v, err := valueOf(a)
		if err != nil {
			return nil, fmt.Errorf("argument %d: %w", i+1, err)
		}
		vals[i] = v
	}
	return vals, nil
}

func valueOf(a any) (abi.Value, error) {
	switch v := a.(type) {
	case nil:
		return abi.Null(), nil
	case bool:
		if v {
			return abi.Integer(1), nil
		}
		return abi.Integer(0), nil
	case int:
		return abi.Integer(int64(v)), nil
	case int64:
		return abi.Integer(v), nil
	case int32:
		return abi.Integer(int64(v)), nil
	case uint32:
		return abi.Integer(int64(v)), nil
	case uint64:
		if v > 1<<63-1 {
			return abi.Value{}, badArg("%s does not fit a SQL integer", strconv.FormatUint(v, 10))
		}
		return abi.Integer(int64(v)), nil
	case float64:
		return abi.Float(v), nil
	case float32:
		return abi.Float(float64(v)), nil
	case string:
		return abi.Text(v), nil
	case []byte:
		return abi.Blob(v), nil
	case abi.Value:
		return v, nil
	}
	return abi.Value{}, reflectedValue(a)
}
