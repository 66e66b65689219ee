package storage

import (
	"strings"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/holdfast-run/holdfast/runtime/store"
)

// sqlPagesMax is SQLite's own limit of pages.
const sqlPagesMax = 1<<32 - 2

// sqlTextBytesMax is the longest text of one Exec.
const sqlTextBytesMax = 100_000

// sqlLimits are those of Durable Objects and D1.
var sqlLimits = []struct {
	category sqlite3.LimitCategory
	value    int
}{
	{sqlite3.LIMIT_LENGTH, store.KeyValueBytesMax},
	{sqlite3.LIMIT_SQL_LENGTH, sqlTextBytesMax},
	{sqlite3.LIMIT_COLUMN, 100},
	{sqlite3.LIMIT_EXPR_DEPTH, 100},
	{sqlite3.LIMIT_COMPOUND_SELECT, 5},
	{sqlite3.LIMIT_VDBE_OP, 25_000},
	{sqlite3.LIMIT_FUNCTION_ARG, 127},
	{sqlite3.LIMIT_ATTACHED, 0},
	{sqlite3.LIMIT_LIKE_PATTERN_LENGTH, 50},
	{sqlite3.LIMIT_VARIABLE_NUMBER, 100},
	{sqlite3.LIMIT_TRIGGER_DEPTH, 10},
	{sqlite3.LIMIT_WORKER_THREADS, 0},
}

// sqlTextRelaxedBytesMax is the longest statement where limits are relaxed.
const sqlTextRelaxedBytesMax = 16 << 20

// sqlRelaxedLimits are SQLite's own, but for the length of values.
var sqlRelaxedLimits = []struct {
	category sqlite3.LimitCategory
	value    int
}{
	{sqlite3.LIMIT_LENGTH, sqlTextRelaxedBytesMax},
	{sqlite3.LIMIT_SQL_LENGTH, sqlTextRelaxedBytesMax},
	{sqlite3.LIMIT_COLUMN, 2000},
	{sqlite3.LIMIT_EXPR_DEPTH, 1000},
	{sqlite3.LIMIT_COMPOUND_SELECT, 500},
	{sqlite3.LIMIT_VDBE_OP, 250_000_000},
	{sqlite3.LIMIT_FUNCTION_ARG, 127},
	{sqlite3.LIMIT_ATTACHED, 0},
	{sqlite3.LIMIT_LIKE_PATTERN_LENGTH, 50_000},
	{sqlite3.LIMIT_VARIABLE_NUMBER, 32_766},
	{sqlite3.LIMIT_TRIGGER_DEPTH, 1000},
	{sqlite3.LIMIT_WORKER_THREADS, 0},
}

// SetRelaxed lifts D1's limits on statements and values, or sets them again.
// It counts from the next statement.
func (o *Object) SetRelaxed(on bool) {
	o.options.Relaxed = on
	if o.session != nil {
		o.limitSQL(o.session)
	}
}

// limitSQL gives a connection the limits of its object.
func (o *Object) limitSQL(db *database) {
	limits := sqlLimits
	if o.options.Relaxed {
		limits = sqlRelaxedLimits
	}
	for _, l := range limits {
		db.conn.Limit(l.category, l.value)
	}
	if db.relaxed && !o.options.Relaxed {
		db.cache.close() // what was prepared may be over the limits
	}
	db.relaxed = o.options.Relaxed
}

// textBytesMax is the longest statement.
func (o *Object) textBytesMax() int {
	if o.options.Relaxed {
		return sqlTextRelaxedBytesMax
	}
	return sqlTextBytesMax
}

// reservedPrefix begins names that guests may not use, in any case.
const reservedPrefix = "_cf_"

// guard is the sandbox of one connection: what its SQL may name, and for how
// long it may run. While trusted, the engine's own statements pass. It is
// also the context that SQLite asks whether to stop.
type guard struct {
	limit   *deadline
	trusted bool

	// of the statement that is being prepared
	text        string // it, and perhaps more
	transaction bool   // it would begin or end a transaction
	pragma      bool   // it is a pragma
	written     string // the table that it inserts into or deletes from
	module      string // of the virtual table that it creates
}

// begin forgets the statement before.
func (g *guard) begin(text string) {
	g.text, g.transaction, g.pragma, g.written, g.module = text, false, false, "", ""
}

// Deadline is asked for by no one: SQLite polls Err.
func (g *guard) Deadline() (time.Time, bool) { return time.Time{}, false }

// Done never reports: SQLite polls Err.
func (g *guard) Done() <-chan struct{} { return nil }

// Value holds nothing.
func (g *guard) Value(any) any { return nil }

// Err ends the statement that is running.
func (g *guard) Err() error {
	if g.trusted {
		return nil
	}
	return g.limit.poll()
}

// authorize is SQLite's question about one thing that a statement does.
func (g *guard) authorize(action sqlite3.AuthorizerActionCode, third, fourth, schema, inner string) sqlite3.AuthorizerReturnCode {
	if g.trusted || g.allows(action, third, fourth, schema, inner) {
		return sqlite3.AUTH_OK
	}
	return sqlite3.AUTH_DENY
}

