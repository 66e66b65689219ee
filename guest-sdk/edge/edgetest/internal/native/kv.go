package native

import (
	"bytes"
	"maps"
	"slices"
	"strings"

	"github.com/holdfast-run/holdfast/guest-sdk/abi"
)

func checkKey(key string) error {
	switch {
	case key == "":
		return refuse(abi.Invalid, "key is empty")
	case len(key) > keyBytesMax:
		return refuse(abi.TooLarge, "key or value over its limit")
	}
	return nil
}

func checkCount(n int) error {
	if n > keysPerCallMax {
		return refuse(abi.Invalid, "more than 128 keys in one call")
	}
	return nil
}

func kvGet(o *object, m *abi.KeyRequest) (message, error) {
	if err := checkKey(m.Key); err != nil {
		return nil, err
	}
	v, ok := o.store.kv[m.Key]
	if !ok {
		return nil, refuse(abi.NotFound, "no value under this key")
	}
	return raw(v), nil
}

func kvGetMany(o *object, m *abi.KeysRequest) (message, error) {
	if err := checkCount(len(m.Keys)); err != nil {
		return nil, err
	}
	slices.Sort(m.Keys)
	out := &abi.KVEntries{}
	for _, k := range slices.Compact(m.Keys) {
		if err := checkKey(k); err != nil {
			return nil, err
		}
		if v, ok := o.store.kv[k]; ok {
			out.Entries = append(out.Entries, abi.KVEntry{Key: k, Value: v})
		}
	}
	return out, nil
}

func kvPut(o *object, m *abi.KVEntries) error {
	if err := checkCount(len(m.Entries)); err != nil {
		return err
	}
	for _, e := range m.Entries {
		if err := checkKey(e.Key); err != nil {
			return err
		}
		if len(e.Key)+len(e.Value) > keyValueBytesMax {
			return refuse(abi.TooLarge, "key or value over its limit")
		}
		o.store.set(e.Key, append([]byte{}, e.Value...))
	}
	return nil
}

func kvDelete(o *object, m *abi.KeysRequest) (message, error) {
	if err := checkCount(len(m.Keys)); err != nil {
		return nil, err
	}
	n := &abi.Count{}
	for _, k := range m.Keys {
		if err := checkKey(k); err != nil {
			return nil, err
		}
		if _, ok := o.store.kv[k]; ok {
			o.store.set(k, nil)
			n.Count++
		}
	}
	return n, nil
}

func kvList(o *object, m *abi.KVListRequest) (message, error) {
	if m.HasStart && m.HasStartAfter {
		return nil, refuse(abi.Invalid, "kv_list: start and startAfter exclude each other")
	}
	keys := slices.Sorted(maps.Keys(o.store.kv))
	if m.Reverse {
		slices.Reverse(keys)
	}
	page := &abi.KVEntries{}
	size := 0
	for _, k := range keys {
		if m.HasStart && k < m.Start || m.HasStartAfter && k <= m.StartAfter || m.HasEnd && k >= m.End || !strings.HasPrefix(k, m.Prefix) {
			continue
		}
		if size >= abi.PageBytes {
			page.More = true
			break
		}
		v := o.store.kv[k]
		size += len(k) + len(v)
		page.Entries = append(page.Entries, abi.KVEntry{Key: k, Value: v})
		if m.Limit > 0 && len(page.Entries) == int(m.Limit) {
			break
		}
	}
	return page, nil
}

// KV is what an object has under its keys.
func (o *object) kvCopy() map[string][]byte {
	out := map[string][]byte{}
	for k, v := range o.store.kv {
		out[k] = bytes.Clone(v)
	}
	return out
}
