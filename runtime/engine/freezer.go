package engine

import (
	"container/list"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
)

// FreezerConfig bounds a Freezer.
type FreezerConfig struct {
	RAMBytesMax  int64  // 0: DefaultFrozenRAMBytes
	DiskBytesMax int64  // 0: DefaultFrozenDiskBytes; below 0: no disk
	Dir          string // of the file for what does not fit; "" for the system's
}

// The defaults of FreezerConfig.
const (
	DefaultFrozenRAMBytes  = 1 << 30
	DefaultFrozenDiskBytes = 8 << 30
)

// ErrDropped is the answer for what there was no room to keep.
var ErrDropped = errors.New("the frozen instance was dropped for want of room")

// Freezer keeps frozen instances: in memory, on disk when there are too many,
// and then no longer. Its file has no name and ends with the process. Methods
// may be called from any goroutine, those for one Frozen by one at a time. The
// file is read and written outside of the lock: nobody waits for another's.
type Freezer struct {
	cfg  FreezerConfig
	open func() (frozenFile, error)

	mu      sync.Mutex
	order   *list.List // of *Frozen in memory that are not being moved, the longest kept first
	ram     int64
	leaving int64 // of ram, that is being written
	disk    int64
	drops   int64
	file    frozenFile
	end     int64
	spaces  map[int64][]int64 // free places of the file, by size
}

// frozenFile is what a Freezer needs of its file.
type frozenFile interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
}

// place is where a Freezer has a Frozen: in memory, on its way to the file, or
// there.
type place struct {
	kept     *list.Element // in memory
	moving   *move         // on its way
	at, size int64         // in the file: size is 0 elsewhere
	held     bool
	pinned   bool
	dropped  bool
}

// move is one write of a Frozen to the file, which whoever takes or drops it
// meanwhile does not wait for.
type move struct {
	f        *Frozen
	diff     []byte
	file     frozenFile
	at, size int64
}

// NewFreezer makes a Freezer.
func NewFreezer(cfg FreezerConfig) *Freezer {
	if cfg.RAMBytesMax == 0 {
		cfg.RAMBytesMax = DefaultFrozenRAMBytes
	}
	if cfg.DiskBytesMax == 0 {
		cfg.DiskBytesMax = DefaultFrozenDiskBytes
	}
	return &Freezer{
		cfg: cfg, order: list.New(), spaces: map[int64][]int64{},
		open: func() (frozenFile, error) { return namelessFile(cfg.Dir) },
	}
}

// namelessFile makes a file that ends with the process.
func namelessFile(dir string) (*os.File, error) {
	file, err := os.CreateTemp(dir, "holdfast-frozen-")
	if err != nil {
		return nil, err
	}
	if err := os.Remove(file.Name()); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}

// Keep takes f. A pinned one is never dropped: it holds what storage does not.
func (z *Freezer) Keep(f *Frozen, pinned bool) {
	z.mu.Lock()
	defer z.mu.Unlock()
	f.place = place{held: true, kept: z.order.PushBack(f), pinned: pinned}
	z.ram += f.Bytes()
	writable := true
	for m := z.next(writable); m != nil; m = z.next(writable) {
		z.mu.Unlock()
		_, err := m.file.WriteAt(m.diff, m.at)
		z.mu.Lock()
		z.moved(m, err)
		writable = writable && err == nil
	}
}

// next makes room in memory until it comes to what is to be written, and takes
// that out of the order: so each is moved by one goroutine. Nil when there is
// room, or nothing that may go. The lock is held.
func (z *Freezer) next(writable bool) *move {
	for e := z.order.Front(); e != nil && z.ram-z.leaving > z.cfg.RAMBytesMax; {
		f := e.Value.(*Frozen)
		e = e.Next()
		if m := z.reserve(f, writable); m != nil {
			z.order.Remove(f.place.kept)
			f.place.kept, f.place.moving = nil, m
			z.leaving += int64(len(m.diff))
			return m
		}
		if !f.place.pinned {
			z.drop(f)
		}
	}
	return nil
}

