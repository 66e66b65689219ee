package rewrite

import (
	"fmt"
	"unicode/utf8"
)

// reader takes a section apart. The first error sticks: everything after it
// reads as zero and empty.
type reader struct {
	b       []byte
	at      int
	base    int // offset of b in the module
	section string
	err     *Error
}

func (r *reader) fail(format string, args ...any) {
	r.failAt(r.at, format, args...)
}

func (r *reader) failAt(at int, format string, args ...any) {
	if r.err == nil {
		r.err = &Error{r.section, r.base + at, fmt.Sprintf(format, args...)}
		r.at = len(r.b)
	}
}

// done reports that nothing is left, or that nothing can be read any more.
func (r *reader) done() bool { return r.at >= len(r.b) }

func (r *reader) byte() byte {
	if r.at >= len(r.b) {
		r.fail("ends early")
		return 0
	}
	c := r.b[r.at]
	r.at++
	return c
}

func (r *reader) bytes(n uint32) []byte {
	if uint64(n) > uint64(len(r.b)-r.at) {
		r.fail("%d bytes expected, %d are left", n, len(r.b)-r.at)
		return nil
	}
	p := r.b[r.at : r.at+int(n)]
	r.at += int(n)
	return p
}

// u32 reads an unsigned LEB128 of at most 32 bits.
func (r *reader) u32() uint32 {
	start, v := r.at, uint32(0)
	for shift := uint(0); shift < 35; shift += 7 {
		c := r.byte()
		if r.err != nil {
			return 0
		}
		if shift == 28 && c > 0x0f {
			break
		}
		v |= uint32(c&0x7f) << shift
		if c < 0x80 {
			return v
		}
	}
	r.failAt(start, "an integer is longer than 32 bits")
	return 0
}

// signed reads a signed LEB128 of at most the given number of bits.
func (r *reader) signed(bits uint) int64 {
	start, v := r.at, int64(0)
	for shift := uint(0); shift < bits+6; shift += 7 {
		c := r.byte()
		if r.err != nil {
			return 0
		}
		v |= int64(c&0x7f) << shift
		if c < 0x80 {
			if shift+7 < 64 && c&0x40 != 0 {
				v |= -1 << (shift + 7)
			}
			return v
		}
	}
	r.failAt(start, "an integer is longer than %d bits", bits)
	return 0
}

// count reads a number of items of which each takes at least one byte.
func (r *reader) count() int {
	start := r.at
	n := r.u32()
	if uint64(n) > uint64(len(r.b)-r.at) {
		r.failAt(start, "%d items cannot fit into the %d bytes that are left", n, len(r.b)-r.at)
		return 0
	}
	return int(n)
}

func (r *reader) name() string {
	start := r.at
	p := r.bytes(r.u32())
	if !utf8.Valid(p) {
		r.failAt(start, "a name is not UTF-8")
		return ""
	}
	return string(p)
}

// end fails where the section has more than it should.
func (r *reader) end() {
	if r.err == nil && r.at != len(r.b) {
		r.fail("%d bytes too many", len(r.b)-r.at)
	}
}
