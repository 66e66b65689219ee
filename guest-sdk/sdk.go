// Package sdk carries the source of the Go SDK inside the command, for projects
// that holdfast new makes. It owns which files and modules such a project
// needs; it refuses to know where they go.
package sdk

import (
	"embed"
	"fmt"
	"io/fs"
	"iter"
	"path"
	"strings"
)

//go:embed abi cron edge
var tree embed.FS

// Module is the module that the SDK is a part of.
const Module = "github.com/holdfast-run/holdfast"

// Requires are the modules that the SDK and its test kit import.
var Requires = []string{
	"github.com/ncruces/go-sqlite3",
	"github.com/ncruces/go-sqlite3-wasm/v6",
	"github.com/ncruces/julianday",
	"golang.org/x/sys",
}

// Files are the SDK's files by their path in the module, without its own tests.
// The content is the caller's.
func Files() iter.Seq2[string, []byte] {
	return func(yield func(string, []byte) bool) {
		err := fs.WalkDir(tree, ".", func(name string, d fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return err
			case d.IsDir() && (d.Name() == "testdata" || d.Name() == "tryout"):
				return fs.SkipDir
			case d.IsDir() || path.Ext(name) != ".go" || strings.HasSuffix(name, "_test.go"):
				return nil
			}
			b, err := tree.ReadFile(name)
			if err == nil && !yield("guest-sdk/"+name, b) {
				return fs.SkipAll
			}
			return err
		})
		if err != nil {
			panic(fmt.Sprintf("sdk: %v", err)) // the files are in the program
		}
	}
}
