package arch

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"
)

// tree parses files given as path and text.
func tree(t *testing.T, files map[string]string) Tree {
	t.Helper()
	m := fstest.MapFS{}
	for name, text := range files {
		m[name] = &fstest.MapFile{Data: []byte(text)}
	}
	out, err := Load(m)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// one is a tree of a single file.
func one(t *testing.T, name, text string) Tree {
	t.Helper()
	return tree(t, map[string]string{name: text})
}

// expectFindings compares what a rule found; each want is "file:line: text".
func expectFindings(t *testing.T, got []Finding, want ...string) {
	t.Helper()
	var lines []string
	for _, f := range got {
		lines = append(lines, f.String())
	}
	if strings.Join(lines, "\n") != strings.Join(want, "\n") {
		t.Errorf("found:\n%s\nwant:\n%s", strings.Join(lines, "\n"), strings.Join(want, "\n"))
	}
}

func importing(names ...string) string {
	var b strings.Builder
	b.WriteString("package x\n\nimport (\n")
	for _, n := range names {
		fmt.Fprintf(&b, "\t%q\n", n)
	}
	return b.String() + ")\n"
}

func TestFloors_Bite(t *testing.T) {
	rows := []Floor{
		{Package: "low"},
		{Package: "sdk/...", Imports: []string{"sdk/..."}},
		{Package: "sdk/core", Tests: []string{"low"}},
		{Package: "high", Imports: []string{"low"}},
	}
	for _, c := range []struct {
		name, file string
		imports    []string
		want       []string
	}{
		{"down is allowed", "high/a.go", []string{Module + "/low", "fmt"}, nil},
		{"up is not", "low/a.go", []string{"fmt", Module + "/high"}, []string{"low/a.go:5: low may not import high"}},
		{"below a pattern", "sdk/edge/a.go", []string{Module + "/sdk/core/x"}, nil},
		{"the longest row counts", "sdk/core/a.go", []string{Module + "/sdk/edge"}, []string{"sdk/core/a.go:4: sdk/core may not import sdk/edge"}},
		{"a test may import its package", "low/a_test.go", []string{Module + "/low"}, nil},
		{"and what its row allows", "sdk/core/a_test.go", []string{Module + "/low"}, nil},
		{"a package may not import what only tests may", "sdk/core/a.go", []string{Module + "/low"}, []string{"sdk/core/a.go:4: sdk/core may not import low"}},
		{"no row", "new/a.go", []string{"fmt"}, []string{"new/a.go:1: package new has no row in the table of floors"}},
		{"a name that only begins alike", "high/a.go", []string{Module + "/lower"}, []string{"high/a.go:4: high may not import lower"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			expectFindings(t, FloorsKept(one(t, c.file, importing(c.imports...)), rows), c.want...)
		})
	}
}

func TestFloors_GuestsSeeTheSDKAlone(t *testing.T) {
	for dir, bad := range map[string][]string{
		"objects/logroom/room": {"host", "runtime/object", "internal/wasmtest"},
		"examples/counter":     {"host", "guest-sdk2"},
		"guest-sdk/edge":       {"runtime/store", "host/storage"},
		"runtime/object":       {"host", "host/storage", "runtime/engine"},
		"guest-sdk/abi":        {"guest-sdk/edge"},
	} {
		for _, b := range bad {
			if got := FloorsKept(one(t, dir+"/a.go", importing(Module+"/"+b)), Floors); len(got) != 1 {
				t.Errorf("%s may import %s", dir, b)
			}
		}
	}
}

func TestWalls_Bite(t *testing.T) {
	walls := []Wall{{"example.com/engine", []string{"deep"}, []string{"near"}}}
	for _, c := range []struct {
		name, file, imports string
		want                []string
	}{
		{"inside", "deep/a.go", "example.com/engine/api", nil},
		{"outside", "near/a.go", "example.com/engine/api", []string{"near/a.go:4: near may not import example.com/engine/api"}},
		{"a test outside", "near/a_test.go", "example.com/engine", nil},
		{"a test elsewhere", "far/a_test.go", "example.com/engine", []string{"far/a_test.go:4: far may not import example.com/engine"}},
		{"an unknown module", "deep/a.go", "example.com/engines", []string{"deep/a.go:4: example.com/engines is of no module in the table of walls"}},
		{"the standard library", "near/a.go", "net/http", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			expectFindings(t, WallsKept(one(t, c.file, importing(c.imports)), walls), c.want...)
		})
	}
}

func TestPackagesDocumented_Bites(t *testing.T) {
	got := PackagesDocumented(tree(t, map[string]string{
		"a/a.go":      "package a\n",
		"a/b.go":      "// Package a is told in its second file.\npackage a\n",
		"b/b.go":      "// a licence, not a doc\n\npackage b\n",
		"c/c_test.go": "package c\n",
	}))
	expectFindings(t, got, "b/b.go:3: package b has no package doc")
}

func TestExportsDocumented_Bites(t *testing.T) {
	const text = `package a

func Bare() {}

// Told is told.
func Told() {}

func hidden() {}

type Naked struct{}

func (Naked) Method() {}

func (Naked) Error() string { return "" }

type inner struct{}

func (*inner) Method() {}

// Group has a word for all.
const (
	One = 1
	Two = 2
)

const (
	Three = 3 // told behind
	Four  = 4
)
`
	expectFindings(t, ExportsDocumented(one(t, "a/a.go", text)),
		"a/a.go:3: Bare has no doc comment", "a/a.go:10: Naked has no doc comment",
		"a/a.go:12: Method has no doc comment", "a/a.go:28: Four has no doc comment")
	expectFindings(t, ExportsDocumented(one(t, "a/a_test.go", text)))
	expectFindings(t, ExportsDocumented(one(t, "a/a.go", strings.Replace(text, "package a", "package main", 1))))
}

