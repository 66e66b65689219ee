package d1

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/holdfast-run/holdfast/guest-sdk/abi"
	"github.com/holdfast-run/holdfast/host/storage"
	"github.com/holdfast-run/holdfast/runtime/store"
)

// Local databases are objects of this namespace, named by their names. The
// first 16 bytes of an object's id are the database's UUID.
const namespace = store.ReservedNamespace + "d1"

// recordKey is the kv key that makes a database exist before its first table.
const recordKey = "database"

// localCacheKiB is the page cache of an open database: there are fewer of
// them than of objects, and they are larger.
const localCacheKiB = 2048

// record is stored under recordKey.
type record struct {
	CreatedMs int64 `json:"createdMs"`
}

// local is a database in the host's storage engine. All but bookmark is for
// one query at a time.
type local struct {
	host    *Host
	object  *storage.Object
	name    string
	exists  bool // the record is stored
	size    int64
	last    *syncing // the last commit
	marking atomic.Pointer[string]
}

// syncing is a commit on its way to the disk.
type syncing struct {
	done chan struct{}
	err  error
}

func (s *syncing) wait() error {
	<-s.done
	if s.err != nil {
		return &Error{Kind: KindStorage, Message: textSync, Retryable: true, Cause: s.err}
	}
	return nil
}

// openLocal opens a database, also one that does not exist: its first commit
// makes it.
func (h *Host) openLocal(name string) (backend, error) {
	l := &local{host: h, name: name}
	id, ok, err := h.cfg.Engine.Lookup(namespace, name)
	if err != nil {
		return nil, err
	}
	if !ok {
		id = newID()
	}
	if err := l.openObject(id); err != nil {
		return nil, err
	}
	_, l.exists, err = l.object.Get(recordKey)
	if err != nil {
		return nil, errors.Join(err, l.object.Close())
	}
	return l, nil
}

func (l *local) openObject(id store.ID) error {
	object, err := l.host.cfg.Engine.OpenWith(store.Ref{Namespace: namespace, ID: id, Name: l.name}, storage.ObjectOptions{
		Connect: l.host.client.connectLocal, BeginAlways: true, CacheKiB: localCacheKiB,
		Relaxed: l.host.cfg.relaxed(l.name),
	})
	if err != nil {
		return err
	}
	l.object, l.exists, l.last, l.size = object, false, nil, object.DatabaseSize()
	l.mark()
	return nil
}

// newID makes an id around a random UUID (version 4).
func newID() store.ID {
	var id store.ID
	_, _ = rand.Read(id[:16]) // never fails
	id[6] = id[6]&0x0f | 0x40
	id[8] = id[8]&0x3f | 0x80
	return id
}

func (l *local) transact(ctx context.Context, r request) (_ []Result, durable func() error, err error) {
	defer l.limit(ctx)()
	results, err := l.statements(r.statements)
	if err == nil && r.readOnly && l.object.Dirty() {
		err = errReadOnly()
	}
	if err != nil {
		return nil, nil, errors.Join(err, l.object.Abort())
	}
	if err := l.commit(); err != nil {
		return nil, nil, err
	}
	if l.last == nil {
		return results, nil, nil
	}
	return results, l.last.wait, nil
}

// limit lets ctx end the statements until the function that it returns is
// called.
func (l *local) limit(ctx context.Context) func() {
	deadline, _ := ctx.Deadline()
	l.object.SetDeadline(deadline)
	interrupted := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		l.object.Interrupt()
		close(interrupted)
	})
	return func() {
		if !stop() {
			<-interrupted // or it would end the next query
		}
		l.object.SetDeadline(time.Time{})
	}
}

func (l *local) statements(statements []Statement) ([]Result, error) {
	if err := l.object.OpenSQL(); err != nil {
		return nil, err
	}
	results := make([]Result, 0, len(statements))
	budget := l.host.cfg.ResultBytesMax
	size := l.size
	for _, s := range statements {
		result, err := l.statement(s, &budget)
		if err != nil {
			return nil, err
		}
		result.Meta.ChangedDB = result.Meta.ChangedDB || result.Meta.SizeAfter != size
		size = result.Meta.SizeAfter
		results = append(results, result)
	}
	return results, nil
}

