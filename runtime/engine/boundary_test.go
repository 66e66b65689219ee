package engine_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"strings"
	"testing"

	"github.com/holdfast-run/holdfast/guest-sdk/abi"
	"github.com/holdfast-run/holdfast/runtime/engine"
)

// memoryBytes is the memory of the tiny guest.
const memoryBytes = 3 << 16

// words is a message of numbers.
func words(v ...uint32) []byte {
	var b []byte
	for _, n := range v {
		b = binary.LittleEndian.AppendUint32(b, n)
	}
	return b
}

// result reads what the tiny guest's last call answered.
func result(t *testing.T, in *engine.Instance, c *calls) uint64 {
	t.Helper()
	if err := in.Event(kindPut, words(resultAt, 8)); err != nil {
		t.Fatal(err)
	}
	return binary.LittleEndian.Uint64(c.posted[len(c.posted)-1])
}

func TestBoundary_PointersAtTheEdges(t *testing.T) {
	img := image(t, tiny().encode(), engine.ImageConfig{})
	for _, c := range []struct {
		name     string
		ptr, len uint32
		trap     string
	}{
		{"nothing, anywhere", 0xffffffff, 0, ""},
		{"the last byte", memoryBytes - 1, 1, ""},
		{"all of it", 0, memoryBytes, ""},
		{"one beyond", memoryBytes - 1, 2, "outside the memory"},
		{"from beyond", memoryBytes, 1, "outside the memory"},
		{"the sum wraps", 0xffffffff, 2, "outside the memory"},
		{"more than a request may be", 0, abi.RequestBytesMax + 1, "expected at most"},
		{"as long as can be", 0, 0xffffffff, "expected at most"},
	} {
		t.Run(c.name, func(t *testing.T) {
			cl := newCalls()
			in := instance(t, img, cl)
			err := in.Event(kindPut, words(c.ptr, c.len))
			var tr *engine.Trap
			switch {
			case c.trap == "" && (err != nil || len(cl.posted) != 1 || len(cl.posted[0]) != int(c.len)):
				t.Fatalf("%v, %d requests", err, len(cl.posted))
			case c.trap != "" && (!errors.As(err, &tr) || tr.Kind != engine.TrapPointer || !strings.HasPrefix(tr.Reason, "kv_put: ") || !strings.Contains(tr.Reason, c.trap)):
				t.Fatalf("got %v, want a trap of kv_put: %s", err, c.trap)
			case c.trap != "" && len(cl.posted) != 0:
				t.Fatal("the host saw the request")
			}
		})
	}
}

func TestBoundary_ResultsThatFitAndThatDoNot(t *testing.T) {
	img := image(t, tiny().encode(), engine.ImageConfig{})
	c := newCalls()
	in := instance(t, img, c)
	c.answer = []byte("seven b")
	get := func(out, room uint32) uint64 {
		t.Helper()
		if err := in.Event(kindGet, words(0, 0, out, room)); err != nil {
			t.Fatal(err)
		}
		return result(t, in, c)
	}
	memory := func(at, n uint32) string {
		t.Helper()
		if err := in.Event(kindPut, words(at, n)); err != nil {
			t.Fatal(err)
		}
		return string(c.posted[len(c.posted)-1])
	}
	if v := get(8192, 7); v != abi.Pack(abi.OK, 7) || memory(8192, 7) != "seven b" {
		t.Fatalf("answer %#x, memory %q", v, memory(8192, 7))
	}
	if v := get(memoryBytes-7, 7); v != abi.Pack(abi.OK, 7) || memory(memoryBytes-7, 7) != "seven b" {
		t.Fatalf("at the end: answer %#x", v)
	}
	// Too little room: the length is told, nothing is written, "result" brings
	// it, once.
	if v := get(9000, 6); v != abi.Pack(abi.OK, 7) || memory(9000, 7) != strings.Repeat("\x00", 7) {
		t.Fatalf("too little room: answer %#x, memory %q", v, memory(9000, 7))
	}
	// No other call may come between the two.
	take := func(rooms ...uint32) uint64 {
		t.Helper()
		if err := in.Event(kindGet, words(0, 0, 9000, 0)); err != nil {
			t.Fatal(err)
		}
		for _, room := range rooms {
			if err := in.Event(kindResult, words(9000, room)); err != nil {
				t.Fatal(err)
			}
		}
		return result(t, in, c)
	}
	if v := take(3); v != abi.Pack(abi.OK, 7) || memory(9000, 7) != strings.Repeat("\x00", 7) {
		t.Fatalf("result without room: %#x, memory %q", v, memory(9000, 7))
	}
	if v := take(3, 7); v != abi.Pack(abi.OK, 7) || memory(9000, 7) != "seven b" {
		t.Fatalf("result: %#x, memory %q", v, memory(9000, 7))
	}
	if v := take(7, 7); v != 0 {
		t.Fatalf("a second result is %#x", v)
	}
	get(9000, 0) // which ends with another call
	if err := in.Event(kindResult, words(9000, 7)); err != nil {
		t.Fatal(err)
	}
	if v := result(t, in, c); v != 0 {
		t.Fatalf("a result behind another call is %#x", v)
	}
	// A room that reaches outside counts as far as the result is long.
	if v := get(memoryBytes-7, 1000); v != abi.Pack(abi.OK, 7) {
		t.Fatalf("room beyond the end: %#x", v)
	}
	err := in.Event(kindGet, words(0, 0, memoryBytes-6, 7))
	var tr *engine.Trap
	if !errors.As(err, &tr) || tr.Kind != engine.TrapPointer || !strings.HasPrefix(tr.Reason, "kv_get: ") {
		t.Fatalf("a result outside: %v", err)
	}
}

