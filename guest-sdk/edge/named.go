package edge

import "strings"

// BindNamed is a new statement whose parameters :name, @name and $name have
// the values of args under their names without the sign. Each must have one,
// and each of args must be meant; ? cannot stand beside them. A fault is told
// when the statement runs.
func (s *Stmt) BindNamed(args map[string]any) *Stmt {
	bound := &Stmt{db: s.db, query: s.query}
	names, err := parameterNames(s.query)
	used := map[string]bool{}
	for _, name := range names {
		value, ok := args[name]
		if !ok && err == nil {
			err = badArg("BindNamed: no value for the parameter %q", name)
		}
		used[name] = true
		bound.args = append(bound.args, value)
	}
	for name := range args {
		if !used[name] && err == nil {
			err = badArg("BindNamed: the statement has no parameter %q", name)
		}
	}
	bound.err = err
	return bound
}

// parameterNames are the names of a statement's parameters in the order in
// which SQLite numbers them: of their first places.
func parameterNames(query string) (names []string, err error) {
	seen := map[string]string{}
	for i := 0; i < len(query); {
		if n := skipSQL(query[i:]); n > 0 {
			i += n
			continue
		}
		switch query[i] {
		case '?':
			return nil, badArg("BindNamed: the statement has a parameter without a name")
		case ':', '@', '$':
			end := i + 1
			for end < len(query) && isNameByte(query[end]) {
				end++
			}
			whole, name := query[i:end], query[i+1:end]
			if _, ok := seen[whole]; !ok && name != "" {
				seen[whole] = name
				names = append(names, name)
			}
			i = end
		default:
			i++
			for isNameByte(query[i-1]) && i < len(query) && (isNameByte(query[i]) || query[i] == '$') {
				i++
			}
		}
	}
	return names, nil
}

// skipSQL is the length of the comment, text or quoted name that sql begins
// with; 0 if it begins with none.
func skipSQL(sql string) int {
	end := ""
	switch {
	case strings.HasPrefix(sql, "--"):
		end = "\n"
	case strings.HasPrefix(sql, "/*"):
		end = "*/"
	case sql[0] == '[':
		end = "]"
	case sql[0] == '\'' || sql[0] == '"' || sql[0] == '`':
		end = sql[:1]
	default:
		return 0
	}
	start := min(len(end), len(sql)) // a doubled quote is skipped as two texts
	if at := strings.Index(sql[start:], end); at >= 0 {
		return start + at + len(end)
	}
	return len(sql)
}

func isNameByte(c byte) bool {
	return c == '_' || c >= 0x80 || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}
