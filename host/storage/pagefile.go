package storage

import (
	"encoding/binary"
	"errors"
	"io"
	"slices"

	"github.com/cockroachdb/pebble/v2"
	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/vfs"

	"github.com/holdfast-run/holdfast/runtime/store"
)

const (
	pageBytesMin      = 512
	freePagesAt       = 36 // in the header of page 1: pages on the free list
	headerBytes       = 100
	pageSpreadPerFile = 8
)

// pageFile is the SQLite database file of one object: its pages lie in
// Pebble, the pages that a turn has written lie in memory until the turn's
// batch takes them. SQLite calls it on the goroutine that runs the statement.
type pageFile struct {
	db        pebble.Reader // holds the committed pages
	prefix    []byte        // of the object's keys
	pageBytes uint32
	pages     uint32 // as SQLite sees them
	base      uint32 // as Pebble holds them
	cut       uint32 // the fewest since: Pebble's pages beyond are gone
	dirty     map[uint32][]byte
	spare     [][]byte // page buffers to use again
	key       []byte
	lock      vfs.LockLevel
}

var _ vfs.FileLockState = (*pageFile)(nil)

func newPageFile(db pebble.Reader, prefix []byte, pageBytes, pages uint32) *pageFile {
	return &pageFile{
		db: db, prefix: prefix, pageBytes: pageBytes, pages: pages, base: pages, cut: pages,
		dirty: make(map[uint32][]byte, pageSpreadPerFile),
	}
}

func appendPageKey(key, prefix []byte, page uint32) []byte {
	key = append(append(key, prefix...), kindPage)
	return binary.BigEndian.AppendUint32(key, page)
}

func (f *pageFile) pageKey(page uint32) []byte {
	f.key = appendPageKey(f.key[:0], f.prefix, page)
	return f.key
}

func (f *pageFile) sizeBytes() int64 { return int64(f.pages) * int64(f.pageBytes) }

// changed reports whether there is anything for the turn's batch.
func (f *pageFile) changed() bool { return len(f.dirty) > 0 || f.pages != f.base || f.cut != f.base }

// freePages reads the length of the free list where page 1 was written;
// before is the length until then.
func (f *pageFile) freePages(before uint32) uint32 {
	if header, ok := f.dirty[1]; ok && len(header) >= headerBytes {
		return binary.BigEndian.Uint32(header[freePagesAt:])
	}
	return before
}

// changedPages are the numbers of the pages that the turn has written, in
// order.
func (f *pageFile) changedPages() []uint32 {
	numbers := make([]uint32, 0, len(f.dirty))
	for page := range f.dirty {
		numbers = append(numbers, page)
	}
	slices.Sort(numbers)
	return numbers
}

// fill puts the changed pages into batch, in order.
func (f *pageFile) fill(batch *pebble.Batch) error {
	numbers := f.changedPages()
	if f.cut < f.base {
		if err := deletePages(batch, f.prefix, f.cut+1, f.base); err != nil {
			return err
		}
	}
	for _, page := range numbers {
		if err := batch.Set(f.pageKey(page), f.dirty[page], nil); err != nil {
			return store.Errorf("batch page %d: %w", page, err)
		}
	}
	return nil
}

// deletePages drops pages first to last.
func deletePages(batch *pebble.Batch, prefix []byte, first, last uint32) error {
	if first > last {
		return nil
	}
	if last-first >= pointDeletesMax {
		start := appendPageKey(nil, prefix, first)
		end := append(appendPageKey(nil, prefix, last), 0)
		if err := batch.DeleteRange(start, end, nil); err != nil {
			return store.Errorf("batch pages %d to %d: %w", first, last, err)
		}
		return nil
	}
	var key []byte
	for page := first; page <= last; page++ {
		key = appendPageKey(key[:0], prefix, page)
		if err := batch.Delete(key, nil); err != nil {
			return store.Errorf("batch page %d: %w", page, err)
		}
	}
	return nil
}

// settle makes the turn's pages the committed ones.
func (f *pageFile) settle() {
	f.base, f.cut = f.pages, f.pages
	f.recycle()
}

// revert forgets the turn's pages, after SQLite has rolled back.
func (f *pageFile) revert() {
	f.pages, f.cut = f.base, f.base
	f.recycle()
}

func (f *pageFile) recycle() {
	for _, page := range f.dirty {
		if len(f.spare) < pageBuffersRetainedMax {
			f.spare = append(f.spare, page)
		}
	}
	clear(f.dirty)
}

