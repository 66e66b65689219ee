// Package sqltext reads SQL just far enough to tell where statements end. It
// owns the scanner that both the objects' SQL and the D1 host use; it refuses
// to parse.
package sqltext

import "strings"

// Blank reports whether sql holds nothing to run: spaces, comments and
// semicolons.
func Blank(sql string) bool {
	for i := 0; i < len(sql); {
		n := skip(sql[i:])
		if n == 0 {
			if sql[i] != ';' {
				return false
			}
			n = 1
		}
		i += n
	}
	return true
}

// Split cuts sql into its statements, each without its semicolon and without
// the spaces around it. Pieces that hold nothing to run are left out. The
// semicolons inside the body of CREATE TRIGGER end nothing.
func Split(sql string) []string {
	var statements []string
	for sql != "" {
		end := statementEnd(sql)
		piece := strings.TrimSpace(sql[:end])
		if !Blank(piece) {
			statements = append(statements, piece)
		}
		sql = sql[min(end+1, len(sql)):]
	}
	return statements
}

// First returns the first statement's text up to and with its semicolon, and
// what follows.
func First(sql string) (statement, rest string) {
	end := min(statementEnd(sql)+1, len(sql))
	return sql[:end], sql[end:]
}

// statementEnd is the index of the semicolon that ends the first statement,
// or the length of sql.
//
// A trigger's body is the one place where semicolons do not end a statement:
// after CREATE [TEMP|TEMPORARY] TRIGGER the end is the first semicolon that
// follows "; END".
func statementEnd(sql string) int {
	var t trigger
	for i := 0; i < len(sql); {
		if n := skip(sql[i:]); n > 0 {
			i += n
			continue
		}
		if sql[i] == ';' {
			if t.ends() {
				return i
			}
			i++
			continue
		}
		n := token(sql[i:])
		t.see(sql[i : i+n])
		i += n
	}
	return len(sql)
}

// trigger follows the words of a statement.
type trigger struct {
	words     int
	create    bool // all so far is CREATE [TEMP]
	is        bool // it began with CREATE [TEMP] TRIGGER
	semicolon bool // the last token was a semicolon
	end       bool // ... followed by END
}

func (t *trigger) see(word string) {
	t.words++
	switch {
	case t.words == 1:
		t.create = strings.EqualFold(word, "create")
	case !t.create:
	case strings.EqualFold(word, "trigger"):
		t.is = true
		t.create = false
	case t.words > 2 || !strings.EqualFold(word, "temp") && !strings.EqualFold(word, "temporary"):
		t.create = false
	}
	t.end = t.semicolon && strings.EqualFold(word, "end")
	t.semicolon = false
}

// ends reports whether a semicolon here ends the statement.
func (t *trigger) ends() bool {
	if !t.is || t.end {
		return true
	}
	t.semicolon = true
	return false
}

// skip is the length of the spaces or of the comment that sql begins with.
func skip(sql string) int {
	n := 0
	for n < len(sql) && isSpace(sql[n]) {
		n++
	}
	if n > 0 {
		return n
	}
	switch {
	case strings.HasPrefix(sql, "--"):
		if end := strings.IndexByte(sql, '\n'); end >= 0 {
			return end + 1
		}
		return len(sql)
	case strings.HasPrefix(sql, "/*"):
		if end := strings.Index(sql[2:], "*/"); end >= 0 {
			return end + 4
		}
		return len(sql)
	}
	return 0
}

// token is the length of the token that sql begins with: a quoted string or
// name, a word, or one byte.
func token(sql string) int {
	switch c := sql[0]; {
	case c == '\'' || c == '"' || c == '`':
		return quoted(sql, c)
	case c == '[':
		if end := strings.IndexByte(sql, ']'); end >= 0 {
			return end + 1
		}
		return len(sql)
	case isWord(c):
		n := 1
		for n < len(sql) && isWord(sql[n]) {
			n++
		}
		return n
	}
	return 1
}

// quoted is the length of a quoted text, in which a doubled quote is one.
func quoted(sql string, quote byte) int {
	for i := 1; i < len(sql); i++ {
		if sql[i] != quote {
			continue
		}
		if i+1 < len(sql) && sql[i+1] == quote {
			i++
			continue
		}
		return i + 1
	}
	return len(sql)
}

func isSpace(c byte) bool {
	return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f'
}

func isWord(c byte) bool {
	return c == '_' || c == '$' || c >= 0x80 ||
		'0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}
