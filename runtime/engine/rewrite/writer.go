package rewrite

import "encoding/binary"

// writer puts a module together again. Functions have the numbers that they
// had in the module that was read; with checks, the host's function comes
// behind the imports and all own functions move up by one.
type writer struct {
	m        *module
	imports  uint32
	checks   bool
	fuel     uint32 // the global
	entry    []bool // own functions that check at their entry
	indirect bool   // indirect calls check
	flow     flow
	scratch  []byte
	dispatch map[uint32]uint32 // dispatcher by type, nil where the table stays
}

func (w *writer) function(f uint32) uint64 {
	if w.checks && f >= w.imports {
		return uint64(f) + 1
	}
	return uint64(f)
}

// encode writes the module.
func (w *writer) encode() ([]byte, *Error) {
	m := w.m
	if w.checks {
		t := m.typeOf(nil, nil)
		m.imports = append(m.imports, importedFunc{HostModule, HostYield, t})
	}
	out := append([]byte{}, header...)
	list := func(id byte, n int, item func(b []byte, i int) []byte) {
		if n == 0 {
			return
		}
		b := binary.AppendUvarint(nil, uint64(n))
		for i := range n {
			b = item(b, i)
		}
		out = appendBytes(append(out, id), b)
	}
	list(secType, len(m.types), func(b []byte, i int) []byte {
		return appendBytes(appendBytes(append(b, 0x60), m.types[i].params), m.types[i].results)
	})
	list(secImport, len(m.imports), func(b []byte, i int) []byte {
		im := m.imports[i]
		b = append(appendBytes(appendBytes(b, []byte(im.module)), []byte(im.name)), kindFunc)
		return binary.AppendUvarint(b, uint64(im.typ))
	})
	list(secFunction, len(m.funcs), func(b []byte, i int) []byte { return binary.AppendUvarint(b, uint64(m.funcs[i])) })
	list(secTable, len(m.tables), func(b []byte, i int) []byte { return m.tables[i].append(append(b, m.tables[i].elem)) })
	list(secMemory, len(m.memories), func(b []byte, i int) []byte { return m.memories[i].append(b) })
	list(secGlobal, len(m.globals), func(b []byte, i int) []byte {
		g := m.globals[i]
		b = append(b, g.typ, 0)
		if g.mutable {
			b[len(b)-1] = 1
		}
		return append(b, w.expr(g.init)...)
	})
	list(secExport, len(m.exports), func(b []byte, i int) []byte {
		e := m.exports[i]
		b = append(appendBytes(b, []byte(e.name)), e.kind)
		if e.kind == kindFunc {
			return binary.AppendUvarint(b, w.function(e.index))
		}
		return binary.AppendUvarint(b, uint64(e.index))
	})
	list(secElement, len(m.elements), func(b []byte, i int) []byte { return w.element(b, &m.elements[i]) })
	if m.dataCount {
		out = appendBytes(append(out, secDataCount), binary.AppendUvarint(nil, uint64(len(m.data))))
	}
	var bad *Error
	list(secCode, len(m.bodies), func(b []byte, i int) []byte {
		code, err := w.body(i)
		if err != nil && bad == nil {
			bad = err
		}
		return appendBytes(b, code)
	})
	list(secData, len(m.data), func(b []byte, i int) []byte { return appendBytes(append(b, 1), m.data[i].data) })
	return out, bad
}

func appendBytes(b, p []byte) []byte {
	return append(binary.AppendUvarint(b, uint64(len(p))), p...)
}

func (l limits) append(b []byte) []byte {
	if !l.hasMax {
		return binary.AppendUvarint(append(b, 0), uint64(l.min))
	}
	return binary.AppendUvarint(binary.AppendUvarint(append(b, 1), uint64(l.min)), uint64(l.max))
}

