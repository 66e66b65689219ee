package storage

import (
	"errors"

	"github.com/holdfast-run/holdfast/host/storage/sqltext"
)

// Description is what a statement would do and give, without running it.
type Description struct {
	Params   []string // names of its parameters, "" for one without
	Columns  []string
	Types    []string // as the columns were declared, "" for what is no column
	Explain  bool
	ReadOnly bool
}

// Describe compiles the first statement of query; it runs nothing.
func (o *Object) Describe(query string) (d Description, err error) {
	if err := errors.Join(o.usable(), o.takeSQLUnlessBroken()); err != nil {
		return d, err
	}
	defer o.survive(&err)
	s, _, err := o.prepareFirst(query)
	if err != nil {
		return d, err
	}
	if s == nil {
		return d, sqlFault(textNoStatement, "SQLITE_ERROR")
	}
	defer o.session.cache.put(s)
	d = Description{
		Params: make([]string, s.params), Columns: s.columns, Types: s.types(),
		Explain: sqltext.FirstWord(query) == "EXPLAIN", ReadOnly: s.readOnly,
	}
	for i := range d.Params {
		d.Params[i] = s.stmt.BindName(i + 1)
	}
	return d, nil
}

func (o *Object) takeSQLUnlessBroken() error {
	if o.closed || o.turn.broken != nil {
		return nil // told already
	}
	return o.takeSQL()
}

func (s *statement) types() []string {
	types := make([]string, len(s.columns))
	for i := range types {
		types[i] = s.stmt.ColumnDeclType(i)
	}
	return types
}

// Types are the types with which the result's columns were declared. It is
// for the time between Exec and the next Exec.
func (c *cursor) Types() []string { return c.statement.types() }
