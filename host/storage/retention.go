package storage

import (
	"encoding/binary"
	"errors"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"github.com/holdfast-run/holdfast/runtime/store"
)

// HistoryMax is the longest time that a history is kept.
const HistoryMax = 10 * 365 * 24 * time.Hour

// SetHistory says for how long the history of a namespace's objects is kept;
// 0 keeps none and forgets what there is. It is durable on return. Turns that
// are being committed may still go by what held before.
func (e *Engine) SetHistory(namespace string, keep time.Duration) error {
	ns := e.namespaces.intern(namespace)
	keepMs := min(keep, HistoryMax).Milliseconds()
	before := ns.keepMs.Load()
	if keepMs == before || keepMs < 0 {
		return nil
	}
	since := ns.sinceMs.Load()
	if before == 0 && ns.objects.Load() > 0 {
		since = e.nowMs()
	}
	err := e.writeAlways(func(batch *pebble.Batch) error {
		if keepMs == 0 {
			prefix := binary.BigEndian.AppendUint32([]byte{familyHistory}, ns.number)
			return errors.Join(batch.Delete(timeKey(ns.number), nil), batch.DeleteRange(prefix, successor(prefix), nil))
		}
		return errors.Join(ns.store(batch), batch.Set(timeKey(ns.number), appendInt(appendInt(nil, keepMs), since), nil))
	})
	if err != nil {
		return err
	}
	ns.sinceMs.Store(since)
	ns.keepMs.Store(keepMs)
	if keepMs > 0 {
		ns.stored.Store(true)
	}
	return nil
}

// History is for how long the history of a namespace is kept.
func (e *Engine) History(namespace string) time.Duration {
	ns, ok := e.namespaces.find(namespace)
	if !ok {
		return 0
	}
	return time.Duration(ns.keepMs.Load()) * time.Millisecond
}

// trimBatchObjects is how many objects one batch of SweepHistory trims.
const trimBatchObjects = 1000

// SweepHistory drops what is older than the histories are kept. Host and
// objects go on meanwhile.
func (e *Engine) SweepHistory() error {
	for _, name := range e.namespaces.names() {
		ns, ok := e.namespaces.find(name)
		if !ok || ns.keepMs.Load() == 0 {
			continue
		}
		from := binary.BigEndian.AppendUint32([]byte{familyHistory}, ns.number)
		for from != nil {
			var ranges [][2][]byte
			err := e.read(func() (err error) {
				ranges, from, err = e.expired(ns, from)
				return err
			})
			if err != nil {
				return err
			}
			if err := e.dropRanges(ranges); err != nil {
				return err
			}
		}
	}
	return nil
}

func (e *Engine) dropRanges(ranges [][2][]byte) error {
	if len(ranges) == 0 {
		return nil
	}
	return e.writeAlways(func(batch *pebble.Batch) error {
		for _, r := range ranges {
			if err := batch.DeleteRange(r[0], r[1], nil); err != nil {
				return store.Errorf("drop history: %w", err)
			}
		}
		return nil
	})
}

// expired finds what is too old in the histories of some objects; next is
// where the search goes on, nil at the end.
func (e *Engine) expired(ns *namespace, from []byte) (ranges [][2][]byte, next []byte, err error) {
	upper := successor(binary.BigEndian.AppendUint32([]byte{familyHistory}, ns.number))
	it, err := e.db.NewIter(&pebble.IterOptions{LowerBound: from, UpperBound: upper})
	if err != nil {
		return nil, nil, store.Errorf("sweep history: %w", err)
	}
	defer func() { err = errors.Join(err, it.Close()) }()
	horizon := e.horizon(ns)
	objects := 0
	for ok := it.First(); ok; {
		first := append([]byte(nil), it.Key()...)
		object := successor(first[:prefixBytes])
		if objects++; objects > trimBatchObjects {
			return ranges, first, nil
		}
		for ok {
			_, ms, err := historyPlace(it.Key())
			if err != nil {
				return nil, nil, err
			}
			if ms >= horizon || string(it.Key()[:prefixBytes]) != string(first[:prefixBytes]) {
				break
			}
			ok = it.Next()
		}
		end := object
		if ok && string(it.Key()[:prefixBytes]) == string(first[:prefixBytes]) {
			end = append([]byte(nil), it.Key()...)
		}
		if string(end) != string(first) {
			ranges = append(ranges, [2][]byte{first, end})
		}
		ok = it.SeekGE(object)
	}
	return ranges, nil, it.Error()
}
