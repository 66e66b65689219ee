package storage

import (
	"fmt"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"github.com/holdfast-run/holdfast/runtime/store"
)

// disk watches the space that is left. There are two marks:
//
//	below the soft one   what makes an object larger is refused; deleting keys and
//	                     objects goes on, SQL does not: a DELETE shrinks no file
//	below the hard one   every write is refused
//
// Pebble ends the process where the disk is quite full: the marks are there
// so that it does not come to that, and leave room for compactions. Above
// the soft mark again, writes are taken again.
type disk struct {
	state   atomic.Int32
	commits atomic.Uint64
	bytes   atomic.Int64 // written since the last look
	failed  atomic.Pointer[backgroundFailure]
	stalled atomic.Pointer[time.Time] // since when writes stand still
}

// backgroundFailure is the last time that a table could not be written.
type backgroundFailure struct {
	at    time.Time
	cause error
}

const (
	// backgroundRefusal is for how long writes are refused after a table could
	// not be written. Pebble tries again and again; else writes would go on
	// until its memory is full, and then stand still.
	backgroundRefusal = 2 * time.Second
	// backgroundPause keeps Pebble from trying without a pause.
	backgroundPause = 20 * time.Millisecond
)

// backgroundError is Pebble's news of one, on the goroutine that will try
// again. Writes that stand still already cannot be refused any more: where
// that lasts, the process ends in order.
func (e *Engine) backgroundError(err error) {
	now := time.Now()
	e.disk.failed.Store(&backgroundFailure{now, err})
	if since := e.disk.stalled.Load(); since != nil && now.Sub(*since) > e.cfg.StallMax {
		e.cfg.end(fmt.Sprintf("writes stand still for %s: %v", now.Sub(*since).Round(time.Millisecond), err))
	}
	time.Sleep(backgroundPause)
}

// stall notes that writes stand still, or go on.
func (d *disk) stall(begins bool) {
	if !begins {
		d.stalled.Store(nil)
		return
	}
	now := time.Now()
	d.stalled.CompareAndSwap(nil, &now)
}

// The states of a disk.
const (
	diskFine int32 = iota
	diskSoft
	diskHard
)

const (
	diskCheckEveryCommits = 256
	diskCheckEveryBytes   = 4 << 20
)

// writable says whether a batch may be built now that makes the data larger
// by so many bytes, or smaller.
func (e *Engine) writable(growth int64) error {
	if err := e.Failed(); err != nil {
		return fmt.Errorf("%w: %w", store.ErrReadOnly, err)
	}
	d := &e.disk
	if f := d.failed.Load(); f != nil && time.Since(f.at) < backgroundRefusal {
		return fmt.Errorf("%w (%w)", store.ErrTables, f.cause)
	}
	if d.state.Load() == diskFine && d.commits.Add(1)%diskCheckEveryCommits != 1 && d.bytes.Load() < diskCheckEveryBytes {
		return nil
	}
	return e.checkDisk(growth)
}

// room is asked with the finished batch: a large one needs space of its own,
// in the log and in a table.
func (e *Engine) room(batch *pebble.Batch) error {
	bytes := int64(batch.Len())
	e.disk.bytes.Add(bytes)
	if bytes < diskCheckEveryBytes {
		return nil
	}
	left, ok := e.diskFree()
	if ok && left < e.cfg.DiskFreeBytesHard+2*uint64(bytes) {
		return fmt.Errorf("%w: %d bytes are left, this write needs %d", store.ErrDiskFull, left, 2*bytes)
	}
	return nil
}

// diskFree is the space that is left. A file system that cannot tell is taken
// to have room.
func (e *Engine) diskFree() (bytes uint64, ok bool) {
	usage, err := e.cfg.FS.GetDiskUsage(e.cfg.Dir)
	return usage.AvailBytes, err == nil && usage.TotalBytes > 0
}

// checkDisk looks at the disk and judges a write.
func (e *Engine) checkDisk(growth int64) error {
	e.disk.bytes.Store(0)
	left, ok := e.diskFree()
	state := diskFine
	switch {
	case !ok:
	case left < e.cfg.DiskFreeBytesHard:
		state = diskHard
	case left < e.cfg.DiskFreeBytesSoft:
		state = diskSoft
	}
	if before := e.disk.state.Swap(state); before != state {
		e.cfg.Logger.Warn("storage: disk space", "mark", [...]string{"none", "soft", "hard"}[state], "available", left)
	}
	if state == diskHard || state == diskSoft && growth >= 0 {
		return fmt.Errorf("%w: %d bytes are left", store.ErrDiskFull, left)
	}
	return nil
}

// DiskError is nil while writes are taken; else it says what is wrong. It
// looks at the disk.
func (e *Engine) DiskError() error {
	e.disk.commits.Store(0) // look now
	return e.writable(0)
}
