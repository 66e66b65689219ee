package rewrite

import (
	"encoding/binary"
	"fmt"
)

// tableMax bounds the table that dispatchers are made for: a dispatcher has a
// block for each function.
const tableMax = 1 << 17

// constantTable reads the content of a table that nothing can change. With a
// reason there is none.
func (m *module) constantTable(s *survey) (base uint32, entries []int64, reason string) {
	switch {
	case s.tableWrite != "":
		return 0, nil, "it is changed by " + s.tableWrite
	case len(m.tables) != 1:
		return 0, nil, fmt.Sprintf("there are %d tables", len(m.tables))
	case m.tables[0].elem != typeFuncref:
		return 0, nil, "it does not hold functions"
	case s.tableRead:
		return 0, nil, "it is read by table.get or table.size"
	case s.refFunc:
		return 0, nil, "functions are taken by ref.func"
	}
	for _, g := range m.globals {
		if g.typ == typeFuncref {
			return 0, nil, "a global holds a function"
		}
	}
	content := map[uint32]uint32{}
	lo, hi := uint32(1<<32-1), uint32(0)
	for i := range m.elements {
		e := &m.elements[i]
		if !e.active() {
			continue
		}
		off, ok := m.constant(e.offset)
		if !ok || len(e.exprs) > 0 || e.table != 0 {
			return 0, nil, "an element segment is not made of plain function numbers"
		}
		if uint64(off)+uint64(len(e.funcs)) > uint64(m.tables[0].min) {
			return 0, nil, "an element segment lies outside of it"
		}
		for k, f := range e.funcs {
			content[off+uint32(k)] = f
		}
		if len(e.funcs) > 0 {
			lo, hi = min(lo, off), max(hi, off+uint32(len(e.funcs)))
		}
	}
	if hi < lo {
		return 0, nil, ""
	}
	if hi-lo > tableMax {
		return 0, nil, fmt.Sprintf("it has more than %d entries", tableMax)
	}
	entries = make([]int64, hi-lo)
	for i := range entries {
		entries[i] = -1
		if f, ok := content[lo+uint32(i)]; ok {
			entries[i] = int64(f)
		}
	}
	return lo, entries, ""
}

// constant is the value of a constant expression of type i32.
func (m *module) constant(expr []byte) (uint32, bool) {
	for range len(m.globals) + 1 {
		r := &reader{b: expr, at: 1}
		switch expr[0] {
		case opI32Const:
			v := uint32(r.signed(32))
			return v, r.byte() == opEnd
		case opGlobalGet:
			i := r.u32()
			if r.byte() != opEnd || int(i) >= len(m.globals) || m.globals[i].mutable {
				return 0, false
			}
			expr = m.globals[i].init
		default:
			return 0, false
		}
	}
	return 0, false
}

// dispatchers replaces the table: for each type that is called indirectly
// there is a function with one more parameter, the table index, that jumps to
// a direct call. An entry of another type, or none, is unreachable.
func (m *module) dispatchers(s *survey, base uint32, entries []int64) map[uint32]uint32 {
	at := map[uint32]uint32{}
	for t := uint32(0); int(t) < len(m.types); t++ {
		if !s.indirect[t] {
			continue
		}
		at[t] = uint32(len(m.imports) + len(m.funcs))
		ft := m.types[t]
		m.funcs = append(m.funcs, m.typeOf(append(append([]byte{}, ft.params...), typeI32), ft.results))
		m.bodies = append(m.bodies, body{code: m.dispatcher(ft, base, entries)})
	}
	m.tables, m.elements = nil, nil
	kept := m.exports[:0]
	for _, e := range m.exports {
		if e.kind != kindTable {
			kept = append(kept, e)
		}
	}
	m.exports = kept
	return at
}

// typeOf finds or adds a type.
func (m *module) typeOf(params, results []byte) uint32 {
	want := funcType{params, results}
	for i, t := range m.types {
		if t.equal(want) {
			return uint32(i)
		}
	}
	m.types = append(m.types, want)
	return uint32(len(m.types) - 1)
}

// dispatcher is the body: nested blocks, a jump by index, and behind the end
// of each block the call that belongs to it.
func (m *module) dispatcher(ft funcType, base uint32, entries []int64) []byte {
	var callees []uint32
	number := map[uint32]int{}
	labels := make([]int, len(entries))
	for i, f := range entries {
		labels[i] = -1
		if f < 0 || !m.types[m.funcType(uint32(f))].equal(ft) {
			continue
		}
		k, ok := number[uint32(f)]
		if !ok {
			k = len(callees)
			number[uint32(f)] = k
			callees = append(callees, uint32(f))
		}
		labels[i] = k
	}
	b := []byte{0}
	for range len(callees) + 1 {
		b = append(b, opBlock, blockEmpty)
	}
	b = binary.AppendUvarint(append(b, opLocalGet), uint64(len(ft.params)))
	b = appendSigned(append(b, opI32Const), int64(int32(base)))
	b = binary.AppendUvarint(append(b, opI32Sub, opBrTable), uint64(len(labels)))
	for _, l := range labels {
		if l < 0 {
			l = len(callees)
		}
		b = binary.AppendUvarint(b, uint64(l))
	}
	b = binary.AppendUvarint(b, uint64(len(callees)))
	for _, f := range callees {
		b = append(b, opEnd)
		for p := range ft.params {
			b = binary.AppendUvarint(append(b, opLocalGet), uint64(p))
		}
		b = append(binary.AppendUvarint(append(b, opCall), uint64(f)), opReturn)
	}
	return append(b, opEnd, opUnreachable, opEnd)
}

func appendSigned(b []byte, v int64) []byte {
	for {
		c := byte(v & 0x7f)
		v >>= 7
		if v == 0 && c&0x40 == 0 || v == -1 && c&0x40 != 0 {
			return append(b, c)
		}
		b = append(b, c|0x80)
	}
}
