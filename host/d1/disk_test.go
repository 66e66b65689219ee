package d1

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/holdfast-run/holdfast/host/storage"
)

// measured is a file system whose free space the test says.
type measured struct {
	vfs.FS
	free atomic.Uint64
}

func (m *measured) GetDiskUsage(string) (vfs.DiskUsage, error) {
	return vfs.DiskUsage{AvailBytes: m.free.Load(), TotalBytes: 1 << 40}, nil
}

// Free space above, between and below the marks.
const (
	diskRoomy  = 1 << 39
	diskScarce = 128 << 20
	diskFull   = 1 << 20
)

// wantStorage checks an error that the host's storage is to blame for.
func (b *bench) wantStorage(what string, err error, message string) {
	b.t.Helper()
	if fault := b.wantError(err, message, what); fault.Kind != KindStorage || !fault.Retryable {
		b.t.Errorf("%s: %+v", what, fault)
	}
}

// writes are all the ways to write to the database db, and what does not belong
// to it; none of them may change anything.
func (b *bench) writes(stream *Stream, before string) map[string]func() error {
	ctx, db := b.t.Context(), Source{Name: "db"}
	return map[string]func() error{
		"insert": func() error {
			_, _, err := b.host.Query(ctx, db, []Statement{{SQL: "INSERT INTO t VALUES (9, 'lost')"}}, false, "")
			return err
		},
		"delete": func() error {
			_, _, err := b.host.Query(ctx, db, []Statement{{SQL: "DELETE FROM t"}}, false, "")
			return err
		},
		"batch": func() error {
			_, _, err := b.host.Query(ctx, db, []Statement{{SQL: "SELECT 1"}, {SQL: "CREATE TABLE u (a)"}}, true, "")
			return err
		},
		"exec":    func() error { _, _, err := b.host.Exec(ctx, db, "INSERT INTO t VALUES (9, 'lost')"); return err },
		"new":     func() error { _, _, err := b.host.Exec(ctx, Source{Name: "new"}, "CREATE TABLE t (a)"); return err },
		"create":  func() error { _, err := b.host.Create(ctx, "new"); return err },
		"erase":   func() error { return b.host.Delete(ctx, "other") },
		"import":  func() error { _, err := b.host.ImportSQL(ctx, "db", "INSERT INTO t VALUES (9, 'lost');"); return err },
		"restore": func() error { _, _, err := b.host.Restore(ctx, "db", Point{Bookmark: before}); return err },
		"fork":    func() error { _, err := b.host.Fork(ctx, "db", Point{}, "forked"); return err },
		"token": func() error {
			_, _, err := b.host.CreateToken(ctx, "db", RoleReadWrite, b.host.cfg.Clock().AddDate(1, 0, 0))
			return err
		},
		"stream": func() error {
			_, err := stream.Execute(ctx, Statement{SQL: "INSERT INTO t VALUES (9, 'lost')"})
			return err
		},
		"commit": func() error {
			b.script(stream, "BEGIN", "INSERT INTO t VALUES (9, 'lost')")
			_, err := stream.Execute(ctx, Statement{SQL: "COMMIT"})
			return err
		},
	}
}

// TestDiskFull_EveryWriteIsRefusedUntilThereIsRoom: each way to write says the
// same, reads go on, nothing is lost, and with room again writes go on.
func TestDiskFull_EveryWriteIsRefusedUntilThereIsRoom(t *testing.T) {
	disk := &measured{FS: vfs.NewMem()}
	disk.free.Store(diskRoomy)
	b := &bench{t: t, fs: disk}
	b.start()
	t.Cleanup(b.stop)
	ctx, db := t.Context(), Source{Name: "db"}
	b.query("CREATE TABLE t (a INTEGER PRIMARY KEY, b)")
	b.query("INSERT INTO t VALUES (1, 'kept')")
	before, err := b.host.Bookmark("db", Point{})
	b.check(err)
	b.query("INSERT INTO t VALUES (2, 'kept too')")
	_, err = b.host.Create(ctx, "other")
	b.check(err)
	stream := b.stream()

	disk.free.Store(diskFull)
	if b.engine.DiskError() == nil {
		t.Fatal("the engine does not see that the disk is full")
	}
	for what, write := range b.writes(stream, before) {
		b.wantStorage(what, write(), textDiskFull)
		b.want("SELECT group_concat(a || b) FROM t", "1kept,2kept too")
	}

	disk.free.Store(diskScarce)
	_, _, err = b.host.Exec(ctx, db, "INSERT INTO t VALUES (9, '"+strings.Repeat("x", 50_000)+"')")
	b.wantStorage("below the soft mark", err, textDiskFull)
	b.check(b.host.Delete(ctx, "other"))

	disk.free.Store(diskRoomy)
	b.query("INSERT INTO t VALUES (3, 'new')")
	b.want("SELECT group_concat(a || b) FROM t", "1kept,2kept too,3new")
	b.want("PRAGMA quick_check", "ok")
	list, err := b.host.List("")
	b.check(err)
	if len(list) != 1 {
		t.Errorf("there are %d databases, want db alone: %+v", len(list), list)
	}
	b.stop()
	b.start()
	b.want("SELECT group_concat(a || b) FROM t", "1kept,2kept too,3new")
}

