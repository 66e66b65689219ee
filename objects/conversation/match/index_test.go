package match

import (
	"errors"
	"runtime"
	"strconv"
	"strings"
	"testing"
)

// bruteForce is what Find has to answer.
func bruteForce(parties map[uint32]Name, n Name) map[uint32]Match {
	want := map[uint32]Match{}
	for id, p := range parties {
		if m, ok := Compare(n, p); ok {
			want[id] = m
		}
	}
	return want
}

func checkFind(t *testing.T, ix *Index, parties map[uint32]Name, n Name) int {
	t.Helper()
	want := bruteForce(parties, n)
	got := ix.Find(n)
	for i, h := range got {
		if m, ok := want[h.ID]; !ok || m != h.Match {
			t.Fatalf("Find(%q) hits %q as %+v, Compare says %+v", n.forms, parties[h.ID].forms, h.Match, m)
		}
		if i > 0 && (h.Confidence > got[i-1].Confidence || h.Confidence == got[i-1].Confidence && h.ID <= got[i-1].ID) {
			t.Fatalf("Find(%q): hit %+v behind %+v", n.forms, h, got[i-1])
		}
		delete(want, h.ID)
	}
	for id, m := range want {
		t.Fatalf("Find(%q) misses %q: %+v", n.forms, parties[id].forms, m)
	}
	return len(got)
}

// Whatever is added and removed, Find answers what Compare says of each.
func TestIndex_FindsWhatCompareSays(t *testing.T) {
	for seed := range uint64(6) {
		g := newGenerator(seed)
		var ix Index
		parties := map[uint32]Name{}
		hits := 0
		for range 1_500 {
			id := g.Uint32N(400)
			switch n, known := parties[id]; {
			case !known:
				n = g.name()
				if other, ok := parties[g.Uint32N(400)]; ok && g.IntN(2) == 0 {
					n = g.like(other)
				}
				if err := ix.Add(id, n); err != nil {
					t.Fatal(err)
				}
				parties[id] = n
			case g.IntN(3) == 0:
				if !ix.Remove(id) || ix.Remove(id) {
					t.Fatalf("Remove(%d): want true, then false", id)
				}
				delete(parties, id)
			default:
				hits += checkFind(t, &ix, parties, g.like(n))
			}
			if ix.Len() != len(parties) {
				t.Fatalf("Len %d, want %d", ix.Len(), len(parties))
			}
		}
		if hits < 500 {
			t.Errorf("seed %d: only %d hits tried", seed, hits)
		}
	}
}

func FuzzIndex(f *testing.F) {
	f.Add("Martha Jones\nMarhta Jones\nJones Martha\nMartha", "martha jones", uint8(1))
	f.Add("Catherine\nKathryn\n王小明\n7", "katherine", uint8(2))
	f.Add(strings.Repeat("a", 300)+"\n"+strings.Repeat("ab", 200), strings.Repeat("a", 290)+"b", uint8(0))
	f.Fuzz(func(t *testing.T, lines, sought string, remove uint8) {
		n, err := Prepare(sought, nil)
		if err != nil {
			return
		}
		var ix Index
		parties := map[uint32]Name{}
		for i, line := range strings.Split(lines, "\n") {
			var aliases []string
			if i%3 == 2 {
				aliases = []string{sought}
			}
			p, err := Prepare(line, aliases)
			if err != nil || i > 100 {
				continue
			}
			if err := ix.Add(uint32(i), p); err != nil {
				t.Fatal(err)
			}
			parties[uint32(i)] = p
		}
		checkFind(t, &ix, parties, n)
		if ix.Remove(uint32(remove)) {
			delete(parties, uint32(remove))
			checkFind(t, &ix, parties, n)
		}
	})
}

func TestIndex_Refuses(t *testing.T) {
	var ix Index
	if got := ix.Find(mustPrepare(t, "Acme")); len(got) != 0 || ix.Remove(1) || ix.Len() != 0 {
		t.Errorf("an empty index finds %v", got)
	}
	if err := ix.Add(7, Name{}); !errors.Is(err, ErrEmptyName) {
		t.Errorf("Add of nothing: %v", err)
	}
	if err := ix.Add(7, mustPrepare(t, "Acme")); err != nil {
		t.Fatal(err)
	}
	if err := ix.Add(7, mustPrepare(t, "Zebra")); !errors.Is(err, ErrKnownID) || !strings.Contains(err.Error(), "party 7") {
		t.Errorf("Add of a known id: %v", err)
	}
	if got := ix.Find(mustPrepare(t, "Zebra")); len(got) != 0 {
		t.Errorf("what was refused is found: %v", got)
	}
	if got := ix.Find(Name{}); len(got) != 0 {
		t.Errorf("the zero Name finds %v", got)
	}
}

