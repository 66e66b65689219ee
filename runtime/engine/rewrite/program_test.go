package rewrite_test

import (
	"encoding/binary"
	"math/rand/v2"
	"slices"
)

// program is a module under construction, for tests.
type program struct {
	types    [][2]string // parameters and results, value types as bytes
	imports  []string    // functions of module "env", of type 0
	funcs    []function
	table    []int // function numbers, -1 for none; at tableBase
	tableMin int
	memory   bool
	globals  []int32
	exports  map[string]int // functions
	start    int            // -1: none
	data     []byte
	dataAt   int
}

type function struct {
	typ    int
	locals int // of i32
	code   []byte
}

const (
	i32       = "\x7f"
	tableBase = 2
)

func u(n int) []byte { return binary.AppendUvarint(nil, uint64(n)) }

func s(n int32) []byte {
	var b []byte
	for v := int64(n); ; {
		c := byte(v & 0x7f)
		v >>= 7
		if v == 0 && c&0x40 == 0 || v == -1 && c&0x40 != 0 {
			return append(b, c)
		}
		b = append(b, c|0x80)
	}
}

func cat(parts ...[]byte) []byte { return slices.Concat(parts...) }
func op(b ...byte) []byte        { return b }
func num(n int32) []byte         { return cat(op(0x41), s(n)) }
func get(local int) []byte       { return cat(op(0x20), u(local)) }
func set(local int) []byte       { return cat(op(0x21), u(local)) }
func call(f int) []byte          { return cat(op(0x10), u(f)) }
func vec(items ...[]byte) []byte { return cat(u(len(items)), cat(items...)) }
func bytesOf(b []byte) []byte    { return cat(u(len(b)), b) }
func section(id byte, b []byte) []byte {
	return cat(op(id), bytesOf(b))
}

// encode writes the module.
func (p *program) encode() []byte {
	out := []byte("\x00asm\x01\x00\x00\x00")
	var types, imports, funcs, bodies, globals, exports [][]byte
	for _, t := range p.types {
		types = append(types, cat(op(0x60), bytesOf([]byte(t[0])), bytesOf([]byte(t[1]))))
	}
	for _, name := range p.imports {
		imports = append(imports, cat(bytesOf([]byte("env")), bytesOf([]byte(name)), op(0), u(0)))
	}
	for _, f := range p.funcs {
		funcs = append(funcs, u(f.typ))
		locals := vec()
		if f.locals > 0 {
			locals = vec(cat(u(f.locals), op(0x7f)))
		}
		bodies = append(bodies, bytesOf(cat(locals, f.code, op(0x0b))))
	}
	for _, g := range p.globals {
		globals = append(globals, cat(op(0x7f, 1), num(g), op(0x0b)))
	}
	out = cat(out, section(1, vec(types...)))
	if len(imports) > 0 {
		out = cat(out, section(2, vec(imports...)))
	}
	out = cat(out, section(3, vec(funcs...)))
	if p.tableMin > 0 {
		out = cat(out, section(4, vec(cat(op(0x70, 0), u(p.tableMin)))))
	}
	if p.memory {
		out = cat(out, section(5, vec(cat(op(0), u(1)))))
		exports = append(exports, cat(bytesOf([]byte("memory")), op(2), u(0)))
	}
	if len(globals) > 0 {
		out = cat(out, section(6, vec(globals...)))
	}
	for name, f := range p.exports {
		exports = append(exports, cat(bytesOf([]byte(name)), op(0), u(f)))
	}
	out = cat(out, section(7, vec(exports...)))
	if p.start >= 0 {
		out = cat(out, section(8, u(p.start)))
	}
	out = cat(out, p.elements(), section(10, vec(bodies...)))
	if len(p.data) > 0 {
		out = cat(out, section(11, vec(cat(u(0), num(int32(p.dataAt)), op(0x0b), bytesOf(p.data)))))
	}
	return out
}

// elements is one segment for each run of the table.
func (p *program) elements() []byte {
	var segments [][]byte
	for at := 0; at < len(p.table); at++ {
		var run [][]byte
		from := at
		for ; at < len(p.table) && p.table[at] >= 0; at++ {
			run = append(run, u(p.table[at]))
		}
		if len(run) > 0 {
			segments = append(segments, cat(u(0), num(int32(tableBase+from)), op(0x0b), vec(run...)))
		}
	}
	if len(segments) == 0 {
		return nil
	}
	return section(9, vec(segments...))
}

// generator writes random programs that end: each call takes from a budget,
// and loops count.
type generator struct {
	r     *rand.Rand
	p     *program
	loops int // the next local that counts
}

const (
	genFuncs  = 6
	genLocals = 5  // two parameters, three that statements use
	genCounts = 12 // locals that count loops
	budget    = 0  // the global
)

