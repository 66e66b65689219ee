package storage

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/holdfast-run/holdfast/guest-sdk/abi"
	"github.com/holdfast-run/holdfast/runtime/store"
)

// TestSQLOps_AreATurns: a statement that never ends is ended, also one that
// comes after it in the turn; the next turn has its steps again.
func TestSQLOps_AreATurns(t *testing.T) {
	e := openMem(t, vfs.NewMem(), func(c *Config) { c.SQLOpsMax = 200_000 })
	defer e.Close()
	o := mustOpen(t, e, 1)
	must(t, runSQL(o, "CREATE TABLE t (a)"))
	commitDurably(t, o)
	const some = "WITH RECURSIVE n (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 8000) SELECT count(*) FROM n"
	for _, query := range []string{endless, "INSERT INTO t " + strings.Replace(endless, "count(*)", "x", 1)} {
		err := runSQL(o, query)
		var fault *store.SQLError
		if !errors.As(err, &fault) || fault.Code != "SQLITE_INTERRUPT" || !strings.Contains(err.Error(), "200000 steps") {
			t.Fatalf("%s: %v", query, err)
		}
		must(t, o.Abort())
	}
	must(t, runSQL(o, some)) // about 100,000 steps
	if err := errors.Join(runSQL(o, some), runSQL(o, some)); err == nil {
		t.Fatal("the turn's third statement had steps left")
	}
	must(t, o.Abort())
	must(t, runSQL(o, some))
	if got := oneRow(t, o, "SELECT count(*) || '' FROM t"); got != "0" {
		t.Fatal(got)
	}
	must(t, o.Close())
}

// TestVacuum shrinks the database to what is in it, keeps that, and leaves
// the sandbox closed.
func TestVacuum(t *testing.T) {
	fs := vfs.NewMem()
	e := openMem(t, fs, func(c *Config) { c.TurnBytesMax = 2 << 20 })
	o := mustOpen(t, e, 1)
	if changed, err := o.Vacuum(nil); changed || err != nil {
		t.Fatal("of nothing", changed, err)
	}
	must(t, runSQL(o, "CREATE TABLE t (id INTEGER PRIMARY KEY, a); CREATE INDEX i ON t (a)"))
	for i := range 100 {
		must(t, runSQL(o, "INSERT INTO t VALUES (?, hex(randomblob(1000)))", abi.Integer(int64(i))))
	}
	commitDurably(t, o)
	must(t, runSQL(o, "DELETE FROM t WHERE id >= 3"))
	commitDurably(t, o)
	want := oneRow(t, o, "SELECT group_concat(a) FROM t")
	must(t, o.Abort())
	before := o.Info().SQLBytes
	done := make(chan error, 1)
	changed, err := o.Vacuum(func(err error) { done <- err })
	if !changed || err != nil {
		t.Fatal(changed, err)
	}
	must(t, <-done)
	if after := o.Info().SQLBytes; after*10 > before {
		t.Fatalf("%d bytes, before %d", after, before)
	}
	if err := runSQL(o, "VACUUM"); err == nil {
		t.Fatal("a guest may vacuum")
	}
	if err := runSQL(o, "ATTACH ':memory:' AS x"); err == nil {
		t.Fatal("a guest may attach")
	}
	must(t, o.Close())
	must(t, e.Close())
	e = openMem(t, fs, func(c *Config) { c.TurnBytesMax = 2 << 20 })
	defer e.Close()
	o = mustOpen(t, e, 1)
	if got := oneRow(t, o, "SELECT group_concat(a) FROM t"); got != want {
		t.Fatal("the rows differ")
	}
	if got := oneRow(t, o, "PRAGMA quick_check"); got != "ok" {
		t.Fatal(got)
	}
	must(t, o.Close())
}

func TestVacuum_TooLarge(t *testing.T) {
	e := openMem(t, vfs.NewMem(), func(c *Config) { c.TurnBytesMax = 64 << 10 })
	defer e.Close()
	o := mustOpen(t, e, 1)
	must(t, runSQL(o, "CREATE TABLE t (a)"))
	for range 3 {
		must(t, runSQL(o, "INSERT INTO t VALUES (zeroblob(40000))"))
		commitDurably(t, o)
	}
	must(t, o.Put("k", nil))
	if _, err := o.Vacuum(nil); err == nil {
		t.Fatal("inside a turn")
	}
	must(t, o.Abort())
	_, err := o.Vacuum(nil)
	wantErr(t, err, store.ErrTooLarge)
	must(t, o.Close())
}

