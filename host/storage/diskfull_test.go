package storage

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/holdfast-run/holdfast/runtime/store"
)

// TestDiskFull_AtAnyMoment lets the disk be full from the n-th write on, for
// all n of a small history, and have room again later. Whatever comes of it,
// it is said, and a host that starts then finds what was acknowledged.
func TestDiskFull_AtAnyMoment(t *testing.T) {
	outcomes := map[string]int{}
	for n := 1; ; n++ {
		outcome := fillDisk(t, n)
		outcomes[outcome]++
		if outcome == "none" {
			break
		}
	}
	if outcomes["read-only"] == 0 || outcomes["ended"] == 0 {
		t.Errorf("outcomes: %v", outcomes)
	}
}

func fillDisk(t *testing.T, n int) (outcome string) {
	t.Helper()
	mem := vfs.NewCrashableMem()
	var writes atomic.Int64
	var cleared atomic.Bool
	inject := errorfs.InjectorFunc(func(op errorfs.Op) error {
		if op.Kind.ReadOrWrite() == errorfs.OpIsWrite && op.Kind != errorfs.OpFileClose && op.Kind != errorfs.OpRemove &&
			writes.Add(1) >= int64(n) && !cleared.Load() {
			return &os.PathError{Op: "write", Path: op.Path, Err: syscall.ENOSPC}
		}
		return nil
	})
	fatal, done := make(chan string, 4), make(chan error, 1)
	a := newAcks(failObjects)
	go func() {
		e, err := Open(Config{Dir: "data", FS: errorfs.Wrap(mem, inject), MemTableBytes: 256 << 10, CacheBytes: 1 << 20,
			Logger: quiet(), Fatal: func(message string) { fatal <- message; select {} }})
		if err == nil {
			err = runHistories(e, 1, failObjects, failTurns, nil, a.add)
			if failed := e.Failed(); failed != nil {
				err = errors.Join(err, failed)
			}
			cleared.Store(true) // room again: an engine that has not failed goes on
			err = errors.Join(err, e.Close())
		}
		done <- err
	}()
	select {
	case message := <-fatal:
		outcome = "ended"
		if !strings.Contains(message, "space") {
			t.Fatalf("full at write %d: the process ends with %q", n, message)
		}
	case err := <-done:
		switch {
		case err == nil:
			outcome = "none"
			if writes.Load() >= int64(n) {
				outcome = "late"
			}
		case errors.Is(err, syscall.ENOSPC):
			outcome = "read-only"
		default:
			t.Fatalf("full at write %d: %v", n, err)
		}
	}
	acked := a.snapshot()
	for _, unsynced := range []int{0, 100} {
		fs := mem.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: unsynced, RNG: rand.New(rand.NewPCG(uint64(n), 1))})
		after, err := Open(Config{Dir: "data", FS: fs, Logger: quiet(), CacheBytes: 1 << 20, MemTableBytes: 256 << 10})
		if err != nil {
			t.Fatalf("full at write %d; afterwards: %v", n, err)
		}
		verifyHistories(t, after, acked)
		verified(t, after)
		must(t, after.Close())
	}
	return outcome
}

const smallDisk = "HOLDFAST_STORAGE_SMALL_DISK"

