package arch

import (
	"go/ast"
	"go/token"
	"slices"
)

// PackagesDocumented finds packages that say nowhere what they are. A package
// of tests alone needs no word.
func PackagesDocumented(t Tree) []Finding {
	first := map[string]*File{}
	told := map[string]bool{}
	for _, f := range t {
		if f.AST == nil || f.Test {
			continue
		}
		key := f.Package() + " " + f.AST.Name.Name
		if first[key] == nil {
			first[key] = f
		}
		told[key] = told[key] || f.AST.Doc != nil
	}
	var out []Finding
	for key, f := range first {
		if !told[key] {
			out = append(out, f.finding(f.AST.Package, "package %s has no package doc", f.AST.Name.Name))
		}
	}
	return sorted(out)
}

// selfEvident are methods whose meaning another package has written down.
var selfEvident = []string{"Error", "Unwrap", "Is"}

// ExportsDocumented finds exported names without a doc comment, outside of
// commands and tests.
func ExportsDocumented(t Tree) []Finding {
	var out []Finding
	for _, f := range t.goFiles() {
		if f.Test || f.AST.Name.Name == "main" {
			continue
		}
		for _, d := range f.AST.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				if d.Name.IsExported() && d.Doc == nil && receiverExported(d) && (d.Recv == nil || !slices.Contains(selfEvident, d.Name.Name)) {
					out = append(out, f.finding(d.Pos(), "%s has no doc comment", d.Name.Name))
				}
			case *ast.GenDecl:
				out = append(out, specsDocumented(f, d)...)
			}
		}
	}
	return out
}

// receiverExported is true for functions and for methods of exported types.
func receiverExported(d *ast.FuncDecl) bool {
	if d.Recv == nil {
		return true
	}
	e := d.Recv.List[0].Type
	for {
		switch t := e.(type) {
		case *ast.StarExpr:
			e = t.X
		case *ast.IndexExpr:
			e = t.X
		case *ast.IndexListExpr:
			e = t.X
		case *ast.Ident:
			return t.IsExported()
		default:
			return true
		}
	}
}

// specsDocumented checks types, constants and variables: a comment on the
// group, before a name or behind it.
func specsDocumented(f *File, d *ast.GenDecl) []Finding {
	var out []Finding
	if d.Tok == token.IMPORT || d.Doc != nil {
		return nil
	}
	for _, s := range d.Specs {
		switch s := s.(type) {
		case *ast.TypeSpec:
			if s.Name.IsExported() && s.Doc == nil {
				out = append(out, f.finding(s.Pos(), "%s has no doc comment", s.Name.Name))
			}
		case *ast.ValueSpec:
			for _, n := range s.Names {
				if n.IsExported() && s.Doc == nil && s.Comment == nil {
					out = append(out, f.finding(n.Pos(), "%s has no doc comment", n.Name))
				}
			}
		}
	}
	return out
}
