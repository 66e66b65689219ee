package storetest

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-run/holdfast/runtime/store"
)

func (b *bench) names(namespace, prefix string) string {
	b.t.Helper()
	infos, next, err := b.engine.List(namespace, prefix, "", 1000)
	b.check(err)
	equal(b, "cursor at the end", next, "")
	var names []string
	for _, info := range infos {
		names = append(names, info.Ref.Namespace+":"+info.Ref.Name)
	}
	return strings.Join(names, " ")
}

func testRegistry(t *testing.T, b *bench) {
	r := store.Ref{Namespace: "app.C", ID: store.ID{1}, Name: "alice"}
	o := b.object(r)
	_, ok, err := b.engine.Stat(r.Namespace, r.ID)
	b.check(err)
	equal(b, "opening makes no entry", ok, false)
	b.put(o, "k", "v")
	b.check(o.SetAlarm(store.Alarm{ScheduledMs: 3, DueMs: 4}))
	b.commit(o)
	info, ok, err := b.engine.Stat(r.Namespace, r.ID)
	b.check(err)
	equal(b, "stat", ok, true)
	equal(b, "ref", info.Ref, r)
	equal(b, "bytes", info.KVBytes, 2)
	equal(b, "alarm", info.Alarm, store.Alarm{ScheduledMs: 3, DueMs: 4})
	equal(b, "created", info.CreatedAt.IsZero() || info.CreatedAt.After(info.LastActive), false)
	id, ok, err := b.engine.Lookup("app.C", "alice")
	b.check(err)
	equal(b, "lookup", ok && id == r.ID, true)
	for _, miss := range [][2]string{{"app.C", "alic"}, {"app.C", "alice2"}, {"app.D", "alice"}, {"app.C", ""}} {
		_, ok, err = b.engine.Lookup(miss[0], miss[1])
		b.check(err)
		equal(b, "lookup "+miss[1], ok, false)
	}
	b.with(store.Ref{Namespace: "app.C", ID: store.ID{2}}, func(o store.Object) { b.put(o, "k", "v"); b.commit(o) })
	b.with(store.Ref{Namespace: "app", ID: store.ID{3}, Name: "zoe\x00x"}, func(o store.Object) { b.put(o, "k", "v"); b.commit(o) })
	b.with(store.Ref{Namespace: "app", ID: store.ID{4}, Name: "zoe"}, func(o store.Object) { b.put(o, "k", "v"); b.commit(o) })
	b.with(store.Ref{Namespace: "_host", ID: store.ID{6}, Name: "own"}, func(o store.Object) { b.put(o, "k", "v"); b.commit(o) })
	equal(b, "the host's own", b.names("_host", ""), "_host:own")
	equal(b, "all", b.names("", ""), "app:zoe app:zoe\x00x app.C: app.C:alice")
	equal(b, "namespace", b.names("app.C", ""), "app.C: app.C:alice")
	equal(b, "prefix", b.names("app", "zoe\x00"), "app:zoe\x00x")
	equal(b, "no namespace", b.names("none", ""), "")
	count, err := b.engine.Count("app.C")
	b.check(err)
	equal(b, "count", count, 2)
	count, err = b.engine.Count("none")
	b.check(err)
	equal(b, "count of none", count, 0)
	b.with(store.Ref{Namespace: "app.C", ID: store.ID{2}, Name: "bob"}, func(o store.Object) { b.put(o, "k", "w"); b.commit(o) })
	equal(b, "a name that came later", b.names("app.C", ""), "app.C:alice app.C:bob")
	b.with(store.Ref{Namespace: "app.C", ID: store.ID{2}}, func(o store.Object) {
		equal(b, "opened by id", o.Info().Ref.Name, "bob")
	})
	long := strings.Repeat("n", store.NameBytesMax+1)
	b.with(store.Ref{Namespace: "app.L", ID: store.ID{5}, Name: long}, func(o store.Object) { b.put(o, "k", "v"); b.commit(o) })
	equal(b, "a long name is not kept", b.names("app.L", ""), "app.L:")
}

