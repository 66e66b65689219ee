package rest

import (
	"bytes"
	"encoding/json"
)

// split takes an object apart without reflection, which costs a guest more
// than all the rest of a small request. Values share body. Of a name that is
// there twice the last value counts, as in encoding/json.
func split(body []byte) (Fields, bool) {
	if f, ok := splitFlat(body); ok {
		return f, true
	}
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

// splitFlat is split of the usual small object, in one pass: of nothing but
// strings, and of strings without escapes. It may not be sure; ok is false then.
func splitFlat(body []byte) (f Fields, ok bool) {
	rest := skip(body)
	if len(rest) == 0 || rest[0] != '{' {
		return nil, false
	}
	f = make(Fields, 8)
	for next := byte(','); next == ','; {
		rest = skip(rest[1:])
		name := plainEnd(rest)
		colon := skip(rest[name:])
		if name == 0 || len(colon) == 0 || colon[0] != ':' {
			return nil, false
		}
		value := skip(colon[1:])
		end := plainEnd(value)
		if end == 0 {
			return nil, false
		}
		f[string(rest[1:name-1])] = value[:end:end]
		if rest = skip(value[end:]); len(rest) == 0 {
			return nil, false
		}
		next = rest[0]
	}
	return f, rest[0] == '}' && len(skip(rest[1:])) == 0
}

// plainEnd is where the string at the beginning of b ends, quotes included; 0
// where none does, or it has an escape or what must be one.
func plainEnd(b []byte) int {
	if len(b) == 0 || b[0] != '"' {
		return 0
	}
	for i := 1; i < len(b); i++ {
		switch c := b[i]; {
		case c == '"':
			return i + 1
		case c == '\\' || c < ' ':
			return 0
		}
	}
	return 0
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
