package storage

import (
	"strings"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// flushGuard is the engine's file system while it flushes by its own wish. A
// log that cannot be changed for a new one then makes Pebble unlock what is
// not locked, which no recover can stop: the process is ended in order before
// it comes to that.
type flushGuard struct {
	vfs.FS
	on  atomic.Bool
	end func(message string)
}

func (g *flushGuard) check(err error) error {
	if err != nil && g.on.Load() {
		g.end("flush: " + err.Error())
	}
	return err
}

func (g *flushGuard) wrap(name string, f vfs.File, err error) (vfs.File, error) {
	if err != nil {
		return nil, g.check(err)
	}
	if strings.HasSuffix(name, ".log") {
		return &guardedFile{f, g}, nil
	}
	return f, nil
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
	return &guardedFile{f, g}, nil
}

type guardedFile struct {
	vfs.File
	guard *flushGuard
}

func (f *guardedFile) Write(p []byte) (int, error) {
	n, err := f.File.Write(p)
	return n, f.guard.check(err)
}

func (f *guardedFile) Sync() error     { return f.guard.check(f.File.Sync()) }
func (f *guardedFile) SyncData() error { return f.guard.check(f.File.SyncData()) }
func (f *guardedFile) Close() error    { return f.guard.check(f.File.Close()) }

func (f *guardedFile) SyncTo(length int64) (bool, error) {
	full, err := f.File.SyncTo(length)
	return full, f.guard.check(err)
}

func (f *guardedFile) Preallocate(offset, length int64) error {
	return f.guard.check(f.File.Preallocate(offset, length))
}
