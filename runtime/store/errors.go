package store

import (
	"errors"
	"fmt"
)

// Errors of the storage API. Callers decide with errors.Is.
var (
	ErrTooLarge       = errors.New("key or value over its limit")
	ErrEmptyKey       = errors.New("key is empty")
	ErrTooManyKeys    = errors.New("more than 128 keys in one call")
	ErrInTransaction  = errors.New("not inside an explicit transaction")
	ErrNoTransaction  = errors.New("no explicit transaction is open")
	ErrTooDeep        = errors.New("transactions nested too deep")
	ErrTransactionSQL = errors.New("To execute a transaction, please use the state.storage.transaction() or state.storage.transactionSync() APIs instead of the SQL BEGIN TRANSACTION or SAVEPOINT statements. The JavaScript API is safer because it will automatically roll back on exceptions, and because it interacts correctly with Durable Objects' automatic atomic write coalescing.")
	ErrAborted        = errors.New("the turn's transaction was rolled back by its own SQL")
	ErrClosed         = errors.New("storage is closed")
	ErrOpen           = errors.New("object is open already")
	ErrReadOnly       = errors.New("storage takes no more writes after a failed sync")
	ErrUnsupported    = errors.New("this store does not support the call")
	ErrVersion        = errors.New("data directory has a newer format")
	ErrLocked         = errors.New("data directory is in use by another host")
	ErrFull           = errors.New("object is over its storage quota")
	ErrNotFound       = errors.New("no such object")
	ErrNoHistory      = errors.New("the object's history does not reach there")
	ErrBookmark       = errors.New("not a bookmark of this object")
	ErrTables         = errors.New("tables cannot be written: writes are refused until they can")
	ErrDiskFull       = errors.New("disk is nearly full: writes are refused")
)

// SQLError is a refused or failed statement: the guest's fault, not the
// store's. Message has D1's form: "no such table: t: SQLITE_ERROR".
type SQLError struct {
	Message string
	Code    string // "SQLITE_CONSTRAINT"
}

func (e *SQLError) Error() string { return e.Message }

// Errorf wraps a failure of the engine itself with what was tried.
func Errorf(format string, args ...any) error { return fmt.Errorf("storage: "+format, args...) }
