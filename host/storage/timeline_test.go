package storage

import (
	"fmt"
	"math/rand/v2"
	"sort"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/holdfast-run/holdfast/runtime/store"
)

const pastNamespace = "app.Past"

func pastRef(n int) store.Ref {
	return store.Ref{Namespace: pastNamespace, Name: fmt.Sprintf("p%d", n), ID: store.ID{byte(n), 0xbb}}
}

// ticking is a clock that tests move.
type ticking struct {
	ms    int64        // of tests on one goroutine
	extra atomic.Int64 // of others
}

func (c *ticking) now() time.Time { return time.UnixMilli(c.ms + c.extra.Load()) }

// pastEngine keeps a history of pastNamespace.
func pastEngine(t *testing.T, fs vfs.FS, clock *ticking) *Engine {
	t.Helper()
	e := openMem(t, fs, func(c *Config) { c.Clock = clock.now; c.Logger = quiet() })
	must(t, e.SetHistory(pastNamespace, 24*time.Hour))
	return e
}

func openPast(t *testing.T, e *Engine, n int) *Object {
	t.Helper()
	o, err := e.OpenWith(pastRef(n), ObjectOptions{})
	must(t, err)
	return o
}

// contents is all of an object as a text: kv, rows, alarm.
func contents(t *testing.T, o *Object) string {
	t.Helper()
	var b strings.Builder
	must(t, o.List(store.ListOptions{}, func(key string, value []byte) bool {
		fmt.Fprintf(&b, "%s=%s;", key, value)
		return true
	}))
	if oneRow(t, o, "SELECT count(*) || '' FROM sqlite_schema WHERE name = 't'") != "0" {
		b.WriteString(oneRow(t, o, "SELECT coalesce(group_concat(id || ':' || length(v) || ':' || substr(v, 1, 8)), '') FROM (SELECT * FROM t ORDER BY id)"))
		if check := oneRow(t, o, "PRAGMA quick_check"); check != "ok" {
			t.Fatal(check)
		}
	}
	must(t, o.Abort())
	alarm, set := o.Alarm()
	fmt.Fprintf(&b, " %v %v", alarm, set)
	return b.String()
}

// pastTurn changes an object at random.
func pastTurn(t *testing.T, o *Object, r *rand.Rand) {
	t.Helper()
	switch r.IntN(12) {
	case 0:
		must(t, o.DeleteAll())
	case 1:
		must(t, runSQL(o, "DROP TABLE IF EXISTS t"))
	case 2:
		must(t, o.DeleteAll())
		must(t, o.Put("k1", []byte("after")))
	case 3:
		must(t, o.ClearAlarm())
	case 4:
		must(t, o.SetAlarm(store.Alarm{ScheduledMs: r.Int64N(1000), DueMs: 5000}))
	}
	for range r.IntN(4) {
		key := fmt.Sprintf("k%d", r.IntN(6))
		if r.IntN(3) == 0 {
			_, err := o.Delete(key)
			must(t, err)
			continue
		}
		must(t, o.Put(key, fmt.Appendf(nil, "%d", r.IntN(1000))))
	}
	if r.IntN(2) == 0 {
		must(t, runSQL(o, "CREATE TABLE IF NOT EXISTS t (id INTEGER PRIMARY KEY, v TEXT)"))
		must(t, runSQL(o, fmt.Sprintf("INSERT OR REPLACE INTO t VALUES (%d, hex(randomblob(%d)))", r.IntN(9), r.IntN(900))))
	}
}

// TestRestore_ToEveryState: whatever was done, every state comes back, at
// random, restores among them, also after a restart; and clones are the same.
func TestRestore_ToEveryState(t *testing.T) {
	for seed := range uint64(6) {
		clock := &ticking{ms: 1_000_000}
		fs := vfs.NewMem()
		e := pastEngine(t, fs, clock)
		o := openPast(t, e, 1)
		r := rand.New(rand.NewPCG(seed, 9))
		mark := func() string {
			m, err := o.Bookmark()
			must(t, err)
			return m
		}
		states := map[string]string{mark(): contents(t, o)}
		for step := range 60 {
			clock.ms += r.Int64N(50)
			if r.IntN(5) == 0 {
				restoreAtRandom(t, o, r, states)
			} else {
				pastTurn(t, o, r)
				_, err := o.Commit(nil)
				must(t, err)
			}
			now := contents(t, o)
			if before, ok := states[mark()]; ok && before != now {
				t.Fatalf("seed %d step %d: bookmark %s names two states", seed, step, mark())
			}
			states[mark()] = now
			if r.IntN(20) == 0 {
				must(t, o.Close())
				must(t, e.Close())
				e = pastEngine(t, fs, clock)
				o = openPast(t, e, 1)
			}
		}
		cloneEveryState(t, e, states)
		must(t, o.Close())
		must(t, e.Close())
	}
}

