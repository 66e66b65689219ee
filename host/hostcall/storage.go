package hostcall

import (
	"bytes"
	"slices"
	"time"

	"github.com/holdfast-run/holdfast/guest-sdk/abi"
	"github.com/holdfast-run/holdfast/runtime/object"
	"github.com/holdfast-run/holdfast/runtime/store"
)

var errNoStorage = &object.Error{Status: abi.Unsupported, Message: "a worker has no storage; keep state in an object or in D1"}

// stored runs fn where there is storage.
func (c *Calls) stored(fn func() error) error {
	if c.o.Storage() == nil {
		return errNoStorage
	}
	return fn()
}

// storage is the object's storage, or the refusal of a worker.
func (c *Calls) storage() (store.Object, error) {
	if s := c.o.Storage(); s != nil {
		return s, nil
	}
	return nil, errNoStorage
}

func kvGet(c *Calls, req []byte) ([]byte, error) {
	s, err := c.storage()
	if err != nil {
		return nil, err
	}
	var m abi.KeyRequest
	if err := m.Decode(req); err != nil {
		return nil, err
	}
	v, ok, err := s.Get(m.Key)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, &object.Error{Status: abi.NotFound, Message: "no value under this key"}
	}
	return v, nil
}

func kvGetMany(c *Calls, req []byte) ([]byte, error) {
	s, err := c.storage()
	if err != nil {
		return nil, err
	}
	var m abi.KeysRequest
	if err := m.Decode(req); err != nil {
		return nil, err
	}
	if len(m.Keys) > store.KeysPerCallMax {
		return nil, store.ErrTooManyKeys
	}
	slices.Sort(m.Keys)
	var out abi.KVEntries
	for _, k := range slices.Compact(m.Keys) {
		v, ok, err := s.Get(k)
		if err != nil {
			return nil, err
		}
		if ok {
			out.Entries = append(out.Entries, abi.KVEntry{Key: k, Value: v})
		}
	}
	return out.Append(nil), nil
}

func kvPut(c *Calls, req []byte) error {
	s, err := c.storage()
	if err != nil {
		return err
	}
	var m abi.KVEntries
	if err := m.Decode(req); err != nil {
		return err
	}
	if len(m.Entries) > store.KeysPerCallMax {
		return store.ErrTooManyKeys
	}
	for _, e := range m.Entries {
		if err := s.Put(e.Key, e.Value); err != nil {
			return err
		}
	}
	return nil
}

func kvDelete(c *Calls, req []byte) ([]byte, error) {
	s, err := c.storage()
	if err != nil {
		return nil, err
	}
	var m abi.KeysRequest
	if err := m.Decode(req); err != nil {
		return nil, err
	}
	if len(m.Keys) > store.KeysPerCallMax {
		return nil, store.ErrTooManyKeys
	}
	var n abi.Count
	for _, k := range m.Keys {
		had, err := s.Delete(k)
		if err != nil {
			return nil, err
		}
		if had {
			n.Count++
		}
	}
	return c.encode(&n), nil
}

// encode writes a small answer into the instance's scratch.
func (c *Calls) encode(m object.Message) []byte {
	c.out = m.Append(c.out[:0])
	return c.out
}

func kvList(c *Calls, req []byte) ([]byte, error) {
	s, err := c.storage()
	if err != nil {
		return nil, err
	}
	var m abi.KVListRequest
	if err := m.Decode(req); err != nil {
		return nil, err
	}
	if m.HasStart && m.HasStartAfter {
		return nil, invalid("kv_list: start and startAfter exclude each other")
	}
	var page abi.KVEntries
	size := 0
	o := store.ListOptions{
		Start: m.Start, HasStart: m.HasStart, StartAfter: m.StartAfter, HasStartAfter: m.HasStartAfter,
		End: m.End, HasEnd: m.HasEnd, Prefix: m.Prefix, Reverse: m.Reverse, Limit: int(m.Limit),
	}
	err = s.List(o, func(key string, value []byte) bool {
		if size >= abi.PageBytes {
			page.More = true
			return false
		}
		size += len(key) + len(value)
		page.Entries = append(page.Entries, abi.KVEntry{Key: key, Value: bytes.Clone(value)})
		return true
	})
	if err != nil {
		return nil, err
	}
	return page.Append(nil), nil
}

func deleteAll(c *Calls, _ []byte) error {
	s, err := c.storage()
	if err != nil {
		return err
	}
	if err := s.DeleteAll(); err != nil {
		return err
	}
	c.o.DeletedAll()
	return nil
}

