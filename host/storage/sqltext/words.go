package sqltext

import (
	"strconv"
	"strings"
)

// FirstWord is the first word of sql in upper case; "" if it begins with
// something else.
func FirstWord(sql string) string {
	for sql != "" {
		n := skip(sql)
		if n == 0 && sql[0] == ';' {
			n = 1
		}
		if n == 0 {
			break
		}
		sql = sql[n:]
	}
	if sql == "" || !isWord(sql[0]) {
		return ""
	}
	return strings.ToUpper(sql[:token(sql)])
}

// HasWord reports whether word, in any case, occurs outside of quotes and
// comments.
func HasWord(sql, word string) bool {
	for sql != "" {
		n := skip(sql)
		if n == 0 {
			n = token(sql)
			if strings.EqualFold(sql[:n], word) {
				return true
			}
		}
		sql = sql[n:]
	}
	return false
}

// parameterNumberMax is SQLite's own limit.
const parameterNumberMax = 32766

// Number writes every parameter of sql as ?N, as SQLite numbers them, and
// returns how many values the statement takes: ? is one more than the largest
// number before, a name has the number of its first place.
func Number(sql string) (numbered string, params int) {
	numbered, params, _ = number(sql)
	return numbered, params
}

// Parameters returns how many values a statement takes, and the numbers of
// those that have names. A name includes its first sign, one of ":@$".
func Parameters(sql string) (params int, names map[string]int) {
	_, params, names = number(sql)
	return params, names
}

func number(sql string) (numbered string, params int, names map[string]int) {
	var b strings.Builder
	names = map[string]int{}
	for sql != "" {
		n := skip(sql)
		if n > 0 {
			b.WriteString(sql[:n])
			sql = sql[n:]
			continue
		}
		n = parameter(sql)
		if n == 0 {
			n = token(sql)
			b.WriteString(sql[:n])
			sql = sql[n:]
			continue
		}
		number := 0
		switch name := sql[:n]; {
		case name == "?":
			number = params + 1
		case name[0] == '?':
			number, _ = strconv.Atoi(name[1:]) // digits
		case names[name] > 0:
			number = names[name]
		default:
			number = params + 1
			names[name] = number
		}
		if number < 1 || number > parameterNumberMax { // SQLite's to refuse
			b.WriteString(sql[:n])
			sql = sql[n:]
			continue
		}
		params = max(params, number)
		b.WriteByte('?')
		b.WriteString(strconv.Itoa(number))
		sql = sql[n:]
	}
	return b.String(), params, names
}

// parameter is the length of the parameter that sql begins with, 0 if none.
func parameter(sql string) int {
	n := 1
	switch sql[0] {
	case '?':
		for n < len(sql) && '0' <= sql[n] && sql[n] <= '9' {
			n++
		}
		return n
	case ':', '@', '$':
		for n < len(sql) && isWord(sql[n]) {
			n++
		}
		if n > 1 {
			return n
		}
	}
	return 0
}