func testRegistryPages(t *testing.T, b *bench) {
	const objects = 25
	for i := range objects {
		b.with(ref([]string{"app.A", "app.B"}[i%2], i), func(o store.Object) { b.put(o, "k", "v"); b.commit(o) })
	}
	for _, limit := range []int{1, 2, 7, 13, 25, 100} {
		seen, cursor, last := 0, "", ""
		for {
			infos, next, err := b.engine.List("", "object-", cursor, limit)
			b.check(err)
			for _, info := range infos {
				at := info.Ref.Namespace + "/" + info.Ref.Name
				equal(b, "order", last < at, true)
				last = at
				seen++
			}
			if cursor = next; next == "" {
				break
			}
			equal(b, "a page is full", len(infos), limit)
		}
		equal(b, fmt.Sprintf("objects with pages of %d", limit), seen, objects)
	}
}

func testVanish(t *testing.T, b *bench) {
	r := ref("app.C", 1)
	o := b.object(r)
	exists := func() bool {
		t.Helper()
		_, ok, err := b.engine.Stat(r.Namespace, r.ID)
		b.check(err)
		_, named, err := b.engine.Lookup(r.Namespace, r.Name)
		b.check(err)
		count, err := b.engine.Count(r.Namespace)
		b.check(err)
		equal(b, "stat, lookup and count agree", ok == named && ok == (count == 1), true)
		return ok
	}
	b.put(o, "k", "v")
	b.commit(o)
	equal(b, "exists", exists(), true)
	b.check(o.DeleteAll())
	b.commit(o)
	equal(b, "vanished", exists(), false)
	b.check(o.DeleteAll())
	equal(b, "deleting nothing commits nothing", b.tryCommit(o), false)
	b.check(o.SetAlarm(store.Alarm{DueMs: 10}))
	b.commit(o)
	equal(b, "an alarm makes it exist", exists(), true)
	b.check(o.ClearAlarm())
	b.put(o, "k", "v")
	b.commit(o)
	_, err := o.Delete("k")
	b.check(err)
	b.commit(o)
	equal(b, "the last key gone", exists(), false)
	b.restart()
	equal(b, "after a restart", exists(), false)
}

func testDelete(t *testing.T, b *bench) {
	eraser, ok := b.engine.(Eraser)
	if !ok {
		t.Skip("the engine has no Delete")
	}
	r, other := ref("app.C", 1), ref("app.C", 2)
	for _, r := range []store.Ref{r, other} {
		b.with(r, func(o store.Object) {
			b.put(o, "k", "v")
			b.check(o.SetAlarm(store.Alarm{DueMs: 10}))
			b.commit(o)
		})
	}
	o, err := b.engine.Open(r)
	b.check(err)
	b.want(eraser.Delete(r), store.ErrOpen)
	b.check(o.Close())
	b.check(eraser.Delete(r))
	b.check(eraser.Delete(r))
	b.check(eraser.Delete(ref("none", 1)))
	equal(b, "registry", b.names("", ""), "app.C:object-0002")
	count, err := b.engine.Count("app.C")
	b.check(err)
	equal(b, "count", count, 1)
	alarms, err := b.engine.Alarms(1000, 10, nil)
	b.check(err)
	equal(b, "alarms", len(alarms), 1)
	b.with(r, func(o store.Object) { equal(b, "kv", b.get(o, "k"), "<none>") })
	b.with(other, func(o store.Object) { equal(b, "the other", b.get(o, "k"), "v") })
}

func testOpenTwice(t *testing.T, b *bench) {
	r := ref("app.C", 1)
	o, err := b.engine.Open(r)
	b.check(err)
	_, err = b.engine.Open(r)
	b.want(err, store.ErrOpen)
	b.with(ref("app.D", 1), func(store.Object) {})
	b.check(o.Close())
	b.with(r, func(store.Object) {})
}

