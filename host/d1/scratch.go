package d1

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/ext/fts5"
	"github.com/ncruces/go-sqlite3/ext/rtree"

	"github.com/holdfast-run/holdfast/host/storage"
	"github.com/holdfast-run/holdfast/runtime/store"
)

// scratchForm names temporary files: copies of databases on their way in or
// out.
const scratchForm = "d1-*.scratch"

// sweepScratch removes what a crash has left.
func (h *Host) sweepScratch() error {
	if h.cfg.Scratch == os.TempDir() {
		return nil // others' too
	}
	left, err := filepath.Glob(filepath.Join(h.cfg.Scratch, scratchForm))
	for _, path := range left {
		err = errors.Join(err, os.Remove(path))
	}
	return err
}

// scratch makes a temporary file; remove takes it away.
func (h *Host) scratch() (f *os.File, remove func() error, err error) {
	f, err = os.CreateTemp(h.cfg.Scratch, scratchForm)
	if err != nil {
		return nil, nil, &Error{Kind: KindInternal, Message: "No temporary file could be made.", Cause: err}
	}
	return f, func() error { return errors.Join(ignoreClosed(f.Close()), os.Remove(f.Name())) }, nil
}

func ignoreClosed(err error) error {
	if errors.Is(err, os.ErrClosed) {
		return nil
	}
	return err
}

// snapshot calls fn with a copy of a local database, as it is or was, while it
// keeps serving. The copy is fn's alone.
func (h *Host) snapshot(ctx context.Context, uuidOrName string, at Point, fn func(*sqlite3.Conn) error) (err error) {
	f, remove, err := h.scratch()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, remove()) }()
	if err := h.ExportFile(uuidOrName, at, f); err != nil {
		return err
	}
	return onFile(ctx, f.Name(), fn)
}

// onFile opens a SQLite file for fn.
func onFile(ctx context.Context, path string, fn func(*sqlite3.Conn) error) (err error) {
	defer func() {
		if fault := recover(); fault != nil { // the driver, when its memory ran out
			err = &Error{Kind: KindInternal, Message: "The database file needs more memory than there is."}
		}
	}()
	conn, err := sqlite3.OpenFlags(path, sqlite3.OPEN_READWRITE)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	conn.SetInterrupt(ctx)
	if err := errors.Join(fts5.Register(conn), rtree.Register(conn)); err != nil {
		return err
	}
	if _, err := conn.Config(sqlite3.DBCONFIG_DEFENSIVE, true); err != nil {
		return err
	}
	if err := conn.Exec("PRAGMA trusted_schema=OFF"); err != nil {
		return err
	}
	return fn(conn)
}

// ExportFile writes a local database, as it is or was, as a SQLite file. It
// keeps serving.
func (h *Host) ExportFile(uuidOrName string, at Point, w io.Writer) error {
	info, err := h.find(uuidOrName)
	if err != nil {
		return err
	}
	mark := ""
	if at != (Point{}) {
		if mark, err = h.point(info.Ref, at); err != nil {
			return err
		}
	}
	return h.travelError(h.cfg.Engine.WriteSQL(info.Ref, mark, w))
}

// ImportFile makes a local database what a SQLite file holds, as its only
// operation; it is made if there is none. The file is checked and rewritten
// first: a damaged one changes nothing.
func (h *Host) ImportFile(ctx context.Context, name string, r io.Reader) (err error) {
	image, err := h.imageOf(ctx, r)
	if err != nil {
		return err
	}
	err = h.alone(ctx, name, func(l *local) (func() error, error) {
		if !l.exists {
			if _, err := l.create(); err != nil {
				return nil, err
			}
		}
		durable, err := l.become(func(o *storage.Object, durable func(error)) (bool, error) { return o.Adopt(image, durable) })
		return durable, h.travelError(err)
	})
	if err == nil {
		h.generation.Add(1)
	}
	return err
}

// imageOf reads a SQLite file of any page size.
func (h *Host) imageOf(ctx context.Context, r io.Reader) (image *storage.Image, err error) {
	given, remove, err := h.scratch()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, remove()) }()
	if _, err := io.Copy(given, io.LimitReader(r, importBytesMax+1)); err != nil {
		return nil, fault(KindInvalid, "The file could not be read: %s", err)
	}
	if at, err := given.Seek(0, io.SeekEnd); err != nil || at > importBytesMax {
		return nil, errors.Join(err, fault(KindInvalid, "The file is larger than %d MiB.", importBytesMax>>20))
	}
	made, removeMade, err := h.scratch()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, removeMade()) }()
	if err := onFile(ctx, given.Name(), func(conn *sqlite3.Conn) error { return rewrite(conn, made.Name()) }); err != nil {
		var known *Error
		if errors.As(err, &known) {
			return nil, err
		}
		return nil, &Error{Kind: KindInvalid, Message: "The file is no SQLite database that can be taken: " + err.Error(), Cause: err}
	}
	record, err := h.newRecord()
	if err != nil {
		return nil, err
	}
	image, err = storage.NewImage(made, map[string][]byte{recordKey: record})
	switch {
	case errors.Is(err, storage.ErrSQLFile):
		return nil, &Error{Kind: KindInvalid, Message: err.Error(), Cause: err}
	case errors.Is(err, store.ErrTooLarge):
		return nil, &Error{Kind: KindInvalid, Message: "The database is too large: " + err.Error(), Cause: err}
	}
	return image, err
}

// importBytesMax is the largest file that is taken.
const importBytesMax = 512 << 20

// rewrite checks a database and writes it with the pages that the engine has.
func rewrite(conn *sqlite3.Conn, to string) error {
	found, err := texts(conn, "PRAGMA integrity_check(1)")
	if err != nil {
		return err
	}
	if len(found) != 1 || found[0] != "ok" {
		return fault(KindInvalid, "The file is damaged: %v", found)
	}
	if found, err = texts(conn, `SELECT name FROM sqlite_schema WHERE name LIKE '\_cf\_%' ESCAPE '\'`); err != nil {
		return err
	}
	if len(found) > 0 {
		return fault(KindInvalid, "The file has a table %q: names that begin with _cf_ are reserved.", found[0])
	}
	conn.Limit(sqlite3.LIMIT_ATTACHED, 1)
	return conn.Exec("PRAGMA journal_mode=DELETE; PRAGMA page_size=1024; PRAGMA auto_vacuum=NONE; VACUUM INTO " + sqlite3.Quote(to))
}

// texts are the first columns of a query's rows.
func texts(conn *sqlite3.Conn, query string, args ...string) (list []string, err error) {
	stmt, _, err := conn.Prepare(query)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, stmt.Close()) }()
	for i, arg := range args {
		if err := stmt.BindText(i+1, arg); err != nil {
			return nil, err
		}
	}
	for stmt.Step() {
		list = append(list, stmt.ColumnText(0))
	}
	return list, stmt.Err()
}

// ScratchFile writes a temporary file and returns its path. It is the
// caller's to remove.
func (h *Host) ScratchFile(write func(io.Writer) error) (path string, err error) {
	f, remove, err := h.scratch()
	if err != nil {
		return "", err
	}
	if err := errors.Join(write(f), f.Close()); err != nil {
		return "", errors.Join(err, remove())
	}
	return f.Name(), nil
}