func restoreAtRandom(t *testing.T, o *Object, r *rand.Rand, states map[string]string) {
	t.Helper()
	marks := make([]string, 0, len(states))
	for m := range states {
		marks = append(marks, m)
	}
	sort.Strings(marks)
	mark := marks[r.IntN(len(marks))]
	if r.IntN(2) == 0 { // at once
		before := contents(t, o)
		undo, _, err := o.RestoreTo(mark, nil)
		must(t, err)
		if got := contents(t, o); got != states[mark] {
			t.Fatalf("restored to %s at once: got\n%s\nwant\n%s", mark, got, states[mark])
		}
		states[undo] = before
		return
	}
	undo, err := o.RestoreNext(mark)
	must(t, err)
	if r.IntN(2) == 0 {
		must(t, o.Put("late", []byte("x"))) // in the same turn: the undo bookmark holds it
	}
	_, err = o.Commit(nil)
	must(t, err)
	before := contents(t, o)
	_, err = o.Rewind(nil)
	must(t, err)
	if got := contents(t, o); got != states[mark] {
		t.Fatalf("restored to %s: got\n%s\nwant\n%s", mark, got, states[mark])
	}
	states[undo] = before
}

func cloneEveryState(t *testing.T, e *Engine, states map[string]string) {
	t.Helper()
	for mark, want := range states {
		c := openPast(t, e, 2)
		if _, err := c.CopyFrom(pastRef(1), mark, nil); err != nil {
			t.Fatalf("clone at %s: %v", mark, err)
		}
		if got := contents(t, c); got != want {
			t.Fatalf("clone at %s: got\n%s\nwant\n%s", mark, got, want)
		}
		must(t, c.Close())
	}
}

// TestRestore_WaitsForRewind: until then the object goes on; a rollback and
// an empty bookmark take the wish back; deleteAll does not.
func TestRestore_WaitsForRewind(t *testing.T) {
	clock := &ticking{ms: 1000}
	e := pastEngine(t, vfs.NewMem(), clock)
	defer e.Close()
	o := openPast(t, e, 1)
	must(t, o.Put("k", []byte("1")))
	commitDurably(t, o)
	one, err := o.Bookmark()
	must(t, err)
	must(t, o.Put("k", []byte("2")))
	commitDurably(t, o)

	must(t, o.Begin())
	_, err = o.RestoreNext(one)
	must(t, err)
	must(t, o.Rollback())
	if o.Dirty() {
		t.Fatal("the rollback left the wish")
	}
	undo, err := o.RestoreNext(one)
	must(t, err)
	must(t, o.DeleteAll())
	commitDurably(t, o)
	if got := contents(t, o); got != " {0 0 0 0} false" {
		t.Fatal(got)
	}
	must(t, o.Close())
	o = openPast(t, e, 1)
	epoch := o.Epoch()
	if changed, err := o.Rewind(nil); !changed || err != nil {
		t.Fatal(changed, err)
	}
	if value, _, err := o.Get("k"); string(value) != "1" || err != nil || o.Epoch() <= epoch {
		t.Fatalf("%q, %v, epoch %d after %d", value, err, o.Epoch(), epoch)
	}
	if changed, err := o.Rewind(nil); changed || err != nil {
		t.Fatal("a second time", changed, err)
	}
	now, err := o.Bookmark()
	must(t, err)
	if !(one < undo && undo < now) {
		t.Fatalf("bookmarks %s, %s, %s are out of order", one, undo, now)
	}
	_, err = o.RestoreNext(undo)
	must(t, err)
	_, err = o.RestoreNext("")
	must(t, err)
	if o.Dirty() {
		t.Fatal("an empty bookmark left the wish")
	}
	must(t, o.Close())
}