// TestSmallDisk fills a real file system of 96 MiB, where the system allows
// one to be mounted in a namespace of its own.
func TestSmallDisk(t *testing.T) {
	if dir := os.Getenv(smallDisk); dir != "" {
		t.Run("marks", func(t *testing.T) { fillToTheMarks(t, filepath.Join(dir, "marks")) })
		t.Run("brim", func(t *testing.T) { fillToTheBrim(t, filepath.Join(dir, "brim")) })
		return
	}
	if testing.Short() || exec.Command("unshare", "-Urm", "true").Run() != nil {
		t.Skip("no namespace with a file system of its own can be made here")
	}
	dir := t.TempDir()
	inside := exec.Command("unshare", "-Urm", "sh", "-c",
		`mount -t tmpfs -o size=96m tmpfs "$1" && exec "$2" -test.run='^TestSmallDisk$' -test.count=1 -test.v`, "sh", dir, os.Args[0])
	inside.Env = append(os.Environ(), smallDisk+"="+dir)
	if out, err := inside.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

// fillToTheMarks: writes are refused in time, deleting makes room, and all
// goes on without a restart. The hard mark is far below the soft one: a
// compaction holds what it reads and what it writes for a while.
func fillToTheMarks(t *testing.T, dir string) {
	e, err := Open(Config{Dir: dir, Logger: quiet(), MemTableBytes: 2 << 20, DiskFreeBytesSoft: 40 << 20, DiskFreeBytesHard: 2 << 20})
	must(t, err)
	objects := 0
	for ; ; objects++ {
		if err = fillObject(e, objects); err != nil {
			break
		}
	}
	wantErr(t, err, store.ErrDiskFull)
	must(t, e.Failed())
	for n := range objects {
		must(t, e.Delete(benchRef(n)))
	}
	must(t, e.Compact(context.Background()))
	for range 100 { // tables are removed in the background
		if err = fillObject(e, objects); err == nil {
			break
		}
		must(t, e.Compact(context.Background()))
	}
	must(t, err)
	must(t, e.Close())
	must(t, os.RemoveAll(dir))
}

func fillObject(e *Engine, n int) error {
	o, err := e.OpenWith(benchRef(n), ObjectOptions{})
	if err != nil {
		return err
	}
	noise := make([]byte, 1<<20)
	rand.NewChaCha8([32]byte{byte(n)}).Read(noise)
	done := make(chan error, 1)
	if err = o.Put("k", noise); err == nil {
		if _, err = o.Commit(func(err error) { done <- err }); err == nil {
			err = <-done
		}
	}
	return errors.Join(err, o.Close())
}

const brimWorker = "HOLDFAST_STORAGE_BRIM"

// unmeasured is a file system that says it has room.
type unmeasured struct{ vfs.FS }

func (unmeasured) GetDiskUsage(string) (vfs.DiskUsage, error) {
	return vfs.DiskUsage{AvailBytes: 1 << 40, TotalBytes: 1 << 41}, nil
}

// TestBrimWorker fills the disk: no mark holds it back.
func TestBrimWorker(t *testing.T) {
	dir := os.Getenv(brimWorker)
	if dir == "" {
		t.Skip("runs only inside TestSmallDisk")
	}
	e, err := Open(Config{Dir: dir, FS: unmeasured{vfs.Default}, MemTableBytes: 2 << 20, Logger: quiet(), StallMax: 300 * time.Millisecond})
	must(t, err)
	must(t, e.SetHistory("app.History", time.Hour))
	filled := make(chan struct{})
	go func() {
		defer close(filled)
		for n := 0; n < 1000; n++ {
			if err := fillObject(e, n); err != nil {
				return
			}
		}
	}()
	err = runHistories(e, 7, killObjects, 1<<20, filled, func(object int, turn uint64) { fmt.Printf("ack %d %d\n", object, turn) })
	<-filled
	switch {
	case e.Failed() != nil:
	case err == nil: // the filler met it first
	case !errors.Is(err, store.ErrTables):
		t.Fatalf("refused with %v", err)
	}
	fmt.Printf("error %v, %v\n", err, e.Failed())
	os.Exit(fatalExitCode) // as a host does, in order
}

// fillToTheBrim: the process ends in order, with its exit code; with room
// again all that was acknowledged is there.
func fillToTheBrim(t *testing.T, dir string) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	worker := exec.CommandContext(ctx, os.Args[0], "-test.run=^TestBrimWorker$", "-test.count=1", "-test.timeout=50s")
	worker.Env = append(os.Environ(), brimWorker+"="+dir)
	out, err := worker.CombinedOutput()
	var ended *exec.ExitError
	if !errors.As(err, &ended) || ended.ExitCode() != fatalExitCode {
		t.Fatalf("the worker ended with %v: %s", err, tail(string(out)))
	}
	acked, total := make([]uint64, killObjects), 0
	for line := range strings.Lines(string(out)) {
		var object int
		var turn uint64
		if _, err := fmt.Sscanf(line, "ack %d %d", &object, &turn); err == nil {
			acked[object] = max(acked[object], turn)
			total++
		}
	}
	must(t, exec.Command("mount", "-o", "remount,size=300m", filepath.Dir(dir)).Run())
	e, err := Open(Config{Dir: dir, Logger: quiet(), DiskFreeBytesSoft: 2, DiskFreeBytesHard: 1})
	must(t, err)
	verifyHistories(t, e, acked)
	verified(t, e)
	must(t, e.Close())
	t.Logf("%d turns were acknowledged before the disk was full", total)
}

func tail(s string) string { return s[max(0, len(s)-2000):] }
