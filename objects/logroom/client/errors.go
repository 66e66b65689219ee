package client

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"
)

const codeOverloaded = "overloaded"

// Error is a refusal of the server.
type Error struct {
	Status     int    // HTTP's; of a socket the close code
	Code       string // "not_found"
	Message    string
	RetryAfter time.Duration // what the server asked for; 0: nothing
}

func (e *Error) Error() string { return fmt.Sprintf("logs: %s (%d): %s", e.Code, e.Status, e.Message) }

// Is matches the sentinels below by code.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Message == "" && t.Code == e.Code
}

// Sentinels for errors.Is.
var (
	ErrBadRequest   error = &Error{Code: "bad_request"}
	ErrUnauthorized error = &Error{Code: "unauthorized"}
	ErrForbidden    error = &Error{Code: "forbidden"}
	ErrNotFound     error = &Error{Code: "not_found"}
	ErrConflict     error = &Error{Code: "conflict"}
	ErrTooLarge     error = &Error{Code: "too_large"}
	ErrOverloaded   error = &Error{Code: codeOverloaded}
	// ErrDeleted ends a subscription whose log was deleted.
	ErrDeleted error = &Error{Code: "deleted"}
	// ErrClosed ends a subscription that its owner has closed.
	ErrClosed = errors.New("logs: the subscription is closed")
)

// errorOf reads the server's refusal; an answer of another shape, such as a
// proxy's, is named by its status.
func errorOf(resp *http.Response, body []byte) error {
	var m struct {
		Error struct{ Code, Message string }
	}
	e := &Error{Status: resp.StatusCode, Code: "http_" + strconv.Itoa(resp.StatusCode), Message: http.StatusText(resp.StatusCode)}
	if json.Unmarshal(body, &m) == nil && m.Error.Code != "" {
		e.Code, e.Message = m.Error.Code, m.Error.Message
	}
	if s, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil && s > 0 {
		e.RetryAfter = time.Duration(s) * time.Second
	}
	return e
}

// closeError is what a close code means: nil for one after which a client
// comes back.
func closeError(code int, reason string) error {
	name := map[int]string{4400: "bad_request", 4401: "unauthorized", 4403: "forbidden", 4404: "not_found", 4410: "deleted"}[code]
	if name == "" {
		return nil
	}
	if reason == "" {
		reason = "the server closed the socket"
	}
	return &Error{Status: code, Code: name, Message: reason}
}