func TestIndex_FullOfParties(t *testing.T) {
	var ix Index
	for i := range uint32(PartiesMax) {
		if err := ix.Add(i, mustPrepare(t, "Party "+strconv.Itoa(int(i)))); err != nil {
			t.Fatal(err)
		}
	}
	more := mustPrepare(t, "One more")
	if err := ix.Add(PartiesMax, more); !errors.Is(err, ErrIndexFull) {
		t.Errorf("Add to a full index: %v", err)
	}
	ix.Remove(17)
	if err := ix.Add(PartiesMax, more); err != nil {
		t.Errorf("Add after Remove: %v", err)
	}
	if got := ix.Find(more); len(got) != 1 || got[0] != (Hit{PartiesMax, Match{Exact, 1}}) {
		t.Errorf("Find: %v", got)
	}
}

// A full buffer refuses; what was removed makes room, and nothing moves away.
func TestIndex_FullOfBytes(t *testing.T) {
	var ix Index
	n := uint32(0)
	long := func(i uint32) Name {
		return Name{[]form{{text: strings.Repeat("я", 250) + strconv.Itoa(int(i))}}}
	}
	for ; ; n++ {
		if err := ix.Add(n, long(n)); err != nil {
			if !errors.Is(err, ErrIndexFull) {
				t.Fatal(err)
			}
			break
		}
	}
	if ix.Bytes() > IndexBytesMax || ix.Bytes() <= IndexBytesMax-entryBytes-NameBytesMax {
		t.Errorf("full at %d bytes of %d", ix.Bytes(), IndexBytesMax)
	}
	ix.Remove(0)
	if err := ix.Add(n, long(n)); err != nil {
		t.Errorf("Add after Remove: %v", err)
	}
	for _, id := range []uint32{1, n / 2, n} {
		if got, text := ix.spelling(&ix.entries[ix.first[id]]), long(id).Text(); string(got.text) != text {
			t.Errorf("party %d is %q", id, got.text)
		}
	}
}

// Holes are squeezed out: an index that lives on does not grow.
func TestIndex_StaysSmall(t *testing.T) {
	var ix Index
	for i := range uint32(20_000) {
		if err := ix.Add(i, mustPrepare(t, "Party "+strconv.Itoa(int(i)))); err != nil {
			t.Fatal(err)
		}
		if i >= 10 {
			ix.Remove(i - 10)
		}
	}
	if bytes := ix.Bytes(); bytes > 30*64 || ix.Len() != 10 {
		t.Errorf("%d parties take %d bytes", ix.Len(), bytes)
	}
}

// manyParties is an index as large as it gets, of usual names.
func manyParties(tb testing.TB) (*Index, []Name) {
	g := newGenerator(9)
	ix := &Index{}
	names := make([]Name, PartiesMax)
	for i := range names {
		names[i] = g.prepare(g.usual(), nil)
		if err := ix.Add(uint32(i), names[i]); err != nil {
			tb.Fatal(err)
		}
	}
	return ix, names
}

func BenchmarkIndexFind(b *testing.B) {
	ix, names := manyParties(b)
	g := newGenerator(10)
	for name, n := range map[string]Name{
		"hit":    names[17],
		"common": mustPrepare(b, "Michael Johnson"),
		"typo":   g.like(names[4711]),
		"miss":   mustPrepare(b, "Quetzalcoatl Xochimilco"),
		"short":  mustPrepare(b, "Ann"),
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				ix.Find(n)
			}
			b.ReportMetric(float64(len(ix.Find(n))), "hits")
		})
	}
}

// BenchmarkIndexFind_Alike is the worst case: long names, all alike.
func BenchmarkIndexFind_Alike(b *testing.B) {
	var ix Index
	for i := uint32(0); ix.Add(i, mustPrepare(b, strings.Repeat("holding trust ", 10)+strconv.Itoa(int(i)))) == nil; i++ {
	}
	n := mustPrepare(b, strings.Repeat("holding trust ", 10)+"nine")
	for b.Loop() {
		ix.Find(n)
	}
	b.ReportMetric(float64(ix.Len()), "parties")
}

func BenchmarkIndexAdd(b *testing.B) {
	_, names := manyParties(b)
	for b.Loop() {
		var ix Index
		for i, n := range names {
			if err := ix.Add(uint32(i), n); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(names)), "ns/party")
	b.ReportMetric(heapBytes(func() any {
		ix, _ := manyParties(b)
		return ix
	})/PartiesMax, "bytes/party")
}

// heapBytes is what the result of make holds on the heap.
func heapBytes(make func() any) float64 {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	kept := make()
	runtime.GC()
	runtime.ReadMemStats(&after)
	runtime.KeepAlive(kept)
	return float64(after.HeapAlloc) - float64(before.HeapAlloc)
}
