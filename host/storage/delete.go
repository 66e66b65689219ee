package storage

import (
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"

	"github.com/holdfast-run/holdfast/runtime/store"
)

// Delete erases everything of an object that is not open, also its place in
// the registry; it is durable on return. An object that does not exist is no
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
	err := e.read(func() (err error) {
		m, err = e.loadMeta(ns.number, ref.ID)
		return err
	})
	if err != nil || !m.exists {
		return err
	}
	return e.write(func(batch *pebble.Batch) error {
		prefix := objectPrefix(ns.number, ref.ID)
		errs := []error{
			batch.DeleteRange(prefix, successor(prefix), nil),
			batch.Delete(nameKey(ns.number, m.name, ref.ID), nil),
			batch.Merge(countKey(ns.number), appendInt(nil, -1), nil),
		}
		if m.hasAlarm {
			errs = append(errs, batch.Delete(alarmKey(m.alarm.DueMs, ns.number, ref.ID), nil))
		}
		return errors.Join(errs...)
	})
}
