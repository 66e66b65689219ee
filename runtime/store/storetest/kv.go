package storetest

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/holdfast-run/holdfast/runtime/store"
)

func testKV(t *testing.T, b *bench) {
	o := b.object(ref("app.C", 1))
	equal(b, "missing", b.get(o, "k"), "<none>")
	value := []byte("one")
	b.check(o.Put("k", value))
	value[0] = 'X'
	equal(b, "put copies", b.get(o, "k"), "one")
	got, _, err := o.Get("k")
	b.check(err)
	got[0] = 'Y'
	equal(b, "get copies", b.get(o, "k"), "one")
	b.commit(o)
	got, _, err = o.Get("k")
	b.check(err)
	got[0] = 'Z'
	equal(b, "get copies what is committed", b.get(o, "k"), "one")
	b.put(o, "empty", "")
	equal(b, "empty value", b.get(o, "empty"), "")
	for _, step := range []struct {
		key   string
		found bool
	}{{"k", true}, {"k", false}, {"empty", true}, {"none", false}} {
		found, err := o.Delete(step.key)
		b.check(err)
		equal(b, "delete "+step.key, found, step.found)
	}
	b.put(o, "\x00\xff", "binary key")
	b.commit(o)
	equal(b, "binary key", b.get(o, "\x00\xff"), "binary key")
	equal(b, "bytes", o.Info().KVBytes, int64(len("\x00\xff")+len("binary key")))
}

func testLimits(t *testing.T, b *bench) {
	o := b.object(ref("app.C", 1))
	b.want(o.Put("", nil), store.ErrEmptyKey)
	b.want(o.Put(strings.Repeat("k", store.KeyBytesMax+1), nil), store.ErrTooLarge)
	b.want(o.Put("k", make([]byte, store.KeyValueBytesMax)), store.ErrTooLarge)
	b.check(o.Put("k", make([]byte, store.KeyValueBytesMax-1)))
	b.check(o.Put(strings.Repeat("k", store.KeyBytesMax), nil))
	b.commit(o)
}

func testList(t *testing.T, b *bench) {
	o := b.object(ref("app.C", 1))
	for _, key := range []string{"a", "b/1", "b/2", "b/3", "c", "\u00fc"} {
		b.put(o, key, key)
	}
	b.commit(o)
	_, err := o.Delete("b/2")
	b.check(err)
	b.put(o, "b/25", "new")
	b.put(o, "c", "changed")
	tests := []struct {
		name    string
		options store.ListOptions
		want    string
	}{
		{"all", store.ListOptions{}, "a=a b/1=b/1 b/25=new b/3=b/3 c=changed \u00fc=\u00fc"},
		{"prefix", store.ListOptions{Prefix: "b/"}, "b/1=b/1 b/25=new b/3=b/3"},
		{"reverse", store.ListOptions{Prefix: "b/", Reverse: true}, "b/3=b/3 b/25=new b/1=b/1"},
		{"start", store.ListOptions{Start: "b/25", HasStart: true, Limit: 2}, "b/25=new b/3=b/3"},
		{"start after", store.ListOptions{StartAfter: "b/25", HasStartAfter: true, Limit: 1}, "b/3=b/3"},
		{"end", store.ListOptions{End: "b/25", HasEnd: true}, "a=a b/1=b/1"},
		{"reverse keeps start and end", store.ListOptions{
			Start: "b/1", HasStart: true, End: "c", HasEnd: true, Reverse: true, Limit: 2,
		}, "b/3=b/3 b/25=new"},
		{"empty range", store.ListOptions{Start: "c", HasStart: true, End: "a", HasEnd: true}, ""},
		{"empty end", store.ListOptions{HasEnd: true}, ""},
	}
	for _, test := range tests {
		equal(b, test.name, strings.Join(b.list(o, test.options), " "), test.want)
	}
	seen := 0
	b.check(o.List(store.ListOptions{}, func(string, []byte) bool { seen++; return seen < 3 }))
	equal(b, "stops when told", seen, 3)
}

func testDeleteAll(t *testing.T, b *bench) {
	o := b.object(ref("app.C", 1))
	for i := range 200 {
		b.put(o, fmt.Sprintf("k%03d", i), "v")
	}
	b.check(o.SetAlarm(store.Alarm{ScheduledMs: 5, DueMs: 5}))
	b.commit(o)
	b.check(o.Begin())
	b.want(o.DeleteAll(), store.ErrInTransaction)
	b.check(o.Rollback())
	b.check(o.DeleteAll())
	equal(b, "gone in the turn", b.get(o, "k000"), "<none>")
	equal(b, "listed in the turn", len(b.list(o, store.ListOptions{})), 0)
	_, has := o.Alarm()
	equal(b, "alarm in the turn", has, false)
	b.check(o.Abort())
	equal(b, "back after abort", len(b.list(o, store.ListOptions{})), 200)
	_, has = o.Alarm()
	equal(b, "alarm after abort", has, true)
	b.check(o.DeleteAll())
	b.put(o, "k001", "fresh")
	b.commit(o)
	equal(b, "fresh", strings.Join(b.list(o, store.ListOptions{}), " "), "k001=fresh")
	equal(b, "bytes", o.Info().KVBytes, int64(len("k001fresh")))
	alarms, err := b.engine.Alarms(1000, 10, nil)
	b.check(err)
	equal(b, "alarm index", len(alarms), 0)
}

