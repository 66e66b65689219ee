package match

import (
	"encoding/binary"
	"errors"
	"fmt"
	"unicode/utf8"
)

// codecVersion is the first byte of an encoded Name.
const codecVersion = 1

// soundBytesMax bounds a sound: two codes at most for each letter.
const soundBytesMax = 2 * NameBytesMax

// ErrBadEncoding is what Decode answers for bytes that AppendBinary did not
// write.
var ErrBadEncoding = errors.New("no encoded name")

// AppendBinary appends n to dst: a version, the number of spellings, and of
// each the text and the sound, every number a varint and every text behind its
// length. It keeps neither dst nor the result. The error is always nil; it is
// there for encoding.BinaryAppender.
func (n Name) AppendBinary(dst []byte) ([]byte, error) {
	dst = append(dst, codecVersion)
	dst = binary.AppendUvarint(dst, uint64(len(n.forms)))
	for _, f := range n.forms {
		dst = appendText(dst, f.text)
		dst = appendText(dst, f.sound)
	}
	return dst, nil
}

func appendText(dst []byte, s string) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(s))), s...)
}

// Decode is the Name that AppendBinary wrote, all of data. It normalises
// nothing again. It keeps no part of data. The error wraps ErrBadEncoding and
// says what is wrong.
func Decode(data []byte) (Name, error) {
	if len(data) < 2 || data[0] != codecVersion {
		return Name{}, fmt.Errorf("%w: expected version %d", ErrBadEncoding, codecVersion)
	}
	r := reader{rest: string(data[1:])}
	count := r.number()
	if r.err == nil && count > 1+AliasesMax {
		return Name{}, fmt.Errorf("%w: %d spellings, expected at most %d", ErrBadEncoding, count, 1+AliasesMax)
	}
	var forms []form
	if r.err == nil && count > 0 {
		forms = make([]form, 0, count)
	}
	for ; r.err == nil && count > 0; count-- {
		forms = append(forms, form{text: r.text(NameBytesMax), sound: r.text(soundBytesMax)})
		r.check(forms[len(forms)-1])
	}
	if r.err == nil && r.rest != "" {
		r.fail("%d bytes behind the end", len(r.rest))
	}
	if r.err != nil {
		return Name{}, r.err
	}
	return Name{forms}, nil
}

// reader takes an encoding apart. After an error it yields nothing.
type reader struct {
	rest string
	err  error
}

func (r *reader) fail(format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf("%w: %s", ErrBadEncoding, fmt.Sprintf(format, args...))
	}
}

// number reads a varint of at most two bytes: no count or length is longer.
func (r *reader) number() int {
	for i := range min(2, len(r.rest)) {
		if r.rest[i] < 0x80 {
			n := int(r.rest[i])
			if i == 1 {
				n = n<<7 | int(r.rest[0]&0x7f)
			}
			r.rest = r.rest[i+1:]
			return n
		}
	}
	r.fail("a number is cut off or too large")
	return 0
}

func (r *reader) text(bytesMax int) string {
	n := r.number()
	if r.err != nil {
		return ""
	}
	if n > bytesMax || n > len(r.rest) {
		r.fail("a text of %d bytes, expected at most %d", n, min(bytesMax, len(r.rest)))
		return ""
	}
	s := r.rest[:n]
	r.rest = r.rest[n:]
	return s
}

func (r *reader) check(f form) {
	if r.err == nil && (f.text == "" || !utf8.ValidString(f.text)) {
		r.fail("expected a text in UTF-8, got %q", f.text)
	}
	if !soundCode(f.sound) {
		r.fail("expected a sound, got %q", f.sound)
	}
}

// soundCode reports whether s is of the letters of codes, and spaces.
func soundCode(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < 'A' || c > 'Z') && c != '0' && c != ' ' {
			return false
		}
	}
	return true
}
