package memstore

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/holdfast-run/holdfast/guest-sdk/abi"
	"github.com/holdfast-run/holdfast/runtime/store"
)

// Object is a store.Object. One goroutine at a time may call it.
type Object struct {
	engine   *Engine
	key      objectKey
	ref      store.Ref
	epoch    uint64
	sequence uint64
	turn     *turn
	stack    []*turn // what the open transactions began with
	closed   bool
}

var _ store.Object = (*Object)(nil)

// turn is the pending changes: a nil value is a deletion.
type turn struct {
	kv       map[string][]byte
	cleared  bool
	alarm    store.Alarm
	hasAlarm bool
}

func (t *turn) clone() *turn {
	c := *t
	c.kv = maps.Clone(t.kv)
	return &c
}

// Open gives the storage of one object.
func (e *Engine) Open(ref store.Ref) (store.Object, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	key := objectKey{ref.Namespace, ref.ID}
	switch {
	case e.closed:
		return nil, store.ErrClosed
	case e.open[key]:
		return nil, fmt.Errorf("memstore: open %s: %w", ref.ID, store.ErrOpen)
	}
	e.open[key] = true
	if len(ref.Name) > store.NameBytesMax {
		ref.Name = ""
	}
	o := &Object{engine: e, key: key, ref: ref}
	if r := e.applied.objects[key]; r != nil {
		o.epoch, o.sequence = r.epoch, r.sequence
		if ref.Name == "" {
			o.ref.Name = r.info.Ref.Name
		}
	}
	o.begin()
	return o, nil
}

// begin starts a turn; the engine's mu is held.
func (o *Object) begin() {
	o.turn, o.stack = &turn{kv: map[string][]byte{}}, nil
	if r := o.record(); r != nil {
		o.turn.alarm, o.turn.hasAlarm = r.info.Alarm, r.info.HasAlarm
	}
}

// record is the committed object, nil if it does not exist.
func (o *Object) record() *record { return o.engine.applied.objects[o.key] }

// committed is the value that the turn found.
func (o *Object) committed(key string) ([]byte, bool) {
	o.engine.mu.Lock()
	defer o.engine.mu.Unlock()
	r := o.record()
	if r == nil || o.turn.cleared {
		return nil, false
	}
	value, ok := r.kv[key]
	return value, ok
}

func (o *Object) usable() error {
	if o.closed {
		return store.ErrClosed
	}
	return nil
}

func (o *Object) checkKey(key string) error {
	switch {
	case o.closed:
		return store.ErrClosed
	case key == "":
		return store.ErrEmptyKey
	case len(key) > store.KeyBytesMax:
		return store.ErrTooLarge
	}
	return nil
}

// Get returns a copy of the value.
func (o *Object) Get(key string) ([]byte, bool, error) {
	if err := o.checkKey(key); err != nil {
		return nil, false, err
	}
	value, ok := o.turn.kv[key]
	if !ok {
		value, ok = o.committed(key)
	}
	if !ok || value == nil {
		return nil, false, nil
	}
	return append([]byte{}, value...), true, nil
}

// Put sets a value.
func (o *Object) Put(key string, value []byte) error {
	if err := o.checkKey(key); err != nil {
		return err
	}
	if len(key)+len(value) > store.KeyValueBytesMax {
		return store.ErrTooLarge
	}
	o.turn.kv[key] = append([]byte{}, value...)
	return nil
}

// Delete removes a value.
func (o *Object) Delete(key string) (bool, error) {
	_, found, err := o.Get(key)
	if err != nil || !found {
		return false, err
	}
	if _, ok := o.committed(key); ok {
		o.turn.kv[key] = nil
	} else {
		delete(o.turn.kv, key)
	}
	return true, nil
}

// view is the kv that the turn sees. Values are shared.
func (o *Object) view() map[string][]byte {
	o.engine.mu.Lock()
	defer o.engine.mu.Unlock()
	kv := map[string][]byte{}
	if r := o.record(); r != nil && !o.turn.cleared {
		maps.Copy(kv, r.kv)
	}
	for key, value := range o.turn.kv {
		if kv[key] = value; value == nil {
			delete(kv, key)
		}
	}
	return kv
}

// List walks the keys in order.
func (o *Object) List(l store.ListOptions, fn func(key string, value []byte) bool) error {
	if err := o.usable(); err != nil {
		return err
	}
	kv := o.view()
	keys := slices.Sorted(maps.Keys(kv))
	if l.Reverse {
		slices.Reverse(keys)
	}
	n := 0
	for _, key := range keys {
		if l.HasStart && key < l.Start || l.HasStartAfter && key <= l.StartAfter ||
			l.HasEnd && key >= l.End || !strings.HasPrefix(key, l.Prefix) {
			continue
		}
		if n++; !fn(key, kv[key]) || n == l.Limit {
			return nil
		}
	}
	return nil
}

// Exec is not supported.
func (o *Object) Exec(string, []abi.Value) (store.Cursor, error) {
	return nil, errors.Join(o.usable(), fmt.Errorf("memstore: SQL: %w", store.ErrUnsupported))
}

// DatabaseSize is 0: there is no database.
func (o *Object) DatabaseSize() int64 { return 0 }

// DeleteAll drops kv and alarm.
func (o *Object) DeleteAll() error {
	if err := o.usable(); err != nil {
		return err
	}
	if len(o.stack) > 0 {
		return store.ErrInTransaction
	}
	o.turn = &turn{kv: map[string][]byte{}, cleared: true}
	return nil
}

// Begin opens a transaction.
func (o *Object) Begin() error {
	if err := o.usable(); err != nil {
		return err
	}
	if len(o.stack) == store.SavepointsMax {
		return store.ErrTooDeep
	}
	o.stack = append(o.stack, o.turn.clone())
	return nil
}

