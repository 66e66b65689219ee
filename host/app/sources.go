package app

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// goTarget is the environment in which guests are built.
var goTarget = []string{"GOOS=wasip1", "GOARCH=wasm", "CGO_ENABLED=0"}

// BuildError is a guest that does not build. Its text has the compiler's.
type BuildError struct {
	App     string
	Package string
	Output  string
}

func (e *BuildError) Error() string {
	return fmt.Sprintf("build app %s (%s):\n%s", e.App, e.Package, strings.TrimRight(e.Output, "\n"))
}

// sources is what a guest is built from.
type sources struct {
	key   string   // of all content
	files []string // those that a developer may change
	dirs  []string // of their packages
	rands []string // packages, other than the standard library's, that import math/rand
}

// goPackage is what go list tells.
type goPackage struct {
	ImportPath string
	Dir        string
	Standard   bool
	GoFiles    []string
	SFiles     []string
	EmbedFiles []string
	Imports    []string
	Module     *goModule
}

type goModule struct {
	Path    string
	Version string
	Main    bool
	GoMod   string
	Replace *goModule
}

// listSources asks the Go tool for all that a guest is built from.
func listSources(ctx context.Context, c *Config) (*sources, error) {
	environment, err := runGo(ctx, c, "env", "GOVERSION", "GOFLAGS", "GOEXPERIMENT")
	if err != nil {
		return nil, err
	}
	listing, err := runGo(ctx, c, "list", "-deps", "-json=ImportPath,Dir,Standard,GoFiles,SFiles,EmbedFiles,Imports,Module", c.Guest.target())
	if err != nil {
		return nil, err
	}
	key := sha256.New()
	fmt.Fprintf(key, "%s\n%q\n", environment, buildFlags)
	s := &sources{}
	for dec := json.NewDecoder(bytes.NewReader(listing)); ; {
		var p goPackage
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, fmt.Errorf("read go list: %w", err)
		}
		if err := s.add(&p, key); err != nil {
			return nil, err
		}
	}
	slices.Sort(s.files)
	s.files = slices.Compact(s.files)
	slices.Sort(s.dirs)
	s.key = hex.EncodeToString(key.Sum(nil)[:16])
	return s, nil
}

// add takes a package into the key: one that cannot change by its version,
// any other by its files.
func (s *sources) add(p *goPackage, key hash.Hash) error {
	if p.Standard {
		return nil
	}
	if slices.Contains(p.Imports, "math/rand") || slices.Contains(p.Imports, "math/rand/v2") {
		s.rands = append(s.rands, p.ImportPath)
	}
	if m := p.Module; m != nil {
		if version := m.fixed(); version != "" {
			fmt.Fprintf(key, "%s %s\n", p.ImportPath, version)
			return nil
		}
		if m.GoMod != "" {
			s.files = append(s.files, m.GoMod)
		}
	}
	s.dirs = append(s.dirs, p.Dir)
	fmt.Fprintf(key, "%s\n", p.ImportPath)
	for _, name := range slices.Concat(p.GoFiles, p.SFiles, p.EmbedFiles) {
		file := filepath.Join(p.Dir, name)
		s.files = append(s.files, file)
		content, err := os.ReadFile(file)
		if err != nil {
			return fmt.Errorf("read source: %w", err)
		}
		fmt.Fprintf(key, "%s %x\n", name, sha256.Sum256(content))
	}
	return nil
}

// fixed is the module's version where its content can never change.
func (m *goModule) fixed() string {
	if m.Replace != nil {
		m = m.Replace
	}
	if m.Version == "" {
		return ""
	}
	return m.Path + "@" + m.Version
}

// target is the guest's package for the Go tool, run in dir.
func (g *Guest) target() string {
	if filepath.IsAbs(g.Package) {
		return "."
	}
	return g.Package
}

func (g *Guest) dir(c *Config) string {
	if filepath.IsAbs(g.Package) {
		return g.Package
	}
	return c.Dir
}

// runGo runs the Go tool for an app's guest.
func runGo(ctx context.Context, c *Config, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = c.Guest.dir(c)
	cmd.Env = append(os.Environ(), goTarget...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	switch {
	case err == nil:
		return stdout.Bytes(), nil
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case errors.Is(err, exec.ErrNotFound):
		return nil, &BuildError{c.Name, c.Guest.Package, "there is no go command; install Go, or give a .wasm as the guest"}
	}
	return nil, &BuildError{c.Name, c.Guest.Package, stderr.String()}
}
