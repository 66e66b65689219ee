package engine

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"strconv"
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"
)

// mapsSpare is the mappings of the process that are left to everything else.
const (
	mapsSpare   = 10_000
	mapsDefault = 65_530
	mapsFile    = "/proc/sys/vm/max_map_count"
)

// SlotsMax is how many instances the system's limit of mappings leaves room
// for.
func SlotsMax() int {
	n := mapsDefault
	if b, err := os.ReadFile(mapsFile); err == nil {
		if v, err := strconv.Atoi(string(bytes.TrimSpace(b))); err == nil {
			n = v
		}
	}
	return max(n-mapsSpare, 1)
}

// slotBudget counts the mapped slots of all images of an engine. Free ones
// stay mapped until another image needs their place.
type slotBudget struct {
	mu     sync.Mutex
	max    int
	mapped int
	images map[*shared]struct{}
}

func newSlotBudget(limit int) *slotBudget {
	if limit <= 0 || limit > SlotsMax() {
		limit = SlotsMax()
	}
	return &slotBudget{max: limit, images: map[*shared]struct{}{}}
}

// chunkSlots is how many slots one reservation of address space has.
const chunkSlots = 64

// shared is a backing in a memfd that slots map copy-on-write.
type shared struct {
	budget *slotBudget
	fd     int
	view   []byte // read only, the whole slot
	size   int    // of a slot

	// Under the budget's lock.
	chunks []uintptr // address space
	next   int       // slots of the last chunk that have been handed out
	free   []uintptr // mapped, as the image
	bare   []uintptr // address space that was a slot
}

// newBacking captures memory for slots of at most max bytes.
func (b *slotBudget) newBacking(mem []byte, max int) (backing, error) {
	s := &shared{budget: b, size: max, fd: -1}
	if err := s.fill(mem); err != nil {
		return nil, errors.Join(fmt.Errorf("engine: image memory: %w", err), s.close())
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.images[s] = struct{}{}
	return s, nil
}

// fill writes the pages that are not zero and seals the file.
func (s *shared) fill(mem []byte) error {
	fd, err := unix.MemfdCreate("holdfast-image", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		return err
	}
	s.fd = fd
	if err := unix.Ftruncate(fd, int64(s.size)); err != nil {
		return err
	}
	for at := 0; at < len(mem); at += pageBytes {
		if string(mem[at:at+pageBytes]) == string(zeroPage[:]) {
			continue
		}
		if n, err := unix.Pwrite(fd, mem[at:at+pageBytes], int64(at)); err != nil || n != pageBytes {
			return errors.Join(err, errors.New("short write"))
		}
	}
	seals := unix.F_SEAL_WRITE | unix.F_SEAL_GROW | unix.F_SEAL_SHRINK | unix.F_SEAL_SEAL
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, seals); err != nil {
		return err
	}
	s.view, err = unix.Mmap(fd, 0, s.size, unix.PROT_READ, unix.MAP_SHARED)
	return err
}

func (s *shared) content() []byte { return s.view }

// close gives everything back; no slot may be taken.
func (s *shared) close() error {
	s.budget.mu.Lock()
	delete(s.budget.images, s)
	s.budget.mapped -= len(s.free)
	for _, c := range s.chunks {
		unmap(c, chunkSlots*s.size)
	}
	s.chunks, s.free, s.bare = nil, nil, nil
	s.budget.mu.Unlock()
	var errs []error
	if s.view != nil {
		errs = append(errs, unix.Munmap(s.view))
		s.view = nil
	}
	if s.fd >= 0 {
		errs = append(errs, unix.Close(s.fd))
		s.fd = -1
	}
	return errors.Join(errs...)
}

func (s *shared) take() (slot, error) {
	s.budget.mu.Lock()
	defer s.budget.mu.Unlock()
	if n := len(s.free); n > 0 {
		at := s.free[n-1]
		s.free = s.free[:n-1]
		return s.slot(at), nil
	}
	if s.budget.mapped >= s.budget.max && !s.budget.reclaim() {
		return nil, fmt.Errorf("%w: %d are mapped, as many as vm.max_map_count allows", ErrNoRoom, s.budget.mapped)
	}
	at, err := s.place()
	if err == nil {
		err = mapAt(at, s.size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_NORESERVE, s.fd)
		if err != nil {
			s.bare = append(s.bare, at)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoRoom, err)
	}
	s.budget.mapped++
	return s.slot(at), nil
}

func (s *shared) slot(at uintptr) *sharedSlot {
	return &sharedSlot{of: s, mem: unsafe.Slice((*byte)(unsafe.Add(unsafe.Pointer(nil), at)), s.size)}
}

