package storage

import (
	"github.com/holdfast-run/holdfast/runtime/store"
)

// turn is what an object has changed since its last Commit or Abort. Entries
// keep the order in which their keys were first written; values lie in one
// arena. An undo log serves the explicit transactions.
type turn struct {
	writes   []write
	index    map[string]int // key -> writes
	arena    []byte
	cleared  bool // deleteAll: committed kv and pages are not seen
	alarm    store.Alarm
	hasAlarm bool
	restore  *restorePoint
	kvBytes  int64 // of the object, if the turn commits
	marks    []mark
	undo     []undo
	broken   error // the turn can only be aborted

	memo     string // a key whose committed size is known, for Get then Put
	memoSize int
	hasMemo  bool
}

// write is the pending state of one key.
type write struct {
	key     string
	value   []byte
	deleted bool
	found   int // length of the committed value, -1 if none
}

// bytes is what the entry will count for.
func (w *write) bytes() int64 {
	if w.deleted {
		return 0
	}
	return int64(len(w.key) + len(w.value))
}

// foundBytes is what the committed entry counts for.
func (w *write) foundBytes() int64 {
	if w.found < 0 {
		return 0
	}
	return int64(len(w.key) + w.found)
}

// mark is the state at the begin of an explicit transaction.
type mark struct {
	undo     int
	alarm    store.Alarm
	hasAlarm bool
	restore  *restorePoint
	kvBytes  int64
}

// undo restores one entry: to before, or, where fresh, to none.
type undo struct {
	at     int
	before write
	fresh  bool
}

// reset begins a turn on an object in state m.
func (t *turn) reset(m *meta) {
	if len(t.writes) > overlayRetainedMax {
		t.index, t.writes = nil, nil
	}
	clear(t.index)
	clear(t.writes)
	t.writes = t.writes[:0]
	if cap(t.arena) > arenaBytesRetainedMax {
		t.arena = nil
	}
	t.arena = t.arena[:0]
	t.marks, t.undo = t.marks[:0], t.undo[:0]
	t.cleared, t.broken = false, nil
	t.alarm, t.hasAlarm, t.kvBytes = m.alarm, m.hasAlarm, m.kvBytes
	t.restore = m.restore
	t.hasMemo = false
}

// clear is deleteAll. A restore that was asked for stands.
func (t *turn) clear() {
	t.reset(&meta{restore: t.restore})
	t.cleared = true
}

// changed reports whether kv or alarm differ from m. A key that was written
// and deleted again is no change.
func (t *turn) changed(m *meta) bool {
	if t.hasAlarm != m.hasAlarm || t.alarm != m.alarm || t.restore != m.restore || (t.cleared && m.exists) {
		return true
	}
	for i := range t.writes {
		if !t.writes[i].deleted || t.writes[i].found >= 0 {
			return true
		}
	}
	return false
}

func (t *turn) find(key string) (*write, bool) {
	i, ok := t.index[key]
	if !ok {
		return nil, false
	}
	return &t.writes[i], true
}

// keep copies value into the arena. What an earlier copy returned stays
// valid when the arena grows.
func (t *turn) keep(value []byte) []byte {
	start := len(t.arena)
	t.arena = append(t.arena, value...)
	return t.arena[start:len(t.arena):len(t.arena)]
}

// overwrite sets the value of a key that the turn has written before.
func (t *turn) overwrite(key string, value []byte) bool {
	i, ok := t.index[key]
	if ok {
		t.replace(i, write{key: key, value: t.keep(value), found: t.writes[i].found})
	}
	return ok
}

// drop deletes a key that the turn has written before; found is whether there
// was a value.
func (t *turn) drop(key string) (found, ok bool) {
	i, ok := t.index[key]
	if !ok {
		return false, false
	}
	found = !t.writes[i].deleted
	if found {
		t.replace(i, write{key: key, deleted: true, found: t.writes[i].found})
	}
	return found, true
}

func (t *turn) add(key string, value []byte, found int) {
	t.insert(write{key: key, value: t.keep(value), found: found})
}

func (t *turn) addDeleted(key string, found int) {
	t.insert(write{key: key, deleted: true, found: found})
}

func (t *turn) insert(w write) {
	if t.index == nil {
		t.index = make(map[string]int)
	}
	t.index[w.key] = len(t.writes)
	t.writes = append(t.writes, w)
	t.kvBytes += w.bytes() - w.foundBytes()
	if len(t.marks) > 0 {
		t.undo = append(t.undo, undo{at: len(t.writes) - 1, fresh: true})
	}
}

func (t *turn) replace(i int, w write) {
	if len(t.marks) > 0 {
		t.undo = append(t.undo, undo{at: i, before: t.writes[i]})
	}
	t.kvBytes += w.bytes() - t.writes[i].bytes()
	t.writes[i] = w
}

// begin opens an explicit transaction.
func (t *turn) begin() {
	t.marks = append(t.marks, mark{
		undo: len(t.undo), alarm: t.alarm, hasAlarm: t.hasAlarm, restore: t.restore, kvBytes: t.kvBytes,
	})
}

// release keeps the changes of the innermost transaction.
func (t *turn) release() {
	t.marks = t.marks[:len(t.marks)-1]
	if len(t.marks) == 0 {
		t.undo = t.undo[:0]
	}
}

// rollback drops the changes of the innermost transaction. Entries that it
// made are the last ones: they go in the reverse order of their making.
func (t *turn) rollback() {
	m := t.marks[len(t.marks)-1]
	for i := len(t.undo) - 1; i >= m.undo; i-- {
		u := t.undo[i]
		if !u.fresh {
			t.writes[u.at] = u.before
			continue
		}
		delete(t.index, t.writes[u.at].key)
		t.writes = t.writes[:u.at]
	}
	t.undo = t.undo[:m.undo]
	t.alarm, t.hasAlarm, t.kvBytes, t.restore = m.alarm, m.hasAlarm, m.kvBytes, m.restore
	t.marks = t.marks[:len(t.marks)-1]
}

// remember keeps the size of a committed value: most Puts follow a Get.
func (t *turn) remember(key string, size int, ok bool) {
	if !ok {
		size = -1
	}
	t.memo, t.memoSize, t.hasMemo = key, size, true
}

func (t *turn) remembered(key string) (int, bool) {
	return t.memoSize, t.hasMemo && t.memo == key
}
