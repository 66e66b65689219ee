package engine

import (
	"container/list"
	"errors"
	"fmt"
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
// may be called from any goroutine.
type Freezer struct {
	cfg FreezerConfig

	mu     sync.Mutex
	order  *list.List // of *Frozen in memory, the longest kept first
	ram    int64
	disk   int64
	drops  int64
	file   *os.File
	end    int64
	spaces map[int64][]int64 // free places of the file, by size
}

// place is where a Freezer has a Frozen.
type place struct {
	kept     *list.Element // in memory
	at, size int64         // in the file: size is 0 elsewhere
	held     bool
	pinned   bool
	dropped  bool
}

// NewFreezer makes a Freezer.
func NewFreezer(cfg FreezerConfig) *Freezer {
	if cfg.RAMBytesMax == 0 {
		cfg.RAMBytesMax = DefaultFrozenRAMBytes
	}
	if cfg.DiskBytesMax == 0 {
		cfg.DiskBytesMax = DefaultFrozenDiskBytes
	}
	return &Freezer{cfg: cfg, order: list.New(), spaces: map[int64][]int64{}}
}

// Keep takes f. A pinned one is never dropped: it holds what storage does not.
func (z *Freezer) Keep(f *Frozen, pinned bool) {
	z.mu.Lock()
	defer z.mu.Unlock()
	f.place = place{held: true, kept: z.order.PushBack(f), pinned: pinned}
	z.ram += f.Bytes()
	for e := z.order.Front(); e != nil && z.ram > z.cfg.RAMBytesMax; {
		next := e.Next()
		z.move(e.Value.(*Frozen))
		e = next
	}
}

// move takes f out of memory, if it may; the lock is held.
func (z *Freezer) move(f *Frozen) {
	bytes := f.Bytes()
	if err := z.write(f); err != nil {
		if f.place.pinned {
			return
		}
		z.drops++
		f.place.dropped = true
	}
	z.order.Remove(f.place.kept)
	f.place.kept, f.diff = nil, nil
	z.ram += f.Bytes() - bytes
	if f.place.dropped {
		z.ram -= f.Bytes()
	}
}

// write puts the diff into the file.
func (z *Freezer) write(f *Frozen) error {
	size := (int64(len(f.diff)) + pageBytes - 1) / pageBytes * pageBytes
	if z.disk+size > z.cfg.DiskBytesMax {
		return ErrDropped
	}
	if z.file == nil {
		file, err := os.CreateTemp(z.cfg.Dir, "holdfast-frozen-")
		if err != nil {
			return err
		}
		if err := os.Remove(file.Name()); err != nil {
			return errors.Join(err, file.Close())
		}
		z.file = file
	}
	at := z.end
	if free := z.spaces[size]; len(free) > 0 {
		at = free[len(free)-1]
	}
	if _, err := z.file.WriteAt(f.diff, at); err != nil {
		return err
	}
	if at == z.end {
		z.end += size
	} else {
		z.spaces[size] = z.spaces[size][:len(z.spaces[size])-1]
	}
	z.disk += size
	f.place.at, f.place.size = at, size
	f.stored = len(f.diff)
	return nil
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
		diff := make([]byte, f.stored)
		if _, err = z.file.ReadAt(diff, f.place.at); err != nil {
			err = fmt.Errorf("%w: %w", ErrDropped, err)
		}
		z.release(f)
		f.diff = diff
		return err
	}
	z.release(f)
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
		z.disk -= size
		z.spaces[size] = append(z.spaces[size], f.place.at)
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
