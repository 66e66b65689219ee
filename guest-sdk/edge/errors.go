package edge

import (
	"errors"
	"fmt"

	"github.com/holdfast-run/holdfast/guest-sdk/abi"
)

// Error is a failure that the host or a called object reports.
type Error struct {
	Code       string // the ABI's status name, such as "overloaded"
	Message    string
	Retryable  bool // trying again may help, if the work is idempotent
	Overloaded bool // a queue was full: do not retry at once
	Remote     bool // the called object's own error, not one of the way to it
}

func (e *Error) Error() string { return e.Message }

// Is matches the sentinels below by code.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Message == "" && t.Code == e.Code
}

func sentinel(s abi.Status) *Error { return &Error{Code: s.String()} }

// Sentinels for errors.Is.
var (
	ErrNotFound    error = sentinel(abi.NotFound)
	ErrInvalid     error = sentinel(abi.Invalid)
	ErrTooLarge    error = sentinel(abi.TooLarge)
	ErrUnsupported error = sentinel(abi.Unsupported)
	ErrOverloaded  error = sentinel(abi.Overloaded)
	ErrReset       error = sentinel(abi.Reset)
	ErrCallCycle   error = sentinel(abi.CallCycle)
	ErrTimeout     error = sentinel(abi.Timeout)
	ErrCancelled   error = sentinel(abi.Cancelled)
	ErrDenied      error = sentinel(abi.Denied)
	ErrSQL         error = sentinel(abi.SQLFailed)
	ErrD1          error = sentinel(abi.D1Failed)
	ErrUnavailable error = sentinel(abi.Unavailable)
	ErrWrongPhase  error = sentinel(abi.WrongPhase)
)

// Errors of the SDK itself.
var (
	ErrNoRows   = errors.New("Expected exactly one result from SQL query, but got no results.")
	ErrManyRows = errors.New("Expected exactly one result from SQL query, but got multiple results.")
	// ErrWaitInTransaction refuses a call that waits inside a transaction:
	// a turn ends where it waits, and a transaction cannot outlive its turn.
	ErrWaitInTransaction = errors.New("edge: nothing may wait inside Transaction: D1, stubs, fetch and Sync come before or after it")
)

// failed makes the error of a call: nil for ok.
func failed(st abi.Status, payload []byte) error {
	if st == abi.OK {
		return nil
	}
	var f abi.Failure
	if f.Decode(payload) != nil || f.Message == "" {
		f.Message = "host answered " + st.String()
	}
	return &Error{
		Code: st.String(), Message: f.Message,
		Retryable: f.Flags&abi.FailureRetryable != 0, Overloaded: f.Flags&abi.FailureOverloaded != 0, Remote: f.Flags&abi.FailureRemote != 0,
	}
}

// describe turns a handler's error into what crosses the boundary.
func describe(err error) (abi.Status, []byte) {
	st, f := abi.GuestFailed, abi.Failure{Message: err.Error()}
	var e *Error
	if errors.As(err, &e) {
		for i, n := range abi.StatusNames {
			if n == e.Code && i != 0 {
				st = abi.Status(i)
			}
		}
		if e.Retryable {
			f.Flags |= abi.FailureRetryable
		}
		if e.Overloaded {
			f.Flags |= abi.FailureOverloaded
		}
	}
	return st, f.Append(nil)
}

func badArg(format string, args ...any) error {
	return &Error{Code: abi.Invalid.String(), Message: fmt.Sprintf(format, args...)}
}
