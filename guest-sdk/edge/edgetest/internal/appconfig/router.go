package appconfig

import (
	"net/url"
	"strings"
)

// Router finds the route of a path. At the first segment where two patterns
// that match differ, text beats "text*", which beats ":param", which beats
// "*".
type Router struct {
	routes []route
}

type route struct {
	segments []string
	binding  string // "": the worker
	name     string
}

// Match is where a path leads: to the worker where Binding is "".
type Match struct {
	Binding string
	Name    string
}

// add takes a pattern; its host, if it has one, plays no part in a test.
func (r *Router) add(pattern, binding, name string) {
	pattern = strings.TrimPrefix(strings.TrimPrefix(pattern, "https://"), "http://")
	_, path, _ := strings.Cut(pattern, "/")
	r.routes = append(r.routes, route{strings.Split(path, "/"), binding, name})
}

// The ranks of how a segment matches.
const (
	rankUnder = iota + 1
	rankParam
	rankPrefix
	rankText
)

// Match finds where a path leads; ok is false where no route does.
func (r *Router) Match(path string) (m Match, ok bool) {
	segments := strings.Split(strings.TrimPrefix(path, "/"), "/")
	best := ""
	for i := range r.routes {
		rank, params := r.routes[i].rank(segments)
		if rank == "" || rank <= best {
			continue
		}
		name, valid := fill(r.routes[i].name, params)
		if !valid {
			continue
		}
		best, ok = rank, true
		m = Match{Binding: r.routes[i].binding, Name: name}
	}
	return m, ok
}

// rank is a byte a segment, so that ranks compare as texts; "" for no match.
func (rt *route) rank(segments []string) (rank string, params map[string]string) {
	var b []byte
	params = map[string]string{}
	for i, s := range rt.segments {
		if i >= len(segments) {
			return "", nil
		}
		prefix, star := strings.CutSuffix(s, "*")
		switch {
		case star && prefix == "":
			return string(append(b, rankUnder)), params
		case star:
			if !strings.HasPrefix(segments[i], prefix) {
				return "", nil
			}
			return string(append(b, rankPrefix)), params
		case strings.HasPrefix(s, ":"):
			if segments[i] == "" {
				return "", nil
			}
			params[s[1:]] = segments[i]
			b = append(b, rankParam)
		case s != segments[i]:
			return "", nil
		default:
			b = append(b, rankText)
		}
	}
	if len(segments) != len(rt.segments) {
		return "", nil
	}
	return string(b), params
}

// fill puts parameters into a name such as "room-:id".
func fill(name string, params map[string]string) (string, bool) {
	var b strings.Builder
	for name != "" {
		before, after, found := strings.Cut(name, ":")
		b.WriteString(before)
		if !found {
			break
		}
		end := 0
		for end < len(after) && isWord(after[end]) {
			end++
		}
		v, err := url.PathUnescape(params[after[:end]])
		if err != nil {
			return "", false
		}
		b.WriteString(v)
		name = after[end:]
	}
	return b.String(), true
}

func isWord(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}