func testTurns(t *testing.T, b *bench) {
	o := b.object(ref("app.C", 1))
	equal(b, "a clean turn commits nothing", b.tryCommit(o), false)
	b.get(o, "k")
	equal(b, "a reading turn commits nothing", b.tryCommit(o), false)
	equal(b, "clean", o.Dirty(), false)
	b.put(o, "k", "1")
	b.check(o.Rest())
	equal(b, "dirty", o.Dirty(), true)
	b.check(o.Abort())
	equal(b, "aborted", b.get(o, "k"), "<none>")
	equal(b, "clean after abort", o.Dirty(), false)
	equal(b, "sequence", o.Sequence(), 0)
	b.put(o, "k", "1")
	_, err := o.Delete("k")
	b.check(err)
	equal(b, "a write that is undone commits nothing", b.tryCommit(o), false)
	b.put(o, "k", "2")
	b.commit(o)
	equal(b, "sequence", o.Sequence(), 1)
	b.put(o, "k", "3")
	_, err = o.Delete("k")
	b.check(err)
	b.check(o.Abort())
	equal(b, "committed value is back", b.get(o, "k"), "2")
}

func testDurableOrder(t *testing.T, b *bench) {
	o := b.object(ref("app.C", 1))
	const turns = 200
	order := make(chan int, turns)
	for i := range turns {
		b.put(o, "n", fmt.Sprint(i))
		equal(b, "own write of a turn in flight", b.get(o, "n"), fmt.Sprint(i))
		changed, err := o.Commit(func(err error) {
			if err != nil {
				order <- -1
				return
			}
			order <- i
		})
		b.check(err)
		equal(b, "changed", changed, true)
	}
	for i := range turns {
		equal(b, "order of durable", <-order, i)
	}
	equal(b, "sequence", o.Sequence(), turns)
}

func testTransactions(t *testing.T, b *bench) {
	o := b.object(ref("app.C", 1))
	b.put(o, "a", "0")
	b.check(o.SetAlarm(store.Alarm{ScheduledMs: 1, DueMs: 1}))
	b.commit(o)
	b.put(o, "b", "0")
	b.check(o.Begin())
	b.put(o, "a", "1")
	b.put(o, "b", "1")
	b.put(o, "c", "1")
	b.check(o.Begin())
	_, err := o.Delete("a")
	b.check(err)
	b.put(o, "d", "2")
	b.check(o.ClearAlarm())
	b.check(o.Rollback())
	equal(b, "inner rolled back", strings.Join(b.list(o, store.ListOptions{}), " "), "a=1 b=1 c=1")
	_, has := o.Alarm()
	equal(b, "alarm is back", has, true)
	b.check(o.Begin())
	b.put(o, "e", "3")
	b.check(o.Release())
	b.check(o.Rollback())
	equal(b, "outer rolled back", strings.Join(b.list(o, store.ListOptions{}), " "), "a=0 b=0")
	b.check(o.Begin())
	b.put(o, "f", "4")
	b.check(o.Release())
	b.commit(o)
	equal(b, "released", strings.Join(b.list(o, store.ListOptions{}), " "), "a=0 b=0 f=4")
	equal(b, "bytes", o.Info().KVBytes, int64(6))
}

func testTransactionErrors(t *testing.T, b *bench) {
	o := b.object(ref("app.C", 1))
	b.want(o.Release(), store.ErrNoTransaction)
	b.want(o.Rollback(), store.ErrNoTransaction)
	for range store.SavepointsMax {
		b.check(o.Begin())
	}
	b.want(o.Begin(), store.ErrTooDeep)
	b.put(o, "k", "v")
	_, err := o.Commit(func(error) { t.Error("durable was called") })
	b.want(err, store.ErrInTransaction)
	equal(b, "a commit inside a transaction drops the turn", b.get(o, "k"), "<none>")
	b.want(o.Release(), store.ErrNoTransaction)
	equal(b, "the turn after is clean", b.tryCommit(o), false)
}

func testReopen(t *testing.T, b *bench) {
	big := bytes.Repeat([]byte("0123456789"), 10_000)
	r := ref("app.C", 1)
	b.with(r, func(o store.Object) {
		b.check(o.Put("big", big))
		b.check(o.SetAlarm(store.Alarm{ScheduledMs: 7, DueMs: 9, Retries: 2, Attempts: 3}))
		b.commit(o)
		b.put(o, "lost", "not committed")
	})
	b.restart()
	b.with(r, func(o store.Object) {
		equal(b, "value", b.get(o, "big"), string(big))
		equal(b, "not committed", b.get(o, "lost"), "<none>")
		alarm, has := o.Alarm()
		equal(b, "alarm", has, true)
		equal(b, "alarm", alarm, store.Alarm{ScheduledMs: 7, DueMs: 9, Retries: 2, Attempts: 3})
		equal(b, "sequence", o.Sequence(), 1)
		equal(b, "bytes", o.Info().KVBytes, int64(len("big")+len(big)))
	})
}

func testClosed(t *testing.T, b *bench) {
	o, err := b.engine.Open(ref("app.C", 1))
	b.check(err)
	b.put(o, "k", "v")
	b.check(o.Close())
	b.check(o.Close())
	_, _, err = o.Get("k")
	b.want(err, store.ErrClosed)
	b.want(o.Put("k", nil), store.ErrClosed)
	b.want(o.Begin(), store.ErrClosed)
	_, err = o.Commit(nil)
	b.want(err, store.ErrClosed)
	b.with(ref("app.C", 1), func(o store.Object) { equal(b, "dropped", b.get(o, "k"), "<none>") })
}
