package storage

import (
	"bytes"
	"errors"
	"slices"
	"strings"

	"github.com/cockroachdb/pebble/v2"

	"github.com/holdfast-run/holdfast/runtime/store"
)

// List calls fn in byte order of the keys, the turn's own writes merged in,
// until it answers false.
func (o *Object) List(options store.ListOptions, fn func(key string, value []byte) bool) error {
	if err := o.usable(); err != nil {
		return err
	}
	r := keyRange(options)
	if r.empty() {
		return nil
	}
	pending := o.turn.sorted(r, options.Reverse)
	if o.turn.cleared || !o.meta.exists {
		return (&merge{pending: pending, limit: options.Limit, fn: fn}).run()
	}
	lower := bytes.Clone(o.kvKey(r.lower))
	upper := bytes.Clone(o.kvKey(r.upper))
	if !r.bounded {
		upper = successor(o.kvKey(""))
	}
	it, err := o.engine.db.NewIter(&pebble.IterOptions{LowerBound: lower, UpperBound: upper})
	if err != nil {
		return store.Errorf("list: %w", err)
	}
	m := &merge{
		pending: pending, it: it, keyAt: len(o.prefix) + 1,
		reverse: options.Reverse, limit: options.Limit, fn: fn,
	}
	return errors.Join(m.run(), it.Close())
}

// bounds are the keys of a List: lower inclusive, upper exclusive.
type bounds struct {
	lower, upper string
	bounded      bool // upper counts
}

func keyRange(o store.ListOptions) bounds {
	r := bounds{lower: o.Prefix}
	if end := successor([]byte(o.Prefix)); o.Prefix != "" && end != nil {
		r.upper, r.bounded = string(end), true
	}
	if o.HasStart {
		r.lower = max(r.lower, o.Start)
	}
	if o.HasStartAfter {
		r.lower = max(r.lower, o.StartAfter+"\x00")
	}
	if o.HasEnd && (!r.bounded || o.End < r.upper) {
		r.upper, r.bounded = o.End, true
	}
	return r
}

func (r bounds) empty() bool { return r.bounded && r.lower >= r.upper }

func (r bounds) contains(key string) bool {
	return key >= r.lower && (!r.bounded || key < r.upper)
}

// sorted returns the turn's writes within r in the order of the walk.
func (t *turn) sorted(r bounds, reverse bool) []*write {
	var found []*write
	for i := range t.writes {
		if r.contains(t.writes[i].key) {
			found = append(found, &t.writes[i])
		}
	}
	slices.SortFunc(found, func(a, b *write) int {
		if reverse {
			a, b = b, a
		}
		return strings.Compare(a.key, b.key)
	})
	return found
}

// merge walks pending writes and committed entries together; a pending write
// hides the committed entry of its key.
type merge struct {
	pending []*write
	it      *pebble.Iterator // nil: nothing is committed
	keyAt   int              // where the key begins in a Pebble key
	reverse bool
	limit   int
	fn      func(key string, value []byte) bool
}

func (m *merge) run() error {
	ok := m.first()
	for n := 0; ok || len(m.pending) > 0; {
		var key string
		var value []byte
		switch order := m.compare(ok); {
		case order > 0: // the committed entry comes first
			var err error
			if value, err = m.it.ValueAndErr(); err != nil {
				return store.Errorf("list: %w", err)
			}
			key = string(m.it.Key()[m.keyAt:])
		default:
			w := m.pending[0]
			m.pending = m.pending[1:]
			if order == 0 {
				ok = m.next()
			}
			if w.deleted {
				continue
			}
			if n++; !m.fn(w.key, w.value) || n == m.limit {
				return nil
			}
			continue
		}
		if n++; !m.fn(key, value) || n == m.limit {
			return nil
		}
		ok = m.next()
	}
	return m.fault()
}

// compare says which side is next: below 0 pending, above 0 committed, 0 both.
func (m *merge) compare(ok bool) int {
	switch {
	case !ok:
		return -1
	case len(m.pending) == 0:
		return 1
	}
	order := strings.Compare(m.pending[0].key, string(m.it.Key()[m.keyAt:]))
	if m.reverse {
		return -order
	}
	return order
}

func (m *merge) first() bool {
	switch {
	case m.it == nil:
		return false
	case m.reverse:
		return m.it.Last()
	}
	return m.it.First()
}

func (m *merge) next() bool {
	if m.reverse {
		return m.it.Prev()
	}
	return m.it.Next()
}

func (m *merge) fault() error {
	if m.it == nil {
		return nil
	}
	if err := m.it.Error(); err != nil {
		return store.Errorf("list: %w", err)
	}
	return nil
}
