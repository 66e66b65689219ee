package abi_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"github.com/holdfast-run/holdfast/guest-sdk/abi"
)

func TestRoundTrip_EveryMessage(t *testing.T) {
	for _, m := range all {
		t.Run(name(m), func(t *testing.T) {
			r := rand.New(rand.NewPCG(1, 2))
			for range 50 {
				in := filled(m, r)
				b := in.Append([]byte("before"))
				if !bytes.HasPrefix(b, []byte("before")) {
					t.Fatalf("Append did not append: %x", b)
				}
				b = b[len("before"):]
				out, shared := fresh(m), fresh(m)
				if err := out.Decode(b); err != nil {
					t.Fatal(err)
				}
				if err := shared.DecodeShared(b); err != nil {
					t.Fatal(err)
				}
				if !reflect.DeepEqual(in, out) || !reflect.DeepEqual(in, shared) {
					t.Fatalf("in  %+v\nout %+v", in, out)
				}
				// What was in a message before is gone.
				if err := out.Decode(fresh(m).Append(nil)); err != nil {
					t.Fatal(err)
				}
				if got := out.Append(nil); !bytes.Equal(got, fresh(m).Append(nil)) {
					t.Fatalf("a zero message over a full one left %x", got)
				}
			}
		})
	}
}

func TestDecode_BrokenOffOrTooLong(t *testing.T) {
	for _, m := range all {
		t.Run(name(m), func(t *testing.T) {
			whole := filled(m, rand.New(rand.NewPCG(3, 4))).Append(nil)
			for n := range len(whole) {
				expectDecodeError(t, m, whole[:n])
			}
			expectDecodeError(t, m, append(whole, 0))
		})
	}
}

// expectDecodeError decodes b, which must fail and say where.
func expectDecodeError(t *testing.T, m message, b []byte) {
	t.Helper()
	var de *abi.DecodeError
	err := fresh(m).Decode(b)
	if !errors.As(err, &de) {
		t.Fatalf("%d bytes: %v", len(b), err)
	}
	if de.Message != name(m) || de.Offset > len(b) || de.Want == "" || !strings.Contains(err.Error(), name(m)) {
		t.Fatalf("%d bytes: %+v", len(b), de)
	}
}

func TestDecode_RefusesWhatNobodyEncodes(t *testing.T) {
	for _, c := range []struct {
		what string
		m    message
		b    []byte
		want string
	}{
		{"a bool of 2", &abi.BlockRequest{}, []byte{0, 0, 0, 0, 0, 0, 0, 0, 2}, "abi: BlockRequest: at byte 8: expected bool, 0 or 1"},
		{"a value of kind 5", &abi.SQLExecRequest{}, []byte{0, 0, 0, 0, 1, 0, 0, 0, 5}, "abi: SQLExecRequest: at byte 9: expected value kind 0 to 4"},
		{"a text past the end", &abi.KeyRequest{}, []byte{2, 0, 0, 0, 'a'}, "abi: KeyRequest: at byte 4: expected bytes"},
		{"a list past the end", &abi.KeysRequest{}, []byte{2, 0, 0, 0, 0, 0, 0, 0}, "abi: KeysRequest: at byte 4: expected list within the message"},
		{"bytes behind", &abi.Count{}, []byte{1, 0, 0, 0, 9}, "abi: Count: at byte 4: expected end of message"},
		{"nothing", &abi.Count{}, nil, "abi: Count: at byte 0: expected u32"},
	} {
		t.Run(c.what, func(t *testing.T) {
			if err := c.m.Decode(c.b); err == nil || err.Error() != c.want {
				t.Fatalf("got %v, want %s", err, c.want)
			}
		})
	}
}

