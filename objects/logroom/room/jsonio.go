package room

import (
	"encoding/json"
	"strconv"
	"unicode/utf8"

	"github.com/holdfast-run/holdfast/guest-sdk/edge"
)

const hexDigits = "0123456789abcdef"

// appendString appends s, which is UTF-8, as a JSON string.
func appendString(b []byte, s string) []byte {
	b = append(b, '"')
	from := 0
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' {
			continue
		}
		b = append(b, s[from:i]...)
		from = i + 1
		switch c {
		case '"', '\\':
			b = append(b, '\\', c)
		case '\n':
			b = append(b, '\\', 'n')
		case '\r':
			b = append(b, '\\', 'r')
		case '\t':
			b = append(b, '\\', 't')
		default:
			b = append(b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		}
	}
	b = append(b, s[from:]...)
	return append(b, '"')
}

// problem is an error as clients see it.
type problem struct {
	status  int
	code    string
	message string
}

func (p *problem) Error() string { return p.message }

func bad(message string) error       { return &problem{400, "bad_request", message} }
func tooLarge(message string) error  { return &problem{413, "too_large", message} }
func notFound(message string) error  { return &problem{404, "not_found", message} }
func conflict(message string) error  { return &problem{409, "conflict", message} }
func forbidden(message string) error { return &problem{403, "forbidden", message} }
func unauthorized() error            { return &problem{401, "unauthorized", "a bearer token is needed"} }
func unavailable(message string) error {
	return &problem{503, "unavailable", message}
}

// failed is the response of an error; one that is no problem is the host's or
// storage's and goes on as it is.
func failed(err error) (*edge.Response, error) {
	p, ok := err.(*problem)
	if !ok {
		return nil, err
	}
	b := append([]byte(`{"error":{"code":`), appendString(nil, p.code)...)
	b = append(b, `,"message":`...)
	b = appendString(b, p.message)
	r := edge.JSONBytes(p.status, append(b, "}}"...))
	if p.status == 503 {
		r.Header.Add("Retry-After", "1")
	}
	return r, nil
}

// fields is a JSON object whose values are still to be read.
type fields map[string]json.RawMessage

func parse(body []byte) (fields, error) {
	if !utf8.Valid(body) {
		return nil, bad("the body is not UTF-8")
	}
	var f fields
	if err := json.Unmarshal(body, &f); err != nil || f == nil {
		return nil, bad("the body is not a JSON object")
	}
	return f, nil
}

func (f fields) has(name string) bool {
	raw, ok := f[name]
	return ok && string(raw) != "null"
}

// text reads a string of 1 to max bytes; where it is optional, absent and
// null are "".
func (f fields) text(name string, max int, optional bool) (string, error) {
	if !f.has(name) {
		if optional {
			return "", nil
		}
		return "", bad(name + " is missing")
	}
	var s string
	if json.Unmarshal(f[name], &s) != nil {
		return "", bad(name + " must be a string")
	}
	if s == "" {
		return "", bad(name + " must not be empty")
	}
	if len(s) > max {
		return "", tooLarge(name + " is over " + strconv.Itoa(max) + " bytes")
	}
	return s, nil
}

// number reads a whole number.
func (f fields) number(name string) (int64, error) {
	if !f.has(name) {
		return 0, bad(name + " is missing")
	}
	var n int64
	if json.Unmarshal(f[name], &n) != nil {
		return 0, bad(name + " must be a whole number")
	}
	return n, nil
}

// list reads an array.
func (f fields) list(name string) ([]json.RawMessage, error) {
	if !f.has(name) {
		return nil, bad(name + " is missing")
	}
	var l []json.RawMessage
	if json.Unmarshal(f[name], &l) != nil {
		return nil, bad(name + " must be an array")
	}
	return l, nil
}

// entry is one event to append, as a client gives it.
type entry struct {
	author, content, key string
}

// entryOf reads authorId (unless author is given), content and key.
func (f fields) entryOf(author string) (e entry, err error) {
	if e.author = author; author == "" {
		if e.author, err = f.text("authorId", AuthorBytesMax, false); err != nil {
			return e, err
		}
	}
	if e.content, err = f.text("content", ContentBytesMax, false); err != nil {
		return e, err
	}
	e.key, err = f.text("key", KeyBytesMax, true)
	return e, err
}
