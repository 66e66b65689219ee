package engine

import (
	"context"
	"errors"

	"github.com/tetratelabs/wazero/experimental"
)

// ErrNoRoom is wrapped when the machine has no room for another instance:
// address space, mappings or memory. It passes when others have been closed.
var ErrNoRoom = errors.New("no room for another instance")

// pageBytes is the unit in which memory is copied, compared and given back.
const pageBytes = 4096

// slot is the memory of one instance, ready to be its linear memory. A slot
// of a captured image begins as a copy of it. Free returns it.
type slot interface {
	experimental.LinearMemory
	// changed appends the numbers of the pages, among those that hold the
	// first size bytes, that differ from the image.
	changed(pages []uint32, size int) []uint32
	// resident is the bytes among the first size that belong to this slot
	// alone.
	resident(size int) int
}

// backing is an image's captured memory, and what slots of it are made from.
// Its methods may be called from any goroutine.
type backing interface {
	take() (slot, error)
	// content is the captured memory and zeroes up to the slots' size. It is
	// not to be written.
	content() []byte
	close() error
}

// inSlot lets the next instantiation under the context live in s.
func inSlot(ctx context.Context, s slot) context.Context {
	return experimental.WithMemoryAllocator(ctx, experimental.MemoryAllocatorFunc(func(_, _ uint64) experimental.LinearMemory {
		return s
	}))
}

// compare appends the numbers of the pages in which a and b differ. They are
// equally long, a multiple of pageBytes.
func compare(pages []uint32, a, b []byte) []uint32 {
	for at := 0; at < len(a); at += pageBytes {
		if string(a[at:at+pageBytes]) != string(b[at:at+pageBytes]) {
			pages = append(pages, uint32(at/pageBytes))
		}
	}
	return pages
}

var zeroPage [pageBytes]byte

// copied is a backing in ordinary memory: each slot is a copy. It is what
// there is without memfd and mmap, and what shows that they change nothing.
type copied struct {
	image []byte // captured
	max   int
}

func newCopied(mem []byte, max int) *copied {
	return &copied{image: append([]byte(nil), mem...), max: max}
}

func (c *copied) content() []byte { return c.image }
func (c *copied) close() error    { return nil }

func (c *copied) take() (slot, error) {
	return &copiedSlot{of: c, mem: append(make([]byte, 0, len(c.image)), c.image...)}, nil
}

type copiedSlot struct {
	of  *copied
	mem []byte
}

// Reallocate answers size bytes of memory; the captured part is there from
// the beginning.
func (s *copiedSlot) Reallocate(size uint64) []byte {
	if size > uint64(s.of.max) {
		return nil
	}
	if grow := int(size) - len(s.mem); grow > 0 {
		s.mem = append(s.mem, make([]byte, grow)...)
	}
	return s.mem[:size]
}

// Free drops the memory.
func (s *copiedSlot) Free() { s.mem = nil }

func (s *copiedSlot) resident(size int) int { return size }

func (s *copiedSlot) changed(pages []uint32, size int) []uint32 {
	captured := min(size, len(s.of.image))
	pages = compare(pages, s.mem[:captured], s.of.image[:captured])
	for at := captured; at < size; at += pageBytes {
		if string(s.mem[at:at+pageBytes]) != string(zeroPage[:]) {
			pages = append(pages, uint32(at/pageBytes))
		}
	}
	return pages
}