// statement runs one statement to its end. budget is the room for values.
func (l *local) statement(s Statement, budget *int) (Result, error) {
	start := time.Now()
	changes, rowID := l.object.TotalChanges(), l.object.LastInsertRowID()
	cursor, err := l.object.Exec(s.SQL, s.Params)
	if err != nil {
		return Result{}, err
	}
	result := Result{Columns: cursor.Columns(), Rows: [][]abi.Value{}}
	if typed, ok := cursor.(interface{ Types() []string }); ok && s.Types {
		result.Types = typed.Types()
	}
	for {
		row, ok, err := cursor.Next(make([]abi.Value, 0, len(result.Columns)))
		if err != nil {
			return Result{}, errors.Join(err, cursor.Close())
		}
		if !ok {
			break
		}
		if *budget -= own(row); *budget < 0 {
			return Result{}, errors.Join(tooLarge(l.host.cfg.ResultBytesMax), cursor.Close())
		}
		result.Rows = append(result.Rows, row)
	}
	if err := cursor.Close(); err != nil {
		return Result{}, err
	}
	result.Meta = Meta{
		DurationMs: milliseconds(start), Changes: l.object.TotalChanges() - changes,
		LastRowID: l.object.LastInsertRowID(), SizeAfter: l.object.DatabaseSize(),
		RowsRead: cursor.RowsRead(), RowsWritten: cursor.RowsWritten(),
	}
	result.Meta.ChangedDB = result.Meta.Changes != 0 || result.Meta.LastRowID != rowID
	return result, nil
}

// own copies the bytes of a row, which are the cursor's, and returns their
// number.
func own(row []abi.Value) (size int) {
	for i := range row {
		row[i].Bytes = slices.Clone(row[i].Bytes)
		size += len(row[i].Bytes)
	}
	return size
}

func tooLarge(limit int) error {
	return fault(KindSQL, "The result is larger than %d bytes.", limit)
}

// commit ends the transaction. The record goes with the first one that
// changes something.
func (l *local) commit() error {
	if !l.exists && l.object.Dirty() {
		if err := l.putRecord(); err != nil {
			return errors.Join(err, l.object.Abort())
		}
	}
	s := &syncing{done: make(chan struct{})}
	changed, err := l.object.Commit(func(err error) {
		s.err = err
		close(s.done)
	})
	if err != nil {
		return err
	}
	if changed {
		l.exists, l.last = true, s
		l.mark()
	}
	l.size = l.object.DatabaseSize()
	return nil
}

func (l *local) putRecord() error {
	value, err := l.host.newRecord()
	if err != nil {
		return err
	}
	return l.object.Put(recordKey, value)
}

func (h *Host) newRecord() ([]byte, error) {
	value, err := json.Marshal(record{CreatedMs: h.cfg.Clock().UnixMilli()})
	if err != nil {
		return nil, fmt.Errorf("d1: encode record: %w", err)
	}
	return value, nil
}

// mark notes the bookmark in D1's form, which sorts as text: the epoch of the
// database's data and the number of its commits.
func (l *local) mark() {
	mark := bookmarkText(l.object.Epoch(), l.object.Sequence())
	l.marking.Store(&mark)
}

func (l *local) bookmark() string { return *l.marking.Load() }

// create makes the database exist.
func (l *local) create() (func() error, error) {
	if err := l.putRecord(); err != nil {
		return nil, errors.Join(err, l.object.Abort())
	}
	if err := l.commit(); err != nil {
		return nil, err
	}
	return l.last.wait, nil
}

// erase deletes the database. Another of its name is a new one.
func (l *local) erase() error {
	if err := l.object.DeleteAll(); err != nil {
		return err
	}
	if err := l.commit(); err != nil {
		return err
	}
	if l.last != nil {
		if err := l.last.wait(); err != nil {
			return err
		}
	}
	if err := l.object.Close(); err != nil {
		return err
	}
	return l.openObject(newID())
}

func (l *local) close() error { return l.object.Close() }
