package storage

import (
	"errors"
	"fmt"
	"runtime/debug"
	"strings"

	"github.com/holdfast-run/holdfast/guest-sdk/abi"
	"github.com/holdfast-run/holdfast/host/storage/sqltext"
	"github.com/holdfast-run/holdfast/runtime/store"
)

// Exec runs one or several SQL statements. All but the last run to their end;
// the cursor is the last's, which has run up to its first row.
func (o *Object) Exec(query string, args []abi.Value) (_ store.Cursor, err error) {
	if err := o.usable(); err != nil {
		return nil, err
	}
	if err := o.takeSQL(); err != nil {
		return nil, err
	}
	defer o.survive(&err)
	db := o.session
	s := db.cache.take(query)
	if s == nil {
		if s, err = o.prepareLast(query); err != nil {
			return nil, o.limit.explain(err)
		}
	}
	c, err := o.start(s, args)
	if err != nil {
		return nil, err
	}
	return c, nil
}

// prepareLast runs all statements of query but the last and returns that.
func (o *Object) prepareLast(query string) (*statement, error) {
	for {
		s, tail, err := o.prepareFirst(query)
		switch {
		case err != nil:
			return nil, err
		case s == nil && sqltext.Blank(tail):
			return nil, sqlFault(textNoStatement, "SQLITE_ERROR")
		case s == nil:
			query = tail
			continue
		case sqltext.Blank(tail):
			s.text = query
			return s, nil
		case s.params > 0:
			return nil, errors.Join(sqlFault(textOnlyLast, "SQLITE_ERROR"), s.stmt.Close())
		}
		c, err := o.start(s, nil)
		if err != nil {
			return nil, err
		}
		for more := c.pending; more; {
			if more, err = c.advance(); err != nil {
				return nil, err
			}
		}
		query = tail
	}
}

// prepareFirst prepares the first statement of query. Its length has a limit;
// that of a text of many has not.
func (o *Object) prepareFirst(query string) (s *statement, tail string, err error) {
	if len(query) <= o.textBytesMax() {
		return o.session.prepare(query)
	}
	first, rest := sqltext.First(query)
	if len(first) > o.textBytesMax() {
		return nil, "", sqlFault(textTooLong, "SQLITE_TOOBIG")
	}
	s, tail, err = o.session.prepare(first)
	return s, tail + rest, err
}

// start binds a statement, begins the turn's transaction if it is needed, and
// runs up to the first row.
func (o *Object) start(s *statement, args []abi.Value) (*cursor, error) {
	db := o.session
	c := &cursor{object: o, statement: s}
	err := s.bind(args)
	if err == nil && (!s.readOnly || s.pragma && o.options.BeginAlways) {
		err = o.beginSQL()
	}
	if err == nil && s.module != "" {
		err = db.load(allowedModules[s.module])
	}
	if err != nil {
		c.finish()
		return nil, err
	}
	db.wrote = db.wrote || !s.readOnly
	c.begin()
	if c.pending, err = c.advance(); err != nil {
		return nil, err
	}
	return c, nil
}

// OpenSQL gives the turn its database, as the first Exec would.
func (o *Object) OpenSQL() error {
	if err := o.usable(); err != nil {
		return err
	}
	return o.takeSQL()
}

// takeSQL gives the turn its database.
func (o *Object) takeSQL() (err error) {
	if o.session != nil {
		return nil
	}
	db := o.engine.databases.take(o)
	if db == nil {
		if db, err = o.openDatabase(); err != nil {
			return err
		}
	}
	o.session = db
	if db.relaxed != o.options.Relaxed {
		o.limitSQL(db)
	}
	if o.options.BeginAlways {
		return o.beginSQL()
	}
	return nil
}

// beginSQL opens the turn's transaction, inside it a savepoint for each
// explicit transaction that is open.
func (o *Object) beginSQL() error {
	db := o.session
	if db.begun {
		return nil
	}
	if err := db.run(controlBegin); err != nil {
		return sqlError(err, "")
	}
	db.begun = true
	for range o.turn.marks {
		if err := db.run(controlSavepoint); err != nil {
			return sqlError(err, "")
		}
	}
	return nil
}

// stands checks that SQL has not ended the turn's transaction (INSERT OR
// ROLLBACK, RAISE(ROLLBACK), an interrupted write). If it has, kv and alarm
// of the turn must go too: only Abort is left.
func (o *Object) stands(cause error) error {
	if !o.session.begun || !o.session.conn.GetAutocommit() {
		return cause
	}
	o.session.begun = false
	o.turn.broken = fmt.Errorf("%w (%w)", store.ErrAborted, cause)
	if cause == nil {
		o.turn.broken = store.ErrAborted
	}
	return o.turn.broken
}

