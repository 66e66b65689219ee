package d1

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"os"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/holdfast-run/holdfast/host/storage"
)

// TestRestore_IsWholeWhereTheDiskFails lets the disk be full from the n-th
// write of a restore on, for all n: the next host finds the database restored
// or as it was, and no restore that waits to be carried out by surprise.
func TestRestore_IsWholeWhereTheDiskFails(t *testing.T) {
	refused := 0
	for n := 1; ; n++ {
		fs, answered, met := restoreFails(t, n)
		if !answered {
			refused++
		}
		restoreLeft(t, n, fs, answered)
		if !met {
			t.Logf("%d moments, %d without an answer", n-1, refused)
			break
		}
	}
	if refused == 0 {
		t.Error("no restore met the full disk")
	}
}

// restoreFails restores a database while the n-th write and all behind it
// fail, and answers the disk as a power cut leaves it. answered says that the
// restore was confirmed, met that there were so many writes.
func restoreFails(t *testing.T, n int) (left vfs.FS, answered, met bool) {
	t.Helper()
	mem := vfs.NewCrashableMem()
	var armed atomic.Bool
	var writes atomic.Int64
	inject := errorfs.InjectorFunc(func(op errorfs.Op) error {
		if armed.Load() && op.Kind.ReadOrWrite() == errorfs.OpIsWrite && op.Kind != errorfs.OpFileClose && writes.Add(1) >= int64(n) {
			return &os.PathError{Op: "write", Path: op.Path, Err: syscall.ENOSPC}
		}
		return nil
	})
	fatal, done := make(chan struct{}, 4), make(chan error, 1)
	go func() {
		done <- func() error {
			e, err := storage.Open(storage.Config{Dir: "data", FS: errorfs.Wrap(mem, inject), MemTableBytes: 256 << 10, CacheBytes: 1 << 20,
				Logger: slog.New(slog.DiscardHandler), Fatal: func(string) { fatal <- struct{}{}; select {} }})
			if err != nil {
				return err
			}
			h, err := New(Config{Engine: e, Scratch: t.TempDir(), Logger: slog.New(slog.DiscardHandler)})
			if err != nil {
				return err
			}
			ctx, db := context.Background(), Source{Name: "db"}
			if _, _, err := h.Exec(ctx, db, "CREATE TABLE t (a)\nINSERT INTO t VALUES (1)"); err != nil {
				return err
			}
			mark, err := h.Bookmark("db", Point{})
			if err != nil {
				return err
			}
			if _, _, err := h.Exec(ctx, db, "INSERT INTO t VALUES (2)"); err != nil {
				return err
			}
			armed.Store(true)
			_, _, err = h.Restore(ctx, "db", Point{Bookmark: mark})
			armed.Store(false)
			_, _ = h.Close(), e.Close() // the disk may be bad
			return err
		}()
	}()
	select {
	case <-fatal: // the process would end, for its supervisor to restart
	case err := <-done:
		answered = err == nil
	}
	unsynced := 100 * (n % 2) // all of what was not synced survives, or nothing
	return mem.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: unsynced, RNG: rand.New(rand.NewPCG(uint64(n), 1))}), answered, writes.Load() >= int64(n)
}

// restoreLeft checks what two further hosts find on the disk.
func restoreLeft(t *testing.T, n int, fs vfs.FS, answered bool) {
	t.Helper()
	b := &bench{t: t, fs: fs}
	b.start()
	info, err := b.host.find("db")
	b.check(err)
	o, err := b.engine.Open(info.Ref)
	b.check(err)
	if changed, err := o.Rewind(nil); changed || err != nil {
		t.Errorf("full at write %d: a restore was left to be carried out: %v", n, err)
	}
	b.check(o.Close())
	found := ""
	for range 2 {
		r := text(b.query("SELECT group_concat(a) FROM t"))
		if r != "1" && (r != "1,2" || answered) || found != "" && r != found {
			t.Errorf("full at write %d, answered %v: the rows are %s, and were %s", n, answered, r, found)
		}
		found = r
		b.stop()
		b.start()
	}
	b.stop()
}
