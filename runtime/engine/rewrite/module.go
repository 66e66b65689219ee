package rewrite

import "bytes"

// The sections, by number.
const (
	secCustom = iota
	secType
	secImport
	secFunction
	secTable
	secMemory
	secGlobal
	secExport
	secStart
	secElement
	secCode
	secData
	secDataCount
)

var sectionNames = [...]string{"custom", "type", "import", "function", "table", "memory", "global", "export", "start", "element", "code", "data", "data count"}

// sectionOrder is where each section may stand.
var sectionOrder = [...]int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 10}

// The kinds of what is imported and exported.
const (
	kindFunc = iota
	kindTable
	kindMemory
	kindGlobal
)

// The value types.
const (
	typeI32       = 0x7f
	typeI64       = 0x7e
	typeF32       = 0x7d
	typeF64       = 0x7c
	typeV128      = 0x7b
	typeFuncref   = 0x70
	typeExternref = 0x6f
)

type funcType struct{ params, results []byte }

func (t funcType) equal(u funcType) bool {
	return bytes.Equal(t.params, u.params) && bytes.Equal(t.results, u.results)
}

type importedFunc struct {
	module, name string
	typ          uint32
}

type limits struct {
	min, max uint32
	hasMax   bool
}

type table struct {
	elem byte
	limits
}

type global struct {
	typ     byte
	mutable bool
	init    []byte // constant expression, with its end
}

type export struct {
	name  string
	kind  byte
	index uint32
}

// element is one element segment. Items are function indexes, or constant
// expressions where exprs is set.
type element struct {
	flags  uint32
	table  uint32
	offset []byte
	kind   byte // element kind or reference type, where the flags ask for one
	funcs  []uint32
	exprs  [][]byte
}

type segment struct {
	passive bool
	offset  []byte
	data    []byte
	at      int // in the module
}

type body struct {
	code []byte // locals and instructions
	at   int    // in the module
}

// module is a module taken apart; its slices are views of the input.
type module struct {
	types     []funcType
	imports   []importedFunc
	funcs     []uint32 // types of the module's own functions
	tables    []table
	memories  []limits
	globals   []global
	exports   []export
	start     *uint32
	elements  []element
	dataCount bool
	bodies    []body
	data      []segment
}

var header = []byte("\x00asm\x01\x00\x00\x00")

// parse reads a module.
func parse(b []byte) (*module, *Error) {
	if !bytes.HasPrefix(b, header) {
		return nil, &Error{"header", 0, "not a WebAssembly module of version 1"}
	}
	m := &module{}
	r := &reader{b: b, at: len(header), section: "header"}
	last := 0
	for !r.done() {
		at := r.at
		id := r.byte()
		if int(id) >= len(sectionNames) {
			r.failAt(at, "section %d is not known", id)
			break
		}
		content := r.bytes(r.u32())
		if r.err != nil {
			break
		}
		if id != secCustom && sectionOrder[id] <= last {
			r.failAt(at, "the %s section is twice there or out of order", sectionNames[id])
			break
		}
		if id != secCustom {
			last = sectionOrder[id]
		}
		q := &reader{b: content, base: r.at - len(content), section: sectionNames[id]}
		m.section(id, q)
		if q.err != nil {
			return nil, q.err
		}
	}
	if r.err != nil {
		return nil, r.err
	}
	if len(m.funcs) != len(m.bodies) {
		return nil, &Error{"code", len(b), "the number of bodies differs from that of functions"}
	}
	return m, m.checkIndexes(len(b))
}

func (m *module) section(id byte, r *reader) {
	switch id {
	case secCustom:
		return
	case secType:
		m.readTypes(r)
	case secImport:
		m.readImports(r)
	case secFunction:
		for n := r.count(); n > 0; n-- {
			m.funcs = append(m.funcs, r.u32())
		}
	case secTable:
		for n := r.count(); n > 0; n-- {
			m.tables = append(m.tables, table{r.byte(), r.limits("table")})
		}
	case secMemory:
		for n := r.count(); n > 0; n-- {
			m.memories = append(m.memories, r.limits("memory"))
		}
	case secGlobal:
		for n := r.count(); n > 0; n-- {
			m.globals = append(m.globals, r.global())
		}
	case secExport:
		for n := r.count(); n > 0; n-- {
			m.exports = append(m.exports, export{r.name(), r.byte(), r.u32()})
		}
	case secStart:
		f := r.u32()
		m.start = &f
	case secElement:
		m.readElements(r)
	case secCode:
		for n := r.count(); n > 0; n-- {
			code := r.bytes(r.u32())
			m.bodies = append(m.bodies, body{code, r.base + r.at - len(code)})
		}
	case secData:
		m.readData(r)
	case secDataCount:
		r.u32()
		m.dataCount = true
	}
	r.end()
}