func TestSizes_Bite(t *testing.T) {
	body := func(n int) string {
		return "package a\n\nfunc Long() {\n" + strings.Repeat("\tstep()\n", n-2) + "}\n"
	}
	expectFindings(t, SizesKept(one(t, "a/a.go", body(70))))
	expectFindings(t, SizesKept(one(t, "a/a.go", body(71))), "a/a.go:3: Long has 71 lines, at most 70 fit")
	long := "package a\n" + strings.Repeat("// x\n", 500)
	expectFindings(t, SizesKept(one(t, "a/a.go", long)), "a/a.go:501: the file has 501 lines, at most 500 fit")
	expectFindings(t, SizesKept(one(t, "a/a.go", "// Code generated by x. DO NOT EDIT.\n\n"+long)))
	expectFindings(t, SizesKept(one(t, "a/page.css", strings.Repeat("a{}\n", 501))), "a/page.css:501: the file has 501 lines, at most 500 fit")
	expectFindings(t, SizesKept(one(t, "runtime/a.go", "package runtime\n")), "runtime/a.go:1: no Go file lies directly in runtime")
}

func TestImportsMatch_Bites(t *testing.T) {
	const head = "package a\n\nimport \"unsafe\"\n\n"
	for _, c := range []struct {
		name, decl string
		want       []string
	}{
		{"right", "//go:wasmimport holdfast_v1 kv_put\nfunc put(req unsafe.Pointer, n uint32) uint32\n", nil},
		{"of no table", "//go:wasmimport holdfast_v1 kv_putt\nfunc put(req unsafe.Pointer, n uint32) uint32\n", []string{"a/a.go:6: put imports kv_putt, which is no host function"}},
		{"a parameter too few", "//go:wasmimport holdfast_v1 kv_get\nfunc get(req unsafe.Pointer, n uint32) uint64\n", []string{"a/a.go:6: get has the signature (i32 i32 -> i64), kv_get has (i32 i32 i32 i32 -> i64)"}},
		{"a wrong result", "//go:wasmimport holdfast_v1 now\nfunc now() uint32\n", []string{"a/a.go:6: now has the signature (-> i32), now has (-> i64)"}},
		{"a type of neither", "//go:wasmimport holdfast_v1 kv_put\nfunc put(s string, n uint32) uint32\n", []string{"a/a.go:6: put has the signature (? i32 -> i32), kv_put has (i32 i32 -> i32)"}},
		{"another module", "//go:wasmimport env kv_put\nfunc put(req unsafe.Pointer, n uint32) uint32\n", []string{"a/a.go:6: put imports from env, guests import from holdfast_v1"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			expectFindings(t, ImportsMatch(one(t, "a/a.go", head+c.decl)), c.want...)
		})
	}
}

func TestWords_Bite(t *testing.T) {
	for _, c := range []struct {
		name, line string
		want       []string
	}{
		{"a web path", "curl http://localhost/work/x", nil},
		{"a directory below", "see objects/shared/x", nil},
		{"a home", "cd /home/ann/project", []string{`a.md:2: "/home/a" is a path of one machine`}},
		{"a root", "ls=/root/x", []string{`a.md:2: "=/root/x" is a path of one machine`}},
		{"a workshop", "as shared/plan says", []string{`a.md:2: "shared/p" is a path of one machine`}},
		{"put off", "// TODO later", []string{"a.md:2: TODO puts work off"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			expectFindings(t, WordsKept(one(t, "a.md", "first\n"+c.line+"\n")), c.want...)
		})
	}
}

func TestReadme_Bites(t *testing.T) {
	const fence = "```"
	for _, c := range []struct {
		name, block string
		want        []string
	}{
		{"commands", "go run . dev ./examples # serves\nFOO=1 curl -s localhost:8787/examples/nothing | jq .\n", nil},
		{"a path that is there", "go test ./examples/... && cat examples/a.go", nil},
		{"a path that is not", "go test ./examples/b", []string{"README.md:4: examples/b does not exist"}},
		{"a path that is not, behind a pipe", "go version | cat examples/b.go", []string{"README.md:4: examples/b.go does not exist"}},
		{"an unknown word", "# a remark\n\nholdfst dev", []string{`README.md:6: "holdfst" is no known command`}},
		{"a continued line", "curl -s \\\n  -d '{\"a\": 1; rm}' \\\n  localhost:8787", nil},
		{"quotes hide", `curl -d "x && y" localhost`, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := ReadmeTrue(tree(t, map[string]string{
				Readme: "# Title\n\n" + fence + "sh\n" + c.block + "\n" + fence + "\n\n" + fence + "go\nnonsense here\n" + fence + "\n", "examples/a.go": "package a\n",
			}))
			expectFindings(t, got, c.want...)
		})
	}
	expectFindings(t, ReadmeTrue(one(t, "examples/a.go", "package a\n")))
}

func TestLoad_SkipsWhatIsNoSource(t *testing.T) {
	got := tree(t, map[string]string{
		"a/a.go": "package a\n", "a/testdata/bad.go": "nonsense", "_old/b.go": "nonsense", ".git/c.go": "nonsense",
		".ci/run": "#!/bin/sh\n", "tool": "\x7fELF\x00", "latin1.txt": "\xe4",
	})
	var names []string
	for _, f := range got {
		names = append(names, f.Path)
	}
	if strings.Join(names, " ") != ".ci/run a/a.go" {
		t.Fatalf("read %v", names)
	}
}