// TestQuotas: what would make a class, an object or the host larger than it
// may be is refused and named; what shrinks is not.
func TestQuotas(t *testing.T) {
	for _, c := range []struct {
		name  string
		host  int64
		quota Quota
	}{
		{"its quota is 3000", 0, Quota{Bytes: 3000}},
		{"2 objects, its quota", 0, Quota{Objects: 2}},
		{"at most 1500 are allowed", 0, Quota{ObjectBytes: 1500}},
		{"the host would hold", 3000, Quota{}},
	} {
		fs := vfs.NewMem()
		open := func() *Engine {
			e := openMem(t, fs, func(cfg *Config) { cfg.HostBytesMax = c.host })
			e.SetQuota("bench.Object", c.quota)
			return e
		}
		e := open()
		put := func(n, bytes int) error {
			o := mustOpen(t, e, n)
			must(t, o.Put("k", make([]byte, bytes)))
			_, err := o.Commit(nil)
			return errors.Join(err, o.Close())
		}
		must(t, put(1, 1000))
		must(t, put(2, 1000))
		must(t, e.Close())
		e = open() // the sums are kept
		err := errors.Join(put(3, 1000), put(2, 2500))
		if !errors.Is(err, store.ErrFull) || !strings.Contains(err.Error(), c.name) {
			t.Errorf("%s: %v", c.name, err)
		}
		o := mustOpen(t, e, 4)
		err = runSQL(o, "CREATE TABLE t (a); INSERT INTO t VALUES (zeroblob(1200))")
		if c.quota.ObjectBytes > 0 {
			if err == nil || !strings.Contains(err.Error(), "SQLITE_FULL") {
				t.Fatal(err)
			}
		} else {
			must(t, err)
			_, err = o.Commit(nil)
			wantErr(t, err, store.ErrFull)
		}
		must(t, o.Close())
		must(t, put(1, 500))
		must(t, e.Delete(benchRef(2)))
		must(t, put(5, 1000))
		if _, bytes := e.Usage("bench.Object"); bytes != e.Bytes() || bytes < 1500 || bytes > 3100 {
			t.Errorf("%s: %d bytes are counted, %d of all", c.name, bytes, e.Bytes())
		}
		must(t, e.Close())
	}
}

// TestFormat1_IsBroughtUpToDate: it has no sums.
func TestFormat1_IsBroughtUpToDate(t *testing.T) {
	fs := vfs.NewMem()
	e := openMem(t, fs, nil)
	for n := range 5 {
		o := mustOpen(t, e, n)
		must(t, o.Put("k", make([]byte, 99)))
		must(t, runSQL(o, "CREATE TABLE t (a)"))
		commitDurably(t, o)
		must(t, o.Close())
	}
	want := e.Bytes()
	must(t, e.db.DeleteRange([]byte{familyUsage}, []byte{familyUsage + 1}, pebble.Sync))
	must(t, e.db.Set(keyVersion, binary.BigEndian.AppendUint32(nil, 1), pebble.Sync))
	must(t, e.Close())
	e = openMem(t, fs, func(c *Config) { c.Logger = quiet() })
	if got := e.Bytes(); got != want || got == 0 {
		t.Errorf("%d bytes are counted, want %d", got, want)
	}
	must(t, e.Close())
	e = openMem(t, fs, nil)
	if got := e.Bytes(); got != want {
		t.Errorf("the second time %d bytes are counted, want %d", got, want)
	}
	must(t, e.Close())
}

