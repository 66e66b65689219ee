package storage

import (
	"errors"
	"strings"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/ext/fts5"
	"github.com/ncruces/go-sqlite3/ext/rtree"

	"github.com/holdfast-run/holdfast/guest-sdk/abi"
	"github.com/holdfast-run/holdfast/runtime/store"
)

// Extensions that a connection loads when SQL first needs one: each costs
// time and memory that most databases never use.
const (
	extensionFTS5  = "fts5"
	extensionRTree = "rtree"
)

// statement is a prepared statement of the guest.
type statement struct {
	stmt     *sqlite3.Stmt
	text     string
	columns  []string
	params   int
	readOnly bool
	pragma   bool
	rowCost  int64 // rows that one changed row counts for, with its indexes
	module   string
	lastUse  uint64
}

// statements keeps prepared statements by text. One that is in use is not in
// it, so that a second cursor over the same text gets its own.
type statements struct {
	max    int
	uses   uint64
	byText map[string]*statement
}

// take removes a statement for use.
func (c *statements) take(text string) *statement {
	s, ok := c.byText[text]
	if !ok {
		return nil
	}
	delete(c.byText, text)
	return s
}

// put returns a statement, reset, after use.
func (c *statements) put(s *statement) {
	if c.byText == nil {
		c.byText = make(map[string]*statement)
	}
	if _, ok := c.byText[s.text]; ok {
		_ = s.stmt.Close() // reports the last run's error again
		return
	}
	if len(c.byText) >= c.max {
		c.evict()
	}
	c.uses++
	s.lastUse = c.uses
	c.byText[s.text] = s
}

func (c *statements) evict() {
	var oldest *statement
	for _, s := range c.byText {
		if oldest == nil || s.lastUse < oldest.lastUse {
			oldest = s
		}
	}
	if oldest != nil {
		delete(c.byText, oldest.text)
		_ = oldest.stmt.Close() // reports the last run's error again
	}
}

func (c *statements) close() {
	for _, s := range c.byText {
		_ = s.stmt.Close() // reports the last run's error again
	}
	c.byText = nil
}

// prepare compiles the first statement of text; tail is what follows it. A
// nil statement means that text holds none.
func (db *database) prepare(text string) (s *statement, tail string, err error) {
	db.guard.begin(text)
	stmt, tail, err := db.conn.PrepareFlags(text, sqlite3.PREPARE_PERSISTENT)
	if extension := missingExtension(err); extension != "" {
		if err := db.load(extension); err != nil {
			return nil, "", err
		}
		db.guard.begin(text)
		stmt, tail, err = db.conn.PrepareFlags(text, sqlite3.PREPARE_PERSISTENT)
	}
	if err != nil && db.guard.transaction {
		return nil, "", store.ErrTransactionSQL
	}
	if err != nil {
		return nil, "", sqlError(err, text)
	}
	if stmt == nil {
		return nil, "", nil
	}
	s = &statement{
		stmt: stmt, text: text[:len(text)-len(tail)], params: stmt.BindCount(),
		readOnly: stmt.ReadOnly(), pragma: db.guard.pragma, rowCost: 1, module: db.guard.module,
	}
	if n := stmt.ColumnCount(); n > 0 {
		s.columns = make([]string, n)
		for i := range s.columns {
			s.columns[i] = stmt.ColumnName(i)
		}
	}
	if table := db.guard.written; table != "" && !s.readOnly {
		indexes, err := db.number(controlIndexes, table)
		if err != nil {
			return nil, "", errors.Join(sqlError(err, ""), stmt.Close())
		}
		s.rowCost += indexes
	}
	return s, tail, nil
}

// missingExtension names the extension whose absence err reports.
func missingExtension(err error) string {
	if err == nil {
		return ""
	}
	_, module, ok := strings.Cut(err.Error(), "no such module: ")
	if !ok {
		return ""
	}
	return allowedModules[strings.ToLower(module)]
}

func (db *database) load(extension string) error {
	if db.loaded[extension] {
		return nil
	}
	db.guard.trusted = true
	defer func() { db.guard.trusted = false }()
	register := rtree.Register
	if extension == extensionFTS5 {
		register = fts5.Register
	}
	if err := register(db.conn); err != nil {
		return store.Errorf("load %s: %w", extension, err)
	}
	if db.loaded == nil {
		db.loaded = map[string]bool{}
	}
	db.loaded[extension] = true
	return nil
}

// bind gives the statement its arguments, by position.
func (s *statement) bind(args []abi.Value) error {
	if len(args) != s.params {
		return sqlFault(textBindingCount, "SQLITE_ERROR")
	}
	for i := range args {
		if err := bindValue(s.stmt, i+1, &args[i]); err != nil {
			return sqlError(err, "")
		}
	}
	return nil
}

func bindValue(stmt *sqlite3.Stmt, at int, v *abi.Value) error {
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