func TestRestore_Refusals(t *testing.T) {
	clock := &ticking{ms: 1000}
	e := pastEngine(t, vfs.NewMem(), clock)
	defer e.Close()
	o := openPast(t, e, 1)
	must(t, o.Put("k", []byte("1")))
	commitDurably(t, o)
	for _, text := range []string{"x", "0-0", strings.Repeat("f", bookmarkTextBytes), "0000000000000001_0000000000000001", "000000000000000A-0000000000000001"} {
		_, err := o.RestoreNext(text)
		wantErr(t, err, store.ErrBookmark)
		_, _, err = o.RestoreTo(text, nil)
		wantErr(t, err, store.ErrBookmark)
	}
	future := bookmark{o.meta.epoch, o.meta.sequence + 1}.String()
	_, err := o.RestoreNext(future)
	wantErr(t, err, store.ErrBookmark)
	must(t, o.Put("k", []byte("2")))
	if _, _, err := o.RestoreTo(future, nil); err == nil {
		t.Error("an object is restored inside a turn")
	}
	must(t, o.Abort())
	must(t, o.Close())

	plain := mustOpen(t, e, 1) // no history is kept
	must(t, plain.Put("k", []byte("1")))
	commitDurably(t, plain)
	old, err := plain.Bookmark()
	must(t, err)
	must(t, plain.Put("k", []byte("2")))
	commitDurably(t, plain)
	_, err = plain.RestoreNext(old)
	wantErr(t, err, store.ErrNoHistory)
	_, _, err = plain.RestoreTo(old, nil)
	wantErr(t, err, store.ErrNoHistory)
	_, err = plain.BookmarkForTime(1000)
	wantErr(t, err, store.ErrNoHistory)
	must(t, plain.Close())
}

// TestRestore_OfABrokenHistory is refused: a record is missing on the way.
func TestRestore_OfABrokenHistory(t *testing.T) {
	e := pastEngine(t, vfs.NewMem(), &ticking{ms: 1000})
	defer e.Close()
	o := openPast(t, e, 1)
	var marks []string
	for i := range 5 {
		must(t, o.Put("k", fmt.Append(nil, i)))
		commitDurably(t, o)
		mark, err := o.Bookmark()
		must(t, err)
		marks = append(marks, mark)
	}
	third, err := parseBookmark(marks[2])
	must(t, err)
	must(t, e.db.Delete(historyRecordKey(historyPrefix(o.ns.number, o.ref.ID), third, 1000), pebble.Sync))
	_, err = o.RestoreNext(marks[0])
	wantErr(t, err, store.ErrNoHistory)
	_, err = o.RestoreNext(marks[3])
	must(t, err)
	must(t, o.Close())
}

// TestBookmarkForTime: the latest state that is not younger, over several
// lives of the object, and an error before what is kept.
func TestBookmarkForTime(t *testing.T) {
	clock := &ticking{ms: 1_000}
	e := pastEngine(t, vfs.NewMem(), clock)
	defer e.Close()
	o := openPast(t, e, 1)
	r := rand.New(rand.NewPCG(1, 1))
	type point struct {
		ms   int64
		mark string
	}
	first, err := o.Bookmark()
	must(t, err)
	points := []point{{clock.ms, first}}
	for i := range 200 {
		clock.ms += 1 + r.Int64N(20)
		if i%37 == 36 {
			must(t, o.DeleteAll())
		} else {
			must(t, o.Put("k", fmt.Append(nil, i)))
		}
		_, err := o.Commit(nil)
		must(t, err)
		mark, err := o.Bookmark()
		must(t, err)
		points = append(points, point{clock.ms, mark})
	}
	for ms := int64(1_000); ms < clock.ms+10; ms++ {
		want := ""
		for _, p := range points {
			if p.ms <= ms {
				want = p.mark
			}
		}
		got, err := o.BookmarkForTime(ms)
		if got != want || err != nil {
			t.Fatalf("at %d: %s (%v), want %s", ms, got, err, want)
		}
	}
	clock.ms += (24 * time.Hour).Milliseconds()
	must(t, e.SweepHistory())
	_, err = o.BookmarkForTime(1_000)
	wantErr(t, err, store.ErrNoHistory)
	_, err = o.RestoreNext(points[5].mark)
	wantErr(t, err, store.ErrNoHistory)
	got, err := o.BookmarkForTime(clock.ms)
	if want := points[len(points)-1].mark; got != want || err != nil {
		t.Fatal(got, err)
	}
	must(t, o.Close())
}

