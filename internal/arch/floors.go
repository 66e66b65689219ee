package arch

import (
	"sort"
	"strings"
)

// Floor is what a package may import of this repository. A name that ends in
// "/..." stands for a directory and all below it.
type Floor struct {
	Package string
	Imports []string
	Tests   []string // what its tests may import besides; itself always
}

// Floors is the house: a package imports only what its row allows. Of several
// rows that fit the longest counts; a package without one is a finding.
var Floors = []Floor{
	{Package: ".", Imports: []string{"internal/cli"}},

	{Package: "guest-sdk/abi"},
	{Package: "guest-sdk/cron"},
	{Package: "guest-sdk/...", Imports: []string{"guest-sdk/..."}},
	{Package: "guest-sdk/c/...", Tests: []string{"internal/wasmtest", "objects/tck/countertest"}},
	{Package: "guest-sdk/rust/...", Tests: []string{"internal/wasmtest", "objects/tck/countertest"}},

	{Package: "runtime/mailbox"},
	{Package: "runtime/gate"},
	{Package: "runtime/clock"},
	{Package: "runtime/store", Imports: []string{"guest-sdk/abi"}},
	{Package: "runtime/store/...", Imports: []string{"guest-sdk/abi", "runtime/store"}, Tests: []string{"runtime/store/..."}},
	{Package: "runtime/object", Imports: []string{"guest-sdk/abi", "internal/invariant", "runtime/clock", "runtime/gate", "runtime/mailbox", "runtime/store"}, Tests: []string{"runtime/store/..."}},
	{Package: "runtime/engine", Imports: []string{"guest-sdk/abi", "internal/invariant"}},
	{Package: "runtime/engine/...", Imports: []string{"guest-sdk/abi", "runtime/engine/..."}},

	{Package: "host/socket"},
	{Package: "host/ingress", Imports: []string{"guest-sdk/abi", "host/socket"}},
	{Package: "host/storage", Imports: []string{"guest-sdk/abi", "host/storage/sqltext", "runtime/store"}, Tests: []string{"runtime/store/..."}},
	{Package: "host/storage/sqltext"},
	{Package: "host/storage/storagebench", Imports: []string{"guest-sdk/abi", "host/storage", "runtime/store"}},
	{Package: "host/d1", Imports: []string{"guest-sdk/abi", "host/storage", "host/storage/sqltext", "runtime/store"}},
	{Package: "host/d1/front", Imports: []string{"guest-sdk/abi", "host/d1", "host/storage/sqltext"}, Tests: []string{"host/storage"}},
	{Package: "host/d1/clients", Tests: []string{"internal/wasmtest"}},
	{Package: "host/hostcall", Imports: []string{"guest-sdk/abi", "runtime/object", "runtime/store"}, Tests: []string{"host/storage", "runtime/clock", "runtime/store/..."}},
	{Package: "host/app", Imports: []string{"guest-sdk/abi", "guest-sdk/cron"}},
	{Package: "host/admin"},
	{Package: "host", Imports: []string{
		"guest-sdk/abi", "runtime/clock", "runtime/engine", "runtime/object", "runtime/store",
		"host/admin", "host/app", "host/d1", "host/d1/front", "host/hostcall", "host/ingress", "host/socket", "host/storage",
	}, Tests: []string{"internal/wasmtest"}},

	{Package: "internal/abigen", Imports: []string{"guest-sdk/abi"}},
	{Package: "internal/arch", Imports: []string{"guest-sdk/abi"}},
	{Package: "internal/invariant"},
	{Package: "internal/wasmtest", Imports: []string{"host"}},
	{Package: "internal/browsertest", Imports: []string{"internal/wasmtest"}},
	{Package: "internal/sim/...", Imports: []string{"guest-sdk/...", "host/hostcall", "internal/...", "runtime/..."}},
	{Package: "internal/cli", Imports: []string{"guest-sdk", "host", "host/admin", "host/app", "host/ingress", "host/storage/sqltext", "host/storage/storagebench", "runtime/engine", "runtime/engine/enginebench", "runtime/store"}, Tests: []string{"internal/wasmtest"}},

	{Package: "objects/logroom/...", Imports: []string{"guest-sdk/...", "objects/logroom/..."}, Tests: testsOfApps},
	{Package: "objects/conversation/...", Imports: []string{"guest-sdk/...", "objects/conversation/..."}, Tests: testsOfApps},
	{Package: "objects/tck/...", Imports: []string{"guest-sdk/...", "objects/tck/..."}, Tests: testsOfApps},
	{Package: "objects/tck/countertest", Imports: []string{"internal/wasmtest"}},
	{Package: "examples/embed", Imports: []string{"host"}, Tests: testsOfApps},
	{Package: "examples/...", Imports: []string{"guest-sdk/..."}, Tests: testsOfApps},
	{Package: "examples/load/...", Imports: []string{"guest-sdk/...", "examples/load/..."}, Tests: testsOfApps},
}

// testsOfApps is what tests of guests use to run them.
var testsOfApps = []string{"host", "host/app", "internal/browsertest", "internal/wasmtest", "objects/tck/countertest"}

// FloorsKept checks every import of this repository against rows.
func FloorsKept(t Tree, rows []Floor) []Finding {
	var out []Finding
	for _, f := range t {
		if f.AST == nil {
			continue
		}
		row := floorOf(rows, f.Package())
		if row == nil {
			out = append(out, f.finding(f.AST.Package, "package %s has no row in the table of floors", f.Package()))
			continue
		}
		for name, pos := range f.imports() {
			dir, ours := ownPackage(name)
			if !ours || matchAny(row.Imports, dir) {
				continue
			}
			if f.Test && (dir == f.Package() || matchAny(row.Tests, dir)) {
				continue
			}
			out = append(out, f.finding(pos, "%s may not import %s", f.Package(), dir))
		}
	}
	return sorted(out)
}

// ownPackage is the directory of an import of this repository.
func ownPackage(name string) (dir string, ours bool) {
	if name == Module {
		return ".", true
	}
	return strings.CutPrefix(name, Module+"/")
}

func floorOf(rows []Floor, dir string) *Floor {
	var best *Floor
	for i, r := range rows {
		if match(r.Package, dir) && (best == nil || len(r.Package) > len(best.Package)) {
			best = &rows[i]
		}
	}
	return best
}

// sorted orders findings by place.
func sorted(fs []Finding) []Finding {
	sort.Slice(fs, func(i, j int) bool {
		a, b := fs[i], fs[j]
		if a.File != b.File {
			return a.File < b.File
		}
		if a.Line != b.Line {
			return a.Line < b.Line
		}
		return a.Text < b.Text
	})
	return fs
}
