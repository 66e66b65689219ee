package process

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Bounds of the process's life.
const (
	readyMax = 4 * time.Minute // the guest is built meanwhile
	stopMax  = 20 * time.Second
)

// process is a running host.
type process struct {
	cmd   *exec.Cmd
	url   string // public
	admin string
	log   lines
	ended chan struct{}
}

// lines gathers what the host writes to its standard error.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write is io.Writer's.
func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) all() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	text := strings.TrimRight(l.text.String(), "\n")
	if text == "" {
		return nil
	}
	return strings.Split(text, "\n")
}

// spawn starts the command over the app in dir and waits until it is ready.
func spawn(dir, data, clock string, vars map[string]string) (*process, error) {
	path, err := Binary()
	if err != nil {
		return nil, err
	}
	args := []string{"dev", "--clock", clock, "--addr", "127.0.0.1:0", "--admin-addr", "127.0.0.1:0", "--data", data}
	for k, v := range vars {
		args = append(args, "--var", k+"="+v)
	}
	p := &process{cmd: exec.Command(path, append(args, dir)...), ended: make(chan struct{})}
	p.cmd.Env = append(os.Environ(), "HOLDFAST_CACHE="+CacheDir())
	p.cmd.Stderr = &p.log
	p.cmd.SysProcAttr = attributes()
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	ready := make(chan bool, 1)
	go func() {
		p.listen(out, ready)
		_ = p.cmd.Wait() // how it ended shows in its log
		close(p.ended)
	}()
	late := time.NewTimer(readyMax)
	defer late.Stop()
	select {
	case ok := <-ready:
		if ok {
			return p, nil
		}
		err = errors.New("it ended before it was ready")
	case <-late.C:
		err = fmt.Errorf("it was not ready within %s", readyMax)
	}
	return nil, errors.Join(fmt.Errorf("holdfast %s: %w:\n%s", strings.Join(p.cmd.Args[1:], " "), err, strings.Join(p.log.all(), "\n")), p.stop())
}

// listen reads the lines that name the addresses.
func (p *process) listen(out io.Reader, ready chan<- bool) {
	sc := bufio.NewScanner(out)
	for sc.Scan() {
		if a, ok := strings.CutPrefix(sc.Text(), "admin "); ok {
			p.admin = strings.TrimSuffix(strings.TrimSpace(a), "/health")
		}
		if u, ok := strings.CutPrefix(sc.Text(), "ready "); ok {
			p.url = u
			ready <- true
		}
	}
	close(ready)
}

// stop ends the process.
func (p *process) stop() error {
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	late := time.NewTimer(stopMax)
	defer late.Stop()
	select {
	case <-p.ended:
		return nil
	case <-late.C:
		return errors.Join(fmt.Errorf("the host did not stop within %s", stopMax), p.cmd.Process.Kill())
	}
}
