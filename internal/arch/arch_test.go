package arch

import (
	"os"
	"testing"
)

// repository is the tree that this package belongs to.
func repository(t *testing.T) Tree {
	t.Helper()
	tree, err := Load(os.DirFS("../.."))
	if err != nil {
		t.Fatal(err)
	}
	if len(tree) < 100 {
		t.Fatalf("read %d files, so the root is not where it was", len(tree))
	}
	return tree
}

func TestRepository_KeepsItsRules(t *testing.T) {
	tree := repository(t)
	for _, rule := range []struct {
		name     string
		findings []Finding
	}{
		{"floors", FloorsKept(tree, Floors)},
		{"walls", WallsKept(tree, Walls)},
		{"package docs", PackagesDocumented(tree)},
		{"export docs", ExportsDocumented(tree)},
		{"sizes", SizesKept(tree)},
		{"wasm imports", ImportsMatch(tree)},
		{"words", WordsKept(tree)},
		{"readme", ReadmeTrue(tree)},
	} {
		t.Run(rule.name, func(t *testing.T) {
			for _, f := range rule.findings {
				t.Error(f)
			}
		})
	}
}

// TestTables_AreOfUse keeps the tables free of rows that no file needs: each
// module behind a wall is imported somewhere.
func TestTables_AreOfUse(t *testing.T) {
	used := map[string]bool{}
	for _, f := range repository(t) {
		if f.AST == nil {
			continue
		}
		for name := range f.imports() {
			if w := wallOf(Walls, name); w != nil {
				used[w.Module] = true
			}
		}
	}
	for _, w := range Walls {
		if !used[w.Module] {
			t.Errorf("nothing imports %s: take its row out", w.Module)
		}
	}
}
