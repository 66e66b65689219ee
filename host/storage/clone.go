package storage

import (
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"

	"github.com/holdfast-run/holdfast/runtime/store"
)

// CopyFrom makes the object what source is, or was at a bookmark of source
// ("": now), as a commit of its own: kv, SQL and alarm together. The source
// may be open and at work; what it has committed counts. What the object
// held is gone, but for its history. The turn must be clean.
func (o *Object) CopyFrom(source store.Ref, mark string, durable func(error)) (bool, error) {
	if err := o.usable(); err != nil {
		return false, err
	}
	if o.Dirty() {
		return false, errors.New("storage: copy inside a turn")
	}
	s, err := o.engine.stateOf(source, mark)
	if err != nil {
		return false, fmt.Errorf("copy %s/%s: %w", source.Namespace, source.ID, err)
	}
	return o.adopt(s, durable)
}

// adopt makes a whole state the object's.
func (o *Object) adopt(s *state, durable func(error)) (bool, error) {
	if limit := o.objectBytesMax(); s.meta.kvBytes+s.meta.sqlBytes() > limit {
		return false, fmt.Errorf("%d bytes, an object may hold %d: %w", s.meta.kvBytes+s.meta.sqlBytes(), limit, store.ErrFull)
	}
	epoch, err := o.engine.NextEpoch()
	if err != nil {
		return false, err
	}
	if err := o.discardSQL(); err != nil {
		return false, err
	}
	s.meta.restore = nil
	return o.replace(s, epoch, durable)
}

// stateOf reads a whole object, now or as it was.
func (e *Engine) stateOf(ref store.Ref, mark string) (s *state, err error) {
	ns, ok := e.namespaces.find(ref.Namespace)
	if !ok {
		return nil, store.ErrNotFound
	}
	err = e.read(func() (err error) {
		snapshot := e.db.NewSnapshot()
		defer func() { err = errors.Join(err, snapshot.Close()) }()
		s, err = e.stateIn(snapshot, ns.number, ref.ID, mark)
		return err
	})
	return s, err
}

func (e *Engine) stateIn(reader pebble.Reader, namespace uint32, id store.ID, mark string) (*state, error) {
	now, err := loadMeta(reader, namespace, id)
	if err != nil {
		return nil, err
	}
	t := timeline{reader, historyPrefix(namespace, id), objectPrefix(namespace, id)}
	if !now.exists {
		at, ok, err := t.last()
		if err != nil || !ok || mark == "" {
			return nil, errors.Join(err, store.ErrNotFound)
		}
		now.epoch, now.sequence = at.epoch, at.sequence
	}
	past := &state{meta: now}
	if mark != "" {
		target, err := parseBookmark(mark)
		if err != nil {
			return nil, err
		}
		if now.bookmark().before(target) {
			return nil, fmt.Errorf("%q is in the future: %w", mark, store.ErrBookmark)
		}
		if past, err = t.state(now, target); err != nil {
			return nil, err
		}
	}
	if past.meta.kvBytes+past.meta.sqlBytes() > copyBytesMax {
		return nil, fmt.Errorf("an object of %d bytes, at most %d MiB are copied: %w",
			past.meta.kvBytes+past.meta.sqlBytes(), copyBytesMax>>20, store.ErrTooLarge)
	}
	return past, past.complete(reader, t.object)
}

// complete adds what has not changed since, so that s is whole.
func (s *state) complete(reader pebble.Reader, object []byte) error {
	changed := make(map[string]struct{}, len(s.changes))
	kept := s.changes[:0]
	for _, c := range s.changes {
		changed[string(c.kind)+string(c.key)] = struct{}{}
		if c.found {
			kept = append(kept, c)
		}
	}
	s.changes, s.whole = kept, true
	return eachData(reader, object, func(kind byte, key, value []byte) bool {
		k := string(kind) + string(key)
		if _, ok := changed[k]; !ok {
			s.changes = append(s.changes, change{kind, []byte(k[1:]), append([]byte(nil), value...), true})
		}
		return true
	})
}

// BookmarkForTime is Object.BookmarkForTime of an object that need not be
// open.
func (e *Engine) BookmarkForTime(ref store.Ref, ms int64) (mark string, err error) {
	err = e.past(ref, func(ns *namespace, t timeline, now bookmark) error {
		if ns.keepMs.Load() == 0 {
			return fmt.Errorf("no history is kept of %s: %w", ns.name, store.ErrNoHistory)
		}
		at, err := t.at(ms, now, e.horizon(ns))
		mark = at.String()
		return err
	})
	return mark, err
}

// BookmarkNow is Object.Bookmark of an object that need not be open.
func (e *Engine) BookmarkNow(ref store.Ref) (mark string, err error) {
	err = e.past(ref, func(_ *namespace, _ timeline, now bookmark) error {
		mark = now.String()
		return nil
	})
	return mark, err
}

// past calls fn with the history of an object that exists or has one.
func (e *Engine) past(ref store.Ref, fn func(ns *namespace, t timeline, now bookmark) error) error {
	ns, ok := e.namespaces.find(ref.Namespace)
	if !ok {
		return store.ErrNotFound
	}
	return e.read(func() error {
		now, err := loadMeta(e.db, ns.number, ref.ID)
		if err != nil {
			return err
		}
		t := timeline{e.db, historyPrefix(ns.number, ref.ID), objectPrefix(ns.number, ref.ID)}
		at := now.bookmark()
		if !now.exists {
			if at, ok, err = t.last(); err != nil || !ok {
				return errors.Join(err, store.ErrNotFound)
			}
		}
		return fn(ns, t, at)
	})
}