// ReadAt reads the turn's page, or Pebble's. SQLite also reads parts of
// pages: the header, and the change counter.
func (f *pageFile) ReadAt(b []byte, offset int64) (int, error) {
	size := int64(f.pageBytes)
	n := 0
	for n < len(b) {
		page := uint32(offset/size) + 1
		if page > f.pages {
			return n, io.EOF
		}
		read, err := f.readPage(b[n:], page, int(offset%size))
		n += read
		offset += int64(read)
		if err != nil {
			return n, err
		}
	}
	return n, nil
}

func (f *pageFile) readPage(b []byte, page uint32, at int) (int, error) {
	if data, ok := f.dirty[page]; ok {
		return copy(b, data[at:]), nil
	}
	if page > f.cut {
		return f.hole(b, at), nil
	}
	data, closer, err := f.db.Get(f.pageKey(page))
	if errors.Is(err, pebble.ErrNotFound) { // never written: SQLite left a hole
		return f.hole(b, at), nil
	}
	if err != nil {
		return 0, vfs.SystemError(err, sqlite3.IOERR_READ)
	}
	if len(data) != int(f.pageBytes) {
		return 0, errors.Join(vfs.SystemError(errors.New("page of a wrong length"), sqlite3.CORRUPT), closer.Close())
	}
	n := copy(b, data[at:])
	if err := closer.Close(); err != nil {
		return n, vfs.SystemError(err, sqlite3.IOERR_READ)
	}
	return n, nil
}

// hole reads a page that nothing was written to.
func (f *pageFile) hole(b []byte, at int) int {
	n := min(int(f.pageBytes)-at, len(b))
	clear(b[:n])
	return n
}

// WriteAt takes whole pages only. The first write of a new database tells its
// page size.
func (f *pageFile) WriteAt(b []byte, offset int64) (int, error) {
	if offset == 0 && f.pages == 0 && len(b) >= pageBytesMin {
		f.pageBytes = uint32(len(b))
	}
	size := int64(f.pageBytes)
	if offset%size != 0 || int64(len(b)) != size {
		return 0, sqlite3.IOERR_WRITE
	}
	page := uint32(offset/size) + 1
	data, ok := f.dirty[page]
	if !ok {
		data = f.buffer()
		f.dirty[page] = data
	}
	copy(data, b)
	f.pages = max(f.pages, page)
	return len(b), nil
}

func (f *pageFile) buffer() []byte {
	last := len(f.spare) - 1
	if last < 0 {
		return make([]byte, f.pageBytes)
	}
	data := f.spare[last]
	f.spare = f.spare[:last]
	if len(data) != int(f.pageBytes) {
		return make([]byte, f.pageBytes)
	}
	return data
}

// Truncate drops the pages beyond size.
func (f *pageFile) Truncate(size int64) error {
	if size < 0 || size%int64(f.pageBytes) != 0 || size/int64(f.pageBytes) > sqlPagesMax {
		return sqlite3.IOERR_TRUNCATE
	}
	f.pages = uint32(size / int64(f.pageBytes))
	f.cut = min(f.cut, f.pages)
	for page := range f.dirty {
		if page > f.pages {
			delete(f.dirty, page)
		}
	}
	return nil
}

// Size is the size of the file.
func (f *pageFile) Size() (int64, error) { return f.sizeBytes(), nil }

// Close keeps nothing.
func (f *pageFile) Close() error { return nil }

// Sync does nothing: the turn's batch is what is synced.
func (f *pageFile) Sync(vfs.SyncFlag) error { return nil }

// Lock always succeeds: one connection has the file for itself.
func (f *pageFile) Lock(level vfs.LockLevel) error {
	f.lock = max(f.lock, level)
	return nil
}

// Unlock lowers the lock.
func (f *pageFile) Unlock(level vfs.LockLevel) error {
	f.lock = level
	return nil
}

// CheckReservedLock finds no other connection.
func (f *pageFile) CheckReservedLock() (bool, error) { return false, nil }

// LockState is the lock that SQLite holds.
func (f *pageFile) LockState() vfs.LockLevel { return f.lock }

// SectorSize leaves the choice to SQLite.
func (f *pageFile) SectorSize() int { return 0 }

// DeviceCharacteristics: a batch is atomic, and page writes need no order.
func (f *pageFile) DeviceCharacteristics() vfs.DeviceCharacteristic {
	return vfs.IOCAP_ATOMIC | vfs.IOCAP_SEQUENTIAL | vfs.IOCAP_SAFE_APPEND |
		vfs.IOCAP_POWERSAFE_OVERWRITE | vfs.IOCAP_SUBPAGE_READ
}
