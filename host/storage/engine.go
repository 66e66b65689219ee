package storage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"github.com/holdfast-run/holdfast/runtime/store"
)

// Engine is a host's durable storage. Its methods may be called from any
// goroutine. It owns the data directory, one goroutine that waits for syncs,
// and the open SQLite databases.
//
// Lock order: backing, epochs.mu, lifecycle, watermark.search, watermark.mu. The other
// locks (opened.mu, namespaces.mu, databases.mu) are leaves.
type Engine struct {
	cfg  Config
	db   *pebble.DB
	lock *pebble.Lock

	lifecycle sync.RWMutex // write-held by Close alone
	closed    bool
	failure   atomic.Pointer[error] // first failed sync
	disk      disk
	bytes     atomic.Int64 // of all objects

	syncs      syncer
	namespaces namespaces
	watermark  watermark
	databases  databases
	epochs     epochs
	guard      *flushGuard
	identity   string     // of the data directory
	backing    sync.Mutex // one backup at a time

	opened struct {
		mu  sync.Mutex
		set map[objectKey]struct{}
	}
}

var _ store.Engine = (*Engine)(nil)

// objectKey names an object inside an engine.
type objectKey struct {
	namespace uint32
	id        store.ID
}

// Open opens the data directory, or makes it. It fails with store.ErrLocked
// if another host has it open and with store.ErrVersion if a newer Holdfast
// wrote it.
func Open(cfg Config) (*Engine, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	e := &Engine{cfg: cfg.withDefaults()}
	e.opened.set = map[objectKey]struct{}{}
	e.syncs.queue = make(chan syncRequest, e.cfg.SyncQueueMax)
	if err := e.openPebble(); err != nil {
		return nil, err
	}
	e.syncs.start(e.fail)
	if err := e.load(); err != nil {
		e.syncs.stop()
		return nil, errors.Join(err, e.db.Close(), e.lock.Close())
	}
	e.databases.open(e.cfg)
	return e, nil
}

func (e *Engine) openPebble() error {
	if err := e.cfg.FS.MkdirAll(e.cfg.Dir, 0o755); err != nil {
		return store.Errorf("make %s: %w", e.cfg.Dir, err)
	}
	lock, err := pebble.LockDirectory(e.cfg.Dir, e.cfg.FS)
	switch {
	case err == nil:
	case errors.Is(err, syscall.EAGAIN), strings.Contains(err.Error(), "lock held"):
		return store.Errorf("lock %s: %w (%v)", e.cfg.Dir, store.ErrLocked, err)
	default:
		return store.Errorf("lock %s: %w", e.cfg.Dir, err)
	}
	if left := e.cfg.FS.PathJoin(e.cfg.Dir, checkpointName); sizeOf(e.cfg.FS, left) >= 0 {
		if err := e.cfg.FS.RemoveAll(left); err != nil { // of a backup that a crash has ended
			return errors.Join(store.Errorf("remove %s: %w", left, err), lock.Close())
		}
	}
	options := e.cfg.pebbleOptions()
	defer options.Cache.Unref()
	options.Lock = lock
	e.guard = &flushGuard{FS: e.cfg.FS, end: e.cfg.end}
	options.FS = e.guard
	e.watchDisk(options.EventListener)
	options.WALMinSyncInterval = e.syncs.interval
	db, err := openRecovered(e.cfg.Dir, options)
	if err != nil {
		return errors.Join(store.Errorf("open %s: %w", e.cfg.Dir, err), lock.Close())
	}
	e.db, e.lock = db, lock
	e.guard.running.Store(true)
	return nil
}

// watchDisk lets the engine hear of tables that cannot be written.
func (e *Engine) watchDisk(events *pebble.EventListener) {
	failed, begins, ends := events.BackgroundError, events.WriteStallBegin, events.WriteStallEnd
	events.BackgroundError = func(err error) {
		failed(err)
		e.backgroundError(err)
	}
	events.WriteStallBegin = func(info pebble.WriteStallBeginInfo) {
		begins(info)
		e.disk.stall(true)
	}
	events.WriteStallEnd = func() {
		ends()
		e.disk.stall(false)
	}
}

// openRecovered turns Pebble's panic, when it cannot move a marker file,
// into an error.
func openRecovered(dir string, options *pebble.Options) (db *pebble.DB, err error) {
	defer func() {
		if fault := recover(); fault != nil {
			var ok bool
			if err, ok = fault.(error); !ok {
				err = fmt.Errorf("%v", fault)
			}
			err = fmt.Errorf("pebble: %w", err)
		}
	}()
	return pebble.Open(dir, options)
}

// load reads what the engine keeps in memory.
func (e *Engine) load() error {
	if err := e.checkVersion(); err != nil {
		return err
	}
	if err := e.loadIdentity(); err != nil {
		return err
	}
	if err := e.namespaces.load(e.db); err != nil {
		return err
	}
	if err := e.loadUsage(); err != nil {
		return err
	}
	if err := e.watermark.load(e.db); err != nil {
		return err
	}
	return e.epochs.load(e.db)
}

