package litesql

import (
	"errors"
	"fmt"
	"strings"

	"github.com/ncruces/go-sqlite3"
)

// Texts of refusals that SQLite does not make itself.
const (
	TextNoStatement  = "SQL code did not contain a statement."
	textBindingCount = "Wrong number of parameter bindings for SQL query."
	textOnlyLast     = "When executing multiple SQL statements in a single call, only the last statement can have parameters."
	textTooLong      = "statement too long: SQLITE_TOOBIG"
	// TextTransaction refuses BEGIN, SAVEPOINT and the like.
	TextTransaction = "To execute a transaction, please use the state.storage.transaction() or state.storage.transactionSync() APIs instead of the SQL BEGIN TRANSACTION or SAVEPOINT statements. The JavaScript API is safer because it will automatically roll back on exceptions, and because it interacts correctly with Durable Objects' automatic atomic write coalescing."
)

// Error is a refused or failed statement, in D1's form: message, offset,
// code, extended code.
type Error struct {
	Message string
	Code    string
}

func (e *Error) Error() string { return e.Message }

// sqlError puts a driver's error into that form; others pass unchanged.
func sqlError(err error, text string) error {
	code, extended, ok := codes(err)
	if !ok {
		return err
	}
	var b strings.Builder
	b.WriteString(message(err, code))
	var detail *sqlite3.Error
	if errors.As(err, &detail) && detail.SQL() != "" && strings.HasSuffix(text, detail.SQL()) {
		fmt.Fprintf(&b, " at offset %d", len(text)-len(detail.SQL()))
	}
	name := codeNames[code]
	if name == "" {
		name = fmt.Sprintf("SQLITE_%d", code)
	}
	b.WriteString(": " + name)
	if long, ok := extendedNames[extended]; ok {
		b.WriteString(" (extended: " + long + ")")
	}
	return &Error{Message: b.String(), Code: name}
}

func codes(err error) (sqlite3.ErrorCode, sqlite3.ExtendedErrorCode, bool) {
	var detail *sqlite3.Error
	var extended sqlite3.ExtendedErrorCode
	var code sqlite3.ErrorCode
	switch {
	case err == nil:
	case errors.As(err, &detail):
		return detail.Code(), detail.ExtendedCode(), true
	case errors.As(err, &extended):
		return extended.Code(), extended, true
	case errors.As(err, &code):
		return code, code.ExtendedCode(), true
	}
	return 0, 0, false
}

// message takes the driver's prefix off.
func message(err error, code sqlite3.ErrorCode) string {
	if rest, ok := strings.CutPrefix(err.Error(), code.Error()+": "); ok {
		return rest
	}
	if code == sqlite3.AUTH {
		return "not authorized"
	}
	return strings.TrimPrefix(err.Error(), "sqlite3: ")
}

var codeNames = map[sqlite3.ErrorCode]string{
	sqlite3.ERROR: "SQLITE_ERROR", sqlite3.INTERNAL: "SQLITE_INTERNAL", sqlite3.ABORT: "SQLITE_ABORT",
	sqlite3.BUSY: "SQLITE_BUSY", sqlite3.LOCKED: "SQLITE_LOCKED", sqlite3.NOMEM: "SQLITE_NOMEM",
	sqlite3.READONLY: "SQLITE_READONLY", sqlite3.INTERRUPT: "SQLITE_INTERRUPT", sqlite3.IOERR: "SQLITE_IOERR",
	sqlite3.CORRUPT: "SQLITE_CORRUPT", sqlite3.FULL: "SQLITE_FULL", sqlite3.SCHEMA: "SQLITE_SCHEMA",
	sqlite3.TOOBIG: "SQLITE_TOOBIG", sqlite3.CONSTRAINT: "SQLITE_CONSTRAINT", sqlite3.MISMATCH: "SQLITE_MISMATCH",
	sqlite3.MISUSE: "SQLITE_MISUSE", sqlite3.AUTH: "SQLITE_AUTH", sqlite3.RANGE: "SQLITE_RANGE",
}

var extendedNames = map[sqlite3.ExtendedErrorCode]string{
	sqlite3.CONSTRAINT_CHECK: "SQLITE_CONSTRAINT_CHECK", sqlite3.CONSTRAINT_FOREIGNKEY: "SQLITE_CONSTRAINT_FOREIGNKEY",
	sqlite3.CONSTRAINT_NOTNULL: "SQLITE_CONSTRAINT_NOTNULL", sqlite3.CONSTRAINT_PRIMARYKEY: "SQLITE_CONSTRAINT_PRIMARYKEY",
	sqlite3.CONSTRAINT_TRIGGER: "SQLITE_CONSTRAINT_TRIGGER", sqlite3.CONSTRAINT_UNIQUE: "SQLITE_CONSTRAINT_UNIQUE",
	sqlite3.CONSTRAINT_VTAB: "SQLITE_CONSTRAINT_VTAB", sqlite3.CONSTRAINT_ROWID: "SQLITE_CONSTRAINT_ROWID",
	sqlite3.CONSTRAINT_DATATYPE: "SQLITE_CONSTRAINT_DATATYPE",
}
