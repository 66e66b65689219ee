package native

import (
	"github.com/holdfast-run/holdfast/guest-sdk/abi"
	"github.com/holdfast-run/holdfast/guest-sdk/edge/edgetest/internal/litesql"
)

// cursor is the rows of a statement that the guest has not taken yet.
type cursor struct {
	rows *litesql.Rows
	next int
}

func sqlExec(o *object, m *abi.SQLExecRequest) (message, error) {
	s := o.store
	if s.lost != nil {
		return nil, s.lost
	}
	if s.db == nil {
		db, err := litesql.Open()
		if err != nil {
			return nil, err
		}
		s.db = db
	}
	rows, err := s.db.Exec(m.Query, m.Args, s.write)
	if err := s.stands(err); err != nil {
		return nil, err
	}
	return o.page(0, &cursor{rows: rows})
}

func sqlNext(o *object, m *abi.CursorRequest) (message, error) {
	c := o.cursors[m.Cursor]
	if c == nil {
		return nil, refuse(abi.NotFound, "the cursor has ended; a cursor ends with its turn")
	}
	return o.page(m.Cursor, c)
}

// page takes rows until the page is full; what is left keeps, or gets, a
// number.
func (o *object) page(id uint32, c *cursor) (message, error) {
	p := &abi.SQLPage{Columns: c.rows.Columns, RowsRead: c.rows.RowsRead, RowsWritten: c.rows.RowsWritten}
	for size := 0; size < abi.PageBytes && c.next < len(c.rows.Values); c.next++ {
		for _, v := range c.rows.Values[c.next] {
			size += 9 + len(v.Bytes)
			p.Values = append(p.Values, v)
		}
	}
	if c.next == len(c.rows.Values) {
		delete(o.cursors, id)
		return p, nil
	}
	if id == 0 {
		if o.cursors == nil {
			o.cursors = map[uint32]*cursor{}
		}
		o.nextCursor++
		id = o.nextCursor
		o.cursors[id] = c
	}
	p.Cursor = id
	return p, nil
}

func sqlClose(o *object, m *abi.CursorRequest) error {
	delete(o.cursors, m.Cursor)
	return nil
}

func sqlSize(o *object) (message, error) {
	if o.store.db == nil {
		return &abi.Int{}, nil
	}
	return &abi.Int{Value: o.store.db.Size()}, nil
}
