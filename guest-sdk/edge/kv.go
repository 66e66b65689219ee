package edge

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"strconv"

	"github.com/holdfast-run/holdfast/guest-sdk/abi"
	"github.com/holdfast-run/holdfast/guest-sdk/edge/internal/bridge"
)

// KV is the key-value side of storage. Keys are ordered by their UTF-8 bytes.
// Its own methods move bytes; Get, Put and List below encode values as JSON,
// except []byte, which is kept as it is.
type KV struct{ in *instance }

// Entry is a key and its value.
type Entry = abi.KVEntry

// Get is the value under key; it is the caller's.
func (kv *KV) Get(key string) (value []byte, ok bool, err error) {
	out, ok, err := kv.look(key)
	return bytes.Clone(out), ok, err
}

// look is Get until the next host call.
func (kv *KV) look(key string) (value []byte, ok bool, err error) {
	m := &kv.in.key
	if kv.in.runner != nil {
		m = new(abi.KeyRequest)
	}
	m.Key = key
	out, err := kv.in.sync(bridge.KVGet, m)
	if errors.Is(err, ErrNotFound) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	return out, true, nil
}

// GetMany is the entries of up to 128 keys; missing ones are left out.
func (kv *KV) GetMany(keys ...string) (map[string][]byte, error) {
	out, err := kv.in.sync(bridge.KVGetMany, &abi.KeysRequest{Keys: keys})
	if err != nil {
		return nil, err
	}
	var m abi.KVEntries
	if err := m.Decode(bytes.Clone(out)); err != nil {
		return nil, err
	}
	got := make(map[string][]byte, len(m.Entries))
	for _, e := range m.Entries {
		got[e.Key] = e.Value
	}
	return got, nil
}

// Put sets one value.
func (kv *KV) Put(key string, value []byte) error {
	if kv.in.runner != nil {
		return kv.PutMany(Entry{Key: key, Value: value})
	}
	m := &kv.in.entries
	m.Entries = append(m.Entries[:0], Entry{Key: key, Value: value})
	err := kv.in.post(bridge.KVPut, m)
	m.Entries[0] = Entry{}
	return err
}

// PutMany sets up to 128 values.
func (kv *KV) PutMany(entries ...Entry) error {
	return kv.in.post(bridge.KVPut, &abi.KVEntries{Entries: entries})
}

// Delete removes a key and reports whether it was there.
func (kv *KV) Delete(key string) (bool, error) {
	n, err := kv.DeleteMany(key)
	return n == 1, err
}

// DeleteMany removes up to 128 keys and answers how many were there.
func (kv *KV) DeleteMany(keys ...string) (int, error) {
	out, err := kv.in.sync(bridge.KVDelete, &abi.KeysRequest{Keys: keys})
	if err != nil {
		return 0, err
	}
	var m abi.Count
	err = m.Decode(out)
	return int(m.Count), err
}

// ListOptions bound a list as Durable Objects' storage.list does: Start is
// inclusive, StartAfter and End are exclusive, an empty bound is none, and
// Reverse does not swap them.
type ListOptions struct {
	Start, StartAfter, End, Prefix string
	Reverse                        bool
	Limit                          int
}

// List walks entries in key order, page by page. Values are the caller's.
// After the loop err says whether it was complete.
func (kv *KV) List(o ListOptions) (entries iter.Seq2[string, []byte], err func() error) {
	var failed error
	return func(yield func(string, []byte) bool) {
		failed = kv.list(o, yield)
	}, func() error { return failed }
}

