package storage

import (
	"errors"
	"fmt"

	"github.com/ncruces/go-sqlite3"

	"github.com/holdfast-run/holdfast/runtime/store"
)

// Vacuum rewrites the object's SQL database without its free pages, as a
// turn of its own: guests cannot, because it needs a second database and
// cannot stand in their transaction. The turn must be clean. A database that
// is larger than a turn's batch is refused (store.ErrTooLarge).
func (o *Object) Vacuum(durable func(error)) (bool, error) {
	if err := o.usable(); err != nil {
		return false, err
	}
	if o.Dirty() {
		return false, errors.New("storage: vacuum inside a turn")
	}
	if o.meta.pages == 0 {
		return false, o.Abort()
	}
	if bytes := o.meta.sqlBytes(); bytes > int64(o.engine.cfg.TurnBytesMax) {
		return false, fmt.Errorf("vacuum of %d bytes, at most %d are possible: %w", bytes, o.engine.cfg.TurnBytesMax, store.ErrTooLarge)
	}
	if err := o.vacuum(); err != nil {
		return false, errors.Join(err, o.discardSQL(), o.Abort())
	}
	return o.Commit(durable)
}

func (o *Object) vacuum() (err error) {
	if err := errors.Join(o.takeSQL(), o.finishSQL()); err != nil {
		return err
	}
	defer o.survive(&err)
	db := o.session
	db.guard.trusted = true
	db.conn.Limit(sqlite3.LIMIT_ATTACHED, 1)
	db.conn.Limit(sqlite3.LIMIT_LENGTH, vacuumLengthMax)
	defer func() {
		o.limitSQL(db)
		db.guard.trusted = false
	}()
	// The copy lies in a file of ours, not in SQLite's bounded memory.
	if err := db.conn.Exec("PRAGMA temp_store=FILE; VACUUM; PRAGMA temp_store=MEMORY"); err != nil {
		return fmt.Errorf("vacuum: %w", sqlError(err, ""))
	}
	return nil
}

// vacuumLengthMax lets rows pass that older limits allowed.
const vacuumLengthMax = 1 << 30
