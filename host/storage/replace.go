package storage

import (
	"errors"

	"github.com/cockroachdb/pebble/v2"

	"github.com/holdfast-run/holdfast/runtime/store"
)

// copyBytesMax bounds what one restore, clone or import of an object may
// write: it is one batch.
const copyBytesMax = 512 << 20

// replace makes s the object's state, as one commit under a new epoch. The
// turn must be clean and no database open.
func (o *Object) replace(s *state, epoch uint64, durable func(error)) (bool, error) {
	next := s.meta
	next.name, next.epoch, next.sequence = o.ref.Name, epoch, o.meta.sequence+1
	next.lastActiveMs = o.engine.nowMs()
	next.exists = !next.empty()
	switch {
	case o.meta.exists:
		next.createdMs = o.meta.createdMs
	case next.createdMs == 0 || s.whole:
		next.createdMs = next.lastActiveMs
	}
	if !next.exists && !o.meta.exists {
		return false, nil
	}
	if err := o.engine.writable(next.bytes() - o.meta.bytes()); err != nil {
		return false, err
	}
	err := o.write(&next, durable, func(batch *pebble.Batch) error { return o.fillState(batch, s, &next) })
	if err != nil {
		return false, err
	}
	o.meta = next
	o.renew()
	return true, nil
}

// fillState puts a state into the batch, and what it replaces into the
// history.
func (o *Object) fillState(batch *pebble.Batch, s *state, next *meta) error {
	var r *recorder
	if o.ns.keepMs.Load() != 0 {
		r = newRecorder(&o.meta)
	}
	if s.whole {
		if r != nil {
			if err := o.recordAll(r); err != nil {
				return err
			}
		}
		if err := o.fillCleared(batch); err != nil {
			return err
		}
	}
	for i := range s.changes {
		c := &s.changes[i]
		if r != nil {
			if err := o.recordKey(r, c.kind, c.key, !s.whole); err != nil {
				return err
			}
		}
		o.key = append(append(append(o.key[:0], o.prefix...), c.kind), c.key...)
		var err error
		switch {
		case c.found:
			err = batch.Set(o.key, c.value, nil)
		case !s.whole:
			err = batch.Delete(o.key, nil)
		}
		if err != nil {
			return store.Errorf("batch state: %w", err)
		}
	}
	if err := errors.Join(o.fillAlarm(batch, next), o.fillRegistry(batch, next)); err != nil || r == nil {
		return err
	}
	return o.writeRecord(batch, r, next)
}