func (kv *KV) list(o ListOptions, yield func(string, []byte) bool) error {
	if o.Start != "" && o.StartAfter != "" {
		return badArg("list: Start and StartAfter exclude each other")
	}
	if o.Limit < 0 {
		return badArg("list: Limit is %d, expected 0 (none) or more", o.Limit)
	}
	m := abi.KVListRequest{
		Start: o.Start, HasStart: o.Start != "", StartAfter: o.StartAfter, HasStartAfter: o.StartAfter != "",
		End: o.End, HasEnd: o.End != "", Prefix: o.Prefix, Reverse: o.Reverse, Limit: uint32(o.Limit),
	}
	for {
		out, err := kv.in.sync(bridge.KVList, &m)
		if err != nil {
			return err
		}
		var page abi.KVEntries
		if err := page.Decode(bytes.Clone(out)); err != nil {
			return err
		}
		for _, e := range page.Entries {
			if !yield(e.Key, e.Value) {
				return nil
			}
		}
		if !page.More || len(page.Entries) == 0 {
			return nil
		}
		if m.Limit > 0 {
			m.Limit -= uint32(len(page.Entries))
		}
		last := page.Entries[len(page.Entries)-1].Key
		if o.Reverse {
			m.End, m.HasEnd = last, true
		} else {
			m.Start, m.HasStart, m.StartAfter, m.HasStartAfter = "", false, last, true
		}
	}
}

// Get decodes the value under key.
func Get[T any](kv *KV, key string) (v T, ok bool, err error) {
	b, ok, err := kv.look(key)
	if err != nil || !ok {
		return v, false, err
	}
	switch p := any(&v).(type) {
	case *int:
		if n, ok := wholeNumber(b); ok {
			*p = int(n)
			return v, true, nil
		}
	case *int64:
		if n, ok := wholeNumber(b); ok {
			*p = n
			return v, true, nil
		}
	}
	out := new(T)
	if err := decode(bytes.Clone(b), out); err != nil {
		return v, false, fmt.Errorf("kv %q: %w", key, err)
	}
	return *out, true, nil
}

// wholeNumber reads what strconv writes of a number with up to 18 digits; ok
// is false for anything else.
func wholeNumber(b []byte) (n int64, ok bool) {
	digits := b
	if len(b) > 0 && b[0] == '-' {
		digits = b[1:]
	}
	if len(digits) == 0 || len(digits) > 18 {
		return 0, false
	}
	for _, c := range digits {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int64(c-'0')
	}
	if len(digits) < len(b) {
		n = -n
	}
	return n, true
}

// Put encodes v under key.
func Put[T any](kv *KV, key string, v T) error {
	if kv.in.runner == nil { // one thread: the digits may stay where they are until they are sent
		switch p := any(&v).(type) {
		case *int:
			return kv.Put(key, strconv.AppendInt(kv.in.number[:0], int64(*p), 10))
		case *int64:
			return kv.Put(key, strconv.AppendInt(kv.in.number[:0], *p, 10))
		}
	}
	b, err := encodeValue(v)
	if err != nil {
		return fmt.Errorf("kv %q: %w", key, err)
	}
	return kv.Put(key, b)
}

// List decodes entries as it walks them. An entry that cannot be read or
// decoded ends the walk; err says so after the loop.
func List[T any](kv *KV, o ListOptions) (entries iter.Seq2[string, T], err func() error) {
	var failed error
	return func(yield func(string, T) bool) {
		lerr := kv.list(o, func(k string, b []byte) bool {
			var v T
			if failed = decode(b, &v); failed != nil {
				failed = fmt.Errorf("kv %q: %w", k, failed)
				return false
			}
			return yield(k, v)
		})
		if failed == nil {
			failed = lerr
		}
	}, func() error { return failed }
}

// encodeValue is JSON, written without reflection for whole numbers.
func encodeValue(v any) ([]byte, error) {
	switch v := v.(type) {
	case []byte:
		return v, nil
	case int:
		return strconv.AppendInt(nil, int64(v), 10), nil
	case int64:
		return strconv.AppendInt(nil, v, 10), nil
	}
	return json.Marshal(v)
}

// decode reads what encodeValue wrote.
func decode(b []byte, v any) error {
	switch p := v.(type) {
	case *[]byte:
		*p = b
		return nil
	case *int:
		if n, err := strconv.Atoi(string(b)); err == nil {
			*p = n
			return nil
		}
	case *int64:
		if n, err := strconv.ParseInt(string(b), 10, 64); err == nil {
			*p = n
			return nil
		}
	}
	return json.Unmarshal(b, v)
}
