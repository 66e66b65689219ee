package socket

import (
	"bytes"
	"errors"
	"fmt"
	"testing"
)

// units parses all of stream, cut into pieces of step bytes.
func units(stream []byte, step int) (seen []string, err error) {
	in := inbound{maskBytes: maskBytes}
	stream = bytes.Clone(stream)
	for len(stream) > 0 {
		piece := stream[:min(step, len(stream))]
		stream = stream[len(piece):]
		for len(piece) > 0 {
			u, rest, err := in.next(piece, 5000)
			if errors.Is(err, errIncomplete) {
				break
			}
			if err != nil {
				return seen, err
			}
			seen = append(seen, fmt.Sprintf("%x %q", u.op, u.data))
			piece = rest
		}
	}
	return seen, nil
}

func FuzzInbound_CutsDoNotMatter(f *testing.F) {
	f.Add(text("hello"), 1)
	f.Add(join(masked(opText, "a"), masked(bitFin|opPing, "p"), masked(bitFin, "é")), 3)
	f.Add(join(masked(bitFin|opBinary, string(make([]byte, 300))), closing(1000, "bye")), 7)
	f.Add([]byte{bitFin | opText, bitMask | 127, 0, 0, 0, 0, 0, 1, 0, 0, 1, 2, 3, 4}, 2)
	f.Fuzz(func(t *testing.T, stream []byte, step int) {
		whole, wholeErr := units(stream, max(len(stream), 1))
		cut, cutErr := units(stream, 1+max(step, 0)%16)
		if fmt.Sprint(whole, wholeErr) != fmt.Sprint(cut, cutErr) {
			t.Fatalf("at once %q, %v; in pieces %q, %v", whole, wholeErr, cut, cutErr)
		}
	})
}

func TestUnmask_AtEveryOffsetAndLength(t *testing.T) {
	mask := [4]byte{1, 2, 4, 8}
	for length := range 40 {
		for offset := range 8 {
			data := make([]byte, length)
			unmask(data, mask, offset)
			for i, b := range data {
				if b != mask[(offset+i)%4] {
					t.Fatalf("length %d, offset %d: byte %d is %d", length, offset, i, b)
				}
			}
		}
	}
}
