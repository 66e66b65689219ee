package engine

import (
	"context"

	"github.com/tetratelabs/wazero/experimental"
	"golang.org/x/sys/unix"
)

// growBytes is the step in which address space becomes memory.
const growBytes = 1 << 20

// withMemory makes instances live in address space of their own: memory grows
// in place, and only pages that the guest has touched take any.
func withMemory(ctx context.Context) context.Context {
	return experimental.WithMemoryAllocator(ctx, experimental.MemoryAllocatorFunc(func(_, max uint64) experimental.LinearMemory {
		return reserve(max)
	}))
}

// reservation is the address space of one instance's memory.
type reservation struct {
	mem   []byte
	ready uint64 // bytes that may be used
}

// reserve maps address space for max bytes; nothing of it is memory yet. On
// failure the instance gets none and cannot be made.
func reserve(max uint64) experimental.LinearMemory {
	mem, err := unix.Mmap(-1, 0, int(max), unix.PROT_NONE, unix.MAP_PRIVATE|unix.MAP_ANON|unix.MAP_NORESERVE)
	if err != nil {
		return &reservation{}
	}
	return &reservation{mem: mem}
}

// Reallocate makes size bytes usable, in place.
func (r *reservation) Reallocate(size uint64) []byte {
	if size > uint64(len(r.mem)) {
		return nil
	}
	if size > r.ready {
		end := min((size+growBytes-1)/growBytes*growBytes, uint64(len(r.mem)))
		if unix.Mprotect(r.mem[r.ready:end], unix.PROT_READ|unix.PROT_WRITE) != nil {
			return nil
		}
		r.ready = end
	}
	return r.mem[:size:len(r.mem)]
}

// Free gives the address space back.
func (r *reservation) Free() {
	if r.mem != nil {
		_ = unix.Munmap(r.mem) // the mapping is ours: it cannot fail
		r.mem = nil
	}
}
