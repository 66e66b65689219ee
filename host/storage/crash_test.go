package storage

import (
	"bufio"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
)

// TestPowerCut takes the file system as it would be after a power cut, with
// some, none or all of what was not synced, while turns are in flight.
func TestPowerCut(t *testing.T) {
	const objects, rounds = 8, 6
	fs := vfs.NewCrashableMem()
	small := func(c *Config) { c.MemTableBytes = 256 << 10 } // flushes and compactions take part
	a := newAcks(objects)
	for round := range uint64(rounds) {
		e := openMem(t, fs, small)
		verifyHistories(t, e, a.snapshot())
		must(t, e.SetHistory("app.History", time.Hour))
		r := rand.New(rand.NewPCG(round, 3))
		cutAt := 200 + r.IntN(800)
		stop := make(chan struct{})
		var crashed *vfs.MemFS
		var acked []uint64
		seen := 0
		take := func(object int, turn uint64) {
			a.add(object, turn)
			if seen++; seen == cutAt {
				acked = a.snapshot()
				crashed = fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: int(round%3) * 50, RNG: r})
				close(stop)
			}
		}
		if err := runHistories(e, round, objects, 1<<20, stop, take); err != nil {
			t.Fatal(err)
		}
		if err := e.Close(); err != nil {
			t.Fatal(err)
		}
		fs, a = crashed, &acks{turns: acked}
	}
	e := openMem(t, fs, small)
	defer e.Close()
	verifyHistories(t, e, a.snapshot())
}

const killWorkerDir = "HOLDFAST_STORAGE_KILL_DIR"

// TestKillWorker is the process that TestKill kills.
func TestKillWorker(t *testing.T) {
	dir := os.Getenv(killWorkerDir)
	if dir == "" {
		t.Skip("runs only inside TestKill")
	}
	e, err := Open(Config{Dir: dir, MemTableBytes: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	must(t, e.SetHistory("app.History", time.Hour))
	out := newAcks(killObjects)
	err = runHistories(e, uint64(os.Getpid()), killObjects, 1<<20, nil, func(object int, turn uint64) {
		out.mu.Lock()
		defer out.mu.Unlock()
		fmt.Printf("ack %d %d\n", object, turn)
	})
	t.Fatal("the worker ended by itself", err)
}

const killObjects = 6

func TestKill(t *testing.T) {
	if testing.Short() {
		t.Skip("starts processes")
	}
	dir := t.TempDir()
	acked := make([]uint64, killObjects)
	for round := range 3 {
		if err := killAfter(dir, 300+200*round, acked); err != nil {
			t.Fatal(err)
		}
		e, err := Open(Config{Dir: dir})
		if err != nil {
			t.Fatal(err)
		}
		verifyHistories(t, e, acked)
		if err := e.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// killAfter starts a worker and kills it after so many acknowledged turns.
func killAfter(dir string, turns int, acked []uint64) error {
	worker := exec.Command(os.Args[0], "-test.run=^TestKillWorker$", "-test.count=1")
	worker.Env = append(os.Environ(), killWorkerDir+"="+dir)
	out, err := worker.StdoutPipe()
	if err != nil {
		return err
	}
	if err := worker.Start(); err != nil {
		return err
	}
	lines := bufio.NewScanner(out)
	var said []string
	for n := 0; lines.Scan(); {
		var object int
		var turn uint64
		if _, err := fmt.Sscanf(lines.Text(), "ack %d %d", &object, &turn); err != nil {
			said = append(said, lines.Text())
			continue
		}
		acked[object] = max(acked[object], turn)
		if n++; n == turns {
			if err := worker.Process.Kill(); err != nil {
				return err
			}
		}
	}
	if err := worker.Wait(); err == nil || len(said) > 0 {
		return fmt.Errorf("the worker was not killed: %v: %s", err, strings.Join(said, "\n"))
	}
	return nil
}

// TestEveryWriteCanFail lets the n-th write to the file system fail, for all
// n of a small history. Whatever the engine does then (an error, read-only,
// its end), a host that starts on what is on disk finds all that was
// acknowledged, and whole turns only.
func TestEveryWriteCanFail(t *testing.T) {
	total := 0
	for n := 1; ; n++ {
		failed, acknowledged := failWrite(t, n)
		if !failed {
			if acknowledged != failObjects*failTurns {
				t.Fatalf("without a failure %d turns were acknowledged", acknowledged)
			}
			break
		}
		total++
	}
	if total < 30 {
		t.Fatalf("only %d writes took place", total)
	}
}

const failObjects, failTurns = 2, 12

// failWrite runs the history with write n failing once and verifies what a
// crash leaves.
func failWrite(t *testing.T, n int) (failed bool, acknowledged int) {
	mem := vfs.NewCrashableMem()
	var writes atomic.Int64
	inject := errorfs.InjectorFunc(func(op errorfs.Op) error {
		if op.Kind.ReadOrWrite() == errorfs.OpIsWrite && op.Kind != errorfs.OpFileClose && writes.Add(1) == int64(n) {
			return errorfs.ErrInjected
		}
		return nil
	})
	fatal := make(chan struct{}, 1)
	a := newAcks(failObjects)
	done := make(chan error, 1)
	go func() {
		e, err := Open(Config{Dir: "data", FS: errorfs.Wrap(mem, inject), MemTableBytes: 256 << 10, CacheBytes: 1 << 20,
			Logger: quiet(), Fatal: func(string) { fatal <- struct{}{}; select {} }})
		if err == nil {
			err = e.SetHistory("app.History", time.Hour)
		}
		if err == nil {
			err = runHistories(e, 1, failObjects, failTurns, nil, a.add)
			err = errors.Join(err, e.Failed(), e.Close())
		}
		done <- err
	}()
	select {
	case <-fatal:
	case <-done: // the engine ended in order, or refused what came after
	}
	failed = writes.Load() >= int64(n)
	acked := a.snapshot()
	after, err := Open(Config{Dir: "data", FS: mem.CrashClone(vfs.CrashCloneCfg{}), Logger: quiet(), CacheBytes: 1 << 20, MemTableBytes: 256 << 10})
	if err != nil {
		t.Fatalf("write %d failed; afterwards: %v", n, err)
	}
	defer after.Close()
	verifyHistories(t, after, acked)
	for _, turns := range acked {
		acknowledged += int(turns)
	}
	return failed, acknowledged
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }
