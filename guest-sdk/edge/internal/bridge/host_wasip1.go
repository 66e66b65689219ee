//go:build wasip1

package bridge

import (
	"unsafe"

	"github.com/holdfast-run/holdfast/guest-sdk/abi"
)

// outBytesFirst holds most results; a longer one takes a second call.
const outBytesFirst = 8 << 10

// Wasm is the real host. Its buffer is safe because a guest has one thread
// and no goroutine is switched inside a host call.
type Wasm struct{ out []byte }

// NewWasm makes the guest's one host.
func NewWasm() *Wasm { return &Wasm{out: make([]byte, outBytesFirst)} }

func ptr(b []byte) unsafe.Pointer { return unsafe.Pointer(unsafe.SliceData(b)) }

// Sync calls a function of shape Sync.
func (w *Wasm) Sync(fn Fn, req []byte) (abi.Status, []byte) {
	st, n := abi.Unpack(callSync(fn, ptr(req), uint32(len(req)), ptr(w.out), uint32(len(w.out))))
	return st, w.result(n)
}

func (w *Wasm) result(n uint32) []byte {
	if int(n) <= len(w.out) {
		return w.out[:n:n]
	}
	big := make([]byte, n)
	importResult(ptr(big), n)
	return big
}

// Async starts an operation.
func (w *Wasm) Async(fn Fn, req []byte) (uint32, abi.Status, []byte) {
	st, op := abi.Unpack(callAsync(fn, ptr(req), uint32(len(req))))
	if st != abi.OK {
		return 0, st, w.failure()
	}
	return op, st, nil
}

// Post calls a function without a result.
func (w *Wasm) Post(fn Fn, req []byte) (abi.Status, []byte) {
	st := abi.Status(callPost(fn, ptr(req), uint32(len(req))))
	if st != abi.OK {
		return st, w.failure()
	}
	return st, nil
}

func (w *Wasm) failure() []byte {
	_, n := abi.Unpack(importResult(ptr(w.out), uint32(len(w.out))))
	return w.result(n)
}

// Now is the host's clock.
func (w *Wasm) Now() int64 { return importNow() }

// Random fills p from the host.
func (w *Wasm) Random(p []byte) { importRandom(ptr(p), uint32(len(p))) }