// TestSweepHistory keeps what is young enough, and the state before it.
func TestSweepHistory(t *testing.T) {
	clock := &ticking{ms: 1_000}
	e := pastEngine(t, vfs.NewMem(), clock)
	defer e.Close()
	var marks [3][]string
	for n := range 3 {
		o := openPast(t, e, n)
		for i := range 10 {
			clock.ms = int64(1_000 + i*1_000)
			must(t, o.Put("k", fmt.Append(nil, i)))
			commitDurably(t, o)
			mark, err := o.Bookmark()
			must(t, err)
			marks[n] = append(marks[n], mark)
		}
		must(t, o.Close())
	}
	clock.ms = (24 * time.Hour).Milliseconds() + 5_500
	must(t, e.SweepHistory())
	if got := countKeys(t, e, familyHistory); got != 3*5 {
		t.Fatalf("%d records are kept", got)
	}
	for n := range 3 {
		o := openPast(t, e, n)
		for i, mark := range marks[n] {
			_, err := o.RestoreNext(mark)
			if i < 4 {
				wantErr(t, err, store.ErrNoHistory)
			} else {
				must(t, err)
			}
			must(t, o.Abort())
		}
		must(t, o.Close())
	}
	must(t, e.SetHistory(pastNamespace, 0))
	if got := countKeys(t, e, familyHistory); got != 0 {
		t.Fatalf("%d records are left", got)
	}
	must(t, e.SetHistory(pastNamespace, time.Hour)) // what came before is not known
	o := openPast(t, e, 1)
	_, err := o.BookmarkForTime(clock.ms - 1)
	wantErr(t, err, store.ErrNoHistory)
	must(t, o.Close())
}

// countKeys scans a family of keys.
func countKeys(t *testing.T, e *Engine, family byte) (n int) {
	t.Helper()
	it, err := e.db.NewIter(&pebble.IterOptions{LowerBound: []byte{family}, UpperBound: []byte{family + 1}})
	must(t, err)
	for ok := it.First(); ok; ok = it.Next() {
		n++
	}
	must(t, it.Close())
	return n
}

// TestDelete_LeavesNothing, not even a history; nor of an object whose data
// is gone already.
func TestDelete_LeavesNothing(t *testing.T) {
	clock := &ticking{ms: 1_000}
	e := pastEngine(t, vfs.NewMem(), clock)
	defer e.Close()
	for n := range 2 {
		o := openPast(t, e, n)
		must(t, o.Put("k", []byte("v")))
		must(t, runSQL(o, "CREATE TABLE t (a); INSERT INTO t VALUES (zeroblob(5000))"))
		must(t, o.SetAlarm(store.Alarm{ScheduledMs: 1, DueMs: 1}))
		commitDurably(t, o)
		if n == 1 {
			must(t, o.DeleteAll())
			commitDurably(t, o)
		}
		must(t, o.Close())
		must(t, e.Delete(pastRef(n)))
	}
	for _, family := range []byte{familyObject, familyHistory, familyName, familyAlarm} {
		if n := countKeys(t, e, family); n != 0 {
			t.Errorf("%d keys of family %c are left", n, family)
		}
	}
	if objects, bytes := e.Usage(pastNamespace); objects != 0 || bytes != 0 || e.Bytes() != 0 {
		t.Errorf("%d objects and %d bytes are counted", objects, bytes)
	}
}

// TestCopyFrom_Refusals names what is wrong.
func TestCopyFrom_Refusals(t *testing.T) {
	clock := &ticking{ms: 1_000}
	e := pastEngine(t, vfs.NewMem(), clock)
	defer e.Close()
	o := openPast(t, e, 1)
	_, err := o.CopyFrom(pastRef(7), "", nil)
	wantErr(t, err, store.ErrNotFound)
	_, err = o.CopyFrom(store.Ref{Namespace: "none", Name: "x"}, "", nil)
	wantErr(t, err, store.ErrNotFound)
	must(t, o.Put("k", []byte("v")))
	if _, err := o.CopyFrom(pastRef(7), "", nil); err == nil {
		t.Fatal("a copy inside a turn was taken")
	}
	commitDurably(t, o)
	_, err = o.CopyFrom(pastRef(1), "nonsense", nil)
	wantErr(t, err, store.ErrBookmark)
	if value, _, err := o.Get("k"); string(value) != "v" || err != nil {
		t.Fatal(value, err)
	}
	must(t, o.Close())
}
