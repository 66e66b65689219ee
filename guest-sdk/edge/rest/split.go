package rest

import (
	"bytes"
	"encoding/json"
)

// split takes an object apart without reflection, which costs a guest more
// than all the rest of a small request. Values share body. Of a name that is
// there twice the last value counts, as in encoding/json.
func split(body []byte) (Fields, bool) {
	if !json.Valid(body) {
		return nil, false
	}
	rest := skip(body) // what is valid cannot end early below
	if rest[0] != '{' {
		return nil, false
	}
	f := make(Fields, 8)
	for rest = skip(rest[1:]); rest[0] != '}'; {
		end := valueEnd(rest)
		name, _ := unquote(rest[:end])
		rest = skip(skip(rest[end:])[1:]) // behind the colon
		end = valueEnd(rest)
		f[name] = rest[:end:end]
		if rest = skip(rest[end:]); rest[0] == ',' {
			rest = skip(rest[1:])
		}
	}
	return f, true
}

// skip is b behind its white space.
func skip(b []byte) []byte {
	for len(b) > 0 && (b[0] == ' ' || b[0] == '\n' || b[0] == '\r' || b[0] == '\t') {
		b = b[1:]
	}
	return b
}

// valueEnd is where the value at the beginning of b ends. b is valid.
func valueEnd(b []byte) int {
	switch b[0] {
	case '"':
		return stringEnd(b)
	case '{', '[':
		depth := 0
		for i := 0; ; i++ {
			switch b[i] {
			case '"':
				i += stringEnd(b[i:]) - 1
			case '{', '[':
				depth++
			case '}', ']':
				if depth--; depth == 0 {
					return i + 1
				}
			}
		}
	}
	i := bytes.IndexAny(b, ",}] \n\r\t")
	return i
}

// stringEnd is where the string at the beginning of b ends, quotes included.
func stringEnd(b []byte) int {
	for i := 1; ; i++ {
		switch b[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
}

// unquote reads a string of valid JSON; ok is false for anything else.
func unquote(b []byte) (s string, ok bool) {
	if len(b) >= 2 && b[0] == '"' && bytes.IndexByte(b, '\\') < 0 {
		return string(b[1 : len(b)-1]), true
	}
	if len(b) == 0 || b[0] != '"' {
		return "", false
	}
	return s, json.Unmarshal(b, &s) == nil
}
