package storage

import (
	"strings"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// flushGuard is the engine's file system. A log that cannot be changed for a new
// one makes Pebble unlock what is not locked, which no recover can stop: the
// process is ended in order before it comes to that. Pebble changes logs
//
//   - when the engine flushes by its own wish: then any failure ends it;
//   - in a write that fills a memtable: it closes the old log, which may have
//     failed before that, and makes the new one.
type flushGuard struct {
	vfs.FS
	on      atomic.Bool // while the engine flushes
	running atomic.Bool // while Pebble is open, and not being closed
	changes atomic.Bool // a log has been made, and its directory not been synced since
	end     func(message string)
}

func (g *flushGuard) check(err error) error {
	if err != nil && g.on.Load() {
		g.end("flush: " + err.Error())
	}
	return err
}

func (g *flushGuard) wrap(name string, f vfs.File, err error) (vfs.File, error) {
	log := strings.HasSuffix(name, ".log")
	if err != nil {
		g.changed(log, err)
		return nil, g.check(err)
	}
	if log {
		g.changes.Store(true)
		return &guardedFile{File: f, guard: g, log: true}, nil
	}
	return f, nil
}

// changed ends the process where a log cannot be changed.
func (g *flushGuard) changed(log bool, err error) {
	if log && err != nil && g.running.Load() {
		g.end("change of logs: " + err.Error())
	}
}

// Create guards logs.
func (g *flushGuard) Create(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	f, err := g.FS.Create(name, category)
	return g.wrap(name, f, err)
}

// ReuseForWrite guards logs.
func (g *flushGuard) ReuseForWrite(from, to string, category vfs.DiskWriteCategory) (vfs.File, error) {
	f, err := g.FS.ReuseForWrite(from, to, category)
	return g.wrap(to, f, err)
}

// OpenDir guards directories: a new log is synced into its own.
func (g *flushGuard) OpenDir(name string) (vfs.File, error) {
	f, err := g.FS.OpenDir(name)
	if err != nil {
		return nil, g.check(err)
	}
	return &guardedFile{File: f, guard: g}, nil
}

// guardedFile is a log, or a directory.
type guardedFile struct {
	vfs.File
	guard *flushGuard
	log   bool

	failed atomic.Pointer[error] // the first failure
}

func (f *guardedFile) check(err error) error {
	if err != nil {
		f.failed.CompareAndSwap(nil, &err)
	}
	return f.guard.check(err)
}

func (f *guardedFile) Write(p []byte) (int, error) {
	n, err := f.File.Write(p)
	return n, f.check(err)
}

// Sync of a directory is the last step of a change of logs.
func (f *guardedFile) Sync() error {
	err := f.check(f.File.Sync())
	if !f.log {
		f.guard.changed(f.guard.changes.Swap(false), err)
	}
	return err
}

func (f *guardedFile) SyncData() error { return f.check(f.File.SyncData()) }

// Close of a log is the first step of a change of logs.
func (f *guardedFile) Close() error {
	err := f.check(f.File.Close())
	if first := f.failed.Load(); first != nil {
		f.guard.changed(f.log, *first)
	}
	return err
}

func (f *guardedFile) SyncTo(length int64) (bool, error) {
	full, err := f.File.SyncTo(length)
	return full, f.check(err)
}

func (f *guardedFile) Preallocate(offset, length int64) error {
	return f.check(f.File.Preallocate(offset, length))
}
