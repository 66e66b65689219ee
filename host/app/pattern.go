package app

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"
)

const (
	patternBytesMax = 1024
	paramsMax       = 8
)

// pattern is a route's pattern taken apart.
type pattern struct {
	host     string   // lower case; empty: any
	suffix   bool     // host is what a host's name ends with
	segments []string // of the path; a parameter is ":"
	params   []string // names of the parameters, in order
	tail     tail
	prefix   string // of the last segment, with tailPrefix
}

// tail says what may follow the segments.
type tail uint8

const (
	tailNone   tail = iota
	tailAny         // "/*": a slash and anything
	tailPrefix      // "/abc*": a slash, abc and anything
)

// parsePattern reads "/path", "/path/*", "host/path/*" and the like.
func parsePattern(text string) (*pattern, error) {
	if len(text) > patternBytesMax {
		return nil, fmt.Errorf("pattern is longer than %d bytes", patternBytesMax)
	}
	p := &pattern{}
	rest := strings.TrimPrefix(strings.TrimPrefix(text, "https://"), "http://")
	host, path, slash := strings.Cut(rest, "/")
	if !slash {
		path = ""
	}
	if err := p.parseHost(host); err != nil {
		return nil, err
	}
	if host == "" && !slash {
		return nil, errors.New("want a pattern that begins with / or a host")
	}
	return p, p.parsePath(path)
}

func (p *pattern) parseHost(host string) error {
	host = strings.ToLower(host)
	if host == "*" {
		return nil
	}
	if rest, ok := strings.CutPrefix(host, "*"); ok {
		p.suffix, host = true, rest
	}
	for _, c := range []byte(host) {
		if !(c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '.' || c == '-' || c == '_' || c == '[' || c == ']') {
			return fmt.Errorf("want a host's name without a port, * only before it, got %q", host)
		}
	}
	p.host = host
	return nil
}

// parsePath reads what follows the first slash.
func (p *pattern) parsePath(path string) error {
	segments := strings.Split(path, "/")
	for i, segment := range segments {
		last := i == len(segments)-1
		prefix, star := strings.CutSuffix(segment, "*")
		switch {
		case strings.ContainsAny(segment, "?#") || strings.Contains(prefix, "*"):
			return fmt.Errorf("want a path with * at its end only, got /%s", path)
		case star && !last:
			return fmt.Errorf("want * at the end of the path only, got /%s", path)
		case star && prefix == "":
			p.tail = tailAny
		case star:
			p.tail, p.prefix = tailPrefix, prefix
		case strings.HasPrefix(segment, ":"):
			if err := p.addParam(segment[1:]); err != nil {
				return err
			}
			p.segments = append(p.segments, ":")
		default:
			p.segments = append(p.segments, segment)
		}
	}
	return nil
}

func (p *pattern) addParam(name string) error {
	if !bindingForm.MatchString(name) {
		return fmt.Errorf("want :name for a parameter, got :%s", name)
	}
	if slices.Contains(p.params, name) {
		return fmt.Errorf("parameter :%s stands twice", name)
	}
	if p.params = append(p.params, name); len(p.params) > paramsMax {
		return fmt.Errorf("want at most %d parameters", paramsMax)
	}
	return nil
}

// namePart is a piece of an object's name: text, or a parameter's value.
type namePart struct {
	text  string
	param int // -1: text
}

// parseName reads a name such as ":id" or "room-:id".
func parseName(text string, params []string) ([]namePart, error) {
	var parts []namePart
	for text != "" {
		before, after, found := strings.Cut(text, ":")
		if before != "" {
			parts = append(parts, namePart{before, -1})
		}
		if !found {
			break
		}
		end := strings.IndexFunc(after, func(r rune) bool {
			return !(r == '_' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z')
		})
		if end < 0 {
			end = len(after)
		}
		i := slices.Index(params, after[:end])
		if i < 0 {
			return nil, fmt.Errorf("the pattern has no parameter :%s", after[:end])
		}
		parts = append(parts, namePart{param: i})
		text = after[end:]
	}
	return parts, nil
}

// objectName fills a name in; false: a value is no text.
func objectName(parts []namePart, values *[paramsMax]string) (string, bool) {
	if len(parts) == 1 && parts[0].param >= 0 {
		return unescape(values[parts[0].param])
	}
	var b strings.Builder
	for _, part := range parts {
		if part.param < 0 {
			b.WriteString(part.text)
			continue
		}
		value, ok := unescape(values[part.param])
		if !ok {
			return "", false
		}
		b.WriteString(value)
	}
	return b.String(), true
}

// unescape decodes a path's segment; it takes no memory where nothing is
// escaped.
func unescape(segment string) (string, bool) {
	if strings.IndexByte(segment, '%') >= 0 {
		plain, err := url.PathUnescape(segment)
		if err != nil {
			return "", false
		}
		segment = plain
	}
	return segment, utf8.ValidString(segment)
}
