package arch

import (
	"fmt"
	"go/ast"
	"path"
	"slices"
	"strings"
)

// The longest that a function and a file may be, in lines.
const (
	FunctionLinesMax = 70
	FileLinesMax     = 500
)

// sourceExts are the files that people write and read as code.
var sourceExts = []string{".go", ".js", ".mjs", ".css", ".html", ".sh"}

// SizesKept finds functions and files that are too long, and Go files that
// lie directly in runtime, whose name is the standard library's.
func SizesKept(t Tree) []Finding {
	var out []Finding
	for _, f := range t {
		if f.Generated || !slices.Contains(sourceExts, path.Ext(f.Path)) {
			continue
		}
		if n := lines(f.Text); n > FileLinesMax {
			out = append(out, Finding{f.Path, FileLinesMax + 1, fmt.Sprintf("the file has %d lines, at most %d fit", n, FileLinesMax)})
		}
		if f.AST == nil {
			continue
		}
		if f.Package() == "runtime" {
			out = append(out, f.finding(f.AST.Package, "no Go file lies directly in runtime"))
		}
		for _, d := range f.AST.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok {
				continue
			}
			if n := f.line(fn.End()) - f.line(fn.Pos()) + 1; n > FunctionLinesMax {
				out = append(out, f.finding(fn.Pos(), "%s has %d lines, at most %d fit", fn.Name.Name, n, FunctionLinesMax))
			}
		}
	}
	return out
}

func lines(text string) int {
	n := strings.Count(text, "\n")
	if text != "" && !strings.HasSuffix(text, "\n") {
		n++
	}
	return n
}
