package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/holdfast-run/holdfast/guest-sdk/abi"
)

// The lines of the C header between which it is generated.
const (
	cBegin = "/* Begin of what internal/abigen writes from guest-sdk/abi. DO NOT EDIT. */"
	cEnd   = "/* End of what internal/abigen writes. */"
)

var cShape = map[abi.Shape][2]string{
	abi.Sync:  {"uint64_t", "const void *req, uint32_t req_len, void *out, uint32_t out_cap"},
	abi.Async: {"uint64_t", "const void *req, uint32_t req_len"},
	abi.Post:  {"uint32_t", "const void *req, uint32_t req_len"},
	abi.Clock: {"int64_t", "void"},
	abi.Fill:  {"uint32_t", "void *out, uint32_t out_len"},
	abi.Take:  {"uint64_t", "void *out, uint32_t out_cap"},
}

// cHeader writes the tables into the C header in file; the rest of it is
// written by hand and stays.
func cHeader(file string) ([]byte, error) {
	old, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "\n#define HF_MODULE %q\n", abi.Module)
	for _, g := range groups() {
		fmt.Fprintf(&b, "\n/* %s */\nenum {\n", g.doc)
		for _, c := range g.list {
			line := fmt.Sprintf("\tHF_%s_%s = %d,", g.prefix, c.name, c.value)
			if c.doc != "" {
				line += " /* " + c.doc + " */"
			}
			b.WriteString(line + "\n")
		}
		b.WriteString("};\n")
	}
	b.WriteString("\n/* The host functions. ABI.md has their messages. */\n")
	for _, f := range abi.Functions {
		s := cShape[f.Shape]
		fmt.Fprintf(&b, "\n/* %s */\nHF_IMPORT(%s) %s hf_import_%s(%s);\n", f.Doc, f.Name, s[0], f.Name, s[1])
	}
	b.WriteString("\n")
	text, ok := between(string(old), cBegin, cEnd, b.String())
	if !ok {
		return nil, fmt.Errorf("it has not both lines, %q and behind it %q", cBegin, cEnd)
	}
	return []byte(text), nil
}
