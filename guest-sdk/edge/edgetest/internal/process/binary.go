// Package process is a real host behind a test world: the holdfast command in
// a process of its own, driven over HTTP, WebSocket and the admin API. It owns
// that process; it refuses what a real host does not offer to anybody.
package process

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
)

// command is the package of the holdfast command.
const command = "github.com/holdfast-run/holdfast"

// ErrNoBinary says that there is no command to run.
var ErrNoBinary = errors.New("no holdfast command: set HOLDFAST_BIN, or put it on the PATH")

var built struct {
	once sync.Once
	path string
	err  error
}

// Binary is the holdfast command: $HOLDFAST_BIN, else the one of the module
// under test, where it contains the command, else the PATH's.
func Binary() (string, error) {
	if path := os.Getenv("HOLDFAST_BIN"); path != "" {
		if _, err := os.Stat(path); err != nil {
			return "", fmt.Errorf("HOLDFAST_BIN: %w", err)
		}
		return path, nil
	}
	built.once.Do(func() { built.path, built.err = build() })
	return built.path, built.err
}

// build makes the command, or finds one.
func build() (string, error) {
	kind, err := exec.Command("go", "list", "-f", "{{.Name}} {{.Module.Main}}", command).Output()
	if err == nil && strings.TrimSpace(string(kind)) == "main true" {
		path := filepath.Join(CacheDir(), "edgetest-holdfast")
		if out, err := exec.Command("go", "build", "-o", path, command).CombinedOutput(); err != nil {
			return "", fmt.Errorf("build holdfast: %w\n%s", err, out)
		}
		return path, nil
	}
	if path, err := exec.LookPath("holdfast"); err == nil {
		return path, nil
	}
	return "", ErrNoBinary
}

// CacheDir keeps the command, guests and compiled images between tests.
func CacheDir() string {
	if d := os.Getenv("HOLDFAST_CACHE"); d != "" {
		return d
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		dir = os.TempDir()
	}
	return filepath.Join(dir, "holdfast-test")
}