// reserve finds f a place in the file, or nil.
func (z *Freezer) reserve(f *Frozen, writable bool) *move {
	size := (int64(len(f.diff)) + pageBytes - 1) / pageBytes * pageBytes
	if !writable || z.disk+size > z.cfg.DiskBytesMax {
		return nil
	}
	if z.file == nil {
		file, err := z.open()
		if err != nil {
			return nil
		}
		z.file = file
	}
	at := z.end
	if free := z.spaces[size]; len(free) > 0 {
		at, z.spaces[size] = free[len(free)-1], free[:len(free)-1]
	} else {
		z.end += size
	}
	z.disk += size
	return &move{f, f.diff, z.file, at, size}
}

// moved ends a move: f is in the file, unless the write failed or somebody took
// or dropped it meanwhile. The lock is held.
func (z *Freezer) moved(m *move, err error) {
	z.leaving -= int64(len(m.diff))
	f := m.f
	if f.place.moving != m {
		z.vacate(m.at, m.size)
		return
	}
	f.place.moving = nil
	if err == nil {
		z.ram -= int64(len(f.diff))
		f.place.at, f.place.size = m.at, m.size
		f.diff, f.stored = nil, len(m.diff)
		return
	}
	z.vacate(m.at, m.size)
	if f.place.pinned {
		f.place.kept = z.order.PushFront(f)
		return
	}
	z.drop(f)
}

// vacate frees a place of the file; the lock is held.
func (z *Freezer) vacate(at, size int64) {
	z.disk -= size
	z.spaces[size] = append(z.spaces[size], at)
}

// drop gives up f, which is in memory, for want of room; the lock is held.
func (z *Freezer) drop(f *Frozen) {
	z.release(f)
	z.drops++
	f.diff, f.place = nil, place{dropped: true}
}

// Take gives f back, whole, or ErrDropped. One that was given back already is
// as it was.
func (z *Freezer) Take(f *Frozen) error {
	z.mu.Lock()
	defer z.mu.Unlock()
	if f.place.dropped {
		return ErrDropped
	}
	var err error
	if f.place.size > 0 {
		err = z.read(f)
	}
	z.release(f)
	return err
}

// read brings the diff of f back from the file; nobody else touches what is
// there. The lock is held, but not while it reads.
func (z *Freezer) read(f *Frozen) error {
	file, diff, at := z.file, make([]byte, f.stored), f.place.at
	if file == nil {
		return fmt.Errorf("%w: the freezer is closed", ErrDropped)
	}
	z.mu.Unlock()
	_, err := file.ReadAt(diff, at)
	z.mu.Lock()
	z.ram += int64(len(diff))
	f.diff = diff
	if err != nil {
		return fmt.Errorf("%w: %w", ErrDropped, err)
	}
	return nil
}

// Drop forgets f.
func (z *Freezer) Drop(f *Frozen) {
	z.mu.Lock()
	defer z.mu.Unlock()
	if !f.place.dropped {
		z.release(f)
	}
	f.diff, f.place = nil, place{dropped: true}
}

// release ends the keeping of f; the lock is held.
func (z *Freezer) release(f *Frozen) {
	if !f.place.held {
		return
	}
	z.ram -= f.Bytes()
	if f.place.kept != nil {
		z.order.Remove(f.place.kept)
	}
	if size := f.place.size; size > 0 {
		z.vacate(f.place.at, size)
	}
	f.place = place{}
}

// FreezerStats is what a Freezer holds.
type FreezerStats struct {
	RAMBytes, DiskBytes int64
	Drops               int64 // for want of room, ever
}

// Stats is a snapshot.
func (z *Freezer) Stats() FreezerStats {
	z.mu.Lock()
	defer z.mu.Unlock()
	return FreezerStats{z.ram, z.disk, z.drops}
}

// Close gives the file back. What is kept is worth nothing any more.
func (z *Freezer) Close() error {
	z.mu.Lock()
	defer z.mu.Unlock()
	if z.file == nil {
		return nil
	}
	err := z.file.Close()
	z.file = nil
	z.cfg.DiskBytesMax = -1
	return err
}