// Failed reports the sticky error of the first failed sync.
func (e *Engine) Failed() error {
	if p := e.failure.Load(); p != nil {
		return *p
	}
	return nil
}

// fail makes the engine read-only for good.
func (e *Engine) fail(err error) {
	wrapped := store.Errorf("sync: %w", err)
	if e.failure.CompareAndSwap(nil, &wrapped) {
		e.cfg.Logger.Error("storage: a sync failed; no more writes are taken", "error", err)
		if e.cfg.Failing != nil {
			go e.cfg.Failing(wrapped)
		}
	}
}

// Compact writes everything into tables and drops what is deleted or
// overwritten. The host works meanwhile.
func (e *Engine) Compact(ctx context.Context) error {
	return e.read(func() error {
		if err := e.flush(); err != nil {
			return err
		}
		if err := e.db.Compact(ctx, []byte{0}, []byte{0xff}, false); err != nil {
			return store.Errorf("compact: %w", err)
		}
		return nil
	})
}

func (e *Engine) flush() error {
	e.guard.on.Store(true)
	defer e.guard.on.Store(false)
	if err := e.db.Flush(); err != nil {
		return store.Errorf("flush: %w", err)
	}
	return nil
}

// Close waits for the syncs under way and releases the directory. Objects
// must be closed before; what they have not committed is dropped.
func (e *Engine) Close() error {
	e.lifecycle.Lock()
	if e.closed {
		e.lifecycle.Unlock()
		return nil
	}
	e.closed = true
	e.lifecycle.Unlock()
	e.syncs.stop()
	e.databases.close()
	e.guard.running.Store(false)
	var err error
	if e.Failed() == nil {
		err = e.flush() // so that the next Open has no log to read
	}
	err = errors.Join(err, e.db.Close())
	return errors.Join(err, e.lock.Close())
}

// apply makes a batch visible and queues it for its sync; durable is called
// when that is decided. It owns the batch from here on. This is the one place
// that writes durably, and the one use of Pebble's ApplyNoSyncWait, which
// Pebble marks as experimental.
func (e *Engine) apply(batch *pebble.Batch, durable func(error)) error {
	e.lifecycle.RLock()
	defer e.lifecycle.RUnlock()
	if e.closed {
		return errors.Join(store.ErrClosed, batch.Close())
	}
	defer e.endIfPebblePanics()
	if err := e.db.ApplyNoSyncWait(batch, pebble.Sync); err != nil {
		e.fail(err)
		return store.Errorf("apply: %w", err)
	}
	e.syncs.push(batch, durable)
	return nil
}

// note writes what may be lost, without a sync. The engine must be open.
func (e *Engine) note(key, value []byte) error {
	if e.Failed() != nil {
		return nil
	}
	defer e.endIfPebblePanics()
	return e.db.Set(key, value, pebble.NoSync)
}

// endIfPebblePanics is deferred around every write. A batch that meets a log
// whose last write has failed, before that failure is known here, makes
// Pebble panic with its locks held: nobody could write or close any more.
func (e *Engine) endIfPebblePanics() {
	if fault := recover(); fault != nil {
		e.cfg.end(fmt.Sprintf("write: %v", fault))
	}
}

// write builds a batch outside any object's turn and returns when it is
// durable.
func (e *Engine) write(fill func(*pebble.Batch) error) error {
	if err := e.writable(1); err != nil {
		return err
	}
	return e.writeAlways(fill)
}

// writeAlways is write for what must be possible while the disk is nearly
// full: it frees space, or is very small.
func (e *Engine) writeAlways(fill func(*pebble.Batch) error) error {
	if err := e.writable(-1); err != nil {
		return err
	}
	batch := e.db.NewBatch()
	if err := fill(batch); err != nil {
		return errors.Join(err, batch.Close())
	}
	done := make(chan error, 1)
	if err := e.apply(batch, func(err error) { done <- err }); err != nil {
		return err
	}
	return <-done
}

// read runs fn while the engine is open.
func (e *Engine) read(fn func() error) error {
	e.lifecycle.RLock()
	defer e.lifecycle.RUnlock()
	if e.closed {
		return store.ErrClosed
	}
	return fn()
}

// get copies the value under key.
func (e *Engine) get(key []byte) (value []byte, ok bool, err error) {
	raw, closer, err := e.db.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, store.Errorf("read %x: %w", key, err)
	}
	value = append(make([]byte, 0, len(raw)), raw...)
	return value, true, closeRead(closer)
}

func closeRead(closer io.Closer) error {
	if err := closer.Close(); err != nil {
		return store.Errorf("end read: %w", err)
	}
	return nil
}

func (e *Engine) nowMs() int64 { return e.cfg.Clock().UnixMilli() }

func fromMs(ms int64) time.Time { return time.UnixMilli(ms) }
