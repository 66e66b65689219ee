package rest

import (
	"encoding/json"
	"strconv"
	"unicode/utf8"
)

// Fields is a JSON object whose values are still to be read.
type Fields map[string]json.RawMessage

// Parse reads a body that must be a JSON object in UTF-8.
func Parse(body []byte) (Fields, error) {
	if !utf8.Valid(body) {
		return nil, Bad("the body is not UTF-8")
	}
	f, ok := split(body)
	if !ok {
		return nil, Bad("the body is not a JSON object")
	}
	return f, nil
}

// Has reports whether a field is there and not null.
func (f Fields) Has(name string) bool {
	raw, ok := f[name]
	return ok && string(raw) != "null"
}

// Text reads a string of 1 to max bytes; where it is optional, absent and
// null are "".
func (f Fields) Text(name string, max int, optional bool) (string, error) {
	if !f.Has(name) {
		if optional {
			return "", nil
		}
		return "", Bad(name + " is missing")
	}
	s, ok := unquote(f[name])
	if !ok {
		return "", Bad(name + " must be a string")
	}
	if s == "" {
		return "", Bad(name + " must not be empty")
	}
	if len(s) > max {
		return "", TooLarge(name + " is over " + strconv.Itoa(max) + " bytes")
	}
	return s, nil
}

// Number reads a whole number.
func (f Fields) Number(name string) (int64, error) {
	if !f.Has(name) {
		return 0, Bad(name + " is missing")
	}
	var n int64
	if json.Unmarshal(f[name], &n) != nil {
		return 0, Bad(name + " must be a whole number")
	}
	return n, nil
}

// Truth reads an optional boolean: absent and null are false.
func (f Fields) Truth(name string) (bool, error) {
	if !f.Has(name) {
		return false, nil
	}
	var b bool
	if json.Unmarshal(f[name], &b) != nil {
		return false, Bad(name + " must be true or false")
	}
	return b, nil
}

// List reads an array.
func (f Fields) List(name string) ([]json.RawMessage, error) {
	if !f.Has(name) {
		return nil, Bad(name + " is missing")
	}
	var l []json.RawMessage
	if json.Unmarshal(f[name], &l) != nil {
		return nil, Bad(name + " must be an array")
	}
	return l, nil
}
