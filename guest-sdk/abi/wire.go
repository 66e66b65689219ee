package abi

import "unsafe"

// The primitive layouts. All numbers are little endian; a text or byte string
// is its length as u32 and its bytes; a list is its count as u32 and its
// items.

// DecodeError says where a message broke off or went wrong.
type DecodeError struct {
	Message string // the message's name
	Offset  int
	Want    string // what was expected there
}

func (e *DecodeError) Error() string {
	return "abi: " + e.Message + ": at byte " + itoa(e.Offset) + ": expected " + e.Want
}

func itoa(n int) string {
	if n == 0 {
		return "0"
	}
	var b [20]byte
	i := len(b)
	for n > 0 {
		i--
		b[i] = byte('0' + n%10)
		n /= 10
	}
	return string(b[i:])
}

func appendU32(b []byte, v uint32) []byte {
	return append(b, byte(v), byte(v>>8), byte(v>>16), byte(v>>24))
}

func appendU64(b []byte, v uint64) []byte {
	return append(b, byte(v), byte(v>>8), byte(v>>16), byte(v>>24), byte(v>>32), byte(v>>40), byte(v>>48), byte(v>>56))
}

func appendBool(b []byte, v bool) []byte {
	if v {
		return append(b, 1)
	}
	return append(b, 0)
}

func appendF64(b []byte, v float64) []byte { return appendU64(b, *(*uint64)(unsafe.Pointer(&v))) }

func appendString(b []byte, s string) []byte { return append(appendU32(b, uint32(len(s))), s...) }

func appendBytes(b []byte, p []byte) []byte { return append(appendU32(b, uint32(len(p))), p...) }

func appendStrings(b []byte, v []string) []byte {
	b = appendU32(b, uint32(len(v)))
	for _, s := range v {
		b = appendString(b, s)
	}
	return b
}

func appendU64s(b []byte, v []uint64) []byte {
	b = appendU32(b, uint32(len(v)))
	for _, x := range v {
		b = appendU64(b, x)
	}
	return b
}

// AppendValue appends v: its kind as u8, then nothing, i64, f64 or bytes.
func AppendValue(b []byte, v Value) []byte {
	b = append(b, byte(v.Kind))
	switch v.Kind {
	case ValueInteger:
		return appendU64(b, uint64(v.Int))
	case ValueFloat:
		return appendF64(b, v.Float)
	case ValueText, ValueBlob:
		return appendBytes(b, v.Bytes)
	}
	return b
}

func appendValues(b []byte, v []Value) []byte {
	b = appendU32(b, uint32(len(v)))
	for i := range v {
		b = AppendValue(b, v[i])
	}
	return b
}

// reader walks a message. After the first error every read answers zero.
type reader struct {
	b      []byte
	i      int
	shared bool // texts share b, which nobody changes any more
	held   int  // values so far
	err    *DecodeError
}

// A NULL is one byte on the boundary and a whole Value in memory, so a message
// of nothing but NULLs would grow out of all measure: any message may hold
// valuesFree values, and a long one a value more for each valueBytes of it.
const (
	valuesFree = 1 << 20
	valueBytes = 8
)

func (r *reader) fail(want string) {
	if r.err == nil {
		r.err = &DecodeError{Offset: r.i, Want: want}
	}
}

func (r *reader) take(n int, want string) []byte {
	if r.err != nil || n < 0 || n > len(r.b)-r.i {
		r.fail(want)
		return nil
	}
	p := r.b[r.i : r.i+n : r.i+n]
	r.i += n
	return p
}

func (r *reader) u8() uint8 {
	if p := r.take(1, "u8"); p != nil {
		return p[0]
	}
	return 0
}

func (r *reader) boolean() bool {
	switch r.u8() {
	case 0:
		return false
	case 1:
		return true
	}
	r.i--
	r.fail("bool, 0 or 1")
	return false
}

// What every message has many of is read without a call in between: in a guest
// a call costs more than the reading.

