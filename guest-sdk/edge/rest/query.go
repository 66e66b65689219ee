package rest

import (
	"encoding/base64"
	"encoding/json"
	"net/url"
	"strconv"
	"time"

	"github.com/holdfast-run/holdfast/guest-sdk/edge"
)

// Query parses a query string; the error names what is wrong.
func Query(r *edge.Request) (url.Values, error) {
	q, err := r.Query()
	if err != nil {
		return nil, Bad("the query is malformed: " + err.Error())
	}
	return q, nil
}

// QueryNumber reads a number of a query, within bounds; def where it is
// absent.
func QueryNumber(q url.Values, name string, def, min, max int64) (int64, error) {
	s := q.Get(name)
	if !q.Has(name) {
		return def, nil
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < min || n > max {
		return 0, Bad(name + " must be a whole number from " + strconv.FormatInt(min, 10) + " to " + strconv.FormatInt(max, 10))
	}
	return n, nil
}

// QueryTime reads a time of a query in milliseconds, rounded down, or up
// where up is set; ok is false where it is absent or empty.
func QueryTime(q url.Values, name string, up bool) (ms int64, ok bool, err error) {
	s := q.Get(name)
	if s == "" {
		return 0, false, nil
	}
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return 0, false, Bad(name + " must be a time such as 2026-11-22T08:00:00.123Z")
	}
	if up {
		t = t.Add(time.Millisecond - time.Nanosecond)
	}
	return t.UnixMilli(), true, nil
}

// Cursor is a place in a list, as clients carry it: opaque to them.
type Cursor struct {
	At  int64  `json:"t"`
	ID  string `json:"i"`
	Seq int64  `json:"s,omitempty"`
}

// String is the cursor as a query takes it.
func (c Cursor) String() string {
	b, _ := json.Marshal(c) // of numbers and a string: cannot fail
	return base64.RawURLEncoding.EncodeToString(b)
}

// QueryCursor reads the parameter cursor; ok is false where it is absent.
func QueryCursor(q url.Values) (c Cursor, ok bool, err error) {
	s := q.Get("cursor")
	if s == "" {
		return c, false, nil
	}
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil || json.Unmarshal(b, &c) != nil {
		return c, false, Bad("cursor is not one that this server gave")
	}
	return c, true, nil
}