// TestDisk_FailsAtAnyWrite lets the disk be full, or read-only, from its n-th
// write on, for all n of a small history or some. What is answered is there when a host
// starts on the disk as a power cut leaves it, a batch as a whole or not at
// all; while the disk is bad errors say that storage is to blame.
func TestDisk_FailsAtAnyWrite(t *testing.T) {
	for _, c := range []struct {
		name  string
		fault error
		step  int
	}{{"full", syscall.ENOSPC, 1}, {"read-only", syscall.EROFS, 7}} { // which the engine does not tell apart
		t.Run(c.name, func(t *testing.T) {
			refused := 0
			for n := 1; ; n += c.step {
				said, met := diskFails(t, n, c.fault)
				if said {
					refused++
				}
				if !met {
					t.Logf("%d moments, an error was answered in %d", (n-1)/c.step, refused)
					break
				}
			}
			if refused == 0 {
				t.Error("no query met the bad disk")
			}
		})
	}
}

const badDiskBatches = 14

// diskFails runs batches while the n-th write and all behind it fail. said
// tells that a query was refused, met that there were so many writes. Memtables
// are small, so that the disk also fails while Pebble changes logs.
func diskFails(t *testing.T, n int, fault error) (said, met bool) {
	t.Helper()
	mem := vfs.NewCrashableMem()
	var writes atomic.Int64
	inject := errorfs.InjectorFunc(func(op errorfs.Op) error {
		if op.Kind.ReadOrWrite() == errorfs.OpIsWrite && op.Kind != errorfs.OpFileClose && writes.Add(1) >= int64(n) {
			return &os.PathError{Op: "write", Path: op.Path, Err: fault}
		}
		return nil
	})
	var acked atomic.Int64
	type ending struct {
		said bool // a query was refused
		err  error
	}
	fatal, done := make(chan string, 4), make(chan ending, 1)
	go func() {
		said := false
		err := func() error {
			e, err := storage.Open(storage.Config{Dir: "data", FS: errorfs.Wrap(mem, inject), MemTableBytes: 256 << 10, CacheBytes: 1 << 20,
				Logger: slog.New(slog.DiscardHandler), Fatal: func(message string) { fatal <- message; select {} }})
			if err != nil {
				return err // a host that cannot start
			}
			h, err := New(Config{Engine: e, Scratch: t.TempDir(), Logger: slog.New(slog.DiscardHandler)})
			if err != nil {
				_ = e.Close() // the disk is bad
				return err
			}
			err = badDiskWork(h, &acked)
			said = err != nil
			_, _ = h.Close(), e.Close() // the same
			return err
		}()
		done <- ending{said, err}
	}()
	select {
	case <-fatal: // the process would end, for its supervisor to restart
	case end := <-done:
		var known *Error
		if said = end.said; said && (!errors.As(end.err, &known) || known.Kind != KindStorage) {
			t.Errorf("bad at write %d: %v (%v)", n, end.err, errors.Unwrap(end.err))
		}
	}
	unsynced := 100 * (n % 2) // all of what was not synced survives, or nothing
	badDiskLeft(t, n, mem.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: unsynced, RNG: rand.New(rand.NewPCG(uint64(n), 1))}), acked.Load())
	return said, writes.Load() >= int64(n)
}

// badDiskWork adds rows, and counts them, until a query fails.
func badDiskWork(h *Host, acked *atomic.Int64) error {
	db := Source{Name: "db"}
	if _, _, err := h.Exec(context.Background(), db, "CREATE TABLE t (id INTEGER PRIMARY KEY, body)\nCREATE TABLE c (n)"); err != nil {
		return err
	}
	body := strings.Repeat("a row of some length ", 1000) // so that logs are changed
	for i := range badDiskBatches {
		_, _, err := h.Query(context.Background(), db, []Statement{
			{SQL: fmt.Sprintf("INSERT INTO t VALUES (%d, '%s')", i+1, body)}, {SQL: "DELETE FROM c"}, {SQL: "INSERT INTO c SELECT count(*) FROM t"},
		}, true, "")
		if err != nil {
			return err
		}
		acked.Store(int64(i + 1))
	}
	return nil
}

// badDiskLeft checks what a host finds on the disk.
func badDiskLeft(t *testing.T, n int, fs vfs.FS, acked int64) {
	t.Helper()
	b := &bench{t: t, fs: fs}
	b.start()
	defer b.stop()
	if list, err := b.host.List(""); err != nil || len(list) == 0 {
		if acked > 0 || err != nil {
			t.Fatalf("bad at write %d: %d batches were answered, the database is gone: %v", n, acked, err)
		}
		return
	}
	r := b.query("SELECT (SELECT count(*) FROM t), (SELECT coalesce(max(n), 0) FROM c), (SELECT coalesce(max(id), 0) FROM t)")
	if row := r.Rows[0]; row[0].Int < acked || row[0].Int != row[1].Int || row[0].Int != row[2].Int {
		t.Fatalf("bad at write %d: %d batches were answered; rows, counter and last row are %s", n, acked, text(r))
	}
	b.want("PRAGMA quick_check", "ok")
	b.query("INSERT INTO t (body) VALUES ('after')")
}
