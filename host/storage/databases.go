package storage

import (
	"container/list"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/util/vfsutil"
	"github.com/ncruces/go-sqlite3/vfs"
)

// Connect opens a SQLite connection to Engine.DSN; closer ends it. The engine
// calls it for one database at a time.
type Connect func() (conn *sqlite3.Conn, closer io.Closer, err error)

// outsideName is the file that a Connect opens: always the same name, so that
// an opener that is costly to make for a name is made once.
const outsideName = "/outside"

// DSN is the data source name for a Connect. It opens something only while
// the engine calls one.
func (e *Engine) DSN() string { return e.databases.dsn(outsideName) }

// databases keeps the open SQLite databases. A database is idle, and then in
// the list and of one object alone, or in a turn, and then of its loop. The
// list is ordered by last use; beyond max the oldest idle one is closed. A
// database is never handed to another object: cursors, counters and pragmas
// would go with it.
type databases struct {
	max     int
	vfsName string
	memory  int64

	mu      sync.Mutex
	count   int // open, idle or in a turn
	idle    list.List
	opening map[string]*pageFile // by file name, while SQLite opens it

	outside sync.Mutex // held around a Connect, before mu
}

// vfsSerial keeps the engines of a process apart in SQLite's registry.
var vfsSerial atomic.Uint64

func (d *databases) open(cfg Config) {
	d.max, d.memory = cfg.OpenDatabasesMax, cfg.SQLMemoryBytesMax
	d.opening = map[string]*pageFile{}
	d.vfsName = fmt.Sprintf("holdfast%d", vfsSerial.Add(1))
	vfs.Register(d.vfsName, fileSystem{d})
}

func (d *databases) close() {
	d.mu.Lock()
	victims := d.takeIdle(0)
	d.mu.Unlock()
	for _, db := range victims {
		_ = db.close() // nothing is lost with an idle connection
	}
	vfs.Unregister(d.vfsName)
}

// take returns the object's idle database, which is then in a turn, or nil.
func (d *databases) take(o *Object) *database {
	d.mu.Lock()
	defer d.mu.Unlock()
	db := o.idle
	if db != nil {
		d.idle.Remove(db.element)
		o.idle, db.element = nil, nil
	}
	return db
}

// admit counts a database that is about to be opened and closes old ones to
// make room.
func (d *databases) admit() {
	d.mu.Lock()
	d.count++
	victims := d.takeIdle(d.max)
	d.mu.Unlock()
	for _, db := range victims {
		_ = db.close() // nothing is lost with an idle connection
	}
}

// takeIdle removes the oldest idle databases until at most max are open or
// none is idle. It is called with mu held; the caller closes them.
func (d *databases) takeIdle(max int) []*database {
	var victims []*database
	for d.count > max && d.idle.Len() > 0 {
		oldest := d.idle.Back()
		db := d.idle.Remove(oldest).(*database)
		db.owner.idle, db.element = nil, nil
		d.count--
		victims = append(victims, db)
	}
	return victims
}

// put makes a database idle.
func (d *databases) put(o *Object, db *database) {
	d.mu.Lock()
	db.owner, o.idle = o, db
	db.element = d.idle.PushFront(db)
	victims := d.takeIdle(d.max)
	d.mu.Unlock()
	for _, db := range victims {
		_ = db.close() // nothing is lost with an idle connection
	}
}

// gone counts off a database that its turn has closed or could not open.
func (d *databases) gone() {
	d.mu.Lock()
	d.count--
	d.mu.Unlock()
}

// forget closes the object's idle database.
func (d *databases) forget(o *Object) error {
	db := d.take(o)
	if db == nil {
		return nil
	}
	d.gone()
	return db.close()
}

