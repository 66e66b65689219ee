package wasmtest

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

var binary struct {
	once sync.Once
	path string
	err  error
	out  []byte
}

// Binary is the holdfast command, built once a run.
func Binary(t testing.TB) string {
	t.Helper()
	binary.once.Do(func() {
		binary.path = filepath.Join(CacheDir(), "holdfast-under-test")
		cmd := exec.Command("go", "build", "-o", binary.path, ".")
		cmd.Dir = Root()
		binary.out, binary.err = cmd.CombinedOutput()
	})
	if binary.err != nil {
		t.Fatalf("build holdfast: %v\n%s", binary.err, binary.out)
	}
	return binary.path
}

// Process is a host of its own.
type Process struct {
	t     testing.TB
	cmd   *exec.Cmd
	URL   string
	Admin string
	out   *Log
	err   *Log
}

// readyMax bounds the start of a process, building included.
const readyMax = 4 * time.Minute

// PID is the process's number.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Spawn starts the command with arguments, waits for its ready line, and
// kills it at the end of the test.
func Spawn(t testing.TB, args ...string) *Process {
	t.Helper()
	p := SpawnKept(t, args...)
	t.Cleanup(p.Kill)
	return p
}

// SpawnKept is Spawn for a process that outlives the test; the caller kills
// it.
func SpawnKept(t testing.TB, args ...string) *Process {
	t.Helper()
	p := &Process{t: t, out: &Log{}, err: &Log{}}
	p.cmd = exec.Command(Binary(t), args...)
	p.cmd.Dir = Root()
	p.cmd.Env = append(os.Environ(), "HOLDFAST_CACHE="+CacheDir())
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	p.cmd.Stderr = p.err
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ready := make(chan bool, 1)
	go func() {
		sc := bufio.NewScanner(io.TeeReader(out, p.out))
		for sc.Scan() {
			if a, ok := strings.CutPrefix(sc.Text(), "admin "); ok {
				p.Admin = strings.TrimSuffix(strings.TrimSpace(a), "/_holdfast/health")
			}
			if u, ok := strings.CutPrefix(sc.Text(), "ready "); ok {
				p.URL = u
				ready <- true
			}
		}
		close(ready)
	}()
	select {
	case ok := <-ready:
		if !ok {
			t.Fatalf("holdfast %s ended before it was ready:\n%s", strings.Join(args, " "), p.err)
		}
	case <-time.After(readyMax):
		t.Fatalf("holdfast %s is not ready:\n%s", strings.Join(args, " "), p.err)
	}
	return p
}

// Kill ends the process with SIGKILL and waits for it.
func (p *Process) Kill() {
	if p.cmd.ProcessState != nil {
		return
	}
	_ = p.cmd.Process.Kill() // it may have ended
	_ = p.cmd.Wait()
	if p.t.Failed() {
		p.t.Logf("log:\n%s", p.err)
	}
}

// Terminate sends SIGTERM and answers the exit code.
func (p *Process) Terminate() int {
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // it may have ended
	_ = p.cmd.Wait()                          // the code says how it ended
	return p.cmd.ProcessState.ExitCode()
}

// Log is what the process wrote to its standard error.
func (p *Process) Log() string { return p.err.String() }

// Out is what it wrote to its standard output: all lines up to the ready one,
// and perhaps more.
func (p *Process) Out() string { return p.out.String() }
