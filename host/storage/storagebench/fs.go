package storagebench

import (
	"io/fs"
	"path/filepath"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// countingFS is the system's file system, its syncs counted.
type countingFS struct {
	vfs.FS
	count atomic.Int64
}

func newCountingFS() *countingFS { return &countingFS{FS: vfs.Default} }

// Create counts the file's syncs.
func (c *countingFS) Create(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	f, err := c.FS.Create(name, category)
	return c.wrap(f, err)
}

// ReuseForWrite counts the file's syncs.
func (c *countingFS) ReuseForWrite(from, to string, category vfs.DiskWriteCategory) (vfs.File, error) {
	f, err := c.FS.ReuseForWrite(from, to, category)
	return c.wrap(f, err)
}

func (c *countingFS) wrap(f vfs.File, err error) (vfs.File, error) {
	if err != nil {
		return nil, err
	}
	return &countingFile{f, c}, nil
}

type countingFile struct {
	vfs.File
	fs *countingFS
}

// Sync counts.
func (f *countingFile) Sync() error {
	f.fs.count.Add(1)
	return f.File.Sync()
}

// SyncData counts.
func (f *countingFile) SyncData() error {
	f.fs.count.Add(1)
	return f.File.SyncData()
}

// diskBytes is what the files below a directory take.
func diskBytes(dir string) (bytes int64, err error) {
	err = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		bytes += info.Size()
		return nil
	})
	return bytes, err
}
