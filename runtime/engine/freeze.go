package engine

import (
	"encoding/binary"
	"errors"
	"fmt"
	"sync"

	"github.com/klauspost/compress/zstd"
	"github.com/tetratelabs/wazero/api"
)

// Frozen is an instance at rest: what sets its memory off from its image,
// compressed, and its globals. It belongs to one image of one process. After
// Instance.Freeze it is the caller's, until Image.Thaw.
type Frozen struct {
	image     uint64
	pages     uint32 // of 64 KiB
	globals   []uint64
	deadline  int64
	clockRead bool
	stash     []byte
	diff      []byte // nil where the Freezer has it on disk
	stored    int    // bytes of it there
	place     place
}

// frozenBytes is what a Frozen takes beside its diff, roughly.
const frozenBytes = 256

// Bytes is the memory that f takes. While a Freezer keeps f, only the Freezer
// may ask.
func (f *Frozen) Bytes() int64 {
	return int64(len(f.diff) + len(f.stash) + 8*len(f.globals) + frozenBytes)
}

// ErrNotFrozen is wrapped where an instance cannot be frozen or thawed.
var ErrNotFrozen = errors.New("the instance cannot be kept")

// Freeze writes down what the instance holds. The instance stays as it is;
// the caller closes it, or goes on and drops the result. It must not be
// inside a call.
func (in *Instance) Freeze() (*Frozen, error) {
	if !in.image.captured {
		return nil, fmt.Errorf("%w: its image is not captured: %s", ErrNotFrozen, in.image.layout.State)
	}
	in.flushOutput()
	size := int(in.memory.Size())
	mem, ok := in.memory.Read(0, uint32(size))
	if !ok {
		return nil, fmt.Errorf("%w: its memory cannot be read", ErrNotFrozen)
	}
	scratch := scratches.Get().(*scratch)
	defer scratches.Put(scratch)
	scratch.pages = in.slot.changed(scratch.pages[:0], size)
	scratch.raw = appendDiff(scratch.raw[:0], mem, in.image.memory.content(), scratch.pages)
	packed := encoder().EncodeAll(scratch.raw, scratch.packed[:0])
	scratch.packed = packed
	return &Frozen{
		image: in.image.number, pages: uint32(size / wasmPageBytes), globals: in.readGlobals(make([]uint64, 0, len(in.image.layout.Globals))),
		deadline: in.deadline, clockRead: in.clockRead, stash: in.stash, diff: append([]byte(nil), packed...),
	}, nil
}

// Thaw makes an instance that goes on where the frozen one was, with calls as
// its host. f may not be used again.
func (i *Image) Thaw(f *Frozen, calls Calls) (*Instance, error) {
	if f.image != i.number {
		return nil, fmt.Errorf("%w: it belongs to another image", ErrNotFrozen)
	}
	scratch := scratches.Get().(*scratch)
	defer scratches.Put(scratch)
	raw, err := decoder().DecodeAll(f.diff, scratch.raw[:0])
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNotFrozen, err)
	}
	scratch.raw = raw
	s, err := i.memory.take()
	if err != nil {
		return nil, err
	}
	in, err := i.restore(calls, s, f.pages, f.globals)
	if err != nil {
		return nil, err
	}
	mem, _ := in.memory.Read(0, in.memory.Size())
	if err := applyDiff(mem, raw); err != nil {
		in.Close()
		return nil, err
	}
	in.deadline, in.clockRead, in.stash = f.deadline, f.clockRead, f.stash
	return in, nil
}

// readGlobals appends the guest's mutable globals.
func (in *Instance) readGlobals(out []uint64) []uint64 {
	for _, g := range in.image.layout.Globals {
		out = append(out, in.module.ExportedGlobal(g.Export).Get())
	}
	return out
}

func (in *Instance) writeGlobals(values []uint64) {
	for n, g := range in.image.layout.Globals {
		in.module.ExportedGlobal(g.Export).(api.MutableGlobal).Set(values[n])
	}
}

// scratch is the buffers of one freeze or thaw.
type scratch struct {
	pages       []uint32
	raw, packed []byte
}

var scratches = sync.Pool{New: func() any { return &scratch{} }}

// pageWords is a page in words of eight bytes. A page of a diff is its number
// and runs that add up to it: how many words are the image's, how many follow,
// and those, XORed with the image's: most of what is left is zero bytes.
const (
	wordBytes = 8
	pageWords = pageBytes / wordBytes
)

func appendDiff(dst, mem, image []byte, pages []uint32) []byte {
	for _, p := range pages {
		at := int(p) * pageBytes
		base := zeroPage[:]
		if at < len(image) {
			base = image[at : at+pageBytes]
		}
		dst = appendPage(binary.LittleEndian.AppendUint32(dst, p), mem[at:at+pageBytes], base)
	}
	return dst
}

func appendPage(dst, page, base []byte) []byte {
	word := func(i int) uint64 {
		return binary.LittleEndian.Uint64(page[i*wordBytes:]) ^ binary.LittleEndian.Uint64(base[i*wordBytes:])
	}
	for i := 0; i < pageWords; {
		skip := i
		for i < pageWords && word(i) == 0 {
			i++
		}
		dst = binary.LittleEndian.AppendUint16(dst, uint16(i-skip))
		count := len(dst)
		dst = append(dst, 0, 0)
		from := i
		for ; i < pageWords; i++ {
			x := word(i)
			if x == 0 {
				break
			}
			dst = binary.LittleEndian.AppendUint64(dst, x)
		}
		binary.LittleEndian.PutUint16(dst[count:], uint16(i-from))
	}
	return dst
}

// applyDiff is the way back, onto memory that is the image's.
func applyDiff(mem, diff []byte) error {
	bad := fmt.Errorf("%w: its diff does not fit the memory of %d bytes", ErrNotFrozen, len(mem))
	for len(diff) >= 4 {
		at := uint64(binary.LittleEndian.Uint32(diff)) * pageBytes
		diff = diff[4:]
		if at+pageBytes > uint64(len(mem)) {
			return bad
		}
		page := mem[at : at+pageBytes]
		for i := 0; i < pageWords; {
			if len(diff) < 4 {
				return bad
			}
			i += int(binary.LittleEndian.Uint16(diff))
			n := int(binary.LittleEndian.Uint16(diff[2:]))
			diff = diff[4:]
			if i+n > pageWords || n*wordBytes > len(diff) {
				return bad
			}
			for ; n > 0; n-- {
				w := page[i*wordBytes:]
				binary.LittleEndian.PutUint64(w, binary.LittleEndian.Uint64(w)^binary.LittleEndian.Uint64(diff))
				diff, i = diff[wordBytes:], i+1
			}
		}
	}
	if len(diff) != 0 {
		return bad
	}
	return nil
}

// windowBytes is as far as the compressor looks back: frozen memories are
// small, and its tables need not be larger.
const windowBytes = 256 << 10

var encoder = sync.OnceValue(func() *zstd.Encoder {
	e, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedDefault), zstd.WithEncoderCRC(false),
		zstd.WithWindowSize(windowBytes), zstd.WithLowerEncoderMem(true), zstd.WithZeroFrames(true))
	if err != nil {
		panic("engine: zstd: " + err.Error()) // the options are constants
	}
	return e
})

var decoder = sync.OnceValue(func() *zstd.Decoder {
	d, err := zstd.NewReader(nil, zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxMemory(8<<30))
	if err != nil {
		panic("engine: zstd: " + err.Error())
	}
	return d
})