func TestBoundary_AsyncAndRandom(t *testing.T) {
	img := image(t, tiny().encode(), engine.ImageConfig{})
	c := newCalls()
	in := instance(t, img, c)
	for want := uint32(1); want <= 2; want++ {
		if err := in.Event(kindSync, words(0, 0)); err != nil {
			t.Fatal(err)
		}
		if v := result(t, in, c); v != abi.Pack(abi.OK, want) {
			t.Fatalf("operation %#x, want %d", v, want)
		}
	}
	if err := in.Event(kindRandom, words(8192, 16)); err != nil {
		t.Fatal(err)
	}
	if err := in.Event(kindPut, words(8191, 18)); err != nil {
		t.Fatal(err)
	}
	want := "\x00" + strings.Repeat("\xa5", 16) + "\x00"
	if got := string(c.posted[len(c.posted)-1]); got != want {
		t.Fatalf("random filled %q", got)
	}
	var tr *engine.Trap
	if err := in.Event(kindRandom, words(memoryBytes-8, 16)); !errors.As(err, &tr) || tr.Kind != engine.TrapPointer {
		t.Fatalf("random outside: %v", err)
	}
}

func TestBoundary_UnreachableIsATrapOfTheGuest(t *testing.T) {
	img := image(t, tiny().encode(), engine.ImageConfig{})
	in := instance(t, img, newCalls())
	var tr *engine.Trap
	if err := in.Event(kindUnreachable, words(0)); !errors.As(err, &tr) || tr.Kind != engine.TrapGuest || !strings.Contains(tr.Reason, "unreachable") {
		t.Fatalf("got %v", err)
	}
	// Its neighbour of the same image lives.
	c := newCalls()
	if err := instance(t, img, c).Event(kindPut, words(dataAt, 4)); err != nil || !bytes.Equal(c.posted[0], words(4)) {
		t.Fatalf("%v, %x", err, c.posted)
	}
}

func TestBoundary_BufferOutsideIsATrap(t *testing.T) {
	m := tiny().with(abi.ExportBuffer, func(f *function) { f.code = constant(memoryBytes - 8) })
	in := instance(t, image(t, m.encode(), engine.ImageConfig{}), newCalls())
	var tr *engine.Trap
	if err := in.Event(kindPut, words(0, 0, 0)); !errors.As(err, &tr) || tr.Kind != engine.TrapPointer || !strings.Contains(tr.Reason, "hf_buffer") {
		t.Fatalf("got %v", err)
	}
}

// FuzzPointers passes any pointers and lengths: the guest traps or is
// answered, and the host lives.
func FuzzPointers(f *testing.F) {
	img := image(f, tiny().encode(), engine.ImageConfig{})
	for _, edge := range []uint32{0, 1, memoryBytes - 1, memoryBytes, 1 << 31, 0xffffffff} {
		f.Add(uint8(kindGet), edge, uint32(8), edge, uint32(8))
		f.Add(uint8(kindPut), edge, edge, uint32(0), uint32(0))
		f.Add(uint8(kindResult), edge, edge, edge, edge)
		f.Add(uint8(kindRandom), edge, uint32(64), uint32(0), uint32(0))
	}
	f.Fuzz(func(t *testing.T, kind uint8, a, b, c, d uint32) {
		cl := newCalls()
		cl.answer = []byte("an answer")
		in, err := img.Instantiate(cl)
		if err != nil {
			t.Fatal(err)
		}
		defer in.Close()
		err = in.Event(abi.EventKind(kind%(kindUnreachable+1)), words(a, b, c, d))
		var tr *engine.Trap
		if err != nil && !errors.As(err, &tr) {
			t.Fatalf("neither an answer nor a trap: %v", err)
		}
	})
}

func BenchmarkTinyEvent(b *testing.B) {
	in := instance(b, image(b, tiny().encode(), engine.ImageConfig{}), newCalls())
	msg := words(0, 0)
	b.ReportAllocs()
	for b.Loop() {
		if err := in.Event(kindRandom, msg); err != nil {
			b.Fatal(err)
		}
	}
}

func TestHostCall_DoesNotAllocate(t *testing.T) {
	in := instance(t, image(t, tiny().encode(), engine.ImageConfig{}), newCalls())
	msg := words(0, 0)
	if n := testing.AllocsPerRun(1000, func() {
		if err := in.Event(kindRandom, msg); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Fatalf("%v allocations an event with a host call", n)
	}
}