func testSettings(t *testing.T, b *bench) {
	_, ok, err := b.engine.Setting("clock")
	b.check(err)
	equal(b, "unset", ok, false)
	b.check(b.engine.SetSetting("clock", []byte("12")))
	b.check(b.engine.SetSetting("clock2", nil))
	b.restart()
	value, ok, err := b.engine.Setting("clock")
	b.check(err)
	equal(b, "set", ok && string(value) == "12", true)
	value, ok, err = b.engine.Setting("clock2")
	b.check(err)
	equal(b, "set empty", ok && len(value) == 0, true)
}

func testEpochs(t *testing.T, b *bench) {
	var last uint64
	for range 3 {
		for range 10 {
			epoch, err := b.engine.NextEpoch()
			b.check(err)
			equal(b, "epochs rise", epoch > last, true)
			last = epoch
		}
		b.restart()
	}
}

func testBookmarks(t *testing.T, b *bench) {
	r := ref("app.C", 1)
	last := ""
	turn := func(o store.Object, change func()) {
		t.Helper()
		change()
		b.commit(o)
		mark, err := o.Bookmark()
		b.check(err)
		equal(b, fmt.Sprintf("bookmark %q after %q", mark, last), mark > last, true)
		last = mark
	}
	for range 3 {
		b.with(r, func(o store.Object) {
			for i := range 20 {
				turn(o, func() { b.put(o, "k", fmt.Sprint(i)) })
			}
			turn(o, func() { b.check(o.DeleteAll()) })
			turn(o, func() { b.put(o, "k", "again") })
		})
		b.restart()
		b.with(r, func(o store.Object) {
			mark, err := o.Bookmark()
			b.check(err)
			equal(b, "bookmark after a restart", mark, last)
			turn(o, func() { b.check(o.DeleteAll()) })
		})
	}
}

func testAlarm(t *testing.T, b *bench) {
	o := b.object(ref("app.C", 1))
	_, has := o.Alarm()
	equal(b, "none", has, false)
	want := store.Alarm{ScheduledMs: 100, DueMs: 200, Retries: 1, Attempts: 2}
	b.check(o.SetAlarm(want))
	got, has := o.Alarm()
	equal(b, "own write", has && got == want, true)
	b.check(o.Abort())
	_, has = o.Alarm()
	equal(b, "aborted", has, false)
	b.check(o.SetAlarm(want))
	b.commit(o)
	b.check(o.SetAlarm(want))
	equal(b, "the same alarm again commits nothing", b.tryCommit(o), false)
	b.check(o.ClearAlarm())
	b.check(o.ClearAlarm())
	b.commit(o)
	_, ok, err := b.engine.NextAlarm()
	b.check(err)
	equal(b, "index", ok, false)
}

func (b *bench) setAlarm(n int, dueMs int64) {
	b.t.Helper()
	b.with(ref("app.C", n), func(o store.Object) {
		b.check(o.SetAlarm(store.Alarm{ScheduledMs: dueMs - 1, DueMs: dueMs, Retries: uint8(n)}))
		b.commit(o)
	})
}

func dueTimes(alarms []store.DueAlarm) string {
	var times []string
	for _, a := range alarms {
		times = append(times, fmt.Sprint(a.Alarm.DueMs))
	}
	return strings.Join(times, " ")
}