// connect opens a connection to file, through outside if that is set.
func (d *databases) connect(prefix []byte, file *pageFile, outside Connect) (*sqlite3.Conn, io.Closer, error) {
	name := "/" + hex.EncodeToString(prefix[1:])
	if outside != nil {
		d.outside.Lock()
		defer d.outside.Unlock()
		name = outsideName
	}
	d.mu.Lock()
	d.opening[name] = file
	d.mu.Unlock()
	defer func() {
		d.mu.Lock()
		delete(d.opening, name)
		d.mu.Unlock()
	}()
	if outside != nil {
		return outside()
	}
	ctx := sqlite3.WithMaxMemory(context.Background(), d.memory)
	conn, err := sqlite3.OpenContext(ctx, d.dsn(name))
	if err != nil {
		return nil, nil, err
	}
	return conn, conn, nil
}

func (d *databases) dsn(name string) string { return "file:" + name + "?vfs=" + d.vfsName }

// fileSystem is the engine's file system for SQLite: main databases whose
// opening an object has announced, and nothing else that would last.
type fileSystem struct{ databases *databases }

var _ vfs.VFS = fileSystem{}

// Open finds the announced file. The flag makes SQLite keep its journal in
// memory.
func (s fileSystem) Open(name string, flags vfs.OpenFlag) (vfs.File, vfs.OpenFlag, error) {
	const scratch = vfs.OPEN_TEMP_DB | vfs.OPEN_TRANSIENT_DB | vfs.OPEN_TEMP_JOURNAL | vfs.OPEN_SUBJOURNAL
	if flags&scratch != 0 || name == "" {
		return &vfsutil.SliceFile{}, flags | vfs.OPEN_MEMORY, nil
	}
	if flags&vfs.OPEN_MAIN_DB == 0 {
		return nil, flags, sqlite3.CANTOPEN
	}
	s.databases.mu.Lock()
	file := s.databases.opening[name]
	s.databases.mu.Unlock()
	if file == nil {
		return nil, flags, sqlite3.CANTOPEN
	}
	return file, flags | vfs.OPEN_MEMORY, nil
}

// Delete finds nothing to delete.
func (fileSystem) Delete(string, bool) error { return sqlite3.IOERR_DELETE_NOENT }

// Access finds no file beside a database.
func (fileSystem) Access(string, vfs.AccessFlag) (bool, error) { return false, nil }

// FullPathname leaves names as they are.
func (fileSystem) FullPathname(name string) (string, error) { return name, nil }

// database is an open SQLite connection of one object.
type database struct {
	conn    *sqlite3.Conn
	closer  io.Closer
	file    *pageFile
	guard   *guard
	cache   statements
	control control
	loaded  map[string]bool // extensions
	relaxed bool            // limits

	// of the turn that uses it
	begun   bool // a transaction is open
	wrote   bool // a statement ran that may write
	cursors []*cursor

	owner   *Object       // while idle; guarded by databases.mu
	element *list.Element // in databases.idle
}

// close ends the connection. A connection whose memory ran out may refuse:
// its memory is then left to the operating system's accounting.
func (db *database) close() (err error) {
	defer func() {
		if fault := recover(); fault != nil {
			err = fmt.Errorf("storage: close database: %v", fault)
		}
	}()
	db.cache.close()
	db.control.close()
	return db.closer.Close()
}

// control holds the engine's own statements, prepared when first used.
type control struct{ prepared [controlCount]*sqlite3.Stmt }

type controlStatement int

const (
	controlBegin controlStatement = iota
	controlCommit
	controlRollback
	controlSavepoint
	controlRelease
	controlRollbackTo
	controlIndexes
	controlFreePages
	controlCount
)

var controlSQL = [controlCount]string{
	controlBegin:      "BEGIN",
	controlCommit:     "COMMIT",
	controlRollback:   "ROLLBACK",
	controlSavepoint:  "SAVEPOINT hf",
	controlRelease:    "RELEASE hf",
	controlRollbackTo: "ROLLBACK TO hf",
	controlIndexes:    "SELECT count(*) FROM pragma_index_list(?)",
	controlFreePages:  "SELECT (SELECT * FROM pragma_page_count) - (SELECT * FROM pragma_freelist_count)",
}

