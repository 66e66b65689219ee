package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const abiDir = "../../guest-sdk/abi"

func TestGenerated_IsWhatIsCommitted(t *testing.T) {
	files, err := generate(abiDir)
	if err != nil {
		t.Fatal(err)
	}
	if len(files) != 7 {
		t.Fatalf("%d files are generated", len(files))
	}
	for name, want := range files {
		got, err := os.ReadFile(filepath.Join(abiDir, name))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s is not what the generator makes: run go generate ./guest-sdk/abi", name)
		}
	}
}

func TestRun_WritesBesideTheMessages(t *testing.T) {
	root := t.TempDir()
	dir := filepath.Join(root, "guest-sdk/abi")
	for _, d := range []string{"guest-sdk/abi", "guest-sdk/edge/internal/bridge", "guest-sdk/c", "guest-sdk/rust/src", "objects/tck"} {
		if err := os.MkdirAll(filepath.Join(root, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	cHeader := filepath.Join(root, "guest-sdk/c/holdfast.h")
	if err := os.WriteFile(cHeader, []byte("above\n"+cBegin+"\nold\n"+cEnd+"\nbelow\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	text := "package abi\n\n// Pair is two numbers.\ntype Pair struct {\n\tA, B uint32 // both\n}\n"
	if err := os.WriteFile(filepath.Join(dir, "messages.go"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := run(dir); err != nil {
		t.Fatal(err)
	}
	manual, err := os.ReadFile(filepath.Join(dir, "ABI.md"))
	if err != nil {
		t.Fatal(err)
	}
	if want := "### Pair\n\nPair is two numbers.\n\n| field | type | meaning |\n|---|---|---|\n| A | u32 | both |\n| B | u32 | both |\n"; !strings.Contains(string(manual), want) {
		t.Errorf("ABI.md ends with:\n%s", manual[len(manual)-300:])
	}
}

func TestGenerate_KeepsTheHandWrittenPartOfTheHeader(t *testing.T) {
	file := filepath.Join(t.TempDir(), "holdfast.h")
	for _, c := range []struct{ text, want string }{
		{"above\n" + cBegin + "\nold\n" + cEnd + "\nbelow\n", ""},
		{"above\n" + cEnd + "\n" + cBegin + "\nbelow\n", "both lines"},
		{"above\nbelow\n", "both lines"},
	} {
		if err := os.WriteFile(file, []byte(c.text), 0o644); err != nil {
			t.Fatal(err)
		}
		got, err := cHeader(file)
		if c.want != "" {
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%q: got %v, want %s", c.text, err, c.want)
			}
			continue
		}
		text := string(got)
		if err != nil || !strings.HasPrefix(text, "above\n"+cBegin+"\n\n#define HF_MODULE") || !strings.HasSuffix(text, "\n"+cEnd+"\nbelow\n") || strings.Contains(text, "old\n") {
			t.Errorf("got %v and\n%s", err, text)
		}
	}
}

func TestGroups_NameEveryLimit(t *testing.T) {
	for _, g := range groups() {
		for _, c := range g.list {
			if c.name == "" {
				t.Errorf("%s: %q has no name for other languages", g.prefix, c.doc)
			}
		}
	}
}

func TestGenerate_RefusesWhatHasNoLayout(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"no struct", "package abi\n\ntype A int\n", "A is not a struct"},
		{"an unknown type", "package abi\n\ntype A struct{ F map[string]int }\n", "A.F: type *ast.MapType is no primitive and no message above it"},
		{"a message further down", "package abi\n\ntype A struct{ F B }\n\ntype B struct{ N uint8 }\n", "A.F: type B is no primitive and no message above it"},
		{"no Go", "package", "expected 'IDENT'"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, "messages.go"), []byte(c.text), 0o644); err != nil {
				t.Fatal(err)
			}
			if err := run(dir); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("got %v, want %s", err, c.want)
			}
		})
	}
}

func TestFnName_KeepsInitials(t *testing.T) {
	for in, want := range map[string]string{"kv_get": "KVGet", "ws_auto_response_set": "WSAutoResponseSet", "id_from_name": "IDFromName", "d1_query": "D1Query", "now": "Now"} {
		if got := fnName(in); got != want {
			t.Errorf("%s is %s, want %s", in, got, want)
		}
	}
}