// survive turns a panic of the driver, which is how it reports that SQLite's
// memory ran out, into an error. The database is closed and the turn can only be aborted.
func (o *Object) survive(err *error) {
	fault := recover()
	if fault == nil {
		return
	}
	if strings.Contains(fmt.Sprint(fault), "out of memory") {
		*err = sqlFault("out of memory: SQLITE_NOMEM", "SQLITE_NOMEM")
	} else {
		*err = store.Errorf("SQLite failed: %v", fault)
		o.engine.cfg.Logger.Error("storage: SQLite failed", "object", o.ref.ID, "fault", fault, "stack", string(debug.Stack()))
	}
	o.turn.broken = fmt.Errorf("%w (%w)", store.ErrAborted, *err)
	if closing := o.discardSQL(); closing != nil {
		o.engine.cfg.Logger.Warn("storage: database leaves memory behind", "object", o.ref.ID, "error", closing)
	}
}

// endCursors ends the turn's cursors.
func (o *Object) endCursors() {
	db := o.session
	for len(db.cursors) > 0 {
		db.cursors[len(db.cursors)-1].finish()
	}
}

// finishSQL ends the turn's transaction, the pages of which then lie in the
// page file.
func (o *Object) finishSQL() (err error) {
	if o.session == nil {
		return nil
	}
	defer o.survive(&err)
	o.endCursors()
	if !o.session.begun {
		return nil
	}
	if err := o.session.run(controlCommit); err != nil {
		return fmt.Errorf("commit: %w", sqlError(err, ""))
	}
	o.session.begun = false
	return nil
}

// releaseSQL puts the database aside until a turn needs it again.
func (o *Object) releaseSQL() error {
	db := o.session
	if db == nil {
		return nil
	}
	o.session, db.wrote = nil, false
	o.engine.databases.put(o, db)
	return nil
}

// rollbackSQL drops what the turn did in SQL. A database that does not roll
// back is closed.
func (o *Object) rollbackSQL() (err error) {
	db := o.session
	if db == nil {
		return nil
	}
	if o.turn.cleared || o.turn.broken != nil {
		return o.discardSQL()
	}
	defer o.survive(&err)
	o.endCursors()
	if db.begun {
		db.begun = false
		if err := db.run(controlRollback); err != nil {
			return errors.Join(sqlError(err, ""), o.discardSQL())
		}
	}
	db.file.revert()
	return o.releaseSQL()
}

// discardSQL closes the object's database, whatever state it is in.
func (o *Object) discardSQL() error {
	db := o.session
	if db == nil {
		return o.engine.databases.forget(o)
	}
	o.session = nil
	o.engine.databases.gone()
	for _, c := range db.cursors {
		c.closed = true
	}
	return db.close()
}

// savepoint, releaseSavepoint and rollbackSavepoint follow the turn's
// explicit transactions in SQL, once its transaction has begun.
func (o *Object) savepoint() error { return o.nested(controlSavepoint) }

func (o *Object) releaseSavepoint() error { return o.nested(controlRelease) }

func (o *Object) rollbackSavepoint() error {
	if o.session != nil {
		o.endCursors()
	}
	return o.nested(controlRollbackTo, controlRelease)
}

func (o *Object) nested(steps ...controlStatement) (err error) {
	if o.session == nil || !o.session.begun {
		return nil
	}
	defer o.survive(&err)
	for _, step := range steps {
		if err := o.session.run(step); err != nil {
			return o.stands(sqlError(err, ""))
		}
	}
	return nil
}

// DatabaseSize is the size of the object's SQL database without its free
// pages, the turn's changes included.
func (o *Object) DatabaseSize() int64 {
	switch {
	case o.session != nil && o.session.begun && o.session.wrote: // else it is what was committed
		pages, err := o.session.number(controlFreePages, "")
		if err == nil {
			return pages * int64(o.session.file.pageBytes)
		}
	case o.turn.cleared:
		return o.sqlBytes()
	}
	return int64(o.meta.pages-o.meta.freePages) * int64(o.meta.pageBytes)
}

// TotalChanges counts the rows that the open database's statements have
// changed; 0 if no statement has run in the turn.
func (o *Object) TotalChanges() int64 {
	if o.session == nil {
		return 0
	}
	return o.session.conn.TotalChanges()
}

// LastInsertRowID is the rowid of the last row inserted through the open
// database; 0 if no statement has run in the turn.
func (o *Object) LastInsertRowID() int64 {
	if o.session == nil {
		return 0
	}
	return o.session.conn.LastInsertRowID()
}