// TestDiskMarks: below the soft mark deleting goes on, below the hard one
// nothing does, and with space all does again.
func TestDiskMarks(t *testing.T) {
	fs := &noSpace{FS: vfs.NewMem()}
	e := openMem(t, fs, func(c *Config) { c.Logger = quiet() })
	defer e.Close()
	o := mustOpen(t, e, 1)
	put := func(bytes int) error {
		must(t, o.Put("k", make([]byte, bytes)))
		_, err := o.Commit(nil)
		return err
	}
	must(t, put(5000))
	fs.avail.Store(100 << 20)
	if err := e.DiskError(); !errors.Is(err, store.ErrDiskFull) {
		t.Fatal(err)
	}
	wantErr(t, put(6000), store.ErrDiskFull)
	must(t, put(100))
	fs.avail.Store(1 << 20)
	wantErr(t, put(50), store.ErrDiskFull)
	wantErr(t, e.Delete(benchRef(9)), nil)
	wantErr(t, e.SetSetting("a", nil), store.ErrDiskFull)
	fs.avail.Store(0)
	must(t, e.DiskError())
	must(t, put(7000))
	fs.avail.Store(70 << 20) // too little for this batch
	for i := range 3 {
		must(t, o.Put(fmt.Sprint(i), make([]byte, 2_000_000)))
	}
	_, err := o.Commit(nil)
	wantErr(t, err, store.ErrDiskFull)
	must(t, o.Close())
}

// TestNamespaces_RenameAndDelete: ids and data stay under the new name;
// nothing stays of a deleted one.
func TestNamespaces_RenameAndDelete(t *testing.T) {
	fs := vfs.NewMem()
	e := openMem(t, fs, nil)
	ref := func(namespace string) store.Ref {
		return store.Ref{Namespace: namespace, Name: "x", ID: store.ID{7}}
	}
	fill := func(namespace string) {
		o, err := e.OpenWith(ref(namespace), ObjectOptions{})
		must(t, err)
		must(t, o.Put("k", []byte(namespace)))
		must(t, o.SetAlarm(store.Alarm{ScheduledMs: 5, DueMs: 5}))
		commitDurably(t, o)
		must(t, o.Put("k", []byte(namespace)))
		commitDurably(t, o)
		if namespace == "app.A" {
			wantErr(t, e.RenameNamespace("app.A", "app.B"), store.ErrOpen)
			wantErr(t, e.DeleteNamespace("app.A"), store.ErrOpen)
		}
		must(t, o.Close())
	}
	must(t, e.SetHistory("app.A", time.Hour))
	fill("app.A")
	must(t, e.RenameNamespace("app.A", "app.B"))
	fill("app.A") // a new class of the old name
	wantErr(t, e.RenameNamespace("app.A", "app.B"), store.ErrOpen)
	for range 2 {
		if got := e.Origin("app.B"); got != "app.A" {
			t.Fatalf("ids of app.B are made with %q", got)
		}
		if got := e.Origin("app.A"); got == "app.A" {
			t.Fatal("ids of the new app.A are those of the old")
		}
		for namespace, want := range map[string]string{"app.A": "app.A", "app.B": "app.A"} {
			if objects, bytes := e.Usage(namespace); objects != 1 || bytes == 0 {
				t.Fatal(namespace, objects, bytes)
			}
			infos, _, err := e.List(namespace, "", "", 10)
			if err != nil || len(infos) != 1 || infos[0].Ref.Namespace != namespace {
				t.Fatal(infos, err)
			}
			o, err := e.OpenWith(ref(namespace), ObjectOptions{})
			must(t, err)
			if v, _, err := o.Get("k"); string(v) != want || err != nil {
				t.Fatal(v, err)
			}
			must(t, o.Close())
		}
		if e.History("app.B") != time.Hour || e.History("app.A") != 0 {
			t.Fatal(e.History("app.A"), e.History("app.B"))
		}
		must(t, e.Close())
		e = openMem(t, fs, nil)
	}
	defer func() { must(t, e.Close()) }()
	must(t, e.Bury(store.DeadAlarm{Ref: ref("app.B")}))
	must(t, e.Bury(store.DeadAlarm{Ref: ref("app.A")}))
	must(t, e.DeleteNamespace("app.B"))
	must(t, e.DeleteNamespace("app.none"))
	left := fmt.Sprint(countKeys(t, e, familyName), countKeys(t, e, familyAlarm), countKeys(t, e, familyHistory),
		countKeys(t, e, familyTime), countKeys(t, e, familyDead), countKeys(t, e, familyNamespace))
	if left != "1 1 0 0 1 1" {
		t.Fatalf("left: %s", left)
	}
	if _, bytes := e.Usage("app.A"); e.Bytes() != bytes {
		t.Fatal(bytes, e.Bytes())
	}
}
