package litesql

import (
	"strings"

	"github.com/ncruces/go-sqlite3"
)

// sqlTextBytesMax is the longest text of one Exec.
const sqlTextBytesMax = 100_000

// limits are those of Durable Objects and D1.
var limits = []struct {
	category sqlite3.LimitCategory
	value    int
}{
	{sqlite3.LIMIT_LENGTH, 2 << 20},
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
}

// reservedPrefix begins names that guests may not use, in any case.
const reservedPrefix = "_cf_"

// authorize is SQLite's question about one thing that a statement does.
func (db *DB) authorize(action sqlite3.AuthorizerActionCode, third, fourth, schema, _ string) sqlite3.AuthorizerReturnCode {
	if db.trusted || db.allows(action, third, fourth, schema) {
		return sqlite3.AUTH_OK
	}
	return sqlite3.AUTH_DENY
}

func (db *DB) allows(action sqlite3.AuthorizerActionCode, third, fourth, schema string) bool {
	if schema == "temp" && !strings.HasPrefix(third, "sqlite_") {
		return false
	}
	switch action {
	case sqlite3.AUTH_TRANSACTION, sqlite3.AUTH_SAVEPOINT:
		db.refused = true
		return false
	case sqlite3.AUTH_ATTACH, sqlite3.AUTH_DETACH, sqlite3.AUTH_CREATE_TEMP_TABLE, sqlite3.AUTH_CREATE_TEMP_INDEX,
		sqlite3.AUTH_CREATE_TEMP_TRIGGER, sqlite3.AUTH_CREATE_TEMP_VIEW, sqlite3.AUTH_DROP_TEMP_TABLE,
		sqlite3.AUTH_DROP_TEMP_INDEX, sqlite3.AUTH_DROP_TEMP_TRIGGER, sqlite3.AUTH_DROP_TEMP_VIEW:
		return false
	case sqlite3.AUTH_CREATE_VTABLE:
		db.module = strings.ToLower(fourth)
		return modules[db.module] != nil && free(third)
	case sqlite3.AUTH_FUNCTION:
		return allowedFunction(strings.ToLower(fourth))
	case sqlite3.AUTH_PRAGMA:
		return allowedPragmas[strings.ToLower(third)] && free(fourth)
	}
	return free(third) && free(fourth)
}

// free reports a name that guests may use.
func free(name string) bool {
	return len(name) < len(reservedPrefix) || !strings.EqualFold(name[:len(reservedPrefix)], reservedPrefix)
}

// allowedFunction refuses what tells of the machine or reaches beyond the
// database. The real host goes by a list of what it allows.
func allowedFunction(name string) bool {
	if strings.HasPrefix(name, "sqlite_") {
		return strings.HasPrefix(name, "sqlite_rename_") || strings.HasPrefix(name, "sqlite_drop_")
	}
	return name != "load_extension" && name != "fts3_tokenizer"
}

// allowedPragmas are those of the real host.
var allowedPragmas = map[string]bool{
	"data_version": true, "page_size": true, "page_count": true, "freelist_count": true, "table_list": true,
	"case_sensitive_like": true, "foreign_keys": true, "defer_foreign_keys": true, "ignore_check_constraints": true,
	"legacy_alter_table": true, "recursive_triggers": true, "reverse_unordered_selects": true,
	"foreign_key_check": true, "foreign_key_list": true, "index_info": true, "index_list": true, "index_xinfo": true,
	"table_info": true, "table_xinfo": true, "quick_check": true, "optimize": true,
}
