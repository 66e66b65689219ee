package engine

import (
	"context"
	"unsafe"

	"github.com/tetratelabs/wazero/experimental"
	"golang.org/x/sys/unix"
)

// hugePageBytes is the size that the kernel may back memory with at once.
const hugePageBytes = 2 << 20

// withMemory makes instances live in address space of their own: memory grows
// in place, and large pages keep the cost of going from guest to guest low.
func withMemory(ctx context.Context) context.Context {
	return experimental.WithMemoryAllocator(ctx, experimental.MemoryAllocatorFunc(func(_, max uint64) experimental.LinearMemory {
		return reserve(max)
	}))
}

// reservation is the address space of one instance's memory.
type reservation struct {
	whole []byte // as mapped
	mem   []byte // the part that is aligned to large pages
	ready uint64 // bytes that may be used
}

// reserve maps address space for max bytes; nothing of it is memory yet. On
// failure the instance gets none and cannot be made.
func reserve(max uint64) experimental.LinearMemory {
	whole, err := unix.Mmap(-1, 0, int(max)+hugePageBytes, unix.PROT_NONE, unix.MAP_PRIVATE|unix.MAP_ANON|unix.MAP_NORESERVE)
	if err != nil {
		return &reservation{}
	}
	skip := -uintptr(unsafe.Pointer(unsafe.SliceData(whole))) % hugePageBytes
	return &reservation{whole: whole, mem: whole[skip : uint64(skip)+max : uint64(skip)+max]}
}

// Reallocate makes size bytes usable, in place.
func (r *reservation) Reallocate(size uint64) []byte {
	if size > uint64(len(r.mem)) {
		return nil
	}
	if size > r.ready {
		end := min((size+hugePageBytes-1)/hugePageBytes*hugePageBytes, uint64(len(r.mem)))
		if unix.Mprotect(r.mem[r.ready:end], unix.PROT_READ|unix.PROT_WRITE) != nil {
			return nil
		}
		_ = unix.Madvise(r.mem[r.ready:end], unix.MADV_HUGEPAGE) // only an advice
		r.ready = end
	}
	return r.mem[:size:len(r.mem)]
}

// Free gives the address space back.
func (r *reservation) Free() {
	if r.whole != nil {
		_ = unix.Munmap(r.whole) // the mapping is ours: it cannot fail
		r.whole, r.mem = nil, nil
	}
}