// open answers the turn's cursors: those of earlier turns are gone.
func (c *Calls) open() map[uint32]store.Cursor {
	if t := c.o.Turn(); t != c.turn || c.cursors == nil {
		c.turn, c.cursors = t, map[uint32]store.Cursor{}
	}
	return c.cursors
}

// deadliner is storage that can end a statement that runs too long.
type deadliner interface{ SetDeadline(time.Time) }

// sqlTimeout bounds the statements of one call.
const sqlTimeout = 30 * time.Second

func sqlExec(c *Calls, req []byte) ([]byte, error) {
	s, err := c.storage()
	if err != nil {
		return nil, err
	}
	var m abi.SQLExecRequest
	if err := m.Decode(req); err != nil {
		return nil, err
	}
	for i := range m.Args {
		m.Args[i].Bytes = bytes.Clone(m.Args[i].Bytes)
	}
	if d, ok := s.(deadliner); ok {
		d.SetDeadline(time.Now().Add(sqlTimeout))
	}
	cur, err := s.Exec(m.Query, m.Args)
	if err != nil {
		return nil, err
	}
	return c.page(0, cur, cur.Columns())
}

func sqlNext(c *Calls, req []byte) ([]byte, error) {
	var m abi.CursorRequest
	if err := m.Decode(req); err != nil {
		return nil, err
	}
	cur := c.open()[m.Cursor]
	if cur == nil {
		return nil, &object.Error{Status: abi.NotFound, Message: "the cursor has ended; a cursor ends with its turn"}
	}
	return c.page(m.Cursor, cur, cur.Columns())
}

// page takes rows until the page is full. A cursor that has more keeps, or
// gets, its number.
func (c *Calls) page(id uint32, cur store.Cursor, columns []string) ([]byte, error) {
	p := abi.SQLPage{Columns: columns}
	size := 0
	for size < abi.PageBytes {
		row, ok, err := cur.Next(c.row[:0])
		if err != nil {
			delete(c.open(), id)
			return nil, err
		}
		c.row = row
		if !ok {
			p.RowsRead, p.RowsWritten = cur.RowsRead(), cur.RowsWritten()
			delete(c.open(), id)
			if err := cur.Close(); err != nil {
				return nil, err
			}
			return p.Append(nil), nil
		}
		for _, v := range row {
			v.Bytes = bytes.Clone(v.Bytes)
			size += 9 + len(v.Bytes)
			p.Values = append(p.Values, v)
		}
		if len(row) == 0 {
			size++
		}
	}
	if id == 0 {
		c.cursor++
		id = c.cursor
		c.open()[id] = cur
	}
	p.Cursor, p.RowsRead, p.RowsWritten = id, cur.RowsRead(), cur.RowsWritten()
	return p.Append(nil), nil
}

func sqlClose(c *Calls, req []byte) error {
	var m abi.CursorRequest
	if err := m.Decode(req); err != nil {
		return err
	}
	cur := c.open()[m.Cursor]
	if cur == nil {
		return nil
	}
	delete(c.cursors, m.Cursor)
	return cur.Close()
}

func sqlSize(c *Calls, _ []byte) ([]byte, error) {
	s, err := c.storage()
	if err != nil {
		return nil, err
	}
	return c.encode(&abi.Int{Value: s.DatabaseSize()}), nil
}

func alarmGet(c *Calls, _ []byte) ([]byte, error) {
	if _, err := c.storage(); err != nil {
		return nil, err
	}
	at, ok := c.o.GetAlarm()
	if !ok {
		at = 0
	}
	return c.encode(&abi.AlarmState{Set: ok, TimeMs: at}), nil
}

func alarmSet(c *Calls, req []byte) error {
	var m abi.TimeRequest
	if err := m.Decode(req); err != nil {
		return err
	}
	return c.stored(func() error { return c.o.SetAlarm(m.TimeMs) })
}

func bookmarkForTime(c *Calls, req []byte) ([]byte, error) {
	s, err := c.storage()
	if err != nil {
		return nil, err
	}
	var m abi.TimeRequest
	if err := m.Decode(req); err != nil {
		return nil, err
	}
	b, err := s.BookmarkForTime(m.TimeMs)
	return []byte(b), err
}

func bookmarkRestore(c *Calls, req []byte) ([]byte, error) {
	s, err := c.storage()
	if err != nil {
		return nil, err
	}
	var m abi.StringRequest
	if err := m.Decode(req); err != nil {
		return nil, err
	}
	undo, err := s.RestoreNext(m.Text)
	return []byte(undo), err
}

func bookmarkCurrent(c *Calls, _ []byte) ([]byte, error) {
	s, err := c.storage()
	if err != nil {
		return nil, err
	}
	b, err := s.Bookmark()
	return []byte(b), err
}
