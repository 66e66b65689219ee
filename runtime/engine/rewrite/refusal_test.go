package rewrite_test

import (
	"errors"
	"testing"

	"github.com/holdfast-run/holdfast/runtime/engine/rewrite"
)

// base is the smallest program; with changes it.
func base(change func(p *program)) []byte {
	p := &program{types: [][2]string{{"", ""}}, exports: map[string]int{"f": 0}, start: -1, funcs: []function{{0, 0, nil}}}
	if change != nil {
		change(p)
	}
	return p.encode()
}

func code(b ...byte) []byte { return base(func(p *program) { p.funcs[0].code = b }) }

// TestRefusals_NameSectionAndReason: what cannot be rewritten.
func TestRefusals_NameSectionAndReason(t *testing.T) {
	head := []byte("\x00asm\x01\x00\x00\x00")
	after := func(sections ...[]byte) []byte { return cat(append([][]byte{head}, sections...)...) }
	for name, c := range map[string]struct {
		module           []byte
		section, message string
	}{
		"nothing":            {nil, "header", "not a WebAssembly module of version 1"},
		"text":               {[]byte("(module)"), "header", "not a WebAssembly module of version 1"},
		"version 2":          {[]byte("\x00asm\x02\x00\x00\x00"), "header", "not a WebAssembly module of version 1"},
		"unknown section":    {after(op(77, 0)), "header", "section 77 is not known"},
		"cut section":        {after(op(1, 5, 1)), "header", "5 bytes expected, 1 are left"},
		"section twice":      {after(section(1, u(0)), section(1, u(0))), "header", "the type section is twice there or out of order"},
		"long integer":       {after(op(1, 0x80, 0x80, 0x80, 0x80, 0x80, 1)), "header", "an integer is longer than 32 bits"},
		"no function type":   {after(section(1, op(1, 0x5f))), "type", "type form 0x5f is not supported, expected a function type (0x60)"},
		"too much":           {after(section(1, op(0, 9))), "type", "1 bytes too many"},
		"too many items":     {after(section(1, op(200, 1))), "type", "200 items cannot fit into the 0 bytes that are left"},
		"imported memory":    {after(section(2, cat(op(1), bytesOf([]byte("env")), bytesOf([]byte("m")), op(2, 0, 1)))), "import", "env.m is no function; only functions may be imported"},
		"the engine's own":   {after(section(2, cat(op(1), bytesOf([]byte(rewrite.HostModule)), bytesOf([]byte("yield")), op(0, 0)))), "import", `holdfast_engine.yield: the module "holdfast_engine" is the engine's own`},
		"name not UTF-8":     {after(section(2, cat(op(1, 2, 0xff, 0xfe)))), "import", "a name is not UTF-8"},
		"shared memory":      {after(section(5, op(1, 3, 1, 2))), "memory", "memory limits 0x3 are not supported: neither shared nor 64-bit ones are"},
		"mutability":         {after(section(6, op(1, 0x7f, 2, 0x41, 0, 0x0b))), "global", "a global's mutability is 2, expected 0 or 1"},
		"data elsewhere":     {after(section(11, op(1, 2, 1, 0x41, 0, 0x0b, 0))), "data", "a data segment is for memory 1, there is one memory"},
		"data flags":         {after(section(11, op(1, 9))), "data", "data flags 9 are not known"},
		"element flags":      {after(section(9, op(1, 9))), "element", "element flags 9 are not known"},
		"no bodies":          {after(section(1, op(1, 0x60, 0, 0)), section(3, op(1, 0))), "code", "the number of bodies differs from that of functions"},
		"type of a function": {after(section(3, op(1, 4)), section(10, op(1, 2, 0, 0x0b))), "function", "a function's type does not exist"},
		"start":              {base(func(p *program) { p.start = 5 }), "start", "the start function does not exist"},
		"export":             {base(func(p *program) { p.exports["g"] = 8 }), "export", "the function of export g does not exist"},
		"own name":           {base(func(p *program) { p.exports["holdfast:x"] = 0 }), "export", `the name "holdfast:x" is the engine's own`},
		"tail call":          {code(0x12, 0), "code", "instruction 0x12 is not supported"},
		"atomics":            {code(0xfe, 0), "code", "instruction 0xfe is not supported"},
		"misc":               {code(0xfc, 99), "code", "instruction 0xfc 99 is not supported"},
		"call of nobody":     {code(0x10, 9), "code", "call of function 9, which does not exist"},
		"indirect type":      {code(0x41, 0, 0x11, 9, 0), "code", "call_indirect of type 9, which does not exist"},
		"cut instruction":    {code(0x43, 0), "code", "4 bytes expected, 2 are left"},
		"locals":             {base(func(p *program) { p.funcs[0].locals = 60_000 }), "code", "a function has 60000 locals, more than 50000"},
	} {
		t.Run(name, func(t *testing.T) {
			res, err := rewrite.Rewrite(c.module, rewrite.Options{})
			var e *rewrite.Error
			if !errors.As(err, &e) {
				t.Fatalf("got %v %v", res, err)
			}
			if e.Section != c.section || e.Message != c.message {
				t.Errorf("%v; want section %s, %q", e, c.section, c.message)
			}
			if e.Offset < 0 || e.Offset > len(c.module)+1 {
				t.Errorf("offset %d in a module of %d bytes", e.Offset, len(c.module))
			}
		})
	}
}

// FuzzRewrite: any input gives a module or an error, and what was rewritten
// can be read again.
func FuzzRewrite(f *testing.F) {
	for seed := range uint64(6) {
		f.Add(random(seed).encode(), byte(seed))
	}
	for _, p := range endless() {
		f.Add(p.encode(), byte(0))
	}
	f.Fuzz(func(t *testing.T, module []byte, way byte) {
		opts := rewrite.Options{KeepTable: way&1 != 0, NoChecks: way&2 != 0, Enter: []string{"f0", "refuel"}}
		res, err := rewrite.Rewrite(module, opts)
		if err != nil {
			var e *rewrite.Error
			if !errors.As(err, &e) || e.Section == "" || e.Message == "" {
				t.Fatalf("an error without a place: %v", err)
			}
			return
		}
		_, err = rewrite.Rewrite(res.Module, rewrite.Options{NoChecks: true})
		var e *rewrite.Error
		if err != nil && (!errors.As(err, &e) || e.Section != "import" && e.Section != "export") {
			t.Fatalf("what was written cannot be read: %v", err)
		}
	})
}