// expr moves the function of a constant expression.
func (w *writer) expr(x []byte) []byte {
	if len(x) == 0 || x[0] != opRefFunc {
		return x
	}
	f := (&reader{b: x, at: 1}).u32()
	return append(binary.AppendUvarint([]byte{opRefFunc}, w.function(f)), opEnd)
}

func (w *writer) element(b []byte, e *element) []byte {
	b = binary.AppendUvarint(b, uint64(e.flags))
	if e.active() {
		if e.flags&2 != 0 {
			b = binary.AppendUvarint(b, uint64(e.table))
		}
		b = append(b, e.offset...)
	}
	if e.flags&3 != 0 {
		b = append(b, e.kind)
	}
	if e.flags&4 != 0 {
		b = binary.AppendUvarint(b, uint64(len(e.exprs)))
		for _, x := range e.exprs {
			b = append(b, w.expr(x)...)
		}
		return b
	}
	b = binary.AppendUvarint(b, uint64(len(e.funcs)))
	for _, f := range e.funcs {
		b = binary.AppendUvarint(b, w.function(f))
	}
	return b
}

// body rewrites one function, until the next call: calls get their new numbers, indirect ones go
// to dispatchers, and checks are planted.
func (w *writer) body(i int) ([]byte, *Error) {
	src := &w.m.bodies[i]
	f := &w.flow
	if err := f.read(src); err != nil {
		return nil, err
	}
	p := patch{src: src.code, out: w.scratch[:0]}
	var check []byte
	if w.checks {
		f.plan()
		entry := i < len(w.entry) && w.entry[i] && len(f.code) > 0
		if entry || w.indirect && f.indirect || f.checked {
			params := uint32(len(w.m.types[w.m.funcs[i]].params))
			check = w.check(params + f.locals)
			p.declare(f.declarations, f.first)
		}
		if entry {
			p.insert(f.code[0].at, check)
		}
	}
	for k, in := range f.code {
		if w.checks && f.before[k] {
			p.insert(in.at, check)
		}
		switch {
		case w.checks && f.after[k]:
			p.insert(in.end, check)
		case in.op == opCall, in.op == opRefFunc:
			p.replace(in, binary.AppendUvarint([]byte{in.op}, w.function(in.index)))
		case in.op == opCallIndirect && w.dispatch != nil:
			p.replace(in, binary.AppendUvarint([]byte{opCall}, w.function(w.dispatch[in.index])))
		case in.op == opCallIndirect && w.indirect:
			p.insert(in.at, check)
		}
	}
	w.scratch = p.rest()
	return w.scratch, nil
}

// check takes one from the fuel, and calls the host where none is left. It
// uses a local of its own.
func (w *writer) check(local uint32) []byte {
	fuel := uint64(w.fuel)
	b := binary.AppendUvarint([]byte{opGlobalGet}, fuel)
	b = append(b, opI32Const, 1, opI32Sub, opLocalTee)
	b = append(binary.AppendUvarint(b, uint64(local)), opGlobalSet)
	b = append(binary.AppendUvarint(b, fuel), opLocalGet)
	b = append(binary.AppendUvarint(b, uint64(local)), opI32Eqz, opIf, blockEmpty, opCall)
	return append(binary.AppendUvarint(b, uint64(w.imports)), opEnd)
}

// patch copies src with changes.
type patch struct {
	src, out []byte
	kept     int // src[:kept] is in out
}

// declare adds a local of type i32 to the declarations, which end at first.
func (p *patch) declare(declarations, first int) {
	_, n := binary.Uvarint(p.src)
	p.out = binary.AppendUvarint(p.out, uint64(declarations)+1)
	p.out = append(append(p.out, p.src[n:first]...), 1, typeI32)
	p.kept = first
}

func (p *patch) insert(at int, b []byte) {
	p.out = append(append(p.out, p.src[p.kept:at]...), b...)
	p.kept = at
}

func (p *patch) replace(in instr, b []byte) {
	p.insert(in.at, b)
	p.kept = in.end
}

func (p *patch) rest() []byte { return append(p.out, p.src[p.kept:]...) }
