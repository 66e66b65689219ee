package engine_test

import (
	"slices"

	"github.com/holdfast-run/holdfast/guest-sdk/abi"
)

// The value types of Wasm.
const (
	i32 = 0x7f
	i64 = 0x7e
)

// function is a function of a tiny module: an import, or code with an export.
type function struct {
	module, name    string // of an import; the name of an export
	params, results []byte
	code            []byte // nil: an import
}

// module is a tiny module: just enough Wasm for what no compiler would make.
type module struct {
	functions  []function // imports first
	pages      int        // of memory; 0: none
	memory     string     // the name that it is exported by
	outside    bool       // memory is imported
	data       []byte     // at address dataAt
	pagesLimit int        // maximum; 0: none
}

// Where a tiny module keeps things.
const (
	dataAt   = 1024
	bufferAt = 4096
	resultAt = 2048
)

func uleb(n int) []byte {
	var b []byte
	for {
		c := byte(n & 0x7f)
		if n >>= 7; n == 0 {
			return append(b, c)
		}
		b = append(b, c|0x80)
	}
}

func sleb(n int) []byte {
	var b []byte
	for {
		c := byte(n & 0x7f)
		n >>= 7
		if n == 0 && c&0x40 == 0 || n == -1 && c&0x40 != 0 {
			return append(b, c)
		}
		b = append(b, c|0x80)
	}
}

func name(s string) []byte { return append(uleb(len(s)), s...) }

// vector is a count and its items.
func vector(items ...[]byte) []byte { return append(uleb(len(items)), slices.Concat(items...)...) }

func section(id byte, body []byte) []byte {
	return slices.Concat([]byte{id}, uleb(len(body)), body)
}

// encode is the module in the binary format.
func (m *module) encode() []byte {
	var types, imports, funcs, exports, codes [][]byte
	for i, f := range m.functions {
		types = append(types, slices.Concat([]byte{0x60}, name(string(f.params)), name(string(f.results))))
		if f.code == nil {
			imports = append(imports, slices.Concat(name(f.module), name(f.name), []byte{0}, uleb(i)))
			continue
		}
		funcs = append(funcs, uleb(i))
		exports = append(exports, slices.Concat(name(f.name), []byte{0}, uleb(i)))
		body := slices.Concat([]byte{0}, f.code, []byte{0x0b})
		codes = append(codes, append(uleb(len(body)), body...))
	}
	limits := slices.Concat([]byte{0}, uleb(m.pages))
	if m.pagesLimit > 0 {
		limits = slices.Concat([]byte{1}, uleb(m.pages), uleb(m.pagesLimit))
	}
	var memories [][]byte
	switch {
	case m.outside:
		imports = append(imports, slices.Concat(name("env"), name("memory"), []byte{2}, limits))
	case m.pages > 0:
		memories = append(memories, limits)
	}
	if m.memory != "" {
		exports = append(exports, slices.Concat(name(m.memory), []byte{2, 0}))
	}
	out := slices.Concat([]byte("\x00asm\x01\x00\x00\x00"), section(1, vector(types...)), section(2, vector(imports...)),
		section(3, vector(funcs...)), section(5, vector(memories...)), section(7, vector(exports...)), section(10, vector(codes...)))
	if m.data != nil {
		segment := slices.Concat([]byte{0, 0x41}, sleb(dataAt), []byte{0x0b}, name(string(m.data)))
		out = append(out, section(11, vector(segment))...)
	}
	return out
}

// The instructions that tests use.
func constant(n int) []byte   { return append([]byte{0x41}, sleb(n)...) }
func local(n int) []byte      { return append([]byte{0x20}, uleb(n)...) }
func callFn(n int) []byte     { return append([]byte{0x10}, uleb(n)...) }
func load(at int) []byte      { return slices.Concat(constant(at), []byte{0x28, 2, 0}) }
func drop() []byte            { return []byte{0x1a} }
func trap() []byte            { return []byte{0x00} }
func store64(v []byte) []byte { return slices.Concat(constant(resultAt), v, []byte{0x37, 3, 0}) }
func store32(v []byte) []byte { return slices.Concat(constant(resultAt), v, []byte{0x36, 2, 0}) }

// when runs code if the first parameter is n.
func when(n int, code []byte) []byte {
	return slices.Concat(local(0), constant(n), []byte{0x46, 0x04, 0x40}, code, []byte{0x0b})
}

// The numbers of a tiny guest's imports.
const (
	fnRegister = iota
	fnGet
	fnPut
	fnResult
	fnSync
	fnRandom
)

// The kinds of event by which a tiny guest calls the host, with arguments
// that it finds in the message.
const (
	kindGet = iota + 1
	kindPut
	kindResult
	kindSync
	kindRandom
	kindUnreachable
)

// tiny is a guest that does what its events say: it passes on any pointer and
// length, and keeps the answer at resultAt.
func tiny() *module {
	reg := (&abi.RegisterRequest{Class: "Tiny"}).Append(nil)
	two, four := slices.Concat(load(bufferAt), load(bufferAt+4)), slices.Concat(load(bufferAt), load(bufferAt+4), load(bufferAt+8), load(bufferAt+12))
	call := func(args []byte, fn int) []byte { return slices.Concat(args, callFn(fn)) }
	event := slices.Concat(
		when(kindGet, store64(call(four, fnGet))), when(kindPut, store32(call(two, fnPut))),
		when(kindResult, store64(call(two, fnResult))), when(kindSync, store64(call(two, fnSync))),
		when(kindRandom, store32(call(two, fnRandom))), when(kindUnreachable, trap()), constant(0))
	return &module{
		pages: 3, memory: abi.ExportMemory, data: reg,
		functions: []function{
			{abi.Module, "register", []byte{i32, i32}, []byte{i32}, nil},
			{abi.Module, "kv_get", []byte{i32, i32, i32, i32}, []byte{i64}, nil},
			{abi.Module, "kv_put", []byte{i32, i32}, []byte{i32}, nil},
			{abi.Module, "result", []byte{i32, i32}, []byte{i64}, nil},
			{abi.Module, "sync", []byte{i32, i32}, []byte{i64}, nil},
			{abi.Module, "random", []byte{i32, i32}, []byte{i32}, nil},
			{"", abi.ExportInitialize, nil, nil, slices.Concat(constant(dataAt), constant(len(reg)), callFn(fnRegister), drop())},
			{"", abi.ExportBuffer, []byte{i32}, []byte{i32}, constant(bufferAt)},
			{"", abi.ExportEvent, []byte{i32, i32}, []byte{i32}, event},
			{"", abi.ExportCompletion, []byte{i32, i32, i32}, []byte{i32}, constant(0)},
			{"", abi.ExportTick, nil, []byte{i32}, constant(int(abi.AnswerPumped))},
		},
	}
}

// without is the module less one export.
func (m *module) without(export string) *module {
	if export == abi.ExportMemory {
		m.memory = ""
		return m
	}
	for i, f := range m.functions {
		if f.name == export && f.code != nil {
			m.functions[i].name = "other_" + export
		}
	}
	return m
}

// with replaces the code, or the signature, of an export.
func (m *module) with(export string, change func(*function)) *module {
	for i, f := range m.functions {
		if f.name == export {
			change(&m.functions[i])
		}
	}
	return m
}

// importing adds an import behind the others.
func (m *module) importing(from, fn string) *module {
	at := fnRandom + 1
	m.functions = slices.Insert(m.functions, at, function{from, fn, []byte{i32, i32}, []byte{i32}, nil})
	return m
}
