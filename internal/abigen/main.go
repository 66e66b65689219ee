// Command abigen writes guest-sdk/abi/codec.go, guest-sdk/abi/ABI.md, the
// imports of the Go SDK and of the test kit, and the tables and imports of the
// C and Rust SDKs, from the structs of messages.go and the tables of
// functions.go and status.go. It owns nothing else; run it with
// go generate ./guest-sdk/abi.
package main

import (
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	if err := run("."); err != nil {
		fmt.Fprintln(os.Stderr, "abigen:", err)
		os.Exit(1)
	}
}

// run writes the generated files of the abi package in dir.
func run(dir string) error {
	files, err := generate(dir)
	if err != nil {
		return err
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// bridge is the SDK's package of imports, from the abi package.
const bridge = "../edge/internal/bridge/"

// kit is the guest that tests the boundary.
const kit = "../../objects/tck/"

// The files of other languages. Of the C header a part is written by hand.
const (
	cFile    = "../c/holdfast.h"
	rustFile = "../rust/src/abi.rs"
)

// generate makes the files, by name from the abi package in dir.
func generate(dir string) (map[string][]byte, error) {
	messages, err := parse(filepath.Join(dir, "messages.go"))
	if err != nil {
		return nil, err
	}
	files := map[string][]byte{"ABI.md": manual(messages)}
	if files["codec.go"], err = codec(messages); err != nil {
		return nil, fmt.Errorf("codec.go: %w", err)
	}
	for name, make := range map[string]func() ([]byte, error){
		bridge + "fn.go":             numbers,
		bridge + "imports_wasip1.go": imports,
		kit + "imports_wasip1.go":    raw,
		cFile:                        func() ([]byte, error) { return cHeader(filepath.Join(dir, cFile)) },
		rustFile:                     rust,
	} {
		if files[name], err = make(); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	return files, nil
}
