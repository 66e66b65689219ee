package storage

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/cockroachdb/pebble/v2"

	"github.com/holdfast-run/holdfast/runtime/store"
)

// metaKey is the key of an object's record.
func metaKey(namespace uint32, id store.ID) []byte {
	return append(objectPrefix(namespace, id), kindMeta)
}

// loadMeta reads an object's record; a zero meta if there is none.
func (e *Engine) loadMeta(namespace uint32, id store.ID) (meta, error) {
	return loadMeta(e.db, namespace, id)
}

func loadMeta(reader pebble.Reader, namespace uint32, id store.ID) (meta, error) {
	raw, closer, err := reader.Get(metaKey(namespace, id))
	if errors.Is(err, pebble.ErrNotFound) {
		return meta{}, nil
	}
	if err != nil {
		return meta{}, store.Errorf("read object %s: %w", id, err)
	}
	m, err := decodeMeta(raw)
	return m, errors.Join(err, closeRead(closer))
}

func (m *meta) info(ref store.Ref) store.Info {
	ref.Name = m.name
	return store.Info{
		Ref: ref, CreatedAt: fromMs(m.createdMs), LastActive: fromMs(m.lastActiveMs),
		KVBytes: m.kvBytes, SQLBytes: m.sqlBytes(), Alarm: m.alarm, HasAlarm: m.hasAlarm,
	}
}

// Stat reads an object's record without opening the object.
func (e *Engine) Stat(namespace string, id store.ID) (info store.Info, ok bool, err error) {
	ns, ok := e.namespaces.find(namespace)
	if !ok {
		return store.Info{}, false, nil
	}
	err = e.read(func() error {
		m, err := e.loadMeta(ns.number, id)
		info, ok = m.info(store.Ref{Namespace: namespace, ID: id}), m.exists
		return err
	})
	if err != nil || !ok {
		return store.Info{}, false, err
	}
	return info, true, nil
}

// Lookup finds an object by its name.
func (e *Engine) Lookup(namespace, name string) (id store.ID, ok bool, err error) {
	ns, found := e.namespaces.find(namespace)
	if !found || name == "" {
		return store.ID{}, false, nil
	}
	prefix := nameEntry(ns.number, name)
	err = e.read(func() (err error) {
		it, err := e.db.NewIter(&pebble.IterOptions{LowerBound: prefix, UpperBound: successor(prefix)})
		if err != nil {
			return store.Errorf("look up %s/%s: %w", namespace, name, err)
		}
		defer func() { err = errors.Join(err, it.Close()) }()
		if ok = it.First(); ok {
			id = store.ID(it.Key()[len(prefix):])
		}
		return it.Error()
	})
	return id, ok, err
}

// Count is the number of objects of a namespace.
func (e *Engine) Count(namespace string) (count int64, err error) {
	ns, ok := e.namespaces.find(namespace)
	if !ok {
		return 0, nil
	}
	err = e.read(func() error {
		count, _, err = e.number(countKey(ns.number))
		return err
	})
	return count, err
}

// List pages over the registry in (namespace, name, id) order; objects
// without a name come first in their namespace.
func (e *Engine) List(namespace, prefix, cursor string, limit int) (infos []store.Info, next string, err error) {
	names := []string{namespace}
	if namespace == "" {
		names = slices.DeleteFunc(e.namespaces.names(), func(name string) bool {
			return strings.HasPrefix(name, store.ReservedNamespace)
		})
	}
	after, err := decodeListCursor(cursor)
	if err != nil {
		return nil, "", err
	}
	err = e.read(func() error {
		for _, name := range names {
			if name < after.namespace {
				continue
			}
			ns, ok := e.namespaces.find(name)
			if !ok {
				continue
			}
			var key []byte
			if name == after.namespace {
				key = after.key
			}
			if infos, next, err = e.listNamespace(infos, ns, prefix, key, limit); err != nil || next != "" {
				return err
			}
		}
		return nil
	})
	return infos, next, err
}

// listNamespace appends objects to infos until there are limit; next is set
// if there are more.
func (e *Engine) listNamespace(infos []store.Info, ns *namespace, prefix string, after []byte, limit int) (_ []store.Info, next string, err error) {
	lower := appendEscaped(namePrefix(ns.number), prefix)
	upper := successor(lower)
	if from := append(append(namePrefix(ns.number), after...), 0); after != nil && bytes.Compare(from, lower) > 0 {
		lower = from
	}
	it, err := e.db.NewIter(&pebble.IterOptions{LowerBound: lower, UpperBound: upper})
	if err != nil {
		return nil, "", store.Errorf("list %s: %w", ns.name, err)
	}
	defer func() { err = errors.Join(err, it.Close()) }()
	var last []byte
	for ok := it.First(); ok; ok = it.Next() {
		if len(infos) >= limit {
			return infos, encodeListCursor(ns.name, last), nil
		}
		id := store.ID(it.Key()[len(it.Key())-idBytes:])
		m, err := e.loadMeta(ns.number, id)
		if err != nil {
			return nil, "", err
		}
		if last = append(last[:0], it.Key()[1+numberBytes:]...); m.exists {
			infos = append(infos, m.info(store.Ref{Namespace: ns.name, ID: id}))
		}
	}
	return infos, "", it.Error()
}

// listCursor is where a page ended: the namespace and the rest of the name
// index key.
type listCursor struct {
	namespace string
	key       []byte
}

func encodeListCursor(namespace string, key []byte) string {
	return hex.EncodeToString([]byte(namespace)) + "." + hex.EncodeToString(key)
}

func decodeListCursor(cursor string) (listCursor, error) {
	if cursor == "" {
		return listCursor{}, nil
	}
	left, right, _ := strings.Cut(cursor, ".")
	namespace, err := hex.DecodeString(left)
	key, errKey := hex.DecodeString(right)
	if err = errors.Join(err, errKey); err != nil {
		return listCursor{}, fmt.Errorf("storage: list cursor %q is not one of ours: %w", cursor, err)
	}
	return listCursor{namespace: string(namespace), key: key}, nil
}