func (g *guard) allows(action sqlite3.AuthorizerActionCode, third, fourth, schema, inner string) bool {
	if schema == "temp" && !isSchemaTable(third) {
		return false
	}
	switch action {
	case sqlite3.AUTH_SELECT, sqlite3.AUTH_RECURSIVE, sqlite3.AUTH_REINDEX:
		return true
	case sqlite3.AUTH_INSERT, sqlite3.AUTH_DELETE:
		if inner == "" && g.written == "" && !isSchemaTable(third) {
			g.written = third
		}
		return isAllowedName(third)
	case sqlite3.AUTH_READ, sqlite3.AUTH_UPDATE, sqlite3.AUTH_ANALYZE,
		sqlite3.AUTH_CREATE_TABLE, sqlite3.AUTH_CREATE_VIEW,
		sqlite3.AUTH_DROP_TABLE, sqlite3.AUTH_DROP_VIEW:
		return isAllowedName(third)
	case sqlite3.AUTH_CREATE_INDEX, sqlite3.AUTH_CREATE_TRIGGER,
		sqlite3.AUTH_DROP_INDEX, sqlite3.AUTH_DROP_TRIGGER, sqlite3.AUTH_DROP_VTABLE:
		return isAllowedName(third) && isAllowedName(fourth)
	case sqlite3.AUTH_ALTER_TABLE:
		// The new name of a table is not told: its text must do.
		return isAllowedName(fourth) && !strings.Contains(strings.ToLower(g.text), reservedPrefix)
	case sqlite3.AUTH_CREATE_VTABLE:
		g.module = strings.ToLower(fourth)
		return isAllowedName(third) && allowedModules[g.module] != ""
	case sqlite3.AUTH_FUNCTION:
		return isAllowedFunction(fourth)
	case sqlite3.AUTH_PRAGMA:
		g.pragma = true
		return isAllowedPragma(strings.ToLower(third), fourth)
	case sqlite3.AUTH_TRANSACTION, sqlite3.AUTH_SAVEPOINT:
		g.transaction = true
	}
	return false // also ATTACH, DETACH and everything temporary
}

func isAllowedName(name string) bool {
	return len(name) < len(reservedPrefix) || !strings.EqualFold(name[:len(reservedPrefix)], reservedPrefix)
}

// isSchemaTable: SQLite itself reads and writes these for ALTER TABLE.
func isSchemaTable(name string) bool {
	switch name {
	case "sqlite_master", "sqlite_schema", "sqlite_temp_master", "sqlite_temp_schema":
		return true
	}
	return false
}

// allowedModules are the virtual tables, with the extension that holds each.
var allowedModules = map[string]string{
	"fts5":      extensionFTS5,
	"fts5vocab": extensionFTS5,
	"rtree":     extensionRTree,
	"rtree_i32": extensionRTree,
}

// pragmaArgument says what a pragma may be given.
type pragmaArgument int

const (
	argumentNone pragmaArgument = iota
	argumentBool
	argumentName         // an object's name
	argumentOptionalName // the same, or nothing
	argumentOptional     // a name, a number or nothing
)

var allowedPragmas = map[string]pragmaArgument{
	"data_version":              argumentNone,
	"page_size":                 argumentNone,
	"page_count":                argumentNone,
	"freelist_count":            argumentNone,
	"table_list":                argumentOptionalName,
	"case_sensitive_like":       argumentBool,
	"foreign_keys":              argumentBool,
	"defer_foreign_keys":        argumentBool,
	"ignore_check_constraints":  argumentBool,
	"legacy_alter_table":        argumentBool,
	"recursive_triggers":        argumentBool,
	"reverse_unordered_selects": argumentBool,
	"foreign_key_check":         argumentOptionalName,
	"foreign_key_list":          argumentName,
	"index_info":                argumentName,
	"index_list":                argumentName,
	"index_xinfo":               argumentName,
	"table_info":                argumentName,
	"table_xinfo":               argumentName,
	"quick_check":               argumentOptional,
	"optimize":                  argumentOptional,
}

func isAllowedPragma(name, argument string) bool {
	kind, ok := allowedPragmas[name]
	if !ok {
		return false
	}
	switch kind {
	case argumentNone:
		return argument == ""
	case argumentBool:
		return argument == "" || isBool(argument)
	case argumentName:
		return argument != "" && isAllowedName(argument)
	}
	return isAllowedName(argument)
}

func isBool(s string) bool {
	switch strings.ToLower(s) {
	case "0", "1", "on", "off", "true", "false", "yes", "no":
		return true
	}
	return false
}

// isAllowedFunction: SQLite's own, without those that tell of or reach beyond
// the database.
func isAllowedFunction(name string) bool {
	name = strings.ToLower(name)
	return allowedFunctions[name] || strings.HasPrefix(name, "sqlite_rename_") || strings.HasPrefix(name, "sqlite_drop_")
}
