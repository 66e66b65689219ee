package rest

import "github.com/holdfast-run/holdfast/guest-sdk/edge"

// Problem is an error as clients see it: a status of 400 or more, a code in
// snake_case and a sentence.
type Problem struct {
	Status  int
	Code    string
	Message string
}

func (p *Problem) Error() string { return p.Message }

// Refuse is a Problem of any status and code.
func Refuse(status int, code, message string) error { return &Problem{status, code, message} }

// Bad is 400 bad_request.
func Bad(message string) error { return &Problem{400, "bad_request", message} }

// TooLarge is 413 too_large.
func TooLarge(message string) error { return &Problem{413, "too_large", message} }

// NotFound is 404 not_found.
func NotFound(message string) error { return &Problem{404, "not_found", message} }

// Conflict is 409 conflict.
func Conflict(message string) error { return &Problem{409, "conflict", message} }

// Forbidden is 403 forbidden.
func Forbidden(message string) error { return &Problem{403, "forbidden", message} }

// Unauthorized is 401 unauthorized.
func Unauthorized() error { return &Problem{401, "unauthorized", "a bearer token is needed"} }

// Unavailable is 503 unavailable; its response says Retry-After.
func Unavailable(message string) error { return &Problem{503, "unavailable", message} }

// Failed is the response of an error. One that is no Problem is the host's or
// storage's and goes on as it is.
func Failed(err error) (*edge.Response, error) {
	p, ok := err.(*Problem)
	if !ok {
		return nil, err
	}
	b := append([]byte(`{"error":{"code":`), AppendString(nil, p.Code)...)
	b = append(b, `,"message":`...)
	b = AppendString(b, p.Message)
	r := edge.JSONBytes(p.Status, append(b, "}}"...))
	if p.Status == 503 {
		r.Header.Add("Retry-After", "1")
	}
	return r, nil
}
