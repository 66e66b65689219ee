package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"strings"
)

// message is one struct of messages.go.
type message struct {
	name   string
	doc    string
	fields []field
}

type field struct {
	name, typ, doc string
}

func parse(file string) ([]message, error) {
	f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments)
	if err != nil {
		return nil, fmt.Errorf("parse %s: %w", file, err)
	}
	var out []message
	for _, d := range f.Decls {
		g, ok := d.(*ast.GenDecl)
		if !ok || g.Tok != token.TYPE {
			continue
		}
		t := g.Specs[0].(*ast.TypeSpec)
		s, ok := t.Type.(*ast.StructType)
		if !ok {
			return nil, fmt.Errorf("%s: %s is not a struct", file, t.Name.Name)
		}
		m := message{name: t.Name.Name, doc: oneLine(g.Doc.Text())}
		for _, fd := range s.Fields.List {
			for _, n := range fd.Names {
				m.fields = append(m.fields, field{n.Name, typeName(fd.Type), oneLine(fd.Comment.Text())})
			}
		}
		out = append(out, m)
	}
	return out, nil
}

func typeName(e ast.Expr) string {
	switch t := e.(type) {
	case *ast.Ident:
		return t.Name
	case *ast.ArrayType:
		return "[]" + typeName(t.Elt)
	}
	return fmt.Sprintf("%T", e)
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }
