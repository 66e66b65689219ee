package storage

import (
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"

	"github.com/holdfast-run/holdfast/runtime/store"
)

// Delete erases everything of an object that is not open, its history and its
// place in the registry too; it is durable on return. An object that does not exist is no
// error.
func (e *Engine) Delete(ref store.Ref) error {
	ns, ok := e.namespaces.find(ref.Namespace)
	if !ok {
		return nil
	}
	key := objectKey{ns.number, ref.ID}
	if err := e.claim(key); err != nil {
		return fmt.Errorf("storage: delete %s/%s: %w", ref.Namespace, ref.ID, err)
	}
	defer e.release(key)
	var m meta
	var past bool
	err := e.read(func() (err error) {
		if m, err = e.loadMeta(ns.number, ref.ID); err != nil || m.exists {
			return err
		}
		_, past, err = timeline{reader: e.db, prefix: historyPrefix(ns.number, ref.ID)}.last()
		return err
	})
	if err != nil || !m.exists && !past {
		return err
	}
	err = e.writeAlways(func(batch *pebble.Batch) error {
		data, history := objectPrefix(ns.number, ref.ID), historyPrefix(ns.number, ref.ID)
		errs := []error{
			batch.DeleteRange(data, successor(data), nil),
			batch.DeleteRange(history, successor(history), nil),
		}
		if m.exists {
			errs = append(errs, batch.Delete(nameKey(ns.number, m.name, ref.ID), nil),
				batch.Merge(countKey(ns.number), appendInt(nil, -1), nil),
				batch.Merge(usageKey(ns.number), appendInt(nil, -m.bytes()), nil))
		}
		if m.hasAlarm {
			errs = append(errs, batch.Delete(alarmKey(m.alarm.DueMs, ns.number, ref.ID), nil))
		}
		return errors.Join(errs...)
	})
	if err == nil && m.exists {
		e.count(ns, -1, -m.bytes())
	}
	return err
}
