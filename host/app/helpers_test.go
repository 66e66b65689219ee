package app

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// patience bounds every wait of a test; a test that meets it has failed.
const patience = 60 * time.Second

// tree writes files below a new directory and returns it.
func tree(t testing.TB, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range slices.Sorted(maps.Keys(files)) {
		write(t, filepath.Join(dir, name), files[name])
	}
	return dir
}

func write(t testing.TB, file, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// loadText loads a configuration beside a Go guest and a directory of assets.
func loadText(t testing.TB, name, text string) (*Config, error) {
	t.Helper()
	dir := tree(t, map[string]string{name: text, "main.go": "package main", "guest/g.go": "package main", "static/index.html": "x", "mig/0001.sql": "", "app.wasm": "\x00asm"})
	return Load(filepath.Join(dir, name))
}
