package storage

import (
	"errors"
	"fmt"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"github.com/holdfast-run/holdfast/runtime/store"
)

// Object is the storage of one activated object: store.Object and what the
// D1 host needs besides. Its methods are for one goroutine at a time, except
// Interrupt.
type Object struct {
	engine  *Engine
	ns      *namespace
	ref     store.Ref
	options ObjectOptions
	prefix  []byte // of the object's keys

	meta   meta // as of the last applied batch
	turn   turn
	closed bool

	idle    *database // open and in no turn; guarded by engine.databases.mu
	session *database // the database while a turn uses it
	limit   deadline  // of SQL statements

	key     []byte // scratch
	scratch []byte
}

var _ store.Object = (*Object)(nil)

// ObjectOptions change how an object's SQL database is opened and used.
type ObjectOptions struct {
	// Connect opens the object's SQLite connection. Default: the driver
	// itself.
	Connect Connect
	// BeginAlways puts read-only statements into the turn's transaction too,
	// so that connection-wide pragmas have no effect.
	BeginAlways bool
	// CacheKiB is the page cache of the open database. Default the engine's.
	CacheKiB int
	// Relaxed lifts D1's limits on statements and values; see SetRelaxed.
	Relaxed bool
}

// Open gives the storage of one object.
func (e *Engine) Open(ref store.Ref) (store.Object, error) {
	return e.OpenWith(ref, ObjectOptions{})
}

// OpenWith is Open with options.
func (e *Engine) OpenWith(ref store.Ref, options ObjectOptions) (*Object, error) {
	if len(ref.Name) > store.NameBytesMax {
		ref.Name = ""
	}
	ns := e.namespaces.intern(ref.Namespace)
	key := objectKey{ns.number, ref.ID}
	if err := e.claim(key); err != nil {
		return nil, fmt.Errorf("storage: open %s/%s: %w", ref.Namespace, ref.ID, err)
	}
	o := &Object{
		engine: e, ns: ns, ref: ref, options: options,
		prefix: objectPrefix(ns.number, ref.ID),
	}
	err := e.read(func() (err error) {
		if o.meta, err = e.loadMeta(ns.number, ref.ID); err != nil || o.meta.exists || ns.keepMs.Load() == 0 {
			return err
		}
		at, _, err := o.timeline().last() // of an earlier life
		o.meta.epoch, o.meta.sequence = at.epoch, at.sequence
		return err
	})
	if err != nil {
		e.release(key)
		return nil, err
	}
	if ref.Name == "" {
		o.ref.Name = o.meta.name
	}
	o.limit.opsMax = e.cfg.SQLOpsMax
	o.renew()
	return o, nil
}

// claim marks an object as open.
func (e *Engine) claim(key objectKey) error {
	e.opened.mu.Lock()
	defer e.opened.mu.Unlock()
	if _, ok := e.opened.set[key]; ok {
		return store.ErrOpen
	}
	e.opened.set[key] = struct{}{}
	return nil
}

func (e *Engine) release(key objectKey) {
	e.opened.mu.Lock()
	defer e.opened.mu.Unlock()
	delete(e.opened.set, key)
}

// usable says whether the turn may go on.
func (o *Object) usable() error {
	if o.closed {
		return store.ErrClosed
	}
	return o.turn.broken
}

// kvKey builds the key of a kv entry in o.key.
func (o *Object) kvKey(key string) []byte {
	o.key = append(append(o.key[:0], o.prefix...), kindKV)
	o.key = append(o.key, key...)
	return o.key
}

func checkKey(key string) error {
	if key == "" {
		return store.ErrEmptyKey
	}
	if len(key) > store.KeyBytesMax {
		return fmt.Errorf("key of %d bytes: %w", len(key), store.ErrTooLarge)
	}
	return nil
}

// Get returns the value under key.
func (o *Object) Get(key string) ([]byte, bool, error) {
	if err := errors.Join(o.usable(), checkKey(key)); err != nil {
		return nil, false, err
	}
	if w, ok := o.turn.find(key); ok {
		if w.deleted {
			return nil, false, nil
		}
		return append(make([]byte, 0, len(w.value)), w.value...), true, nil
	}
	if o.turn.cleared || !o.meta.exists {
		return nil, false, nil
	}
	value, ok, err := o.engine.get(o.kvKey(key))
	if err == nil {
		o.turn.remember(key, len(value), ok)
	}
	return value, ok, err
}

// committedSize is the length of the value that the turn found under key, -1
// if there was none.
func (o *Object) committedSize(key string) (int, error) {
	if o.turn.cleared || !o.meta.exists {
		return -1, nil
	}
	if size, ok := o.turn.remembered(key); ok {
		return size, nil
	}
	raw, closer, err := o.engine.db.Get(o.kvKey(key))
	if errors.Is(err, pebble.ErrNotFound) {
		return -1, nil
	}
	if err != nil {
		return 0, store.Errorf("read size of %q: %w", key, err)
	}
	return len(raw), closeRead(closer)
}

