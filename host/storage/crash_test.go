package storage

import (
	"bufio"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
)

// roundsVariable asks for the long form of the crash tests: so many power
// cuts, a fifth as many kills.
const roundsVariable = "HOLDFAST_STORAGE_ROUNDS"

// rounds is how many rounds a crash test runs.
func rounds(t *testing.T, usual, share int) int {
	t.Helper()
	text := os.Getenv(roundsVariable)
	if text == "" {
		return usual
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("%s is %q, expected a number", roundsVariable, text)
	}
	return max(usual, n/share)
}

// small lets flushes and compactions take part.
func small(c *Config) { c.MemTableBytes, c.Logger = 256<<10, quiet() }

const cutObjects = 8

// TestPowerCut takes the file system as it would be after a power cut, with
// some, none or all of what was not synced, while turns are in flight. Every
// round goes on where the cut before has left the disk.
func TestPowerCut(t *testing.T) {
	n := rounds(t, 12, 1)
	fs, acked := vfs.NewCrashableMem(), make([]uint64, cutObjects)
	turns := 0
	for round := range uint64(n) {
		if round%50 == 49 {
			fs, acked = vfs.NewCrashableMem(), make([]uint64, cutObjects) // else the logs of tables grow
		}
		e := openMem(t, fs, small)
		verifyHistories(t, e, acked)
		must(t, e.SetHistory("app.History", time.Hour))
		fs, acked = cutPower(t, fs, e, round, acked)
		turns += int(acked[0])
	}
	e := openMem(t, fs, small)
	verifyHistories(t, e, acked)
	verified(t, e)
	must(t, e.Close())
	if os.Getenv(roundsVariable) != "" {
		t.Logf("%d power cuts, no violation", n)
	}
}

// cutPower runs turns on e until some are acknowledged, and takes the disk as
// it is then.
func cutPower(t *testing.T, fs *vfs.MemFS, e *Engine, seed uint64, before []uint64) (after *vfs.MemFS, acked []uint64) {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, 3))
	a := &acks{turns: append([]uint64(nil), before...)}
	stop := make(chan struct{})
	cutAt := int64(20 + r.IntN(300))
	var seen atomic.Int64
	take := func(object int, turn uint64) {
		a.add(object, turn)
		if seen.Add(1) == cutAt {
			acked = a.snapshot()
			after = fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: int(seed%3) * 50, RNG: r})
			close(stop)
		}
	}
	must(t, runHistories(e, seed, cutObjects, 1<<20, stop, take))
	must(t, e.Close())
	return after, acked
}

// TestPowerCut_CatchesEarlyAcknowledgement is the negative control: what is
// acknowledged before it is synced must be found missing.
func TestPowerCut_CatchesEarlyAcknowledgement(t *testing.T) {
	for round := range uint64(20) {
		fs := vfs.NewCrashableMem()
		e := openMem(t, fs, small)
		after, acked := cutPower(t, fs, e, acknowledgeEarly|3*round, make([]uint64, cutObjects))
		e = openMem(t, after, small)
		found := findFault(e, acked)
		_ = e.Close() // an object may be open still
		if strings.Contains(found, "was acknowledged") {
			return
		}
		if found != "" {
			t.Fatal(found)
		}
	}
	t.Fatal("20 power cuts lost nothing: the trial sees nothing")
}

const (
	killWorkerDir   = "HOLDFAST_STORAGE_KILL_DIR"
	killWorkerEarly = "HOLDFAST_STORAGE_KILL_EARLY"
)

// TestKillWorker is the process that TestKill kills.
func TestKillWorker(t *testing.T) {
	dir := os.Getenv(killWorkerDir)
	if dir == "" {
		t.Skip("runs only inside TestKill")
	}
	e, err := Open(Config{Dir: dir, MemTableBytes: 1 << 20, Logger: quiet()})
	if err != nil {
		t.Fatal(err)
	}
	must(t, e.SetHistory("app.History", time.Hour))
	seed := uint64(os.Getpid())
	if os.Getenv(killWorkerEarly) != "" {
		seed |= acknowledgeEarly
	}
	out := newAcks(killObjects)
	err = runHistories(e, seed, killObjects, 1<<20, nil, func(object int, turn uint64) {
		out.mu.Lock()
		defer out.mu.Unlock()
		fmt.Printf("ack %d %d\n", object, turn)
	})
	t.Fatal("the worker ended by itself", err)
}

const killObjects = 6

// TestKill kills a process at work, again and again in one directory, and
// checks what it leaves.
func TestKill(t *testing.T) {
	if testing.Short() {
		t.Skip("starts processes")
	}
	n := rounds(t, 3, 5)
	dir, acked := t.TempDir(), make([]uint64, killObjects)
	for round := range n {
		must(t, killAfter(dir, 20+37*round%400, acked, false))
		e, err := Open(Config{Dir: dir, Logger: quiet()})
		must(t, err)
		verifyHistories(t, e, acked)
		if round == n-1 {
			verified(t, e)
		}
		must(t, e.Close())
	}
	if os.Getenv(roundsVariable) != "" {
		t.Logf("%d kills, no violation", n)
	}
}

// TestKill_CatchesEarlyAcknowledgement is the negative control.
func TestKill_CatchesEarlyAcknowledgement(t *testing.T) {
	if testing.Short() {
		t.Skip("starts processes")
	}
	for round := range 30 {
		dir, acked := t.TempDir(), make([]uint64, killObjects)
		must(t, killAfter(dir, 20+37*round%400, acked, true))
		e, err := Open(Config{Dir: dir, Logger: quiet()})
		must(t, err)
		found := findFault(e, acked)
		_ = e.Close() // an object may be open still
		if strings.Contains(found, "was acknowledged") {
			return
		}
		if found != "" {
			t.Fatal(found)
		}
	}
	t.Fatal("30 kills lost nothing: the trial sees nothing")
}

// killAfter starts a worker and kills it after so many acknowledged turns.
func killAfter(dir string, turns int, acked []uint64, early bool) error {
	worker := exec.Command(os.Args[0], "-test.run=^TestKillWorker$", "-test.count=1")
	worker.Env = append(os.Environ(), killWorkerDir+"="+dir)
	if early {
		worker.Env = append(worker.Env, killWorkerEarly+"=1")
	}
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
