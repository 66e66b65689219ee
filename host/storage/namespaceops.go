package storage

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"

	"github.com/holdfast-run/holdfast/runtime/store"
)

// Origin is the name that ids of a namespace's objects are made with: its
// own, unless it has been renamed.
func (e *Engine) Origin(namespace string) string {
	if ns, ok := e.namespaces.find(namespace); ok {
		return ns.origin
	}
	return namespace
}

// Namespaces lists all namespaces, the host's own too.
func (e *Engine) Namespaces() []string { return e.namespaces.names() }

// RenameNamespace gives a namespace another name. No data is moved and ids
// stay what they are. It is durable on return. store.ErrOpen while objects of
// either are open, or where the new name has objects already.
func (e *Engine) RenameNamespace(from, to string) error {
	old, target := e.namespaces.intern(from), e.namespaces.intern(to)
	if from == to {
		return nil
	}
	if target.objects.Load() > 0 || e.anyOpen(target.number) || e.anyOpen(old.number) {
		return fmt.Errorf("storage: rename %s to %s, which has objects, or open ones: %w", from, to, store.ErrOpen)
	}
	renamed := &namespace{name: to, number: old.number, origin: old.origin}
	err := e.writeAlways(func(batch *pebble.Batch) error {
		return errors.Join(batch.Delete(old.key(), nil), renamed.store(batch))
	})
	if err != nil {
		return err
	}
	renamed.stored.Store(true)
	renamed.objects.Store(old.objects.Load())
	renamed.bytes.Store(old.bytes.Load())
	renamed.keepMs.Store(old.keepMs.Load())
	renamed.sinceMs.Store(old.sinceMs.Load())
	n := &e.namespaces
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.byName, from)
	delete(n.byNumber, target.number)
	n.byName[to], n.byNumber[renamed.number] = renamed, renamed
	return nil
}

func (e *Engine) anyOpen(number uint32) bool {
	e.opened.mu.Lock()
	defer e.opened.mu.Unlock()
	for key := range e.opened.set {
		if key.namespace == number {
			return true
		}
	}
	return false
}

// DeleteNamespace erases a namespace with all its objects, their alarms,
// histories and dead alarms. It is durable on return. store.ErrOpen while an
// object of it is open.
func (e *Engine) DeleteNamespace(name string) error {
	ns, ok := e.namespaces.find(name)
	if !ok {
		return nil
	}
	if e.anyOpen(ns.number) {
		return fmt.Errorf("storage: delete %s: %w", name, store.ErrOpen)
	}
	if err := e.deleteAlarmsOf(ns); err != nil {
		return err
	}
	if err := e.deleteDeadOf(name); err != nil {
		return err
	}
	err := e.writeAlways(func(batch *pebble.Batch) error {
		errs := []error{
			batch.Delete(ns.key(), nil), batch.Delete(countKey(ns.number), nil),
			batch.Delete(usageKey(ns.number), nil), batch.Delete(timeKey(ns.number), nil),
		}
		for _, family := range []byte{familyObject, familyHistory, familyName} {
			prefix := binary.BigEndian.AppendUint32([]byte{family}, ns.number)
			errs = append(errs, batch.DeleteRange(prefix, successor(prefix), nil))
		}
		return errors.Join(errs...)
	})
	if err != nil {
		return err
	}
	e.bytes.Add(-ns.bytes.Load())
	n := &e.namespaces
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.byName, name)
	delete(n.byNumber, ns.number)
	return nil
}

// deleteBatch is how many keys one batch of a large deletion holds.
const deleteBatch = 10_000

// deleteAlarmsOf empties the alarm index of a namespace, whose objects are
// about to go: the index is ordered by time.
func (e *Engine) deleteAlarmsOf(ns *namespace) error {
	lower := []byte{familyAlarm}
	for lower != nil {
		var keys [][]byte
		err := e.read(func() (err error) {
			it, err := e.db.NewIter(&pebble.IterOptions{LowerBound: lower, UpperBound: []byte{familyAlarm + 1}})
			if err != nil {
				return store.Errorf("read alarms: %w", err)
			}
			defer func() { err = errors.Join(err, it.Close()) }()
			lower = nil
			for ok := it.First(); ok; ok = it.Next() {
				if len(keys) == deleteBatch {
					lower = append([]byte(nil), it.Key()...)
					break
				}
				if len(it.Key()) == alarmKeyBytes && binary.BigEndian.Uint32(it.Key()[9:]) == ns.number {
					keys = append(keys, append([]byte(nil), it.Key()...))
				}
			}
			return it.Error()
		})
		if err != nil {
			return err
		}
		if err := e.deleteKeys(keys); err != nil {
			return err
		}
	}
	return nil
}

func (e *Engine) deleteKeys(keys [][]byte) error {
	if len(keys) == 0 {
		return nil
	}
	return e.writeAlways(func(batch *pebble.Batch) error {
		for _, key := range keys {
			if err := batch.Delete(key, nil); err != nil {
				return err
			}
		}
		return nil
	})
}

func (e *Engine) deleteDeadOf(namespace string) error {
	cursor := ""
	for {
		dead, next, err := e.DeadAlarms(cursor, deleteBatch)
		if err != nil {
			return err
		}
		var keys [][]byte
		for _, d := range dead {
			if d.Ref.Namespace != namespace {
				continue
			}
			key, err := deadKey(d.Key)
			if err != nil {
				return err
			}
			keys = append(keys, key)
		}
		if err := e.deleteKeys(keys); err != nil || next == "" {
			return err
		}
		cursor = next
	}
}