// TestDecode_HostileCountsStaySmall puts the largest count at every place of
// every message: none may make an allocation that the message could not fill.
func TestDecode_HostileCountsStaySmall(t *testing.T) {
	for _, m := range all {
		whole := filled(m, rand.New(rand.NewPCG(5, 6))).Append(nil)
		for at := 0; at+4 <= len(whole); at++ {
			for _, n := range []uint32{^uint32(0), 1 << 31, 1 << 24} {
				b := bytes.Clone(whole)
				binary.LittleEndian.PutUint32(b[at:], n)
				got := allocated(func() { _ = fresh(m).Decode(b) }) // any answer will do
				if max := uint64(len(b))*64 + 64<<10; got > max {
					t.Fatalf("%s: count %d at byte %d of %d made %d bytes", name(m), n, at, len(b), got)
				}
			}
		}
	}
}

// TestDecode_NullsDoNotMultiply holds a request of the largest size to a
// multiple of itself: a NULL takes one byte on the boundary, but a whole Value
// in memory.
func TestDecode_NullsDoNotMultiply(t *testing.T) {
	const size = 8 << 20
	args := make([]byte, size)
	binary.LittleEndian.PutUint32(args[4:], size-8)
	statements := binary.LittleEndian.AppendUint32((&abi.D1QueryRequest{}).Append(nil)[:17], 8)
	for range 8 {
		statements = binary.LittleEndian.AppendUint32(append(statements, 0, 0, 0, 0), size/8)
		statements = append(statements, make([]byte, size/8)...)
	}
	statements = append(statements, 0, 0, 0, 0)
	for _, c := range []struct {
		m message
		b []byte
	}{{&abi.SQLExecRequest{}, args}, {&abi.D1QueryRequest{}, statements}} {
		var err error
		got := allocated(func() { err = c.m.Decode(c.b) })
		if err == nil || !strings.Contains(err.Error(), "values") {
			t.Errorf("%s: %d NULLs: %v", name(c.m), size, err)
		}
		if max := uint64(len(c.b))*12 + 64<<10; got > max {
			t.Errorf("%s: a request of %d bytes made %d", name(c.m), len(c.b), got)
		}
	}
	few := &abi.SQLExecRequest{Args: make([]abi.Value, 1<<20)}
	if err := (&abi.SQLExecRequest{}).Decode(few.Append(nil)); err != nil {
		t.Errorf("a million NULLs: %v", err)
	}
}

// allocated is how many bytes fn allocates.
func allocated(fn func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	fn()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

func FuzzDecode(f *testing.F) {
	r := rand.New(rand.NewPCG(7, 8))
	for i, m := range all {
		f.Add(uint8(i), filled(m, r).Append(nil))
		f.Add(uint8(i), fresh(m).Append(nil))
	}
	f.Fuzz(func(t *testing.T, kind uint8, b []byte) {
		m := fresh(all[int(kind)%len(all)])
		err := m.Decode(b)
		shared := fresh(m)
		if serr := shared.DecodeShared(b); (err == nil) != (serr == nil) {
			t.Fatalf("%s: Decode %v, DecodeShared %v", name(m), err, serr)
		}
		if err != nil {
			return
		}
		if got := m.Append(nil); !bytes.Equal(got, b) {
			t.Fatalf("%s: %x was read and is %x", name(m), b, got)
		}
		again := fresh(m)
		if err := again.Decode(m.Append(nil)); err != nil {
			t.Fatalf("%s: its own encoding: %v", name(m), err)
		}
	})
}

func BenchmarkFetchEvent(b *testing.B) {
	in := abi.FetchEvent{Event: 7, Request: abi.Request{
		Method: "POST", URL: "http://localhost:8787/logs/a/events", Headers: []abi.Header{{Name: "Host", Value: "localhost"}, {Name: "Content-Type", Value: "application/json"}},
		Body: bytes.Repeat([]byte("x"), 512), ClientAddr: "127.0.0.1:4000",
	}}
	var out abi.FetchEvent
	var buf []byte
	b.ReportAllocs()
	for b.Loop() {
		buf = in.Append(buf[:0])
		if err := out.DecodeShared(buf); err != nil {
			b.Fatal(err)
		}
	}
}
