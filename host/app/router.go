package app

import (
	"fmt"
	"slices"
	"strings"
)

// Match is where a request leads.
type Match struct {
	App          string
	Kind         Kind
	Binding      string // of KindObject
	Name         string // of KindObject: the object's
	BodyBytesMax int64  // of the request; 0: the host's default
	Pattern      string
}

// Router finds the route of a request. It does not change.
//
// Among the patterns that match, the host decides first: its whole name, then
// the longest *suffix, then any host. Below one host the path is compared
// segment by segment, and at the first where two patterns differ, text beats
// "text*", which beats a ":param", which beats "*".
type Router struct {
	hosts    map[string]*node
	suffixes []hostNode // longest first
	any      *node
}

type hostNode struct {
	suffix string
	root   *node
}

// node is a segment of paths.
type node struct {
	texts    map[string]*node
	param    *node
	exact    *target      // the path ends here
	prefixes []prefixNode // longest first
	under    *target      // anything may follow the slash
}

type prefixNode struct {
	prefix string
	target *target
}

type target struct {
	match Match
	name  []namePart
	owner string // the app and key that made it
}

// NewRouter puts the routes of all apps together. The same pattern twice is an
// error that names both apps.
func NewRouter(apps []*Config) (*Router, error) {
	r := &Router{hosts: map[string]*node{}, any: &node{}}
	for _, c := range apps {
		for i := range c.Routes {
			if err := r.add(c, &c.Routes[i]); err != nil {
				return nil, err
			}
		}
	}
	slices.SortStableFunc(r.suffixes, func(a, b hostNode) int { return len(b.suffix) - len(a.suffix) })
	return r, nil
}

func (r *Router) add(c *Config, route *Route) error {
	p, err := parsePattern(route.Pattern)
	if err != nil {
		return &ConfigError{c.File, route.key + ".pattern", err.Error()}
	}
	t := &target{
		match: Match{App: c.Name, Kind: route.Kind, Binding: route.Binding, BodyBytesMax: route.BodyBytesMax, Pattern: route.Pattern},
		owner: fmt.Sprintf("app %s (%s in %s)", c.Name, route.key, c.File),
	}
	if route.Kind == KindObject {
		if t.name, err = parseName(route.Name, p.params); err != nil {
			return &ConfigError{c.File, route.key + ".name", err.Error()}
		}
	}
	if other := r.root(p).insert(p, t); other != nil {
		return &ConfigError{c.File, route.key + ".pattern", fmt.Sprintf("%s is routed twice: by %s and by app %s", route.Pattern, other.owner, c.Name)}
	}
	return nil
}

// root is the tree of a pattern's host.
func (r *Router) root(p *pattern) *node {
	switch {
	case p.host == "":
		return r.any
	case p.suffix:
		for _, h := range r.suffixes {
			if h.suffix == p.host {
				return h.root
			}
		}
		r.suffixes = append(r.suffixes, hostNode{p.host, &node{}})
		return r.suffixes[len(r.suffixes)-1].root
	}
	if r.hosts[p.host] == nil {
		r.hosts[p.host] = &node{}
	}
	return r.hosts[p.host]
}

// insert puts t where p leads; a target that is there already stays and is
// returned.
func (n *node) insert(p *pattern, t *target) (other *target) {
	for _, segment := range p.segments {
		n = n.child(segment)
	}
	switch p.tail {
	case tailNone:
		if n.exact != nil {
			return n.exact
		}
		n.exact = t
	case tailAny:
		if n.under != nil {
			return n.under
		}
		n.under = t
	case tailPrefix:
		for _, q := range n.prefixes {
			if q.prefix == p.prefix {
				return q.target
			}
		}
		n.prefixes = append(n.prefixes, prefixNode{p.prefix, t})
		slices.SortFunc(n.prefixes, func(a, b prefixNode) int { return len(b.prefix) - len(a.prefix) })
	}
	return nil
}

func (n *node) child(segment string) *node {
	if segment == ":" {
		if n.param == nil {
			n.param = &node{}
		}
		return n.param
	}
	if n.texts == nil {
		n.texts = map[string]*node{}
	}
	if n.texts[segment] == nil {
		n.texts[segment] = &node{}
	}
	return n.texts[segment]
}

// Match finds where a request leads. host is in lower case and without a
// port; path begins with a slash and is as it was sent. Match takes no memory
// unless an object's name is escaped or put together.
func (r *Router) Match(host, path string) (Match, bool) {
	if path == "" || path[0] != '/' {
		return Match{}, false
	}
	if root := r.hosts[host]; root != nil {
		if m, ok := root.match(path); ok {
			return m, true
		}
	}
	for i := range r.suffixes {
		if strings.HasSuffix(host, r.suffixes[i].suffix) {
			if m, ok := r.suffixes[i].root.match(path); ok {
				return m, true
			}
		}
	}
	return r.any.match(path)
}

func (n *node) match(path string) (Match, bool) {
	var values [paramsMax]string
	t := n.find(path[1:], &values, 0)
	if t == nil {
		return Match{}, false
	}
	m := t.match
	if m.Kind == KindObject {
		var ok bool
		if m.Name, ok = objectName(t.name, &values); !ok {
			return Match{}, false
		}
	}
	return m, true
}

// find walks down. rest is what follows the slash; params values are set.
func (n *node) find(rest string, values *[paramsMax]string, params int) *target {
	segment, below, more := strings.Cut(rest, "/")
	if child := n.texts[segment]; child != nil {
		if t := child.next(below, more, values, params); t != nil {
			return t
		}
	}
	for i := range n.prefixes {
		if strings.HasPrefix(rest, n.prefixes[i].prefix) {
			return n.prefixes[i].target
		}
	}
	if n.param != nil && segment != "" && params < paramsMax {
		values[params] = segment
		if t := n.param.next(below, more, values, params+1); t != nil {
			return t
		}
	}
	return n.under
}

// next goes on below a segment that matched, or ends.
func (n *node) next(below string, more bool, values *[paramsMax]string, params int) *target {
	if more {
		return n.find(below, values, params)
	}
	return n.exact
}
