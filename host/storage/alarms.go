package storage

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"sync"

	"github.com/cockroachdb/pebble/v2"

	"github.com/holdfast-run/holdfast/runtime/store"
)

const alarmKeyBytes = 1 + 8 + numberBytes + idBytes

// watermark is a time before which no alarm is due. Every search of the
// index begins there: a search from the beginning would walk over all alarms
// that were ever deleted and not yet compacted away.
//
//  1. a turn that sets an alarm enters it before its batch is applied and
//     leaves after; an alarm before the mark lowers it, in the same batch if
//     the stored mark is concerned.
//  2. a search that found its first alarm raises the mark to it, but not
//     above any alarm entered meanwhile.
//  3. the raised mark is stored now and then, without a sync: an older mark
//     is merely slower.
type watermark struct {
	mu       sync.Mutex
	mark     int64
	stored   int64
	entering []int64 // due times of alarms whose batches are being applied
	lowest   int64   // lowest due time entered since the search began

	search sync.Mutex // one search raises the mark at a time
}

// watermarkStoreMs is how far the mark runs ahead of the stored one.
const watermarkStoreMs = 60_000

func (w *watermark) load(db *pebble.DB) error {
	w.mark, w.stored = math.MinInt64, math.MinInt64
	value, closer, err := db.Get(keyWatermark)
	if errors.Is(err, pebble.ErrNotFound) {
		return nil
	}
	if err != nil {
		return store.Errorf("read alarm watermark: %w", err)
	}
	w.mark = fromOrdered(binary.BigEndian.Uint64(value))
	w.stored = w.mark
	return closeRead(closer)
}

func watermarkValue(dueMs int64) []byte {
	return binary.BigEndian.AppendUint64(nil, orderedInt(dueMs))
}

// enter announces an alarm that batch sets.
func (w *watermark) enter(batch *pebble.Batch, dueMs int64) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.entering = append(w.entering, dueMs)
	w.mark = min(w.mark, dueMs)
	w.lowest = min(w.lowest, dueMs)
	if dueMs >= w.stored {
		return nil
	}
	w.stored = dueMs
	return batch.Set(keyWatermark, watermarkValue(dueMs), nil)
}

// current is the mark.
func (w *watermark) current() int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.mark
}

// leave follows enter when the batch is applied or given up.
func (w *watermark) leave(dueMs int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i, entered := range w.entering {
		if entered == dueMs {
			last := len(w.entering) - 1
			w.entering[i] = w.entering[last]
			w.entering = w.entering[:last]
			return
		}
	}
}

// begin starts a search and returns where it may begin; end must follow.
func (w *watermark) begin() int64 {
	w.search.Lock()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lowest = math.MaxInt64
	for _, due := range w.entering {
		w.lowest = min(w.lowest, due)
	}
	return w.mark
}

// end raises the mark to the first alarm that the search found.
func (w *watermark) end(firstMs int64, note func(key, value []byte) error) error {
	defer w.search.Unlock()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.mark = max(w.mark, min(firstMs, w.lowest))
	if w.mark == math.MinInt64 || (w.stored != math.MinInt64 && w.mark-w.stored < watermarkStoreMs) {
		return nil
	}
	// Under the lock: a batch that lowers the stored mark comes later.
	if err := note(keyWatermark, watermarkValue(w.mark)); err != nil {
		return store.Errorf("write alarm watermark: %w", err)
	}
	w.stored = w.mark
	return nil
}

// Alarms returns the alarms due at untilMs or before, at most limit, of the
// objects that are wanted.
func (e *Engine) Alarms(untilMs int64, limit int, wanted func(store.Ref) bool) (alarms []store.DueAlarm, err error) {
	upper := []byte{familyAlarm + 1}
	if untilMs < math.MaxInt64 {
		upper = alarmKey(untilMs+1, 0, store.ID{})
	}
	err = e.read(func() error {
		alarms, err = e.searchAlarms(upper, untilMs, limit, wanted)
		return err
	})
	return alarms, err
}