// Release keeps its changes.
func (o *Object) Release() error {
	_, err := o.pop()
	return err
}

// Rollback drops its changes.
func (o *Object) Rollback() error {
	before, err := o.pop()
	if err == nil {
		o.turn = before
	}
	return err
}

func (o *Object) pop() (*turn, error) {
	if err := o.usable(); err != nil {
		return nil, err
	}
	last := len(o.stack) - 1
	if last < 0 {
		return nil, store.ErrNoTransaction
	}
	before := o.stack[last]
	o.stack = o.stack[:last]
	return before, nil
}

// Alarm is the turn's alarm.
func (o *Object) Alarm() (store.Alarm, bool) { return o.turn.alarm, o.turn.hasAlarm }

// SetAlarm sets it.
func (o *Object) SetAlarm(a store.Alarm) error {
	if err := o.usable(); err != nil {
		return err
	}
	o.turn.alarm, o.turn.hasAlarm = a, true
	return nil
}

// ClearAlarm removes it.
func (o *Object) ClearAlarm() error {
	if err := o.usable(); err != nil {
		return err
	}
	o.turn.alarm, o.turn.hasAlarm = store.Alarm{}, false
	return nil
}

// Dirty reports whether the turn has changes.
func (o *Object) Dirty() bool {
	o.engine.mu.Lock()
	defer o.engine.mu.Unlock()
	return o.changed()
}

// changed is called with the engine's mu held.
func (o *Object) changed() bool {
	r := o.record()
	if r == nil {
		r = &record{}
	} else if o.turn.cleared {
		return true
	}
	return len(o.turn.kv) > 0 || o.turn.hasAlarm != r.info.HasAlarm || o.turn.alarm != r.info.Alarm
}

// Commit ends the turn.
func (o *Object) Commit(durable func(error)) (bool, error) {
	if err := o.usable(); err != nil {
		return false, err
	}
	e := o.engine
	e.mu.Lock()
	defer e.mu.Unlock()
	defer o.begin()
	if len(o.stack) > 0 {
		return false, fmt.Errorf("commit: %w", store.ErrInTransaction)
	}
	if !o.changed() {
		return false, nil
	}
	if err := e.writable(); err != nil {
		return false, err
	}
	if e.commits++; e.commits == e.options.FailCommit {
		return false, fmt.Errorf("commit %d: %w", e.commits, ErrInjected)
	}
	if o.record() == nil {
		epoch, err := e.nextEpoch()
		if err != nil {
			return false, err
		}
		o.epoch = epoch
	}
	o.sequence++
	e.add(commit{apply: o.change(), durable: durable})
	return true, nil
}

// change is the turn as a function of a state. It is run twice: on what is
// applied and on what is durable.
func (o *Object) change() func(*state) {
	turn, now, epoch, sequence, ref, key := o.turn, o.engine.options.Clock(), o.epoch, o.sequence, o.ref, o.key
	return func(s *state) {
		r := s.objects[key]
		if r == nil {
			r = &record{kv: map[string][]byte{}, info: store.Info{CreatedAt: now}}
			s.objects[key] = r
		}
		if turn.cleared {
			clear(r.kv)
		}
		for name, value := range turn.kv {
			if r.kv[name] = value; value == nil {
				delete(r.kv, name)
			}
		}
		r.epoch, r.sequence = epoch, sequence
		r.info.Ref, r.info.LastActive = ref, now
		r.info.Alarm, r.info.HasAlarm = turn.alarm, turn.hasAlarm
		r.info.KVBytes = size(r.kv)
		if len(r.kv) == 0 && !turn.hasAlarm {
			delete(s.objects, key)
		}
	}
}

func size(kv map[string][]byte) (total int64) {
	for key, value := range kv {
		total += int64(len(key) + len(value))
	}
	return total
}

// Abort drops the turn.
func (o *Object) Abort() error {
	if o.closed {
		return nil
	}
	o.engine.mu.Lock()
	defer o.engine.mu.Unlock()
	o.begin()
	return nil
}

// Bookmark is epoch and sequence.
func (o *Object) Bookmark() (string, error) {
	if err := o.usable(); err != nil {
		return "", err
	}
	return fmt.Sprintf("%016x-%016x", o.epoch, o.sequence), nil
}

// BookmarkForTime finds no history: none is kept in memory.
func (o *Object) BookmarkForTime(int64) (string, error) { return "", store.ErrNoHistory }

// RestoreNext finds no history.
func (o *Object) RestoreNext(bookmark string) (string, error) {
	if bookmark == "" {
		return "", nil
	}
	return "", store.ErrNoHistory
}

// Rewind has nothing to do.
func (o *Object) Rewind(func(error)) (bool, error) { return false, o.usable() }

// Epoch is the life of the object's data.
func (o *Object) Epoch() uint64 { return o.epoch }

// Sequence counts the commits.
func (o *Object) Sequence() uint64 { return o.sequence }

// Info is the registry's view, with the turn's changes.
func (o *Object) Info() store.Info {
	kv := o.view()
	o.engine.mu.Lock()
	defer o.engine.mu.Unlock()
	info := store.Info{}
	if r := o.record(); r != nil {
		info = r.info
	}
	info.Ref, info.Alarm, info.HasAlarm, info.KVBytes = o.ref, o.turn.alarm, o.turn.hasAlarm, size(kv)
	return info
}

// Rest has nothing to give back.
func (o *Object) Rest() error { return nil }

// Close drops what is not committed.
func (o *Object) Close() error {
	if o.closed {
		return nil
	}
	o.closed = true
	o.engine.mu.Lock()
	defer o.engine.mu.Unlock()
	delete(o.engine.open, o.key)
	return nil
}
