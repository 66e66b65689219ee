package app

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/BurntSushi/toml"
	"github.com/tailscale/hujson"
)

// configBytesMax bounds a configuration file.
const configBytesMax = 1 << 20

// document is a configuration file while it is read. The first fault stays.
type document struct {
	file string
	err  error
}

func (d *document) fail(key, format string, args ...any) {
	if d.err == nil {
		d.err = &ConfigError{d.file, key, fmt.Sprintf(format, args...)}
	}
}

// object is a table of a document. Reading a key takes it out; what is left at
// the end has not been read.
type object struct {
	doc    *document
	path   string
	fields map[string]any
}

// readDocument reads the text of a file: TOML, or JSON with comments, by the
// file's name.
func readDocument(file string, text []byte) (*object, error) {
	d := &document{file: file}
	if len(text) > configBytesMax {
		return nil, &ConfigError{file, "", fmt.Sprintf("is longer than %d bytes", configBytesMax)}
	}
	fields := map[string]any{}
	if filepath.Ext(file) == ".toml" {
		if err := toml.Unmarshal(text, &fields); err != nil {
			return nil, &ConfigError{file, "", "want TOML: " + err.Error()}
		}
		return &object{doc: d, fields: fields}, nil
	}
	if err := decodeJSON(text, &fields); err != nil {
		return nil, &ConfigError{file, "", "want JSON: " + err.Error()}
	}
	return &object{doc: d, fields: fields}, nil
}

// decodeJSON reads JSON with comments and trailing commas. It refuses a key
// that stands twice, which encoding/json would not.
func decodeJSON(text []byte, fields *map[string]any) error {
	value, err := hujson.Parse(text)
	if err != nil {
		return err
	}
	if err := uniqueKeys(value, ""); err != nil {
		return err
	}
	value.Standardize()
	dec := json.NewDecoder(bytes.NewReader(value.Pack()))
	dec.UseNumber()
	if err := dec.Decode(fields); err != nil {
		return err
	}
	if *fields == nil {
		return fmt.Errorf("got null, want an object")
	}
	return nil
}

func uniqueKeys(value hujson.Value, path string) error {
	switch v := value.Value.(type) {
	case *hujson.Object:
		seen := map[string]bool{}
		for _, m := range v.Members {
			name := join(path, m.Name.Value.(hujson.Literal).String())
			if seen[name] {
				return fmt.Errorf("key %s stands twice", name)
			}
			seen[name] = true
			if err := uniqueKeys(m.Value, name); err != nil {
				return err
			}
		}
	case *hujson.Array:
		for i, element := range v.Elements {
			if err := uniqueKeys(element, fmt.Sprintf("%s[%d]", path, i)); err != nil {
				return err
			}
		}
	}
	return nil
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

func (o *object) key(name string) string { return join(o.path, name) }

func (o *object) fail(name, format string, args ...any) {
	o.doc.fail(o.key(name), format, args...)
}

// take removes and returns the value of a key.
func (o *object) take(name string) (any, bool) {
	value, ok := o.fields[name]
	delete(o.fields, name)
	return value, ok
}

// text reads a string; absent: "".
func (o *object) text(name string) string {
	value, ok := o.take(name)
	if !ok {
		return ""
	}
	text, isText := value.(string)
	if !isText {
		o.fail(name, "want a string")
	}
	return text
}

// need reads a string that must be there.
func (o *object) need(name string) string {
	text := o.text(name)
	if text == "" {
		o.fail(name, "want a string that is not empty")
	}
	return text
}

// date reads yyyy-mm-dd, which TOML may have as a date.
func (o *object) date(name string) string {
	value := o.fields[name]
	if day, ok := value.(time.Time); ok {
		delete(o.fields, name)
		return day.Format(time.DateOnly)
	}
	text := o.text(name)
	if text != "" {
		if _, err := time.Parse(time.DateOnly, text); err != nil {
			o.fail(name, "want a date, yyyy-mm-dd")
		}
	}
	return text
}

func (o *object) flag(name string) bool {
	value, ok := o.take(name)
	if !ok {
		return false
	}
	flag, isFlag := value.(bool)
	if !isFlag {
		o.fail(name, "want true or false")
	}
	return flag
}

// number reads a whole number from 1 to most; absent: 0.
func (o *object) number(name string, most int) int { return o.between(name, 1, most) }

// between reads a whole number from least to most; absent: 0.
func (o *object) between(name string, least, most int) int {
	value, ok := o.take(name)
	if !ok {
		return 0
	}
	n := int64(math.MinInt64)
	switch v := value.(type) {
	case json.Number:
		if parsed, err := strconv.ParseInt(v.String(), 10, 64); err == nil {
			n = parsed
		}
	case int64:
		n = v
	}
	if n < int64(least) || n > int64(most) {
		o.fail(name, "want a whole number from %d to %d", least, most)
		return 0
	}
	return int(n)
}

// list reads an array; absent: nil.
func (o *object) list(name, of string) []any {
	value, ok := o.take(name)
	if !ok {
		return nil
	}
	switch v := value.(type) {
	case []any:
		return v
	case []map[string]any: // TOML's array of tables
		list := make([]any, len(v))
		for i := range v {
			list[i] = v[i]
		}
		return list
	}
	o.fail(name, "want an array of %s", of)
	return nil
}

func (o *object) texts(name string) []string {
	var texts []string
	for i, value := range o.list(name, "strings") {
		text, ok := value.(string)
		if !ok || text == "" {
			o.fail(fmt.Sprintf("%s[%d]", name, i), "want a string that is not empty")
		}
		texts = append(texts, text)
	}
	return texts
}

// child reads a table; absent: an empty one.
func (o *object) child(name string) *object {
	value, ok := o.take(name)
	if !ok {
		value = map[string]any{}
	}
	return o.table(name, value)
}

func (o *object) children(name string) []*object {
	var children []*object
	for i, value := range o.list(name, "tables") {
		children = append(children, o.table(fmt.Sprintf("%s[%d]", name, i), value))
	}
	return children
}

func (o *object) table(name string, value any) *object {
	fields, ok := value.(map[string]any)
	if !ok {
		o.fail(name, "want a table")
	}
	return &object{o.doc, o.key(name), fields}
}

// ignore takes keys out that mean nothing here.
func (o *object) ignore(names ...string) {
	for _, name := range names {
		delete(o.fields, name)
	}
}

// end refuses what has not been read.
func (o *object) end() {
	left := make([]string, 0, len(o.fields))
	for name := range o.fields {
		left = append(left, name)
	}
	if len(left) > 0 {
		o.fail(slices.Min(left), "this key is not supported")
	}
}
