package storage

import (
	"strings"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// tearing is a file system on which the next copies of a log in a checkpoint
// have a piece that was not there yet when it was read.
type tearing struct {
	vfs.FS
	copies atomic.Int32
}

func (f *tearing) Create(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	file, err := f.FS.Create(name, category)
	if err == nil && strings.Contains(name, checkpointName) && strings.HasSuffix(name, ".log") && f.copies.Add(-1) >= 0 {
		return &tornFile{File: file}, nil
	}
	return file, err
}

// tornFile loses a piece of its first write.
type tornFile struct {
	vfs.File
	begun bool
}

func (f *tornFile) Write(p []byte) (int, error) {
	if !f.begun && len(p) > 4096 {
		p = append([]byte(nil), p...)
		clear(p[1024:2048])
	}
	f.begun = true
	return f.File.Write(p)
}

func TestBackup_OfALogThatIsTornIsTakenAgain(t *testing.T) {
	fs := &tearing{FS: vfs.NewMem()}
	must(t, openMem(t, fs, nil).Close()) // the first log is not yet of a format that shows what is torn
	e := openMem(t, fs, func(c *Config) { c.Logger = quiet() })
	o := mustOpen(t, e, 1)
	for range 50 {
		must(t, o.Put("k", noise(2000)))
		commitDurably(t, o)
	}
	fs.copies.Store(checkpointTries)
	if _, err := e.Backup("backups"); err == nil || !strings.Contains(err.Error(), "20 copies of the log could not be read") {
		t.Fatalf("every copy is torn: %v", err)
	}
	fs.copies.Store(checkpointTries - 1)
	b, err := e.Backup("backups")
	must(t, err)
	if n := fs.copies.Load(); n >= 0 {
		t.Fatalf("%d copies are still to be torn", n)
	}
	must(t, o.Close())
	must(t, e.Close())
	_, err = RestoreBackup(fs, "backups", b.Name, "restored")
	must(t, err)
	r := openMem(t, fs, func(c *Config) { c.Dir, c.Logger = "restored", quiet() })
	o = mustOpen(t, r, 1)
	if v, ok, err := o.Get("k"); len(v) != 2000 || !ok || err != nil {
		t.Errorf("restored: %d bytes, %v, %v", len(v), ok, err)
	}
	must(t, o.Close())
	must(t, r.Close())
}
