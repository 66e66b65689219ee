package storetest

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/holdfast-run/holdfast/runtime/store"
)

const modelSeeds = 8

// testListModel compares List with a sorted map, over random options, with
// committed and pending entries.
func testListModel(t *testing.T, b *bench) {
	for seed := range uint64(modelSeeds) {
		r := rand.New(rand.NewPCG(seed, 1))
		o := b.object(ref("app.List", int(seed)))
		m := map[string]string{}
		for range 6 {
			for range r.IntN(40) {
				step(b, r, o, m)
			}
			for range 20 {
				compareList(b, r, o, m, seed)
			}
			b.tryCommit(o)
			compareList(b, r, o, m, seed)
		}
	}
}

func modelKey(r *rand.Rand) string {
	letters := []string{"a", "b", "\x00", "\xff", "\u00e9", "/"}
	var key strings.Builder
	for range 1 + r.IntN(3) {
		key.WriteString(letters[r.IntN(len(letters))])
	}
	return key.String()
}

func step(b *bench, r *rand.Rand, o store.Object, m map[string]string) {
	key := modelKey(r)
	if r.IntN(3) == 0 {
		found, err := o.Delete(key)
		b.check(err)
		_, want := m[key]
		equal(b, fmt.Sprintf("delete %q", key), found, want)
		delete(m, key)
		return
	}
	value := fmt.Sprint(r.Uint32())
	b.put(o, key, value)
	m[key] = value
}

func compareList(b *bench, r *rand.Rand, o store.Object, m map[string]string, seed uint64) {
	b.t.Helper()
	options := store.ListOptions{Reverse: r.IntN(2) == 0, Limit: r.IntN(6)}
	if r.IntN(2) == 0 {
		options.Start, options.HasStart = modelKey(r), true
	} else if r.IntN(2) == 0 {
		options.StartAfter, options.HasStartAfter = modelKey(r), true
	}
	if r.IntN(2) == 0 {
		options.End, options.HasEnd = modelKey(r), true
	}
	if r.IntN(3) == 0 {
		options.Prefix = modelKey(r)
	}
	got := fmt.Sprintf("%q", b.list(o, options))
	want := fmt.Sprintf("%q", expectList(m, options))
	if got != want {
		b.t.Fatalf("seed %d, list %+v:\n got %s\nwant %s", seed, options, got, want)
	}
}

func expectList(m map[string]string, options store.ListOptions) []string {
	var found []string
	for _, key := range slices.Sorted(maps.Keys(m)) {
		if options.HasStart && key < options.Start || options.HasStartAfter && key <= options.StartAfter ||
			options.HasEnd && key >= options.End || !strings.HasPrefix(key, options.Prefix) {
			continue
		}
		found = append(found, key+"="+m[key])
	}
	if options.Reverse {
		slices.Reverse(found)
	}
	if options.Limit > 0 && len(found) > options.Limit {
		found = found[:options.Limit]
	}
	return found
}

// testTurnModel runs random turns with nested transactions, aborts and
// deleteAll beside a model, and restarts.
func testTurnModel(t *testing.T, b *bench) {
	for seed := range uint64(modelSeeds) {
		w := &walk{bench: b, r: rand.New(rand.NewPCG(seed, 2)), ref: ref("app.Turn", int(seed))}
		w.committed = map[string]string{}
		for range 4 {
			b.with(w.ref, w.turns)
			b.restart()
		}
	}
}

// walk is a random history of one object. stack holds a copy of the model for
// each open transaction, the turn itself first.
type walk struct {
	*bench
	r         *rand.Rand
	ref       store.Ref
	committed map[string]string
	stack     []map[string]string
}

func (w *walk) turns(o store.Object) {
	for range 30 {
		w.stack = []map[string]string{maps.Clone(w.committed)}
		for range w.r.IntN(30) {
			w.act(o)
		}
		w.compare(o, w.top())
		for len(w.stack) > 1 {
			w.end(o)
		}
		if w.r.IntN(4) == 0 {
			w.check(o.Abort())
		} else {
			w.tryCommit(o)
			w.committed = w.top()
		}
		w.compare(o, w.committed)
	}
}

func (w *walk) top() map[string]string { return w.stack[len(w.stack)-1] }

func (w *walk) act(o store.Object) {
	switch n := w.r.IntN(20); {
	case n < 2 && len(w.stack) < 6:
		w.check(o.Begin())
		w.stack = append(w.stack, maps.Clone(w.top()))
	case n < 4 && len(w.stack) > 1:
		w.end(o)
	case n == 4 && len(w.stack) == 1:
		w.check(o.DeleteAll())
		clear(w.top())
	default:
		step(w.bench, w.r, o, w.top())
	}
}

// end releases or rolls back the innermost transaction.
func (w *walk) end(o store.Object) {
	inner := w.top()
	w.stack = w.stack[:len(w.stack)-1]
	if w.r.IntN(2) == 0 {
		w.check(o.Rollback())
		return
	}
	w.check(o.Release())
	w.stack[len(w.stack)-1] = inner
}

func (w *walk) compare(o store.Object, m map[string]string) {
	w.t.Helper()
	equal(w.bench, "state", fmt.Sprintf("%q", w.list(o, store.ListOptions{})), fmt.Sprintf("%q", expectList(m, store.ListOptions{})))
	total := 0
	for key, value := range m {
		equal(w.bench, "get", w.get(o, key), value)
		total += len(key) + len(value)
	}
	equal(w.bench, "bytes", o.Info().KVBytes, int64(total))
}
