package d1

import (
	"context"
	"errors"
	"fmt"

	"github.com/holdfast-run/holdfast/runtime/store"
)

// Kind says whose fault an Error is.
type Kind int

// Kinds of errors.
const (
	KindSQL          Kind = iota // the statement's: refused or failed
	KindInvalid                  // the request's: name, number of statements
	KindNotFound                 // no such database
	KindExists                   // the name is taken
	KindConflict                 // the database is in use, or the state is not kept
	KindForbidden                // the token does not allow it
	KindOverloaded               // the queue is full or too slow
	KindTimeout                  // the statements ran too long
	KindCanceled                 // the caller went away
	KindUnavailable              // a remote database does not answer
	KindUnauthorized             // a remote database refuses the token
	KindStorage                  // the host's disk is full, or its storage failed
	KindInternal                 // ours
)

// Error is a failure as D1 tells it. Message is the server's text, without
// the client's D1_ERROR prefix.
type Error struct {
	Message   string
	Kind      Kind
	Code      string // where there is one beside the message's
	Retryable bool   // the same may succeed later; what a remote database did is unknown
	Cause     error
}

func (e *Error) Error() string { return e.Message }

// Unwrap returns what the error came from, if anything.
func (e *Error) Unwrap() error { return e.Cause }

// D1's operational texts: clients decide on them whether to try again.
const (
	textQueueFull   = "D1 DB is overloaded. Too many requests queued."
	textQueueSlow   = "D1 DB is overloaded. Requests queued for too long."
	textTimeout     = "D1 DB storage operation exceeded timeout which caused object to be reset."
	textInternal    = "Internal error in D1 DB storage caused object to be reset."
	textConnection  = "Network connection lost."
	textNoStatement = "No SQL statements detected."
	textBindings    = "Wrong number of parameter bindings for SQL query."
	textOnlyLast    = "When executing multiple SQL statements in a single call, only the last statement can have parameters."
	textComment     = "SQL code did not contain a statement."
	textTooLong     = "statement too long: SQLITE_TOOBIG"
	textNoAuth      = "not authorized: SQLITE_AUTH"
	textDiskFull    = "The host's disk is nearly full; nothing was written: SQLITE_FULL"
	textTables      = "The host cannot write its tables now; nothing was written: SQLITE_IOERR"
	textReadOnly    = "The host's storage has failed and takes no writes until it starts again: SQLITE_READONLY"
	textSync        = "The host's storage failed; what was written last may be lost: SQLITE_IOERR"
)

func fault(kind Kind, format string, args ...any) *Error {
	return &Error{Kind: kind, Message: fmt.Sprintf(format, args...)}
}

// errReadOnly is the refusal of a write through a Source that is ReadOnly.
func errReadOnly() *Error {
	return fault(KindForbidden, "attempt to write a readonly database: SQLITE_READONLY")
}

// describe puts an error of the storage engine into D1's words. ctx is the
// query's.
func (h *Host) describe(ctx context.Context, err error) error {
	var known *Error
	if err == nil || errors.As(err, &known) {
		return err
	}
	if errors.Is(context.Cause(ctx), context.Canceled) {
		return &Error{Kind: KindCanceled, Message: "The query was canceled.", Cause: err}
	}
	var sql *store.SQLError
	switch {
	case errors.As(err, &sql) && sql.Code == "SQLITE_INTERRUPT":
		return &Error{Kind: KindTimeout, Message: textTimeout, Cause: err}
	case errors.As(err, &sql):
		return &Error{Kind: KindSQL, Message: sql.Message, Cause: err}
	case errors.Is(err, store.ErrTransactionSQL):
		return &Error{Kind: KindSQL, Message: store.ErrTransactionSQL.Error(), Cause: err}
	case errors.Is(err, store.ErrFull):
		return &Error{Kind: KindSQL, Message: "database or disk is full: SQLITE_FULL", Cause: err}
	case errors.Is(err, store.ErrDiskFull):
		return &Error{Kind: KindStorage, Message: textDiskFull, Retryable: true, Cause: err}
	case errors.Is(err, store.ErrTables):
		return &Error{Kind: KindStorage, Message: textTables, Retryable: true, Cause: err}
	case errors.Is(err, store.ErrReadOnly):
		return &Error{Kind: KindStorage, Message: textReadOnly, Retryable: true, Cause: err}
	case errors.Is(err, store.ErrTooLarge):
		return &Error{Kind: KindSQL, Message: "The transaction is too large.", Cause: err}
	}
	if h.cfg.Engine.Failed() != nil { // and this is how it was met
		return &Error{Kind: KindStorage, Message: textSync, Retryable: true, Cause: err}
	}
	return &Error{Kind: KindInternal, Message: textInternal, Retryable: true, Cause: err}
}