func (c *control) close() {
	for _, stmt := range c.prepared {
		if stmt != nil {
			_ = stmt.Close() // reports the last run's error again
		}
	}
}

// run executes one of the engine's own statements, which neither the sandbox
// nor the deadline hinders.
func (db *database) run(which controlStatement) error {
	db.guard.trusted = true
	defer func() { db.guard.trusted = false }()
	stmt, err := db.prepareControl(which)
	if err != nil {
		return err
	}
	return stmt.Exec()
}

// number runs one of the engine's own queries for one number.
func (db *database) number(which controlStatement, arg string) (n int64, err error) {
	db.guard.trusted = true
	defer func() { db.guard.trusted = false }()
	stmt, err := db.prepareControl(which)
	if err != nil {
		return 0, err
	}
	if stmt.BindCount() > 0 {
		if err := stmt.BindText(1, arg); err != nil {
			return 0, err
		}
	}
	if stmt.Step() {
		n = stmt.ColumnInt64(0)
	}
	return n, errors.Join(stmt.Err(), stmt.Reset())
}

func (db *database) prepareControl(which controlStatement) (*sqlite3.Stmt, error) {
	if stmt := db.control.prepared[which]; stmt != nil {
		return stmt, nil
	}
	stmt, _, err := db.conn.PrepareFlags(controlSQL[which], sqlite3.PREPARE_PERSISTENT)
	if err == nil {
		db.control.prepared[which] = stmt
	}
	return stmt, err
}

// openDatabase opens the object's database as the turn sees it.
func (o *Object) openDatabase() (db *database, err error) {
	o.engine.databases.admit()
	defer func() {
		if fault := recover(); fault != nil {
			err = fmt.Errorf("storage: open database: %v", fault)
		}
		if err != nil {
			o.engine.databases.gone()
		}
	}()
	pageBytes, pages := o.meta.pageBytes, o.meta.pages
	if pages == 0 || o.turn.cleared {
		pageBytes, pages = pageBytesNew, 0
	}
	file := newPageFile(o.engine.db, o.prefix, pageBytes, pages)
	conn, closer, err := o.engine.databases.connect(o.prefix, file, o.options.Connect)
	if err != nil {
		return nil, fmt.Errorf("storage: open database: %w", err)
	}
	db = &database{conn: conn, closer: closer, file: file, guard: &guard{limit: &o.limit}}
	db.cache.max = o.engine.cfg.StatementsMax
	if err := o.configure(db); err != nil {
		return nil, errors.Join(fmt.Errorf("storage: configure database: %w", err), db.close())
	}
	return db, nil
}

// configure sets what the guest cannot change, then closes the sandbox.
func (o *Object) configure(db *database) error {
	pagesMax := max(1, o.objectBytesMax()/int64(db.file.pageBytes))
	cacheKiB := o.options.CacheKiB
	setDefault(&cacheKiB, o.engine.cfg.SQLCacheKiB)
	pragmas := fmt.Sprintf(`PRAGMA page_size=%d; PRAGMA auto_vacuum=NONE; PRAGMA locking_mode=EXCLUSIVE;
		PRAGMA synchronous=OFF; PRAGMA cache_size=-%d; PRAGMA temp_store=MEMORY; PRAGMA journal_mode=MEMORY;
		PRAGMA foreign_keys=ON; PRAGMA trusted_schema=OFF; PRAGMA max_page_count=%d`,
		db.file.pageBytes, cacheKiB, min(pagesMax, sqlPagesMax))
	if err := db.conn.Exec(pragmas); err != nil {
		return err
	}
	o.limitSQL(db)
	// The last two: "text" is a string where no column has the name.
	for _, option := range []sqlite3.DBConfig{sqlite3.DBCONFIG_DEFENSIVE, sqlite3.DBCONFIG_DQS_DML, sqlite3.DBCONFIG_DQS_DDL} {
		if _, err := db.conn.Config(option, true); err != nil {
			return err
		}
	}
	db.conn.SetInterrupt(db.guard)
	return db.conn.SetAuthorizer(db.guard.authorize)
}