// place is address space for one more slot; the budget's lock is held.
func (s *shared) place() (uintptr, error) {
	if n := len(s.bare); n > 0 {
		at := s.bare[n-1]
		s.bare = s.bare[:n-1]
		return at, nil
	}
	if len(s.chunks) == 0 || s.next == chunkSlots {
		at, err := reserve(chunkSlots * s.size)
		if err != nil {
			return 0, err
		}
		s.chunks, s.next = append(s.chunks, at), 0
	}
	at := s.chunks[len(s.chunks)-1] + uintptr(s.next*s.size)
	s.next++
	return at, nil
}

// reclaim unmaps a free slot of any image; the lock is held.
func (b *slotBudget) reclaim() bool {
	for s := range b.images {
		if n := len(s.free); n > 0 {
			at := s.free[n-1]
			s.free = s.free[:n-1]
			if mapAt(at, s.size, unix.PROT_NONE, unix.MAP_PRIVATE|unix.MAP_ANON|unix.MAP_NORESERVE, -1) != nil {
				continue
			}
			s.bare = append(s.bare, at)
			b.mapped--
			return true
		}
	}
	return false
}

func reserve(size int) (uintptr, error) {
	at, _, e := unix.Syscall6(unix.SYS_MMAP, 0, uintptr(size), unix.PROT_NONE, unix.MAP_PRIVATE|unix.MAP_ANON|unix.MAP_NORESERVE, ^uintptr(0), 0)
	if e != 0 {
		return 0, e
	}
	return at, nil
}

func mapAt(at uintptr, size, prot, flags, fd int) error {
	if _, _, e := unix.Syscall6(unix.SYS_MMAP, at, uintptr(size), uintptr(prot), uintptr(flags|unix.MAP_FIXED), uintptr(fd), 0); e != 0 {
		return e
	}
	return nil
}

func unmap(at uintptr, size int) {
	_, _, _ = unix.Syscall(unix.SYS_MUNMAP, at, uintptr(size), 0) // ours, and whole: it cannot fail
}

// sharedSlot is one private mapping of an image.
type sharedSlot struct {
	of  *shared
	mem []byte
}

// Reallocate makes size bytes usable, in place; more than a slot is refused.
func (s *sharedSlot) Reallocate(size uint64) []byte {
	if size > uint64(len(s.mem)) {
		return nil
	}
	return s.mem[:size:len(s.mem)]
}

// Free makes the slot the image again, for another instance.
func (s *sharedSlot) Free() {
	if s.mem == nil {
		return
	}
	at := uintptr(unsafe.Pointer(unsafe.SliceData(s.mem)))
	err := unix.Madvise(s.mem, unix.MADV_DONTNEED)
	s.mem = nil
	b := s.of.budget
	b.mu.Lock()
	defer b.mu.Unlock()
	if s.of.chunks == nil {
		return // the image is closed, and its address space gone
	}
	if err != nil { // never hand out what may hold another's memory
		if mapAt(at, s.of.size, unix.PROT_NONE, unix.MAP_PRIVATE|unix.MAP_ANON|unix.MAP_NORESERVE, -1) == nil {
			s.of.bare = append(s.of.bare, at)
			b.mapped--
		}
		return
	}
	s.of.free = append(s.of.free, at)
}

// pagemap tells which pages of the process are its own. Without it pages are
// compared.
var pagemap = sync.OnceValue(func() *os.File {
	f, err := os.Open("/proc/self/pagemap")
	if err != nil {
		return nil
	}
	return f
})

// The bits of a pagemap entry.
const (
	pagePresent = 1 << 63
	pageSwapped = 1 << 62
	pageOfFile  = 1 << 61
)

// owned calls fn for each page of the first size bytes that the slot has
// copied. False where the system does not tell.
func (s *sharedSlot) owned(size int, fn func(page int)) bool {
	f := pagemap()
	if f == nil {
		return false
	}
	var buf [512 * 8]byte
	first := int64(uintptr(unsafe.Pointer(unsafe.SliceData(s.mem)))) / pageBytes * 8
	for page, n := 0, size/pageBytes; page < n; {
		b := buf[:min(len(buf), (n-page)*8)]
		if _, err := f.ReadAt(b, first+int64(page)*8); err != nil {
			return false
		}
		for ; len(b) > 0; b = b[8:] {
			e := binary.LittleEndian.Uint64(b)
			if e&(pagePresent|pageSwapped) != 0 && e&pageOfFile == 0 {
				fn(page)
			}
			page++
		}
	}
	return true
}

func (s *sharedSlot) resident(size int) int {
	n := 0
	if !s.owned(size, func(int) { n += pageBytes }) {
		return size
	}
	return n
}

func (s *sharedSlot) changed(pages []uint32, size int) []uint32 {
	if s.owned(size, func(p int) {
		if at := p * pageBytes; string(s.mem[at:at+pageBytes]) != string(s.of.view[at:at+pageBytes]) {
			pages = append(pages, uint32(p))
		}
	}) {
		return pages
	}
	return compare(pages[:0], s.mem[:size], s.of.view[:size])
}