func (r *reader) u32() uint32 {
	if p := r.rest(); len(p) >= 4 {
		r.i += 4
		return uint32(p[0]) | uint32(p[1])<<8 | uint32(p[2])<<16 | uint32(p[3])<<24
	}
	r.fail("u32")
	return 0
}

func (r *reader) u64() uint64 {
	if p := r.rest(); len(p) >= 8 {
		r.i += 8
		return uint64(p[0]) | uint64(p[1])<<8 | uint64(p[2])<<16 | uint64(p[3])<<24 |
			uint64(p[4])<<32 | uint64(p[5])<<40 | uint64(p[6])<<48 | uint64(p[7])<<56
	}
	r.fail("u64")
	return 0
}

// rest is what has not been read; nothing after an error.
func (r *reader) rest() []byte {
	if r.err != nil {
		return nil
	}
	return r.b[r.i:]
}

func (r *reader) f64() float64 {
	v := r.u64()
	return *(*float64)(unsafe.Pointer(&v))
}

// bytes shares the message's memory.
func (r *reader) bytes() []byte { return r.take(int(r.u32()), "bytes") }

func (r *reader) text() string {
	p := r.rest()
	if len(p) < 4 {
		r.fail("u32")
		return ""
	}
	n := int(uint32(p[0]) | uint32(p[1])<<8 | uint32(p[2])<<16 | uint32(p[3])<<24)
	if r.i += 4; n > len(p)-4 {
		r.fail("bytes")
		return ""
	}
	r.i += n
	if r.shared {
		return unsafe.String(unsafe.SliceData(p[4:]), n)
	}
	return string(p[4 : 4+n])
}

// count reads a list's count and refuses one that the rest of the message
// could not hold, so that a hostile count never makes a large allocation.
func (r *reader) count(itemBytesMin int) int {
	n := int(r.u32())
	if r.err == nil && n > (len(r.b)-r.i)/itemBytesMin {
		r.fail("list within the message")
	}
	if r.err != nil {
		return 0
	}
	return n
}

func (r *reader) texts() []string {
	n := r.count(4)
	if n == 0 {
		return nil
	}
	v := make([]string, 0, n)
	for ; n > 0 && r.err == nil; n-- {
		v = append(v, r.text())
	}
	return v
}

func (r *reader) u64s() []uint64 {
	n := r.count(8)
	if n == 0 {
		return nil
	}
	v := make([]uint64, 0, n)
	for ; n > 0 && r.err == nil; n-- {
		v = append(v, r.u64())
	}
	return v
}

func (r *reader) value() Value {
	switch k := ValueKind(r.u8()); k {
	case ValueNull:
		return Value{}
	case ValueInteger:
		return Value{Kind: k, Int: int64(r.u64())}
	case ValueFloat:
		return Value{Kind: k, Float: r.f64()}
	case ValueText, ValueBlob:
		return Value{Kind: k, Bytes: r.bytes()}
	}
	r.fail("value kind 0 to 4")
	return Value{}
}

func (r *reader) values() []Value {
	n := r.count(1)
	if r.held += n; r.held > valuesFree+len(r.b)/valueBytes {
		r.fail("fewer values for its length")
	}
	if n == 0 || r.err != nil {
		return nil
	}
	v := make([]Value, 0, n)
	for ; n > 0 && r.err == nil; n-- {
		v = append(v, r.value())
	}
	return v
}

// end answers the error, if any; bytes behind the message are one.
func (r *reader) end(message string) error {
	if r.err == nil && r.i != len(r.b) {
		r.fail("end of message")
	}
	if r.err != nil {
		r.err.Message = message
		return r.err
	}
	return nil
}

// Pack joins a status and a length or operation into a call's i64.
func Pack(s Status, low uint32) uint64 { return uint64(s)<<32 | uint64(low) }

// Unpack splits what Pack joined.
func Unpack(v uint64) (Status, uint32) { return Status(v >> 32), uint32(v) }
