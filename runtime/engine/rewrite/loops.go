package rewrite

import "slices"

// flow is a function's instructions, and where they are checked, so that no
// path inside of it goes on for ever without a check.
//
// A loop is checked at its head, if anything branches back to it. Compilers
// that have jumps and no structure, as Go's, wrap a whole function into one
// loop around a jump table:
//
//	loop; block ...; local.get pc; br_table; end; A; end; B; ... end
//
// and write a jump as "i32.const n; local.set pc; br loop". There only jumps
// that lead to earlier code are checked, each where it stands: what goes
// forward alone comes to an end.
type flow struct {
	code          []instr
	declarations  int    // of locals
	locals        uint32 // without parameters
	first         int    // where the instructions begin
	indirect      bool   // there is a call_indirect
	checked       bool   // before or after has an entry
	before, after []bool // by instruction: a check belongs there
	end           []int  // of a block, by its start
	src           *body

	open     []int    // scratch
	labelled []uint32 // scratch
}

// read takes a body apart; what f held before is gone.
func (f *flow) read(b *body) *Error {
	*f = flow{src: b, code: f.code[:0], before: f.before, after: f.after, end: f.end[:0], open: f.open[:0], labelled: f.labelled}
	r := &reader{b: b.code, base: b.at, section: "code"}
	f.declarations, f.locals = r.locals()
	f.first = r.at
	open := f.open
	for !r.done() {
		in := r.instr()
		i := len(f.code)
		f.code = append(f.code, in)
		switch in.op {
		case opCallIndirect:
			f.indirect = true
		case opBlock, opLoop, opIf:
			open = append(open, i)
		case opEnd:
			if len(open) > 0 {
				f.mark(open[len(open)-1], i)
				open = open[:len(open)-1]
			}
		}
	}
	f.open = open
	return r.err
}

func (f *flow) mark(start, end int) {
	for len(f.end) < len(f.code) {
		f.end = append(f.end, 0)
	}
	f.end[start] = end
}

// cleared is n times false, in the memory of b if that is enough.
func cleared(b []bool, n int) []bool {
	if cap(b) < n {
		return make([]bool, n)
	}
	b = b[:n]
	clear(b)
	return b
}

// plan decides where to check.
func (f *flow) plan() {
	n := len(f.code)
	f.before, f.after = cleared(f.before, n), cleared(f.after, n)
	for len(f.end) < n {
		f.end = append(f.end, 0)
	}
	open := f.open[:0]
	for i, in := range f.code {
		switch in.op {
		case opBlock, opLoop, opIf:
			open = append(open, i)
		case opEnd:
			open = open[:max(len(open)-1, 0)]
		case opBr, opBrIf:
			f.branch(i, in.index, open)
		case opBrTable:
			for _, l := range slices.Clone(f.labels(i)) {
				f.branch(i, l, open)
			}
		}
	}
}

// branch looks at one target of a branch.
func (f *flow) branch(i int, label uint32, open []int) {
	if uint64(label) >= uint64(len(open)) {
		return
	}
	start := open[len(open)-1-int(label)]
	if f.code[start].op != opLoop {
		return
	}
	if t := f.jumpTable(start); t < 0 {
		f.after[start], f.checked = true, true
	} else if !f.forward(i, start, t) {
		f.before[i], f.checked = true, true
	}
}

// jumpTable is the br_table of a loop around one, -1 for another loop.
func (f *flow) jumpTable(loop int) int {
	i := loop + 1
	for i < len(f.code) && f.code[i].op == opBlock {
		i++
	}
	blocks := i - loop - 1
	if i+1 >= len(f.code) || f.code[i].op != opLocalGet || f.code[i+1].op != opBrTable {
		return -1
	}
	for _, l := range f.labels(i + 1) {
		if uint64(l) >= uint64(blocks) {
			return -1
		}
	}
	return i + 1
}

// forward reports that the branch at i, to a loop around the jump table t, is
// a jump to later code.
func (f *flow) forward(i, loop, t int) bool {
	if i < 2 || f.code[i].op != opBr || f.code[i-1].op != opLocalSet || f.code[i-2].op != opI32Const ||
		f.code[i-1].index != f.code[t-1].index {
		return false
	}
	r := &reader{b: f.src.code, at: f.code[i-2].at + 1}
	n := uint64(uint32(r.signed(32)))
	labels := f.labels(t)
	block := t - 2 - int(labels[min(n, uint64(len(labels)-1))])
	return block > loop && f.end[block] > i
}

// labels of the br_table at i, the default last; until the next call.
func (f *flow) labels(i int) []uint32 {
	r := &reader{b: f.src.code, at: f.code[i].at + 1}
	n := r.count()
	out := f.labelled[:0]
	for range n + 1 {
		out = append(out, r.u32())
	}
	f.labelled = out
	return out
}
