package ingress

import "strings"

// splitTarget takes a request target apart: what stands before the path (an
// absolute target names its host) and the path with its query.
func splitTarget(target string) (host, rest string, ok bool) {
	if strings.HasPrefix(target, "/") {
		return "", target, true
	}
	for _, scheme := range [...]string{"http://", "https://"} {
		if len(target) > len(scheme) && strings.EqualFold(target[:len(scheme)], scheme) {
			host, rest = target[len(scheme):], "/"
			if i := strings.IndexAny(host, "/?"); i >= 0 {
				host, rest = host[:i], host[i:]
			}
			return host, rest, strings.HasPrefix(rest, "/")
		}
	}
	return "", "", false
}

// pathFault says what makes a path and its query one that two parsers could
// read differently; empty: nothing.
func pathFault(target string) string {
	path, query, _ := strings.Cut(target, "?")
	segment := 1 // start of the segment that i is in
	for i := 0; i < len(path); i++ {
		switch c := path[i]; {
		case c <= ' ' || c == 0x7f:
			return "path holds a space or a control character"
		case c == '\\' || c == '#':
			return "path holds a backslash or a fragment"
		case c == '%':
			if !escaped(path[i:]) {
				return "path holds a bad escape"
			}
		case c == '/':
			if dots(path[min(segment, i):i]) {
				return "path holds a dot segment"
			}
			segment = i + 1
		}
	}
	if dots(path[min(segment, len(path)):]) {
		return "path holds a dot segment"
	}
	for i := 0; i < len(query); i++ {
		if c := query[i]; c <= ' ' || c == 0x7f || c == '#' {
			return "query holds a space, a control character or a fragment"
		}
	}
	return ""
}

// escaped says whether s begins with a percent escape other than NUL.
func escaped(s string) bool {
	return len(s) >= 3 && hex(s[1]) && hex(s[2]) && s[1:3] != "00"
}

func hex(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

// dots says whether segment is "." or "..", escaped or not.
func dots(segment string) bool {
	count := 0
	for len(segment) > 0 && count < 3 {
		switch {
		case segment[0] == '.':
			segment = segment[1:]
		case len(segment) >= 3 && strings.EqualFold(segment[:3], "%2e"):
			segment = segment[3:]
		default:
			return false
		}
		count++
	}
	return len(segment) == 0 && (count == 1 || count == 2)
}

// hostOK says whether host may stand in a URL.
func hostOK(host string) bool {
	for i := 0; i < len(host); i++ {
		switch c := host[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9':
		case c == '.' || c == '-' || c == '_' || c == ':' || c == '[' || c == ']':
		default:
			return false
		}
	}
	return host != ""
}

// hostName is host in lower case, without its port.
func hostName(host string) string {
	if i := strings.LastIndexByte(host, ':'); i >= 0 && strings.IndexByte(host[i:], ']') < 0 {
		host = host[:i]
	}
	return strings.ToLower(host)
}

// tokenOK says whether name is a token of RFC 9110.
func tokenOK(name string) bool {
	for i := 0; i < len(name); i++ {
		if c := name[i]; c <= ' ' || c >= 0x7f || strings.IndexByte("\"(),/:;<=>?@[\\]{}", c) >= 0 {
			return false
		}
	}
	return name != ""
}

// valueOK says whether value may stand in a header line.
func valueOK(value string) bool {
	for i := 0; i < len(value); i++ {
		if c := value[i]; c < ' ' && c != '\t' || c == 0x7f {
			return false
		}
	}
	return true
}
