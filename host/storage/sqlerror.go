package storage

import (
	"errors"
	"fmt"
	"strings"

	"github.com/ncruces/go-sqlite3"

	"github.com/holdfast-run/holdfast/runtime/store"
)

// Texts of refusals that SQLite does not make itself.
const (
	textNoStatement  = "SQL code did not contain a statement."
	textBindingCount = "Wrong number of parameter bindings for SQL query."
	textOnlyLast     = "When executing multiple SQL statements in a single call, only the last statement can have parameters."
	textTooLong      = "statement too long: SQLITE_TOOBIG"
)

func sqlFault(message, code string) error { return &store.SQLError{Message: message, Code: code} }

// sqlError puts a driver's error into D1's form: message, offset in text,
// code, extended code. Errors that are not SQLite's pass unchanged.
func sqlError(err error, text string) error {
	code, extended, ok := sqlCodes(err)
	if !ok {
		return err
	}
	var b strings.Builder
	b.WriteString(sqlMessage(err, code))
	var detail *sqlite3.Error
	if errors.As(err, &detail) && detail.SQL() != "" && strings.HasSuffix(text, detail.SQL()) {
		fmt.Fprintf(&b, " at offset %d", len(text)-len(detail.SQL()))
	}
	name := codeName(code)
	b.WriteString(": ")
	b.WriteString(name)
	if long, ok := extendedNames[extended]; ok {
		b.WriteString(" (extended: ")
		b.WriteString(long)
		b.WriteString(")")
	}
	return &store.SQLError{Message: b.String(), Code: name}
}

func sqlCodes(err error) (sqlite3.ErrorCode, sqlite3.ExtendedErrorCode, bool) {
	var detail *sqlite3.Error
	if errors.As(err, &detail) {
		return detail.Code(), detail.ExtendedCode(), true
	}
	var extended sqlite3.ExtendedErrorCode
	if errors.As(err, &extended) {
		return extended.Code(), extended, true
	}
	var code sqlite3.ErrorCode
	if errors.As(err, &code) {
		return code, code.ExtendedCode(), true
	}
	return 0, 0, false
}

// sqlMessage takes the driver's prefix off its message.
func sqlMessage(err error, code sqlite3.ErrorCode) string {
	general := code.Error()
	message := err.Error()
	if rest, ok := strings.CutPrefix(message, general+": "); ok {
		return rest
	}
	if code == sqlite3.AUTH {
		return "not authorized" // what SQLite says; the driver takes it for the general text
	}
	return strings.TrimPrefix(message, "sqlite3: ")
}

func codeName(code sqlite3.ErrorCode) string {
	if int(code) < len(codeNames) && codeNames[code] != "" {
		return codeNames[code]
	}
	return fmt.Sprintf("SQLITE_%d", code)
}

var codeNames = [...]string{
	sqlite3.ERROR:      "SQLITE_ERROR",
	sqlite3.INTERNAL:   "SQLITE_INTERNAL",
	sqlite3.PERM:       "SQLITE_PERM",
	sqlite3.ABORT:      "SQLITE_ABORT",
	sqlite3.BUSY:       "SQLITE_BUSY",
	sqlite3.LOCKED:     "SQLITE_LOCKED",
	sqlite3.NOMEM:      "SQLITE_NOMEM",
	sqlite3.READONLY:   "SQLITE_READONLY",
	sqlite3.INTERRUPT:  "SQLITE_INTERRUPT",
	sqlite3.IOERR:      "SQLITE_IOERR",
	sqlite3.CORRUPT:    "SQLITE_CORRUPT",
	sqlite3.NOTFOUND:   "SQLITE_NOTFOUND",
	sqlite3.FULL:       "SQLITE_FULL",
	sqlite3.CANTOPEN:   "SQLITE_CANTOPEN",
	sqlite3.PROTOCOL:   "SQLITE_PROTOCOL",
	sqlite3.EMPTY:      "SQLITE_EMPTY",
	sqlite3.SCHEMA:     "SQLITE_SCHEMA",
	sqlite3.TOOBIG:     "SQLITE_TOOBIG",
	sqlite3.CONSTRAINT: "SQLITE_CONSTRAINT",
	sqlite3.MISMATCH:   "SQLITE_MISMATCH",
	sqlite3.MISUSE:     "SQLITE_MISUSE",
	sqlite3.NOLFS:      "SQLITE_NOLFS",
	sqlite3.AUTH:       "SQLITE_AUTH",
	sqlite3.FORMAT:     "SQLITE_FORMAT",
	sqlite3.RANGE:      "SQLITE_RANGE",
	sqlite3.NOTADB:     "SQLITE_NOTADB",
}

var extendedNames = map[sqlite3.ExtendedErrorCode]string{
	sqlite3.CONSTRAINT_CHECK:      "SQLITE_CONSTRAINT_CHECK",
	sqlite3.CONSTRAINT_COMMITHOOK: "SQLITE_CONSTRAINT_COMMITHOOK",
	sqlite3.CONSTRAINT_FOREIGNKEY: "SQLITE_CONSTRAINT_FOREIGNKEY",
	sqlite3.CONSTRAINT_FUNCTION:   "SQLITE_CONSTRAINT_FUNCTION",
	sqlite3.CONSTRAINT_NOTNULL:    "SQLITE_CONSTRAINT_NOTNULL",
	sqlite3.CONSTRAINT_PRIMARYKEY: "SQLITE_CONSTRAINT_PRIMARYKEY",
	sqlite3.CONSTRAINT_TRIGGER:    "SQLITE_CONSTRAINT_TRIGGER",
	sqlite3.CONSTRAINT_UNIQUE:     "SQLITE_CONSTRAINT_UNIQUE",
	sqlite3.CONSTRAINT_VTAB:       "SQLITE_CONSTRAINT_VTAB",
	sqlite3.CONSTRAINT_ROWID:      "SQLITE_CONSTRAINT_ROWID",
	sqlite3.CONSTRAINT_PINNED:     "SQLITE_CONSTRAINT_PINNED",
	sqlite3.CONSTRAINT_DATATYPE:   "SQLITE_CONSTRAINT_DATATYPE",
	sqlite3.CORRUPT_VTAB:          "SQLITE_CORRUPT_VTAB",
	sqlite3.ABORT_ROLLBACK:        "SQLITE_ABORT_ROLLBACK",
	sqlite3.IOERR_READ:            "SQLITE_IOERR_READ",
	sqlite3.IOERR_WRITE:           "SQLITE_IOERR_WRITE",
}
