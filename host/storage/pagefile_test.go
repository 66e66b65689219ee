package storage

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/holdfast-run/holdfast/runtime/store"
)

// FuzzPageFile lets a program of bytes write, truncate, grow, read, commit,
// drop and reopen a page file, and compares it with a file in memory.
func FuzzPageFile(f *testing.F) {
	f.Add([]byte{0, 1, 0, 2, 1, 1, 3, 0, 2, 5, 4, 0, 5, 0, 0, 9, 3, 0})
	f.Add([]byte{0, 0, 0, 1, 0, 2, 0, 3, 3, 0, 1, 1, 0, 5, 3, 0, 5, 0, 1, 0, 4, 0, 0, 70, 3, 0, 1, 0, 3, 0})
	f.Add([]byte{0, 0, 0, 1, 0, 2, 0, 3, 0, 4, 3, 0, 1, 2, 0, 4})
	f.Fuzz(func(t *testing.T, program []byte) {
		if len(program) > 200 {
			return
		}
		db, err := pebble.Open("", &pebble.Options{FS: vfs.NewMem(), Logger: pebbleLogger{Config{Logger: quiet()}}})
		must(t, err)
		m := &pageModel{t: t, db: db, prefix: objectPrefix(1, store.ID{1})}
		m.file = newPageFile(db, m.prefix, pageBytesNew, 0)
		for i := 0; i+1 < len(program); i += 2 {
			m.step(program[i], int64(program[i+1]))
		}
		m.compare()
		must(t, db.Close())
	})
}

// pageModel is a page file beside what it should hold.
type pageModel struct {
	t         *testing.T
	db        *pebble.DB
	prefix    []byte
	file      *pageFile
	now, kept []byte // with the turn's changes, and without
	writes    byte
}

func (m *pageModel) step(op byte, arg int64) {
	m.t.Helper()
	switch op % 6 {
	case 0: // write a page, perhaps beyond the end
		m.writes++
		page := bytes.Repeat([]byte{m.writes}, pageBytesNew)
		at := arg * pageBytesNew
		if _, err := m.file.WriteAt(page, at); err != nil {
			m.t.Fatal(err)
		}
		if grow := int(at) + pageBytesNew - len(m.now); grow > 0 {
			m.now = append(m.now, make([]byte, grow)...)
		}
		copy(m.now[at:], page)
	case 1: // truncate, or grow
		size := arg % 80 * pageBytesNew
		must(m.t, m.file.Truncate(size))
		if int(size) > len(m.now) {
			m.now = append(m.now, make([]byte, int(size)-len(m.now))...)
		}
		m.now = m.now[:size:size]
	case 2: // read anything, also across the end
		m.read(arg*37, int(arg*13%3000))
	case 3:
		batch := m.db.NewBatch()
		must(m.t, m.file.fill(batch))
		must(m.t, batch.Commit(pebble.NoSync))
		m.file.settle()
		m.kept = bytes.Clone(m.now)
	case 4:
		m.file.revert()
		m.now = bytes.Clone(m.kept)
	case 5: // reopen: what was not committed is gone
		m.file = newPageFile(m.db, m.prefix, pageBytesNew, uint32(len(m.kept)/pageBytesNew))
		m.now = bytes.Clone(m.kept)
	}
}

func (m *pageModel) read(at int64, length int) {
	m.t.Helper()
	got := make([]byte, length)
	n, err := m.file.ReadAt(got, at)
	want := m.now[min(int(at), len(m.now)):min(int(at)+length, len(m.now))]
	if short := len(want) < length; short != errors.Is(err, io.EOF) || !short && err != nil {
		m.t.Fatalf("read of %d at %d of %d bytes: %d, %v", length, at, len(m.now), n, err)
	}
	if !bytes.Equal(got[:n], want) {
		m.t.Fatalf("read of %d at %d of %d bytes differs", length, at, len(m.now))
	}
}

func (m *pageModel) compare() {
	m.t.Helper()
	if size, err := m.file.Size(); err != nil || size != int64(len(m.now)) {
		m.t.Fatalf("size is %d (%v), want %d", size, err, len(m.now))
	}
	m.read(0, len(m.now))
}

// TestPageFile_Refuses what SQLite never asks for.
func TestPageFile_Refuses(t *testing.T) {
	f := newPageFile(nil, objectPrefix(1, store.ID{1}), pageBytesNew, 0)
	if _, err := f.WriteAt(make([]byte, pageBytesNew), 0); err != nil {
		t.Fatal(err)
	}
	for _, w := range []struct {
		bytes int
		at    int64
	}{{10, 0}, {pageBytesNew, 10}, {2 * pageBytesNew, 0}, {pageBytesNew - 1, pageBytesNew}} {
		if _, err := f.WriteAt(make([]byte, w.bytes), w.at); err == nil {
			t.Errorf("%d bytes at %d were taken", w.bytes, w.at)
		}
	}
	for _, size := range []int64{-pageBytesNew, 10, 1 << 62} {
		if err := f.Truncate(size); err == nil {
			t.Errorf("truncated to %d", size)
		}
	}
}