// random makes a program: functions of two i32 and one result, exported as
// "f0" and so on, that call each other directly and through the table.
func random(seed uint64) *program {
	g := &generator{r: rand.New(rand.NewPCG(seed, 7)), p: &program{
		types:   [][2]string{{i32 + i32, i32}, {i32, i32}},
		imports: []string{"mix"}, memory: true, exports: map[string]int{}, start: -1,
		globals: []int32{0, 17, -3}, dataAt: 40, data: []byte("some data of the module"),
	}}
	p := g.p
	for i := range genFuncs {
		p.exports["f"+string(rune('0'+i))] = 1 + i
	}
	for range 4 + g.r.IntN(12) {
		f := 1 + g.r.IntN(genFuncs+1)
		if g.r.IntN(5) == 0 {
			f = -1
		}
		p.table = append(p.table, f)
	}
	p.tableMin = tableBase + len(p.table) + g.r.IntN(3)
	for range genFuncs {
		g.loops = genLocals
		body := cat(
			cat(op(0x23), u(budget), op(0x45, 0x04, 0x40), num(7), op(0x0f, 0x0b)), // none left: return 7
			cat(op(0x23), u(budget), num(1), op(0x6b, 0x24), u(budget)),
			g.statements(3), g.expr(2))
		p.funcs = append(p.funcs, function{0, genLocals - 2 + genCounts, body})
	}
	p.funcs = append(p.funcs, function{1, 0, cat(get(0), num(3), op(0x6c))}) // of another type
	p.exports["refuel"] = len(p.imports) + len(p.funcs)
	p.funcs = append(p.funcs, function{1, 0, cat(get(0), op(0x24), u(budget), num(0))})
	return p
}

func (g *generator) local() int { return g.r.IntN(genLocals) }

func (g *generator) expr(depth int) []byte {
	if depth == 0 {
		switch g.r.IntN(3) {
		case 0:
			return num(int32(g.r.Uint32()) >> g.r.IntN(32))
		case 1:
			return cat(op(0x23), u(1+g.r.IntN(2)))
		}
		return get(g.local())
	}
	sub := func() []byte { return g.expr(g.r.IntN(depth)) }
	address := func() []byte { return cat(sub(), num(0xffc), op(0x71)) }
	switch g.r.IntN(9) {
	case 0:
		return cat(address(), op(0x28, 2, 0))
	case 1:
		return cat(sub(), sub(), call(0))
	case 2:
		return cat(sub(), sub(), call(1+g.r.IntN(genFuncs)))
	case 3:
		index := cat(sub(), num(15), op(0x71))
		return cat(sub(), sub(), index, op(0x11), u(0), op(0))
	case 4:
		return cat(sub(), op(0x04, 0x7f), sub(), op(0x05), sub(), op(0x0b))
	case 5:
		return cat(sub(), sub(), sub(), op(0x1b))
	}
	binary := []byte{0x6a, 0x6b, 0x6c, 0x71, 0x72, 0x73, 0x74, 0x77, 0x46, 0x48, 0x49}
	return cat(sub(), sub(), op(binary[g.r.IntN(len(binary))]))
}

func (g *generator) statements(depth int) []byte {
	var out []byte
	for range 1 + g.r.IntN(3) {
		out = append(out, g.statement(depth)...)
	}
	return out
}

func (g *generator) statement(depth int) []byte {
	if depth == 0 || g.loops >= genLocals+genCounts-2 {
		switch g.r.IntN(3) {
		case 0:
			return cat(g.expr(2), op(0x24), u(1+g.r.IntN(2)))
		case 1:
			return cat(g.expr(1), num(0xffc), op(0x71), g.expr(2), op(0x36, 2, 0))
		}
		return cat(g.expr(2), set(g.local()))
	}
	switch g.r.IntN(5) {
	case 0:
		return cat(g.expr(2), op(0x04, 0x40), g.statements(depth-1), op(0x05), g.statements(depth-1), op(0x0b))
	case 1:
		return g.counted(depth)
	case 2:
		return g.machine(depth)
	case 3: // a block that may be left early
		return cat(op(0x02, 0x40), g.statements(depth-1), g.expr(1), op(0x0d, 0), g.statements(depth-1), op(0x0b))
	}
	return g.statement(0)
}

// counted is a loop of up to four rounds.
func (g *generator) counted(depth int) []byte {
	n := g.loops
	g.loops++
	return cat(num(int32(1+g.r.IntN(4))), set(n), op(0x03, 0x40), g.statements(depth-1),
		get(n), num(1), op(0x6b, 0x22), u(n), op(0x0d, 0, 0x0b))
}

// machine is a loop around a jump table, as compilers make of jumps: each part
// jumps to a random one, forward or back, at most some times.
func (g *generator) machine(depth int) []byte {
	pc, left := g.loops, g.loops+1
	g.loops += 2
	parts := 2 + g.r.IntN(3)
	out := cat(num(0), set(pc), num(int32(2+g.r.IntN(6))), set(left), op(0x02, 0x40, 0x03, 0x40))
	for range parts {
		out = append(out, 0x02, 0x40)
	}
	labels := cat(u(parts - 1))
	for i := range parts {
		labels = append(labels, byte(i))
	}
	out = cat(out, get(pc), op(0x0e), labels)
	for i := range parts {
		out = append(out, 0x0b)
		out = cat(out, g.statements(depth-1))
		rest := parts - 1 - i // blocks that are still open, and then the loop and the block around it
		out = cat(out, get(left), op(0x45, 0x0d), u(rest+1), get(left), num(1), op(0x6b), set(left))
		if g.r.IntN(4) > 0 {
			out = cat(out, num(int32(g.r.IntN(parts))), set(pc), op(0x0c), u(rest))
		}
	}
	return cat(out, op(0x0c, 1, 0x0b, 0x0b))
}