func testAlarmIndex(t *testing.T, b *bench) {
	for i, due := range []int64{300, 100, 500, 200, 400} {
		b.setAlarm(i+1, due)
	}
	alarms, err := b.engine.Alarms(300, 10, nil)
	b.check(err)
	equal(b, "due", dueTimes(alarms), "100 200 300")
	equal(b, "ref", alarms[0].Ref, ref("app.C", 2))
	equal(b, "alarm", alarms[0].Alarm, store.Alarm{ScheduledMs: 99, DueMs: 100, Retries: 2})
	alarms, err = b.engine.Alarms(1000, 10, func(r store.Ref) bool { return r == ref("app.C", 3) || r == ref("app.C", 1) })
	b.check(err)
	equal(b, "wanted", dueTimes(alarms), "300 500")
	alarms, err = b.engine.Alarms(1000, 1, func(r store.Ref) bool { return r == ref("app.C", 3) })
	b.check(err)
	equal(b, "wanted, limited", dueTimes(alarms), "500")
	alarms, err = b.engine.Alarms(1000, 10, nil)
	b.check(err)
	equal(b, "the unwanted are still found", len(alarms), 5)
	alarms, err = b.engine.Alarms(1000, 2, nil)
	b.check(err)
	equal(b, "limited", dueTimes(alarms), "100 200")
	b.setAlarm(2, 600)
	next, ok, err := b.engine.NextAlarm()
	b.check(err)
	equal(b, "next", ok && next.Alarm.DueMs == 200, true)
	b.restart()
	cursor, all := "", ""
	for {
		page, following, err := b.engine.ListAlarms(cursor, 2)
		b.check(err)
		all += dueTimes(page) + ";"
		if cursor = following; cursor == "" {
			break
		}
	}
	equal(b, "pages", all, "200 300;400 500;600;")
}

// testAlarmBeforeWatermark sets alarms before times that searches have passed.
func testAlarmBeforeWatermark(t *testing.T, b *bench) {
	base := time.Now().UnixMilli()
	due := func(want string) {
		t.Helper()
		alarms, err := b.engine.Alarms(base+1_000_000, 10, nil)
		b.check(err)
		var offsets []string
		for _, a := range alarms {
			offsets = append(offsets, fmt.Sprint(a.Alarm.DueMs-base))
		}
		equal(b, "alarms", strings.Join(offsets, " "), want)
	}
	due("")
	b.setAlarm(1, base)
	due("0")
	b.setAlarm(2, base-500_000)
	due("-500000 0")
	b.restart()
	due("-500000 0")
	b.setAlarm(3, -5)
	b.restart()
	due(fmt.Sprintf("%d -500000 0", -5-base))
	b.with(ref("app.C", 3), func(o store.Object) { b.check(o.ClearAlarm()); b.commit(o) })
	due("-500000 0")
	b.setAlarm(4, base-600_000)
	due("-600000 -500000 0")
}

func testDeadAlarms(t *testing.T, b *bench) {
	died := time.UnixMilli(1_700_000_000_000)
	for i := range 5 {
		b.check(b.engine.Bury(store.DeadAlarm{
			Ref: ref("app.C", i), Alarm: store.Alarm{ScheduledMs: 1, DueMs: int64(i), Retries: 6, Attempts: 7},
			DiedAt: died, Reason: fmt.Sprintf("reason %d", i),
		}))
	}
	b.restart()
	var all []store.DeadAlarm
	for cursor := ""; ; {
		page, next, err := b.engine.DeadAlarms(cursor, 2)
		b.check(err)
		all = append(all, page...)
		if cursor = next; cursor == "" {
			break
		}
	}
	equal(b, "dead", len(all), 5)
	for i, d := range all {
		equal(b, "ref", d.Ref, ref("app.C", i))
		equal(b, "alarm", d.Alarm, store.Alarm{ScheduledMs: 1, DueMs: int64(i), Retries: 6, Attempts: 7})
		equal(b, "reason", d.Reason, fmt.Sprintf("reason %d", i))
		equal(b, "died", d.DiedAt.Equal(died), true)
	}
	b.check(b.engine.ForgetDead(all[2].Key))
	b.check(b.engine.ForgetDead(all[2].Key))
	left, _, err := b.engine.DeadAlarms("", 10)
	b.check(err)
	equal(b, "left", len(left), 4)
	equal(b, "a foreign key is refused", b.engine.ForgetDead("zz") != nil, true)
}