// NextAlarm returns the earliest alarm of all.
func (e *Engine) NextAlarm() (alarm store.DueAlarm, ok bool, err error) {
	var found []store.DueAlarm
	err = e.read(func() error {
		found, err = e.searchAlarms([]byte{familyAlarm + 1}, math.MaxInt64, 1, nil)
		return err
	})
	if err != nil || len(found) == 0 {
		return store.DueAlarm{}, false, err
	}
	return found[0], true, nil
}

// searchAlarms reads the index from the watermark and raises it to the first
// alarm, but not beyond untilMs or now: most alarms are set for later.
func (e *Engine) searchAlarms(upper []byte, untilMs int64, limit int, wanted func(store.Ref) bool) ([]store.DueAlarm, error) {
	from := e.watermark.begin()
	first := min(untilMs, e.nowMs())
	alarms, found, err := e.readAlarms(alarmKey(from, 0, store.ID{}), upper, limit, wanted)
	if err != nil || limit <= 0 {
		first = math.MinInt64
	}
	return alarms, errors.Join(err, e.watermark.end(min(first, found), e.note))
}

// ListAlarms pages over the index in due order.
func (e *Engine) ListAlarms(cursor string, limit int) (alarms []store.DueAlarm, next string, err error) {
	lower := []byte{familyAlarm}
	if cursor != "" {
		after, err := hex.DecodeString(cursor)
		if err != nil || len(after) != alarmKeyBytes || after[0] != familyAlarm {
			return nil, "", fmt.Errorf("storage: alarm cursor %q is not one of ours", cursor)
		}
		lower = append(after, 0)
	}
	err = e.read(func() error {
		alarms, _, err = e.readAlarms(lower, []byte{familyAlarm + 1}, limit+1, nil)
		return err
	})
	if err != nil || len(alarms) <= limit {
		return alarms, "", err
	}
	alarms = alarms[:limit]
	if limit == 0 {
		return alarms, cursor, nil
	}
	last := alarms[limit-1]
	ns, _ := e.namespaces.find(last.Ref.Namespace)
	return alarms, hex.EncodeToString(alarmKey(last.Alarm.DueMs, ns.number, last.Ref.ID)), nil
}

// readAlarms reads the index; first is when the first alarm in it is due,
// wanted or not, MaxInt64 if there is none.
func (e *Engine) readAlarms(lower, upper []byte, limit int, wanted func(store.Ref) bool) (alarms []store.DueAlarm, first int64, err error) {
	first = math.MaxInt64
	it, err := e.db.NewIter(&pebble.IterOptions{LowerBound: lower, UpperBound: upper})
	if err != nil {
		return nil, first, store.Errorf("read alarms: %w", err)
	}
	defer func() { err = errors.Join(err, it.Close()) }()
	for ok := it.First(); ok && len(alarms) < limit; ok = it.Next() {
		alarm, err := e.decodeDue(it.Key(), it.Value())
		if err != nil {
			return nil, first, err
		}
		first = min(first, alarm.Alarm.DueMs)
		if wanted == nil || wanted(alarm.Ref) {
			alarms = append(alarms, alarm)
		}
	}
	return alarms, first, it.Error()
}

func (e *Engine) decodeDue(key, value []byte) (store.DueAlarm, error) {
	if len(key) != alarmKeyBytes || len(value) < alarmBytes {
		return store.DueAlarm{}, fmt.Errorf("storage: alarm entry %x is damaged", key)
	}
	number := binary.BigEndian.Uint32(key[9:])
	ns, ok := e.namespaces.numbered(number)
	if !ok {
		return store.DueAlarm{}, fmt.Errorf("storage: alarm entry %x has no namespace", key)
	}
	due := store.DueAlarm{Alarm: decodeAlarm(value)}
	due.Alarm.DueMs = fromOrdered(binary.BigEndian.Uint64(key[1:]))
	due.Ref = store.Ref{Namespace: ns.name, ID: store.ID(key[9+numberBytes:]), Name: string(value[alarmBytes:])}
	return due, nil
}
