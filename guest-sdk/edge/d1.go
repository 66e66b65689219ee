package edge

import (
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/holdfast-run/holdfast/guest-sdk/abi"
	"github.com/holdfast-run/holdfast/guest-sdk/edge/internal/bridge"
)

// D1 is a D1 database. Its calls wait, and so end the turn. Calls that an
// object makes of one database beside each other, from goroutines or works of
// WaitUntil, reach it in the order in which they were made.
type D1 struct {
	in      *instance
	binding string
	name    string
	session *Session
}

// Prepare makes a statement; it does no I/O.
func (d *D1) Prepare(query string) *Stmt { return &Stmt{db: d, query: query} }

// Stmt is a statement with its parameters.
type Stmt struct {
	db    *D1
	query string
	args  []any
	err   error // of BindNamed
}

// Bind is a new statement with parameters, by position.
func (s *Stmt) Bind(args ...any) *Stmt { return &Stmt{db: s.db, query: s.query, args: args} }

// Result is the answer to one statement.
type Result struct {
	Columns []string
	Rows    [][]abi.Value
	Meta    Meta
}

// Meta says what a statement did, as D1 does.
type Meta struct {
	Duration    time.Duration
	Changes     int64
	LastRowID   int64
	ChangedDB   bool
	SizeAfter   int64
	RowsRead    int64
	RowsWritten int64
}

// Run runs the statement.
func (s *Stmt) Run() (*Result, error) {
	rs, err := s.db.query([]*Stmt{s}, false)
	if err != nil {
		return nil, err
	}
	if len(rs) != 1 {
		return nil, fmt.Errorf("D1_ERROR: expected one result, got %d", len(rs))
	}
	return rs[0], nil
}

// All is Run, under D1's name for reading rows.
func (s *Stmt) All() (*Result, error) { return s.Run() }

// Raw is the rows alone.
func (s *Stmt) Raw() ([][]abi.Value, error) {
	r, err := s.Run()
	if err != nil {
		return nil, err
	}
	return r.Rows, nil
}

// First scans the first row into dst, a pointer to a struct or to a single
// value; ok is false without a row.
func (s *Stmt) First(dst any) (ok bool, err error) {
	r, err := s.Run()
	if err != nil || len(r.Rows) == 0 {
		return false, err
	}
	v := reflect.ValueOf(dst)
	if v.Kind() != reflect.Pointer || v.IsNil() {
		return false, badArg("First: expected a pointer, got %T", dst)
	}
	p, err := planFor(v.Type().Elem(), r.Columns)
	if err != nil {
		return false, err
	}
	return true, p.scan(v.Elem(), r.Rows[0])
}

// FirstColumn is one column of the first row; ok is false without a row.
func (s *Stmt) FirstColumn(column string) (v abi.Value, ok bool, err error) {
	r, err := s.Run()
	if err != nil || len(r.Rows) == 0 {
		return v, false, err
	}
	for i := len(r.Columns) - 1; i >= 0; i-- {
		if r.Columns[i] == column {
			return r.Rows[0][i], true, nil
		}
	}
	return v, false, &Error{Code: abi.D1Failed.String(), Message: "D1_COLUMN_NOTFOUND: Column not found (" + column + ")"}
}

// Scan decodes a result's rows as Rows does.
func Scan[T any](r *Result) ([]T, error) {
	p, err := planFor(reflect.TypeFor[T](), r.Columns)
	if err != nil {
		return nil, err
	}
	out := make([]T, len(r.Rows))
	for i, row := range r.Rows {
		if err := p.scan(reflect.ValueOf(&out[i]).Elem(), row); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// Batch runs statements as one transaction: the first error undoes all.
func (d *D1) Batch(stmts ...*Stmt) ([]*Result, error) {
	if len(stmts) == 0 {
		return nil, &Error{Code: abi.D1Failed.String(), Message: "D1_ERROR: No SQL statements detected."}
	}
	return d.query(stmts, true)
}

func (d *D1) query(stmts []*Stmt, batch bool) ([]*Result, error) {
	m := abi.D1QueryRequest{Event: d.in.current, Binding: d.binding, Name: d.name, Batch: batch}
	for _, s := range stmts {
		if s.err != nil {
			return nil, s.err
		}
		vals, err := values(s.args)
		if err != nil {
			return nil, err
		}
		m.Statements = append(m.Statements, abi.D1Statement{SQL: s.query, Params: vals})
	}
	if d.session != nil {
		m.Session = d.session.token()
	}
	out, err := d.in.await(bridge.D1Query, &m)
	if err != nil {
		return nil, d1Error(err)
	}
	var rs abi.D1Results
	if err := rs.Decode(out); err != nil {
		return nil, err
	}
	if d.session != nil {
		d.session.advance(rs.Bookmark)
	}
	results := make([]*Result, len(rs.Results))
	for i := range rs.Results {
		results[i] = resultOf(&rs.Results[i])
	}
	return results, nil
}

func resultOf(m *abi.D1Result) *Result {
	r := &Result{Columns: m.Columns, Meta: Meta{
		Duration: time.Duration(m.DurationMs * float64(time.Millisecond)), Changes: m.Changes, LastRowID: m.LastRowID,
		ChangedDB: m.ChangedDB, SizeAfter: m.SizeAfter, RowsRead: m.RowsRead, RowsWritten: m.RowsWritten,
	}}
	if n := len(m.Columns); n > 0 {
		for v := m.Values; len(v) >= n; v = v[n:] {
			r.Rows = append(r.Rows, v[:n:n])
		}
	}
	return r
}

// ExecResult counts the statements of an Exec.
type ExecResult struct {
	Count    int
	Duration time.Duration
}

// Exec runs a text of statements, one a line, as one transaction.
func (d *D1) Exec(query string) (*ExecResult, error) {
	out, err := d.in.await(bridge.D1Exec, &abi.D1ExecRequest{Event: d.in.current, Binding: d.binding, Name: d.name, SQL: query})
	if err != nil {
		return nil, err
	}
	var m abi.D1ExecResult
	if err := m.Decode(out); err != nil {
		return nil, err
	}
	return &ExecResult{int(m.Count), time.Duration(m.DurationMs * float64(time.Millisecond))}, nil
}

// d1Error puts D1's prefix before the server's text.
func d1Error(err error) error {
	e, ok := err.(*Error)
	if !ok || e.Code != abi.D1Failed.String() || strings.HasPrefix(e.Message, "D1_") {
		return err
	}
	c := *e
	c.Message = "D1_ERROR: " + e.Message
	return &c
}

// Session keeps queries sequentially consistent: each sees at least what the
// ones before it saw.
type Session struct {
	D1
	constraint string
	bookmark   string
}

// WithSession begins a session: "first-primary", "first-unconstrained" (also
// ""), or a bookmark of an earlier one.
func (d *D1) WithSession(constraintOrBookmark string) *Session {
	s := &Session{D1: D1{in: d.in, binding: d.binding, name: d.name}, constraint: strings.TrimSpace(constraintOrBookmark)}
	if s.constraint == "" {
		s.constraint = "first-unconstrained"
	}
	s.session = s
	return s
}

func (s *Session) token() string {
	if s.bookmark != "" {
		return s.bookmark
	}
	return s.constraint
}

func (s *Session) advance(bookmark string) {
	if bookmark > s.bookmark {
		s.bookmark = bookmark
	}
}

// Bookmark is the latest point the session has seen; "" before its first
// answer.
func (s *Session) Bookmark() string { return s.bookmark }
