package arch

import (
	"go/ast"
	"strings"

	"github.com/holdfast-run/holdfast/guest-sdk/abi"
)

const directive = "//go:wasmimport "

// shapes are the Wasm types of a host function, parameters before results.
var shapes = map[abi.Shape]string{
	abi.Sync:  "i32 i32 i32 i32 -> i64",
	abi.Async: "i32 i32 -> i64",
	abi.Post:  "i32 i32 -> i32",
	abi.Clock: "-> i64",
	abi.Fill:  "i32 i32 -> i32",
	abi.Take:  "i32 i32 -> i64",
}

// wasmTypes are the Go types that a directive may use.
var wasmTypes = map[string]string{
	"unsafe.Pointer": "i32", "uintptr": "i32", "int32": "i32", "uint32": "i32", "bool": "i32",
	"int64": "i64", "uint64": "i64", "float32": "f32", "float64": "f64",
}

// ImportsMatch checks every wasmimport directive against the table of host
// functions: a wrong name or signature would only show when a guest runs.
func ImportsMatch(t Tree) []Finding {
	table := map[string]abi.Function{}
	for _, f := range abi.Functions {
		table[f.Name] = f
	}
	var out []Finding
	for _, f := range t {
		if f.AST == nil {
			continue
		}
		for _, d := range f.AST.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok || fn.Doc == nil {
				continue
			}
			for _, c := range fn.Doc.List {
				if rest, ok := strings.CutPrefix(c.Text, directive); ok {
					out = append(out, importMatches(f, fn, rest, table)...)
				}
			}
		}
	}
	return out
}

func importMatches(f *File, fn *ast.FuncDecl, rest string, table map[string]abi.Function) []Finding {
	module, name, _ := strings.Cut(rest, " ")
	if module != abi.Module {
		return []Finding{f.finding(fn.Pos(), "%s imports from %s, guests import from %s", fn.Name.Name, module, abi.Module)}
	}
	want, ok := table[strings.TrimSpace(name)]
	if !ok {
		return []Finding{f.finding(fn.Pos(), "%s imports %s, which is no host function", fn.Name.Name, name)}
	}
	if got := signature(fn.Type); got != shapes[want.Shape] {
		return []Finding{f.finding(fn.Pos(), "%s has the signature (%s), %s has (%s)", fn.Name.Name, got, want.Name, shapes[want.Shape])}
	}
	return nil
}

// signature is a function's Wasm types.
func signature(ft *ast.FuncType) string {
	var words []string
	add := func(fields *ast.FieldList) {
		if fields == nil {
			return
		}
		for _, p := range fields.List {
			for range max(1, len(p.Names)) {
				words = append(words, wasmType(p.Type))
			}
		}
	}
	add(ft.Params)
	words = append(words, "->")
	add(ft.Results)
	return strings.Join(words, " ")
}

func wasmType(e ast.Expr) string {
	name := ""
	switch t := e.(type) {
	case *ast.Ident:
		name = t.Name
	case *ast.SelectorExpr:
		if x, ok := t.X.(*ast.Ident); ok {
			name = x.Name + "." + t.Sel.Name
		}
	}
	if w := wasmTypes[name]; w != "" {
		return w
	}
	return "?"
}
