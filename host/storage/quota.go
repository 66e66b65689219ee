package storage

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"

	"github.com/holdfast-run/holdfast/runtime/store"
)

// Quota bounds the objects of a namespace; 0 is no bound of its own. What is
// over a bound already stays, and may only shrink.
type Quota struct {
	ObjectBytes int64 // kv + SQL of one object; the engine's ObjectBytesMax holds besides
	Bytes       int64 // of all its objects
	Objects     int64
}

// SetQuota bounds a namespace from now on. It is not stored.
func (e *Engine) SetQuota(namespace string, q Quota) {
	e.namespaces.intern(namespace).quota.Store(&q)
}

// Usage is how many objects a namespace has, and their bytes.
func (e *Engine) Usage(namespace string) (objects, bytes int64) {
	ns, ok := e.namespaces.find(namespace)
	if !ok {
		return 0, 0
	}
	return ns.objects.Load(), ns.bytes.Load()
}

// Bytes are those of all objects.
func (e *Engine) Bytes() int64 { return e.bytes.Load() }

// objectBytesMax bounds the object.
func (o *Object) objectBytesMax() int64 {
	limit := o.engine.cfg.ObjectBytesMax
	if q := o.ns.quota.Load(); q != nil && q.ObjectBytes > 0 {
		limit = min(limit, q.ObjectBytes)
	}
	return limit
}

// reserve counts the change of an object from one record to the next, unless
// a quota forbids it.
func (e *Engine) reserve(ns *namespace, before, next *meta) error {
	bytes := next.bytes() - before.bytes()
	objects := int64(0)
	switch {
	case next.exists && !before.exists:
		objects = 1
	case before.exists && !next.exists:
		objects = -1
	}
	if bytes == 0 && objects == 0 {
		return nil
	}
	nsObjects, nsBytes, all := ns.objects.Add(objects), ns.bytes.Add(bytes), e.bytes.Add(bytes)
	var q Quota
	if p := ns.quota.Load(); p != nil {
		q = *p
	}
	var err error
	switch {
	case objects > 0 && q.Objects > 0 && nsObjects > q.Objects:
		err = fmt.Errorf("%s has %d objects, its quota: %w", ns.name, q.Objects, store.ErrFull)
	case bytes > 0 && q.Bytes > 0 && nsBytes > q.Bytes:
		err = fmt.Errorf("%s would hold %d bytes, its quota is %d: %w", ns.name, nsBytes, q.Bytes, store.ErrFull)
	case bytes > 0 && e.cfg.HostBytesMax > 0 && all > e.cfg.HostBytesMax:
		err = fmt.Errorf("the host would hold %d bytes, its quota is %d: %w", all, e.cfg.HostBytesMax, store.ErrFull)
	}
	if err != nil {
		e.count(ns, -objects, -bytes)
	}
	return err
}

// giveBack takes back what reserve has counted.
func (e *Engine) giveBack(ns *namespace, before, next *meta) {
	objects := int64(0)
	switch {
	case next.exists && !before.exists:
		objects = -1
	case before.exists && !next.exists:
		objects = 1
	}
	e.count(ns, objects, before.bytes()-next.bytes())
}

func (e *Engine) count(ns *namespace, objects, bytes int64) {
	ns.objects.Add(objects)
	ns.bytes.Add(bytes)
	e.bytes.Add(bytes)
}

// loadUsage reads what the namespaces hold, and how their history is kept.
func (e *Engine) loadUsage() error {
	for _, name := range e.namespaces.names() {
		ns, _ := e.namespaces.find(name)
		objects, _, errObjects := e.number(countKey(ns.number))
		bytes, _, errBytes := e.number(usageKey(ns.number))
		history, _, errHistory := e.get(timeKey(ns.number))
		if err := errors.Join(errObjects, errBytes, errHistory); err != nil {
			return err
		}
		e.count(ns, objects, bytes)
		if len(history) == 16 {
			ns.keepMs.Store(int64(binary.BigEndian.Uint64(history)))
			ns.sinceMs.Store(int64(binary.BigEndian.Uint64(history[8:])))
		}
	}
	return nil
}

// number reads a merged counter.
func (e *Engine) number(key []byte) (n int64, ok bool, err error) {
	value, ok, err := e.get(key)
	if len(value) == 8 {
		n = int64(binary.BigEndian.Uint64(value))
	}
	return n, ok, err
}

// recount sums up the sizes of all objects: a data directory of format 1 has
// no such sums.
func (e *Engine) recount() error {
	sums := map[uint32]int64{}
	it, err := e.db.NewIter(&pebble.IterOptions{LowerBound: []byte{familyObject}, UpperBound: []byte{familyObject + 1}})
	if err != nil {
		return store.Errorf("count: %w", err)
	}
	for ok := it.First(); ok; {
		prefix := append([]byte(nil), it.Key()[:prefixBytes]...)
		if it.SeekGE(append(prefix, kindMeta)) && len(it.Key()) == prefixBytes+1 && it.Key()[prefixBytes] == kindMeta {
			m, err := decodeMeta(it.Value())
			if err != nil {
				return errors.Join(err, it.Close())
			}
			sums[binary.BigEndian.Uint32(it.Key()[1:])] += m.bytes()
		}
		if !it.Valid() {
			break
		}
		ok = it.SeekGE(successor(it.Key()[:prefixBytes]))
	}
	if err := errors.Join(it.Error(), it.Close()); err != nil {
		return store.Errorf("count: %w", err)
	}
	return e.writeAlways(func(batch *pebble.Batch) error {
		for number, bytes := range sums {
			if err := batch.Set(usageKey(number), appendInt(nil, bytes), nil); err != nil {
				return err
			}
		}
		return batch.Set(keyVersion, binary.BigEndian.AppendUint32(nil, formatVersion), nil)
	})
}
