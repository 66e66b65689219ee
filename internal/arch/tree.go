package arch

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"slices"
	"strings"
	"unicode/utf8"
)

// Module is the path of this repository's module.
const Module = "github.com/holdfast-run/holdfast"

// Finding is a broken rule and where.
type Finding struct {
	File string
	Line int
	Text string
}

// String is the finding as file:line: text.
func (f Finding) String() string { return fmt.Sprintf("%s:%d: %s", f.File, f.Line, f.Text) }

// File is one text file. AST is nil unless it is Go.
type File struct {
	Path      string // with slashes, from the root
	Text      string
	Generated bool
	Test      bool
	AST       *ast.File
	set       *token.FileSet
}

// Package is the directory of a Go file, "." for the root.
func (f *File) Package() string { return path.Dir(f.Path) }

// line is where a node stands.
func (f *File) line(p token.Pos) int { return f.set.Position(p).Line }

func (f *File) finding(p token.Pos, format string, args ...any) Finding {
	return Finding{f.Path, f.line(p), fmt.Sprintf(format, args...)}
}

// imports are the packages that a Go file imports, with where.
func (f *File) imports() map[string]token.Pos {
	out := map[string]token.Pos{}
	for _, i := range f.AST.Imports {
		out[strings.Trim(i.Path.Value, `"`)] = i.Pos()
	}
	return out
}

// Tree is the files of a repository, sorted by path.
type Tree []*File

// Parse reads one file.
func Parse(name, text string) (*File, error) {
	f := &File{Path: name, Text: text}
	if path.Ext(name) != ".go" {
		return f, nil
	}
	f.set = token.NewFileSet()
	var err error
	if f.AST, err = parser.ParseFile(f.set, name, text, parser.ParseComments); err != nil {
		return nil, err
	}
	f.Generated, f.Test = ast.IsGenerated(f.AST), strings.HasSuffix(name, "_test.go")
	return f, nil
}

// Load reads every text file below root, except below directories that Go and
// the host skip too; of those that begin with a dot .ci is read.
func Load(root fs.FS) (Tree, error) {
	var t Tree
	err := fs.WalkDir(root, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if skipped(name) {
				return fs.SkipDir
			}
			return nil
		}
		if !d.Type().IsRegular() || name == ".git" { // a file in a worktree
			return nil
		}
		b, err := fs.ReadFile(root, name)
		if err != nil {
			return err
		}
		if !utf8.Valid(b) || slices.Contains(b, 0) {
			return nil // not text
		}
		f, err := Parse(name, string(b))
		if err != nil {
			return err
		}
		t = append(t, f)
		return nil
	})
	slices.SortFunc(t, func(a, b *File) int { return strings.Compare(a.Path, b.Path) })
	return t, err
}

func skipped(dir string) bool {
	base := path.Base(dir)
	return dir != "." && dir != ".ci" && (base[0] == '.' || base[0] == '_' || base == "testdata" || base == "node_modules")
}

// goFiles are the Go files that people write.
func (t Tree) goFiles() []*File {
	var out []*File
	for _, f := range t {
		if f.AST != nil && !f.Generated {
			out = append(out, f)
		}
	}
	return out
}

// match reports whether a directory is the pattern's, or below one that ends
// in "/...".
func match(pattern, dir string) bool {
	if base, ok := strings.CutSuffix(pattern, "/..."); ok {
		return dir == base || strings.HasPrefix(dir, base+"/")
	}
	return pattern == dir
}

func matchAny(patterns []string, dir string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return match(p, dir) })
}
