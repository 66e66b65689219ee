// Package litesql is SQLite in memory as the real host offers it to objects
// and to D1: one connection a database, its limits, what its SQL may not
// touch, and the texts of its errors. It owns the connection; it refuses files.
package litesql

import (
	"errors"
	"strings"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/ext/fts5"
	"github.com/ncruces/go-sqlite3/ext/rtree"

	"github.com/holdfast-run/holdfast/guest-sdk/abi"
)

// DB is one database. One goroutine at a time may use it.
type DB struct {
	conn    *sqlite3.Conn
	begun   bool
	trusted bool
	refused bool   // the statement being prepared would end a transaction
	module  string // of the virtual table that it makes
	loaded  map[string]bool
}

// Open makes an empty database.
func Open() (*DB, error) {
	conn, err := sqlite3.Open(":memory:")
	if err != nil {
		return nil, err
	}
	db := &DB{conn: conn, loaded: map[string]bool{}}
	if err := conn.Exec("PRAGMA foreign_keys=ON; PRAGMA trusted_schema=OFF; PRAGMA temp_store=MEMORY"); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	for _, l := range limits {
		conn.Limit(l.category, l.value)
	}
	if err := conn.SetAuthorizer(db.authorize); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return db, nil
}

// Close drops the database.
func (db *DB) Close() error { return db.conn.Close() }

func (db *DB) control(sql string) error {
	db.trusted = true
	defer func() { db.trusted = false }()
	return sqlError(db.conn.Exec(sql), "")
}

// Begin opens a transaction with so many savepoints in it; one that is open
// goes on.
func (db *DB) Begin(savepoints int) error {
	if db.begun {
		return nil
	}
	if err := db.control("BEGIN"); err != nil {
		return err
	}
	db.begun = true
	for range savepoints {
		if err := db.Savepoint(); err != nil {
			return err
		}
	}
	return nil
}

// Commit ends the transaction, if one is open. A failure rolls it back.
func (db *DB) Commit() error {
	if !db.begun {
		return nil
	}
	if err := db.control("COMMIT"); err != nil {
		return errors.Join(err, db.Rollback())
	}
	db.begun = false
	return nil
}

// Rollback drops the transaction, if one is open.
func (db *DB) Rollback() error {
	if !db.begun {
		return nil
	}
	db.begun = false
	if db.conn.GetAutocommit() {
		return nil // its own SQL has ended it
	}
	return db.control("ROLLBACK")
}

// Savepoint, Release and RollbackTo nest in an open transaction; without one
// they do nothing.
func (db *DB) Savepoint() error { return db.nested("SAVEPOINT hf") }

// Release ends the innermost savepoint and keeps its writes.
func (db *DB) Release() error { return db.nested("RELEASE hf") }

// RollbackTo ends the innermost savepoint and drops its writes.
func (db *DB) RollbackTo() error { return db.nested("ROLLBACK TO hf; RELEASE hf") }

func (db *DB) nested(sql string) error {
	if !db.begun {
		return nil
	}
	return db.control(sql)
}

// Lost reports that SQL such as INSERT OR ROLLBACK has ended the transaction.
func (db *DB) Lost() bool { return db.begun && db.conn.GetAutocommit() }

// Size is the database's bytes without its free pages.
func (db *DB) Size() int64 {
	db.trusted = true
	defer func() { db.trusted = false }()
	stmt, _, err := db.conn.Prepare("SELECT (page_count - freelist_count) * page_size FROM pragma_page_count, pragma_freelist_count, pragma_page_size")
	if err != nil {
		return 0
	}
	defer stmt.Close()
	if !stmt.Step() {
		return 0
	}
	return stmt.ColumnInt64(0)
}

// Changes counts the rows that all statements so far have changed.
func (db *DB) Changes() int64 { return db.conn.TotalChanges() }

// LastRowID is the rowid of the last row inserted.
func (db *DB) LastRowID() int64 { return db.conn.LastInsertRowID() }

// modules are the virtual tables that SQL may make, by their extension.
var modules = map[string]func(*sqlite3.Conn) error{
	"fts5": fts5.Register, "fts5vocab": fts5.Register, "rtree": rtree.Register, "rtree_i32": rtree.Register,
}

// prepare compiles the first statement of text, loading what it lacks.
func (db *DB) prepare(text string) (*sqlite3.Stmt, string, error) {
	db.refused, db.module = false, ""
	stmt, tail, err := db.conn.Prepare(text)
	if err != nil {
		if _, module, ok := strings.Cut(err.Error(), "no such module: "); ok && db.load(strings.ToLower(module)) {
			stmt, tail, err = db.conn.Prepare(text)
		}
	} else if db.module != "" {
		db.load(db.module)
	}
	if err != nil && db.refused {
		return nil, "", &Error{Message: TextTransaction, Code: "SQLITE_AUTH"}
	}
	return stmt, tail, sqlError(err, text)
}

func (db *DB) load(module string) bool {
	register := modules[module]
	if register == nil || db.loaded[module] {
		return false
	}
	db.loaded[module] = true
	db.trusted = true
	defer func() { db.trusted = false }()
	return register(db.conn) == nil
}

func bind(stmt *sqlite3.Stmt, at int, v *abi.Value) error {
	switch v.Kind {
	case abi.ValueInteger:
		return stmt.BindInt64(at, v.Int)
	case abi.ValueFloat:
		return stmt.BindFloat(at, v.Float)
	case abi.ValueText:
		return stmt.BindRawText(at, v.Bytes)
	case abi.ValueBlob:
		return stmt.BindBlob(at, v.Bytes)
	}
	return stmt.BindNull(at)
}
