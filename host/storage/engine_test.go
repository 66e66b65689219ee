package storage

import (
	"encoding/binary"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/holdfast-run/holdfast/guest-sdk/abi"
	"github.com/holdfast-run/holdfast/runtime/store"
)

func mustOpen(t *testing.T, e *Engine, n int) *Object {
	t.Helper()
	o, err := e.OpenWith(benchRef(n), ObjectOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantErr(t *testing.T, err, target error) {
	t.Helper()
	if !errors.Is(err, target) {
		t.Fatalf("got error %v, want %v", err, target)
	}
}

// commitDurably commits and waits.
func commitDurably(t *testing.T, o *Object) {
	t.Helper()
	done := make(chan error, 1)
	if _, err := o.Commit(func(err error) { done <- err }); err != nil {
		t.Fatal(err)
	}
	must(t, <-done)
}

func TestOpen_Locked(t *testing.T) {
	dir := t.TempDir()
	e, err := Open(Config{Dir: dir})
	must(t, err)
	_, err = Open(Config{Dir: dir})
	wantErr(t, err, store.ErrLocked)
	must(t, e.Close())
	e, err = Open(Config{Dir: dir})
	must(t, err)
	must(t, e.Close())
}

func TestOpen_NewerFormat(t *testing.T) {
	fs := vfs.NewMem()
	e := openMem(t, fs, nil)
	must(t, e.db.Set(keyVersion, binary.BigEndian.AppendUint32(nil, formatVersion+1), pebble.Sync))
	must(t, e.Close())
	_, err := Open(Config{Dir: "data", FS: fs})
	wantErr(t, err, store.ErrVersion)
}

func TestConfig_Validate(t *testing.T) {
	for _, cfg := range []Config{{}, {Dir: "d", CacheBytes: -1}, {Dir: "d", SQLMemoryBytesMax: 1}, {Dir: "d", TurnBytesMax: 2 << 30}} {
		if _, err := Open(cfg); err == nil {
			t.Errorf("%+v was accepted", cfg)
		}
	}
}

// TestFailedSync_IsFinal: a turn whose sync fails is not acknowledged, and
// nothing is written after it.
func TestFailedSync_IsFinal(t *testing.T) {
	var failing atomic.Bool
	fs := errorfs.Wrap(vfs.NewCrashableMem(), errorfs.InjectorFunc(func(op errorfs.Op) error {
		if failing.Load() && strings.HasSuffix(op.Path, ".log") && op.Kind.ReadOrWrite() == errorfs.OpIsWrite {
			return errorfs.ErrInjected
		}
		return nil
	}))
	told := make(chan error, 2)
	e := openMem(t, fs, func(c *Config) {
		c.Logger = quiet()
		c.Failing = func(err error) { told <- err }
	})
	o := mustOpen(t, e, 1)
	must(t, o.Put("k", []byte("1")))
	commitDurably(t, o)
	failing.Store(true)
	must(t, o.Put("k", []byte("2")))
	done := make(chan error, 1)
	_, err := o.Commit(func(err error) { done <- err })
	must(t, err)
	if err := <-done; err == nil || e.Failed() == nil {
		t.Fatal("the failed sync was not reported")
	}
	if err := <-told; !errors.Is(err, errorfs.ErrInjected) {
		t.Fatalf("Failing was told %v", err)
	}
	must(t, o.Put("k", []byte("3")))
	_, err = o.Commit(func(error) { t.Error("durable was called") })
	wantErr(t, err, store.ErrReadOnly)
	wantErr(t, e.SetSetting("a", nil), store.ErrReadOnly)
	if changed, err := o.Commit(nil); changed || err != nil {
		t.Fatalf("a reading turn: %v, %v", changed, err)
	}
	must(t, o.Close())
	_ = e.Close() // reports the injected error
}

// noSpace is a file system that is nearly full while full is set.
type noSpace struct {
	vfs.FS
	full  atomic.Bool
	avail atomic.Uint64 // 0: plenty
}

func (f *noSpace) GetDiskUsage(string) (vfs.DiskUsage, error) {
	if f.full.Load() {
		return vfs.DiskUsage{AvailBytes: 1 << 20, TotalBytes: 1 << 40}, nil
	}
	if n := f.avail.Load(); n > 0 {
		return vfs.DiskUsage{AvailBytes: n, TotalBytes: 1 << 40}, nil
	}
	return vfs.DiskUsage{AvailBytes: 1 << 39, TotalBytes: 1 << 40}, nil
}

func TestDiskNearlyFull_RefusesWrites(t *testing.T) {
	fs := &noSpace{FS: vfs.NewMem()}
	e := openMem(t, fs, func(c *Config) { c.Logger = quiet() })
	defer e.Close()
	o := mustOpen(t, e, 1)
	fs.full.Store(true)
	refused := false
	for range diskCheckEveryCommits + 1 {
		must(t, o.Put("k", []byte(time.Now().String())))
		if _, err := o.Commit(nil); err != nil {
			wantErr(t, err, store.ErrDiskFull)
			refused = true
			break
		}
	}
	if !refused {
		t.Fatal("no write was refused")
	}
	fs.full.Store(false)
	must(t, o.Put("k", []byte("again")))
	commitDurably(t, o)
	must(t, o.Close())
}

// TestDroppedBatch_LeavesNoGhostRow: SQLite commits, then the batch is found
// too large. The row must be gone, also from what the next turn makes durable.
func TestDroppedBatch_LeavesNoGhostRow(t *testing.T) {
	fs := vfs.NewMem()
	small := func(c *Config) { c.TurnBytesMax = 64 << 10 }
	e := openMem(t, fs, small)
	o := mustOpen(t, e, 1)
	must(t, runSQL(o, "CREATE TABLE t (a)"))
	commitDurably(t, o)
	must(t, o.Put("k", []byte("ghost")))
	must(t, runSQL(o, "INSERT INTO t VALUES (zeroblob(100000))"))
	_, err := o.Commit(func(error) { t.Error("durable was called") })
	wantErr(t, err, store.ErrTooLarge)
	count := func(o *Object) string { return oneRow(t, o, "SELECT count(*) || '' FROM t") }
	if got := count(o); got != "0" {
		t.Fatalf("%s rows after the failed commit", got)
	}
	must(t, runSQL(o, "INSERT INTO t VALUES (1)"))
	commitDurably(t, o)
	must(t, o.Close())
	must(t, e.Close())
	e = openMem(t, fs, small)
	defer e.Close()
	o = mustOpen(t, e, 1)
	_, found, err := o.Get("k")
	if got := count(o); got != "1" || found || err != nil {
		t.Fatalf("%s rows, kv %v (%v)", got, found, err)
	}
	must(t, o.Close())
}

func TestObjectBytesMax(t *testing.T) {
	e := openMem(t, vfs.NewMem(), func(c *Config) { c.ObjectBytesMax = 256 << 10 })
	defer e.Close()
	o := mustOpen(t, e, 1)
	must(t, o.Put("k", make([]byte, 300<<10)))
	_, err := o.Commit(nil)
	wantErr(t, err, store.ErrFull)
	must(t, runSQL(o, "CREATE TABLE t (a)"))
	err = runSQL(o, "INSERT INTO t VALUES (zeroblob(300000))")
	var fault *store.SQLError
	if !errors.As(err, &fault) || fault.Message != "database or disk is full: SQLITE_FULL" {
		t.Fatalf("got %v", err)
	}
	must(t, o.Close())
}

// TestMemoryOfSQLite: the driver panics when SQLite's memory ends. The turn
// is lost, the object and the process are not.
func TestMemoryOfSQLite(t *testing.T) {
	e := openMem(t, vfs.NewMem(), func(c *Config) { c.SQLMemoryBytesMax = 8 << 20; c.Logger = quiet() })
	defer e.Close()
	o := mustOpen(t, e, 1)
	must(t, runSQL(o, "CREATE TABLE t (a); INSERT INTO t VALUES (1)"))
	commitDurably(t, o)
	must(t, o.Put("k", []byte("v")))
	must(t, runSQL(o, "INSERT INTO t VALUES (2)"))
	err := runSQL(o, "WITH RECURSIVE n (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 100000) SELECT x, randomblob(1000) AS b FROM n ORDER BY b")
	var fault *store.SQLError
	if !errors.As(err, &fault) || fault.Code != "SQLITE_NOMEM" {
		t.Fatalf("got %v", err)
	}
	_, err = o.Commit(nil)
	wantErr(t, err, store.ErrAborted)
	if got := oneRow(t, o, "SELECT count(*) || '' FROM t"); got != "1" {
		t.Fatalf("%s rows", got)
	}
	must(t, o.Close())
	if e.databases.count != 0 {
		t.Fatalf("%d databases are counted as open", e.databases.count)
	}
}

const endless = "WITH RECURSIVE n (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n"

func TestDeadline_EndsStatements(t *testing.T) {
	e := openMem(t, vfs.NewMem(), nil)
	defer e.Close()
	o := mustOpen(t, e, 1)
	must(t, runSQL(o, "CREATE TABLE t (a); INSERT INTO t VALUES (1)"))
	commitDurably(t, o)
	o.SetDeadline(time.Now().Add(time.Millisecond))
	var fault *store.SQLError
	if err := runSQL(o, endless); !errors.As(err, &fault) || fault.Code != "SQLITE_INTERRUPT" {
		t.Fatalf("a reading statement: %v", err)
	}
	o.SetDeadline(time.Time{})
	must(t, runSQL(o, "SELECT 1"))
	must(t, o.Put("k", []byte("v")))
	o.SetDeadline(time.Now().Add(time.Millisecond))
	err := runSQL(o, "INSERT INTO t "+strings.Replace(endless, "count(*)", "x", 1))
	if !errors.As(err, &fault) || fault.Code != "SQLITE_INTERRUPT" { // aborted, if it had begun to run
		t.Fatalf("a writing statement: %v", err)
	}
	must(t, o.Abort())
	o.Interrupt()
	if err := runSQL(o, "SELECT 1"); !errors.As(err, &fault) {
		t.Fatalf("after Interrupt: %v", err)
	}
	o.SetDeadline(time.Time{})
	if got := oneRow(t, o, "SELECT count(*) || '' FROM t"); got != "1" {
		t.Fatalf("%s rows", got)
	}
	must(t, o.Close())
}

// TestPebblePanic_EndsTheProcess: a batch that meets a broken log makes Pebble
// panic while it holds its locks. The process must end by Config.Fatal, not
// stand still.
func TestPebblePanic_EndsTheProcess(t *testing.T) {
	ended := make(chan string, 1)
	e := openMem(t, vfs.NewMem(), func(c *Config) {
		c.Logger = quiet()
		c.Fatal = func(message string) { ended <- message; runtime.Goexit() }
	})
	defer e.Close()
	go func() {
		defer e.endIfPebblePanics()
		panic("the log is broken")
	}()
	if message := <-ended; !strings.Contains(message, "the log is broken") {
		t.Fatal(message)
	}
}

func TestOpenDatabases_AreBounded(t *testing.T) {
	const most = 3
	e := openMem(t, vfs.NewMem(), func(c *Config) { c.OpenDatabasesMax = most })
	defer e.Close()
	var objects []*Object
	for i := range 10 {
		o := mustOpen(t, e, i)
		must(t, runSQL(o, "CREATE TABLE t (a)"))
		commitDurably(t, o)
		objects = append(objects, o)
	}
	for range 3 {
		for i, o := range objects {
			must(t, runSQL(o, "INSERT INTO t VALUES (?)", abi.Integer(int64(i))))
			commitDurably(t, o)
			if e.databases.count > most {
				t.Fatalf("%d databases are open", e.databases.count)
			}
		}
	}
	for i, o := range objects {
		if got, want := oneRow(t, o, "SELECT group_concat(a) FROM t"), fmt.Sprintf("%d,%d,%d", i, i, i); got != want {
			t.Fatalf("object %d has %s", i, got)
		}
		must(t, o.Close())
	}
	if e.databases.count != 0 {
		t.Fatalf("%d databases are left", e.databases.count)
	}
}

// TestAlarms_NoneIsLost sets and clears alarms in many objects while searches
// raise the watermark, and restarts.
func TestAlarms_NoneIsLost(t *testing.T) {
	const objects, turns = 8, 150
	fs := vfs.NewMem()
	var now atomic.Int64
	now.Store(1_000_000)
	clock := func(c *Config) { c.Clock = func() time.Time { return time.UnixMilli(now.Load()) } }
	e := openMem(t, fs, clock)
	stop := make(chan struct{})
	var searching, setting sync.WaitGroup
	searching.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			if _, err := e.Alarms(now.Add(20_000), 3, nil); err != nil {
				t.Error(err)
				return
			}
		}
	})
	var last [objects]int64
	for i := range objects {
		setting.Go(func() {
			o := mustOpen(t, e, i)
			for n := range turns {
				due := now.Load() + int64((n*7919+i*104729)%100_000) - 50_000
				if err := o.SetAlarm(store.Alarm{DueMs: due}); err != nil {
					t.Error(err)
				}
				if n%5 == 4 {
					due = 0
					_ = o.ClearAlarm()
				}
				last[i] = due
				commitDurably(t, o)
			}
			if err := o.SetAlarm(store.Alarm{DueMs: int64(i + 1)}); err != nil {
				t.Error(err)
			}
			last[i] = int64(i + 1)
			commitDurably(t, o)
			if err := o.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	setting.Wait()
	close(stop)
	searching.Wait()
	for range 2 {
		alarms, err := e.Alarms(1<<50, 100, nil)
		if err != nil || len(alarms) != objects {
			t.Fatalf("%d alarms, want %d (%v)", len(alarms), objects, err)
		}
		for i, a := range alarms {
			if a.Alarm.DueMs != last[i] {
				t.Fatalf("alarm %d is due at %d, want %d", i, a.Alarm.DueMs, last[i])
			}
		}
		must(t, e.Close())
		e = openMem(t, fs, clock)
	}
	must(t, e.Close())
}

// TestObjects_Hammer opens, writes, reads and closes objects from many
// goroutines, with fewer databases than objects.
func TestObjects_Hammer(t *testing.T) {
	e := openMem(t, vfs.NewMem(), func(c *Config) { c.OpenDatabasesMax = 2; c.MemTableBytes = 256 << 10 })
	defer e.Close()
	var done sync.WaitGroup
	for i := range 8 {
		done.Go(func() {
			for round := range 12 {
				o := mustOpen(t, e, i)
				must(t, runSQL(o, "CREATE TABLE IF NOT EXISTS t (a)"))
				for range 3 {
					must(t, runSQL(o, "INSERT INTO t VALUES (1)"))
					must(t, o.Put("k", fmt.Append(nil, round)))
					commitDurably(t, o)
				}
				if got := oneRow(t, o, "SELECT count(*) || '' FROM t"); got != fmt.Sprint(3*(round+1)) {
					t.Errorf("object %d has %s rows in round %d", i, got, round)
				}
				must(t, o.Close())
			}
		})
	}
	done.Wait()
	if count, err := e.Count("bench.Object"); err != nil || count != 8 {
		t.Fatal(count, err)
	}
}
