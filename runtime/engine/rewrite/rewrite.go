package rewrite

import (
	"encoding/binary"
	"fmt"
	"strings"
)

// What a rewritten module imports and exports beside what the author wrote.
const (
	// HostModule has one function, HostYield, without parameters and results.
	// A guest calls it when its fuel has run out. Where it returns, the guest
	// goes on; it has to set the fuel then.
	HostModule = "holdfast_engine"
	HostYield  = "yield"

	// ExportFuel is a mutable i32: how many more times the guest goes around
	// a loop, or calls itself, before it calls HostYield.
	ExportFuel = exportPrefix + "fuel"
	// ExportStart is the start function, if the module had one.
	ExportStart = exportPrefix + "start"
	// ExportEnter calls the exports of Options.Enter by their number.
	ExportEnter = exportPrefix + "enter"

	exportPrefix = "holdfast:"
)

// FuelDefault lasts between a fraction of a millisecond, in the tightest loop,
// and some milliseconds.
const FuelDefault = 1 << 17

// Options of Rewrite. The zero value plants checks and makes dispatchers.
type Options struct {
	// Enter lists exports that ExportEnter joins into one function of four
	// i32 and one i32 result: the number in this list, and up to three
	// arguments. An export that is missing or has another shape is left out.
	Enter []string

	KeepTable bool // no dispatchers
	NoChecks  bool // no fuel
	// Fuel is what a new instance has; 0: FuelDefault.
	Fuel int32
}

// Segment is what a data segment put into memory at instantiation.
type Segment struct {
	Offset uint32
	Data   []byte // a view of the module that was given
}

// Global is a mutable global of the module.
type Global struct {
	Export string
	Type   byte // value type of the binary format
}

// Result is a rewritten module, and what its caller has to do in place of
// what it lacks: write Data into a new instance's memory, in order, then call
// Start.
type Result struct {
	Module  []byte
	Data    []Segment
	Start   string // ExportStart, or "" where there is none
	Globals []Global
	// Table says why the module keeps its table; "" where it has none left.
	Table string
	// State says why memory and Globals are not all the state that an
	// instance has; "" where they are. Such a module cannot be captured.
	State string
}

// Rewrite makes a Result of a module, which it does not change. An error is
// an *Error.
func Rewrite(b []byte, opts Options) (*Result, error) {
	m, err := parse(b)
	if err != nil {
		return nil, err
	}
	s, err := m.survey()
	if err != nil {
		return nil, err
	}
	res := &Result{}
	w := &writer{m: m, imports: uint32(len(m.imports)), fuel: uint32(len(m.globals))}
	if !opts.NoChecks {
		w.checks = true
		w.entry, w.indirect = m.recursion(s)
	}
	res.State = m.hiddenState(s)
	base, entries, reason := m.constantTable(s)
	switch {
	case len(m.tables) == 0 && len(s.indirect) == 0:
	case opts.KeepTable:
		res.Table = "asked to"
	case reason != "":
		res.Table = reason
	default:
		w.dispatch = m.dispatchers(s, base, entries)
		for range w.dispatch {
			w.entry = append(w.entry, w.indirect)
		}
		w.indirect = false
	}
	if err := m.takeData(s, res); err != nil {
		return nil, err
	}
	m.joinEntries(opts.Enter)
	if opts.Fuel <= 0 {
		opts.Fuel = FuelDefault
	}
	if err := m.expose(w, res, opts.Fuel); err != nil {
		return nil, err
	}
	if res.Module, err = w.encode(); err != nil {
		return nil, err
	}
	return res, nil
}

// hiddenState says what an instance holds beside memory and numeric globals.
func (m *module) hiddenState(s *survey) string {
	if s.tableWrite != "" {
		return "its table changes: " + s.tableWrite
	}
	for i, g := range m.globals {
		if g.mutable && (g.typ < typeF64 || g.typ > typeI32) {
			return fmt.Sprintf("global %d is mutable and no number", i)
		}
	}
	return ""
}

// takeData moves the active data segments from the module to the result. A
// module that names segments keeps as many, empty ones.
func (m *module) takeData(s *survey, res *Result) *Error {
	for i := range m.data {
		d := &m.data[i]
		if d.passive {
			continue
		}
		off, ok := m.constant(d.offset)
		if !ok {
			return &Error{"data", d.at, "the offset of a segment is no constant of type i32"}
		}
		res.Data = append(res.Data, Segment{off, d.data})
		d.passive, d.data = true, nil
	}
	if !s.passive {
		m.data, m.dataCount = nil, false
	}
	return nil
}

// joinEntries adds ExportEnter.
func (m *module) joinEntries(names []string) {
	b := []byte{0}
	found := false
	for which, name := range names {
		f, ft, ok := m.entry(name)
		if !ok {
			continue
		}
		found = true
		b = append(b, opLocalGet, 0)
		b = appendSigned(append(b, opI32Const), int64(which))
		b = append(b, 0x46, opIf, blockEmpty) // i32.eq
		for p := range ft.params {
			b = binary.AppendUvarint(append(b, opLocalGet), uint64(p+1))
		}
		b = append(binary.AppendUvarint(append(b, opCall), uint64(f)), opReturn, opEnd)
	}
	if !found {
		return
	}
	t := m.typeOf([]byte{typeI32, typeI32, typeI32, typeI32}, []byte{typeI32})
	index := uint32(len(m.imports) + len(m.funcs))
	m.funcs = append(m.funcs, t)
	m.bodies = append(m.bodies, body{code: append(b, opUnreachable, opEnd)})
	m.exports = append(m.exports, export{ExportEnter, kindFunc, index})
}

// entry is an exported function of at most three i32 and one i32 result.
func (m *module) entry(name string) (f uint32, ft funcType, ok bool) {
	for _, e := range m.exports {
		if e.name != name || e.kind != kindFunc {
			continue
		}
		ft = m.types[m.funcType(e.index)]
		ok = len(ft.params) <= 3 && strings.Trim(string(ft.params), string(rune(typeI32))) == "" && string(ft.results) == string(rune(typeI32))
		return e.index, ft, ok
	}
	return 0, ft, false
}

// expose exports the mutable globals, the fuel and the start function.
func (m *module) expose(w *writer, res *Result, fuel int32) *Error {
	for _, e := range m.exports {
		if strings.HasPrefix(e.name, exportPrefix) && e.name != ExportEnter {
			return &Error{"export", 0, fmt.Sprintf("the name %q is the engine's own", e.name)}
		}
	}
	for i, g := range m.globals {
		if g.mutable && g.typ >= typeF64 && g.typ <= typeI32 {
			name := fmt.Sprintf("%sglobal:%d", exportPrefix, i)
			m.exports = append(m.exports, export{name, kindGlobal, uint32(i)})
			res.Globals = append(res.Globals, Global{name, g.typ})
		}
	}
	if w.checks {
		init := append(appendSigned([]byte{opI32Const}, int64(fuel)), opEnd)
		m.globals = append(m.globals, global{typeI32, true, init})
		m.exports = append(m.exports, export{ExportFuel, kindGlobal, w.fuel})
	}
	if m.start != nil {
		m.exports = append(m.exports, export{ExportStart, kindFunc, *m.start})
		res.Start, m.start = ExportStart, nil
	}
	return nil
}
