package app

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const guestMain = `package main

import "example.com/guest/lib"

//go:wasmexport hf_tick
func tick() int32 { return lib.Number() }

func main() {}
`

func guestApp(t *testing.T) *Config {
	t.Helper()
	dir := tree(t, map[string]string{
		"go.mod": "module example.com/guest\n\ngo 1.24\n", "main.go": guestMain, "lib/lib.go": "package lib\n\nfunc Number() int32 { return 1 }\n",
		"wrangler.json": `{"name":"g","main":"main.go"}`, "unused/u.go": "package unused",
	})
	c, err := Load(filepath.Join(dir, "wrangler.json"))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestBuild_ByContent(t *testing.T) {
	c, cache := guestApp(t), t.TempDir()
	build := func() string {
		t.Helper()
		path, err := Build(context.Background(), c, cache)
		if err != nil {
			t.Fatal(err)
		}
		return path
	}
	first := build()
	if wasm, err := os.ReadFile(first); err != nil || !bytes.HasPrefix(wasm, []byte("\x00asm")) {
		t.Fatalf("built %d bytes, %v", len(wasm), err)
	}
	write(t, first, "kept as it is")
	if again := build(); again != first {
		t.Errorf("the same content was built to %s and %s", first, again)
	}
	if text, _ := os.ReadFile(first); string(text) != "kept as it is" {
		t.Error("what was in the cache was built again")
	}
	write(t, filepath.Join(c.Dir, "unused", "u.go"), "package unused // changed")
	if again := build(); again != first {
		t.Error("a package that the guest does not import changed its key")
	}
	write(t, filepath.Join(c.Dir, "lib", "lib.go"), "package lib\n\nfunc Number() int32 { return 2 }\n")
	if changed := build(); changed == first {
		t.Error("a change of a package did not change the key")
	}
	if left, _ := filepath.Glob(filepath.Join(cache, "build-*")); len(left) > 0 {
		t.Errorf("left in the cache: %q", left)
	}
}

func TestBuild_ErrorsCarryTheCompilersText(t *testing.T) {
	for name, test := range map[string]struct{ file, text, want string }{
		"type error":   {"lib/lib.go", "package lib\n\nfunc Number() int32 { return \"one\" }\n", "lib.go:3"},
		"syntax error": {"lib/lib.go", "package lib\n\nfunc {", "lib.go:3"},
		"no package":   {"main.go", "package main\n\nimport _ \"example.com/guest/none\"\n\nfunc main() {}\n", "example.com/guest/none"},
	} {
		t.Run(name, func(t *testing.T) {
			c := guestApp(t)
			write(t, filepath.Join(c.Dir, test.file), test.text)
			_, err := Build(context.Background(), c, t.TempDir())
			var broken *BuildError
			if !errors.As(err, &broken) || broken.App != "g" || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error is %v, want %q", err, test.want)
			}
		})
	}
}

func TestBuild_WhatIsNoGoGuest(t *testing.T) {
	file := filepath.Join(t.TempDir(), "app.wasm")
	wasm := &Config{File: "wrangler.jsonc", Guest: &Guest{Wasm: file}}
	if _, err := Build(context.Background(), wasm, ""); err == nil || !strings.Contains(err.Error(), "wrangler.jsonc: main: no such file: "+file) {
		t.Errorf("a .wasm that is not there: %v", err)
	}
	write(t, file, "module")
	if path, err := Build(context.Background(), wasm, ""); err != nil || path != file {
		t.Errorf("a .wasm: %q, %v", path, err)
	}
	if _, err := Build(context.Background(), &Config{Name: "a"}, ""); err == nil {
		t.Error("an app without a guest was built")
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Build(ctx, guestApp(t), t.TempDir()); !errors.Is(err, context.Canceled) {
		t.Errorf("with a cancelled context: %v", err)
	}
	t.Setenv("PATH", t.TempDir())
	if _, err := Build(context.Background(), guestApp(t), t.TempDir()); err == nil || !strings.Contains(err.Error(), "install Go") {
		t.Errorf("without a go command: %v", err)
	}
}