// Put sets the value under key.
func (o *Object) Put(key string, value []byte) error {
	if err := errors.Join(o.usable(), checkKey(key)); err != nil {
		return err
	}
	if len(key)+len(value) > store.KeyValueBytesMax {
		return fmt.Errorf("value of %d bytes: %w", len(value), store.ErrTooLarge)
	}
	if o.turn.overwrite(key, value) {
		return nil
	}
	size, err := o.committedSize(key)
	if err != nil {
		return err
	}
	o.turn.add(key, value, size)
	return nil
}

// Delete removes the value under key and reports whether there was one.
func (o *Object) Delete(key string) (bool, error) {
	if err := errors.Join(o.usable(), checkKey(key)); err != nil {
		return false, err
	}
	if found, ok := o.turn.drop(key); ok {
		return found, nil
	}
	size, err := o.committedSize(key)
	if err != nil || size < 0 {
		return false, err
	}
	o.turn.addDeleted(key, size)
	return true, nil
}

// Alarm returns the object's alarm as the turn sees it.
func (o *Object) Alarm() (store.Alarm, bool) { return o.turn.alarm, o.turn.hasAlarm }

// SetAlarm sets the object's one alarm.
func (o *Object) SetAlarm(a store.Alarm) error {
	if err := o.usable(); err != nil {
		return err
	}
	o.turn.alarm, o.turn.hasAlarm = a, true
	return nil
}

// ClearAlarm removes the alarm, if there is one.
func (o *Object) ClearAlarm() error {
	if err := o.usable(); err != nil {
		return err
	}
	o.turn.alarm, o.turn.hasAlarm = store.Alarm{}, false
	return nil
}

// DeleteAll drops kv, SQL database and alarm.
func (o *Object) DeleteAll() error {
	if err := o.usable(); err != nil {
		return err
	}
	if len(o.turn.marks) > 0 {
		return fmt.Errorf("delete all: %w", store.ErrInTransaction)
	}
	err := o.discardSQL()
	o.turn.clear()
	return err
}

// Dirty reports whether the turn has changed anything. A statement that may
// write counts, also where it changed no row; Commit looks closer.
func (o *Object) Dirty() bool {
	return o.turn.changed(&o.meta) || (o.session != nil && o.session.wrote)
}

// Sequence counts the object's commits.
func (o *Object) Sequence() uint64 { return o.meta.sequence }

// Exists reports whether the object has committed data.
func (o *Object) Exists() bool { return o.meta.exists }

// Epoch names the life of the object's data: it changes when the object
// ceases to exist and is made again.
func (o *Object) Epoch() uint64 { return o.meta.epoch }

// Info is the registry's view of the object, the turn's changes to kv and
// alarm included.
func (o *Object) Info() store.Info {
	m := o.meta
	m.kvBytes, m.alarm, m.hasAlarm = o.turn.kvBytes, o.turn.alarm, o.turn.hasAlarm
	info := m.info(o.ref)
	info.Ref = o.ref
	if o.session != nil {
		info.SQLBytes = o.session.file.sizeBytes()
	}
	return info
}

// Rest closes the object's database and lets its buffers go, until a turn wants
// them again.
func (o *Object) Rest() error {
	if o.closed || o.session != nil || o.turn.broken != nil || len(o.turn.marks) > 0 || o.Dirty() {
		return nil // a turn is under way
	}
	o.turn, o.key, o.scratch = turn{}, nil, nil
	o.renew()
	return o.engine.databases.forget(o)
}

// Close drops what is not committed and releases the database. The time of
// last activity is noted, without a sync, if the stored one is old.
func (o *Object) Close() error {
	if o.closed {
		return nil
	}
	err := o.Abort()
	o.closed = true
	err = errors.Join(err, o.engine.databases.forget(o), o.noteActivity())
	o.engine.release(objectKey{o.ns.number, o.ref.ID})
	return err
}

func (o *Object) noteActivity() error {
	now := o.engine.nowMs()
	age := time.Duration(now-o.meta.lastActiveMs) * time.Millisecond
	if !o.meta.exists || age < lastActiveGranularity {
		return nil
	}
	o.meta.lastActiveMs = now
	return o.engine.read(func() error {
		if err := o.engine.note(metaKey(o.ns.number, o.ref.ID), o.meta.append(nil)); err != nil {
			return store.Errorf("note activity of %s: %w", o.ref.ID, err)
		}
		return nil
	})
}
