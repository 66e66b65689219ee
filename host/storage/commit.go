package storage

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"

	"github.com/holdfast-run/holdfast/runtime/store"
)

// Commit ends the turn.
//
//  1. SQLite's transaction ends: constraints that were put off may fail here.
//  2. a turn without any change ends here, and touches nothing.
//  3. kv, pages, alarm and the object's record go into one batch.
//  4. the batch is applied; durable follows when it is synced.
//
// An error drops the turn. Where SQLite had committed by then, its cache is
// ahead of Pebble: the database is closed, and opened again when needed.
func (o *Object) Commit(durable func(error)) (bool, error) {
	if err := o.committable(); err != nil {
		return false, errors.Join(err, o.Abort())
	}
	if err := o.finishSQL(); err != nil {
		return false, errors.Join(err, o.Abort())
	}
	if !o.turn.changed(&o.meta) && !o.pagesChanged() {
		return false, o.endTurn()
	}
	next := o.next()
	if !next.exists && !o.meta.exists {
		return false, o.endTurn()
	}
	if limit := o.objectBytesMax(); next.bytes() > limit && next.bytes() > o.meta.bytes() {
		err := fmt.Errorf("commit: the object would hold %d bytes, at most %d are allowed: %w", next.bytes(), limit, store.ErrFull)
		return false, errors.Join(err, o.dropTurn())
	}
	err := o.write(&next, durable, func(batch *pebble.Batch) error { return o.fill(batch, &next) })
	if err != nil {
		return false, errors.Join(err, o.dropTurn())
	}
	o.meta = next
	if o.session != nil {
		o.session.file.settle()
	}
	return true, o.endTurn()
}

// committable says whether the turn may be committed at all.
func (o *Object) committable() error {
	switch {
	case o.closed:
		return store.ErrClosed
	case o.turn.broken != nil:
		return o.turn.broken
	case len(o.turn.marks) > 0:
		return fmt.Errorf("commit: %w", store.ErrInTransaction)
	case !o.Dirty():
		return nil
	}
	return o.engine.writable(o.turn.kvBytes + o.sqlBytes() - o.meta.bytes())
}

func (o *Object) pagesChanged() bool {
	return o.session != nil && o.session.file.changed()
}

// sqlBytes is the size of the SQL database as the turn sees it.
func (o *Object) sqlBytes() int64 {
	switch {
	case o.session != nil:
		return o.session.file.sizeBytes()
	case o.turn.cleared:
		return 0
	}
	return o.meta.sqlBytes()
}

// next is the object's record if the turn commits.
func (o *Object) next() meta {
	m := o.meta
	m.sequence++
	m.lastActiveMs = o.engine.nowMs()
	m.kvBytes = o.turn.kvBytes
	m.alarm, m.hasAlarm, m.restore = o.turn.alarm, o.turn.hasAlarm, o.turn.restore
	m.name = o.ref.Name
	if o.turn.cleared {
		m.pages, m.freePages = 0, 0
	}
	if o.session != nil {
		f := o.session.file
		m.pages, m.pageBytes, m.freePages = f.pages, f.pageBytes, f.freePages(m.freePages)
	}
	m.exists = !m.empty()
	if m.exists && !o.meta.exists {
		m.createdMs = m.lastActiveMs
	}
	return m
}

// write builds a batch that makes next the object's record, and applies it.
func (o *Object) write(next *meta, durable func(error), fill func(*pebble.Batch) error) (err error) {
	if next.exists && !o.meta.exists && next.epoch == o.meta.epoch {
		if next.restore != nil && next.restore.birth != 0 {
			next.epoch = next.restore.birth
		} else if next.epoch, err = o.engine.NextEpoch(); err != nil {
			return err
		}
	}
	if err := o.engine.reserve(o.ns, &o.meta, next); err != nil {
		return err
	}
	batch := o.engine.db.NewBatch(
		pebble.WithInitialSizeBytes(batchInitialBytes), pebble.WithMaxRetainedSizeBytes(batchRetainedBytesMax))
	err = fill(batch)
	if err == nil {
		err = o.engine.room(batch)
	}
	if err == nil && next.hasAlarm && (!o.meta.hasAlarm || o.meta.alarm != next.alarm) {
		if err = o.engine.watermark.enter(batch, next.alarm.DueMs); err == nil {
			defer o.engine.watermark.leave(next.alarm.DueMs)
		}
	}
	if err != nil {
		o.engine.giveBack(o.ns, &o.meta, next)
		return errors.Join(err, batch.Close())
	}
	if err := o.engine.apply(batch, durable); err != nil {
		o.engine.giveBack(o.ns, &o.meta, next)
		return err
	}
	o.ns.stored.Store(true)
	return nil
}

// fill puts the turn into the batch. What is dropped comes before what is
// set: later operations of a batch win.
func (o *Object) fill(batch *pebble.Batch, next *meta) error {
	if o.turn.cleared {
		if err := o.fillCleared(batch); err != nil {
			return err
		}
	}
	for i := range o.turn.writes {
		w := &o.turn.writes[i]
		var err error
		switch {
		case !w.deleted:
			err = batch.Set(o.kvKey(w.key), w.value, nil)
		case w.found >= 0:
			err = batch.Delete(o.kvKey(w.key), nil)
		}
		if err != nil {
			return store.Errorf("batch %q: %w", w.key, err)
		}
	}
	if o.session != nil {
		if err := o.session.file.fill(batch); err != nil {
			return err
		}
	}
	if err := o.fillAlarm(batch, next); err != nil {
		return err
	}
	if err := o.fillRegistry(batch, next); err != nil {
		return err
	}
	if batch.Len() > o.engine.cfg.TurnBytesMax {
		return fmt.Errorf("turn of %d bytes: %w", batch.Len(), store.ErrTooLarge)
	}
	return o.record(batch, next)
}