func (m *module) readTypes(r *reader) {
	for n := r.count(); n > 0; n-- {
		if form := r.byte(); form != 0x60 {
			r.failAt(r.at-1, "type form %#x is not supported, expected a function type (0x60)", form)
			return
		}
		p := r.bytes(r.u32())
		m.types = append(m.types, funcType{p, r.bytes(r.u32())})
	}
}

func (m *module) readImports(r *reader) {
	for n := r.count(); n > 0; n-- {
		at := r.at
		mod, name, kind := r.name(), r.name(), r.byte()
		if r.err != nil {
			return
		}
		if kind != kindFunc {
			r.failAt(at, "%s.%s is no function; only functions may be imported", mod, name)
			return
		}
		if mod == HostModule {
			r.failAt(at, "%s.%s: the module %q is the engine's own", mod, name, HostModule)
			return
		}
		m.imports = append(m.imports, importedFunc{mod, name, r.u32()})
	}
}

func (r *reader) limits(what string) limits {
	at := r.at
	flags := r.byte()
	if flags > 1 {
		r.failAt(at, "%s limits %#x are not supported: neither shared nor 64-bit ones are", what, flags)
		return limits{}
	}
	l := limits{min: r.u32()}
	if flags == 1 {
		l.max, l.hasMax = r.u32(), true
	}
	return l
}

func (r *reader) global() global {
	g := global{typ: r.byte()}
	if mutable := r.byte(); mutable > 1 {
		r.failAt(r.at-1, "a global's mutability is %d, expected 0 or 1", mutable)
	} else {
		g.mutable = mutable == 1
	}
	g.init = r.constExpr()
	return g
}

func (m *module) readElements(r *reader) {
	for n := r.count(); n > 0 && r.err == nil; n-- {
		at := r.at
		e := element{flags: r.u32()}
		if e.flags > 7 {
			r.failAt(at, "element flags %d are not known", e.flags)
			return
		}
		if e.active() {
			if e.flags&2 != 0 {
				e.table = r.u32()
			}
			e.offset = r.constExpr()
		}
		if e.flags&3 != 0 {
			e.kind = r.byte()
		}
		for k := r.count(); k > 0 && r.err == nil; k-- {
			if e.flags&4 != 0 {
				e.exprs = append(e.exprs, r.constExpr())
			} else {
				e.funcs = append(e.funcs, r.u32())
			}
		}
		m.elements = append(m.elements, e)
	}
}

func (e *element) active() bool { return e.flags&1 == 0 }

func (m *module) readData(r *reader) {
	for n := r.count(); n > 0 && r.err == nil; n-- {
		at := r.at
		s := segment{at: r.base + at}
		switch flags := r.u32(); flags {
		case 0:
			s.offset = r.constExpr()
		case 1:
			s.passive = true
		case 2:
			if mem := r.u32(); mem != 0 {
				r.failAt(at, "a data segment is for memory %d, there is one memory", mem)
			}
			s.offset = r.constExpr()
		default:
			r.failAt(at, "data flags %d are not known", flags)
		}
		s.data = r.bytes(r.u32())
		m.data = append(m.data, s)
	}
}

// checkIndexes refuses what the later steps could stumble over.
func (m *module) checkIndexes(end int) *Error {
	for _, im := range m.imports {
		if int(im.typ) >= len(m.types) {
			return &Error{"import", end, "the type of " + im.module + "." + im.name + " does not exist"}
		}
	}
	for _, t := range m.funcs {
		if int(t) >= len(m.types) {
			return &Error{"function", end, "a function's type does not exist"}
		}
	}
	for _, e := range m.exports {
		if e.kind == kindFunc && !m.hasFunc(e.index) {
			return &Error{"export", end, "the function of export " + e.name + " does not exist"}
		}
	}
	if m.start != nil && !m.hasFunc(*m.start) {
		return &Error{"start", end, "the start function does not exist"}
	}
	for i := range m.elements {
		for _, f := range m.elements[i].funcs {
			if !m.hasFunc(f) {
				return &Error{"element", end, "a function of the table does not exist"}
			}
		}
	}
	return nil
}

func (m *module) hasFunc(i uint32) bool { return uint64(i) < uint64(len(m.imports)+len(m.funcs)) }

// funcType is the type of a function by its index, imports first.
func (m *module) funcType(i uint32) uint32 {
	if int(i) < len(m.imports) {
		return m.imports[i].typ
	}
	return m.funcs[int(i)-len(m.imports)]
}
