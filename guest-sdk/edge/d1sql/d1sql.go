// Package d1sql is a database/sql driver over a D1 binding. It owns what the
// two APIs say differently; it refuses transactions that wait for answers, as
// D1 has none: a transaction collects statements and Commit sends them as one
// batch.
package d1sql

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"

	"github.com/holdfast-run/holdfast/guest-sdk/abi"
	"github.com/holdfast-run/holdfast/guest-sdk/edge"
)

// Errors of what D1 cannot do.
var (
	// ErrQueryInTransaction refuses a query inside a transaction: its rows
	// would only be known after Commit.
	ErrQueryInTransaction = errors.New("d1sql: a transaction is one batch: it takes Exec, and no queries")
	// ErrPending is what the Result of an Exec inside a transaction says.
	ErrPending = errors.New("d1sql: known after Commit")
)

// Open is a pool over a database of the instance. Close it at the end of the
// handler: it has a goroutine. Contexts are not looked at: D1 has its own
// deadline.
func Open(db *edge.D1) *sql.DB { return sql.OpenDB(connector{db}) }

type connector struct{ db *edge.D1 }

func (c connector) Connect(context.Context) (driver.Conn, error) { return &conn{db: c.db}, nil }
func (c connector) Driver() driver.Driver                        { return c }

// Open is driver.Driver's; there is no name that it could open.
func (c connector) Open(string) (driver.Conn, error) { return &conn{db: c.db}, nil }

// conn is a handle, and the transaction that it collects.
type conn struct {
	db    *edge.D1
	inTx  bool
	batch []*edge.Stmt
}

var (
	_ driver.ConnBeginTx    = (*conn)(nil)
	_ driver.ExecerContext  = (*conn)(nil)
	_ driver.QueryerContext = (*conn)(nil)
)

func (c *conn) Close() error              { return nil }
func (c *conn) Begin() (driver.Tx, error) { return c.BeginTx(context.Background(), driver.TxOptions{}) }

// BeginTx begins to collect.
func (c *conn) BeginTx(_ context.Context, o driver.TxOptions) (driver.Tx, error) {
	if o.ReadOnly {
		return nil, errors.New("d1sql: a transaction that only reads has nothing to collect")
	}
	c.inTx, c.batch = true, nil
	return tx{c}, nil
}

type tx struct{ conn *conn }

// Commit runs what was collected: all of it or, on an error, nothing.
func (t tx) Commit() error {
	batch := t.conn.batch
	t.conn.inTx, t.conn.batch = false, nil
	if len(batch) == 0 {
		return nil
	}
	_, err := t.conn.db.Batch(batch...)
	return err
}

// Rollback forgets it.
func (t tx) Rollback() error {
	t.conn.inTx, t.conn.batch = false, nil
	return nil
}

// bind makes a statement; sql.Named arguments go to :name.
func (c *conn) bind(query string, args []driver.NamedValue) (*edge.Stmt, error) {
	named, list := map[string]any{}, make([]any, 0, len(args))
	for _, arg := range args {
		if arg.Name != "" {
			named[arg.Name] = arg.Value
		} else {
			list = append(list, arg.Value)
		}
	}
	switch {
	case len(named) > 0 && len(list) > 0:
		return nil, errors.New("d1sql: named and positional arguments do not mix")
	case len(named) > 0:
		return c.db.Prepare(query).BindNamed(named), nil
	}
	return c.db.Prepare(query).Bind(list...), nil
}

// CheckNamedValue lets times pass as RFC 3339 text.
func (c *conn) CheckNamedValue(v *driver.NamedValue) (err error) {
	if v.Value, err = driver.DefaultParameterConverter.ConvertValue(v.Value); err != nil {
		return err
	}
	if t, ok := v.Value.(interface{ Format(string) string }); ok {
		v.Value = t.Format("2006-01-02T15:04:05.999999999Z07:00")
	}
	return nil
}

// ExecContext runs a statement, or collects it.
func (c *conn) ExecContext(_ context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	stmt, err := c.bind(query, args)
	if err != nil {
		return nil, err
	}
	if c.inTx {
		c.batch = append(c.batch, stmt)
		return pending{}, nil
	}
	r, err := stmt.Run()
	if err != nil {
		return nil, err
	}
	return result(r.Meta), nil
}

// QueryContext runs a query.
func (c *conn) QueryContext(_ context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	if c.inTx {
		return nil, ErrQueryInTransaction
	}
	stmt, err := c.bind(query, args)
	if err != nil {
		return nil, err
	}
	r, err := stmt.Run()
	if err != nil {
		return nil, err
	}
	return &rows{columns: r.Columns, left: r.Rows}, nil
}

// Prepare keeps the text: D1 keeps no statements.
func (c *conn) Prepare(query string) (driver.Stmt, error) { return &prepared{c, query}, nil }

type prepared struct {
	conn  *conn
	query string
}

func (p *prepared) Close() error  { return nil }
func (p *prepared) NumInput() int { return -1 }

// Exec is driver.Stmt's.
func (p *prepared) Exec(args []driver.Value) (driver.Result, error) {
	return p.conn.ExecContext(context.Background(), p.query, positional(args))
}

// Query is driver.Stmt's.
func (p *prepared) Query(args []driver.Value) (driver.Rows, error) {
	return p.conn.QueryContext(context.Background(), p.query, positional(args))
}

func positional(args []driver.Value) []driver.NamedValue {
	named := make([]driver.NamedValue, len(args))
	for i, v := range args {
		named[i] = driver.NamedValue{Ordinal: i + 1, Value: v}
	}
	return named
}

type result edge.Meta

func (r result) LastInsertId() (int64, error) { return r.LastRowID, nil }
func (r result) RowsAffected() (int64, error) { return r.Changes, nil }

type pending struct{}

func (pending) LastInsertId() (int64, error) { return 0, ErrPending }
func (pending) RowsAffected() (int64, error) { return 0, ErrPending }

type rows struct {
	columns []string
	left    [][]abi.Value
}

func (r *rows) Columns() []string { return r.columns }
func (r *rows) Close() error      { return nil }

// Next gives the next row; the values are the caller's.
func (r *rows) Next(to []driver.Value) error {
	if len(r.left) == 0 {
		return io.EOF
	}
	row := r.left[0]
	r.left = r.left[1:]
	for i, v := range row {
		switch v.Kind {
		case abi.ValueNull:
			to[i] = nil
		case abi.ValueInteger:
			to[i] = v.Int
		case abi.ValueFloat:
			to[i] = v.Float
		case abi.ValueText:
			to[i] = string(v.Bytes)
		case abi.ValueBlob:
			to[i] = append([]byte{}, v.Bytes...)
		default:
			return fmt.Errorf("d1sql: column %q has a value of kind %d", r.columns[i], v.Kind)
		}
	}
	return nil
}