// fillCleared deletes the committed kv and pages: one by one where they are
// few, so that an object that often starts afresh leaves no range tombstones.
func (o *Object) fillCleared(batch *pebble.Batch) (err error) {
	kv := bytes.Clone(o.kvKey(""))
	it, err := o.engine.db.NewIter(&pebble.IterOptions{LowerBound: kv, UpperBound: successor(kv)})
	if err != nil {
		return store.Errorf("delete all: %w", err)
	}
	defer func() { err = errors.Join(err, it.Close()) }()
	deleted := 0
	for ok := it.First(); ok; ok = it.Next() {
		if deleted++; deleted > pointDeletesMax {
			if err := batch.DeleteRange(kv, successor(kv), nil); err != nil {
				return store.Errorf("delete all: %w", err)
			}
			break
		}
		if err := batch.Delete(it.Key(), nil); err != nil {
			return store.Errorf("delete all: %w", err)
		}
	}
	return errors.Join(it.Error(), deletePages(batch, o.prefix, 1, o.meta.pages))
}

func (o *Object) fillAlarm(batch *pebble.Batch, next *meta) error {
	if o.meta.hasAlarm == next.hasAlarm && o.meta.alarm == next.alarm && o.meta.name == next.name {
		return nil
	}
	if o.meta.hasAlarm {
		if err := batch.Delete(alarmKey(o.meta.alarm.DueMs, o.ns.number, o.ref.ID), nil); err != nil {
			return store.Errorf("batch alarm: %w", err)
		}
	}
	if !next.hasAlarm {
		return nil
	}
	value := append(appendAlarm(o.scratch[:0], next.alarm), next.name...)
	o.scratch = value
	if err := batch.Set(alarmKey(next.alarm.DueMs, o.ns.number, o.ref.ID), value, nil); err != nil {
		return store.Errorf("batch alarm: %w", err)
	}
	return nil
}

// fillRegistry writes the object's record, and with its first batch and its
// last the index of names and the count.
func (o *Object) fillRegistry(batch *pebble.Batch, next *meta) error {
	var errs [7]error
	before := o.meta.exists
	if before && (!next.exists || o.meta.name != next.name) {
		errs[0] = batch.Delete(nameKey(o.ns.number, o.meta.name, o.ref.ID), nil)
	}
	if next.exists && (!before || o.meta.name != next.name) {
		errs[1] = batch.Set(nameKey(o.ns.number, next.name, o.ref.ID), nil, nil)
	}
	if before != next.exists {
		delta := int64(1)
		if before {
			delta = -1
		}
		errs[2] = batch.Merge(countKey(o.ns.number), appendInt(nil, delta), nil)
	}
	if delta := next.bytes() - o.meta.bytes(); delta != 0 {
		errs[6] = batch.Merge(usageKey(o.ns.number), appendInt(nil, delta), nil)
	}
	if !o.ns.stored.Load() {
		errs[3] = o.ns.store(batch)
	}
	o.key = append(append(o.key[:0], o.prefix...), kindMeta)
	if next.exists {
		o.scratch = next.append(o.scratch[:0])
		errs[4] = batch.Set(o.key, o.scratch, nil)
	} else {
		errs[5] = batch.Delete(o.key, nil)
	}
	if err := errors.Join(errs[:]...); err != nil {
		return store.Errorf("batch registry: %w", err)
	}
	return nil
}

// renew begins a turn.
func (o *Object) renew() {
	o.turn.reset(&o.meta)
	o.limit.renew()
}

// endTurn begins the next turn after a commit.
func (o *Object) endTurn() error {
	err := o.releaseSQL()
	o.renew()
	return err
}

// dropTurn ends the turn after SQLite has committed what Pebble did not get.
func (o *Object) dropTurn() error {
	err := o.discardSQL()
	o.renew()
	return err
}

// Abort ends the turn and drops its changes.
func (o *Object) Abort() error {
	if o.closed {
		return nil
	}
	err := o.rollbackSQL()
	o.renew()
	return err
}

// Begin opens an explicit transaction inside the turn.
func (o *Object) Begin() error {
	if err := o.usable(); err != nil {
		return err
	}
	if len(o.turn.marks) >= store.SavepointsMax {
		return store.ErrTooDeep
	}
	if err := o.savepoint(); err != nil {
		return err
	}
	o.turn.begin()
	return nil
}

// Release keeps what was done since the last Begin.
func (o *Object) Release() error {
	if err := o.inTransaction(); err != nil {
		return err
	}
	if err := o.releaseSavepoint(); err != nil {
		return err
	}
	o.turn.release()
	return nil
}

// Rollback drops what was done since the last Begin.
func (o *Object) Rollback() error {
	if err := o.inTransaction(); err != nil {
		return err
	}
	if err := o.rollbackSavepoint(); err != nil {
		return err
	}
	o.turn.rollback()
	return nil
}

func (o *Object) inTransaction() error {
	if err := o.usable(); err != nil {
		return err
	}
	if len(o.turn.marks) == 0 {
		return store.ErrNoTransaction
	}
	return nil
}
