package rewrite

// The instructions that something here looks at.
const (
	opUnreachable  = 0x00
	opBlock        = 0x02
	opLoop         = 0x03
	opIf           = 0x04
	opElse         = 0x05
	opEnd          = 0x0b
	opBr           = 0x0c
	opBrIf         = 0x0d
	opBrTable      = 0x0e
	opReturn       = 0x0f
	opCall         = 0x10
	opCallIndirect = 0x11
	opSelectTyped  = 0x1c
	opLocalGet     = 0x20
	opLocalSet     = 0x21
	opLocalTee     = 0x22
	opGlobalGet    = 0x23
	opGlobalSet    = 0x24
	opTableGet     = 0x25
	opTableSet     = 0x26
	opI32Const     = 0x41
	opI64Const     = 0x42
	opF32Const     = 0x43
	opF64Const     = 0x44
	opI32Eqz       = 0x45
	opI32Sub       = 0x6b
	opRefNull      = 0xd0
	opRefFunc      = 0xd2
	opMisc         = 0xfc
	opSIMD         = 0xfd

	miscMemoryInit = 8
	miscDataDrop   = 9
	miscTableInit  = 12
	miscElemDrop   = 13
	miscTableCopy  = 14
	miscTableGrow  = 15
	miscTableSize  = 16
	miscTableFill  = 17

	blockEmpty = 0x40
)

// instr is one instruction: code[at:end], with its first index where it has
// one.
type instr struct {
	op      byte
	sub     uint32 // of opMisc and opSIMD
	index   uint32 // function, type, local, global, table ...
	table   uint32 // of opCallIndirect
	at, end int
}

// instr reads the next instruction.
func (r *reader) instr() instr {
	in := instr{at: r.at}
	in.op = r.byte()
	switch op := in.op; {
	case op == opBlock, op == opLoop, op == opIf:
		r.signed(33)
	case op == opBr, op == opBrIf, op == opCall, op >= opLocalGet && op <= opTableSet, op == opRefFunc:
		in.index = r.u32()
	case op == opBrTable:
		for n := r.count(); n >= 0 && r.err == nil; n-- {
			r.u32()
		}
	case op == opCallIndirect:
		in.index, in.table = r.u32(), r.u32()
	case op == opSelectTyped:
		r.bytes(r.u32())
	case op >= 0x28 && op <= 0x3e: // loads and stores
		r.memarg()
	case op == 0x3f, op == 0x40, op == opRefNull:
		r.byte()
	case op == opI32Const:
		r.signed(32)
	case op == opI64Const:
		r.signed(64)
	case op == opF32Const:
		r.bytes(4)
	case op == opF64Const:
		r.bytes(8)
	case op == opMisc:
		in.sub, in.index = r.misc()
	case op == opSIMD:
		in.sub = r.simd()
	case op <= 0x01, op == opElse, op == opEnd, op == opReturn, op == 0x1a, op == 0x1b,
		op >= 0x45 && op <= 0xc4, op == 0xd1:
	default:
		r.failAt(in.at, "instruction %#x is not supported", op)
	}
	in.end = r.at
	return in
}

func (r *reader) memarg() {
	r.u32()
	r.u32()
}

// misc reads what follows the prefix 0xfc.
func (r *reader) misc() (sub, index uint32) {
	at := r.at
	switch sub = r.u32(); {
	case sub <= 7: // saturating conversions
	case sub == miscMemoryInit, sub == 10: // memory.init, memory.copy
		index = r.u32()
		r.byte()
	case sub == miscDataDrop, sub == 11, sub == miscElemDrop, sub >= miscTableGrow && sub <= miscTableFill:
		index = r.u32()
	case sub == miscTableInit, sub == miscTableCopy:
		index = r.u32()
		r.u32()
	default:
		r.failAt(at, "instruction 0xfc %d is not supported", sub)
	}
	return sub, index
}

// simd reads what follows the prefix 0xfd.
func (r *reader) simd() uint32 {
	at := r.at
	sub := r.u32()
	switch {
	case sub <= 11, sub == 92, sub == 93:
		r.memarg()
	case sub == 12, sub == 13:
		r.bytes(16)
	case sub >= 21 && sub <= 34:
		r.byte()
	case sub >= 84 && sub <= 91:
		r.memarg()
		r.byte()
	case sub > 0xff:
		r.failAt(at, "instruction 0xfd %d is not supported", sub)
	}
	return sub
}

// constExpr reads a constant expression and its end.
func (r *reader) constExpr() []byte {
	start := r.at
	for r.err == nil {
		at := r.at
		switch in := r.instr(); in.op {
		case opI32Const, opI64Const, opF32Const, opF64Const, opGlobalGet, opRefNull, opRefFunc:
		case opSIMD:
			if in.sub != 12 && r.err == nil {
				r.failAt(at, "a constant expression has a vector instruction other than v128.const")
			}
		case opEnd:
			return r.b[start:r.at]
		default:
			r.failAt(at, "instruction %#x is not supported in a constant expression", in.op)
		}
	}
	return nil
}

// locals reads the declarations of a function's locals: how many there are of
// each.
func (r *reader) locals() (declarations int, locals uint32) {
	start, total := r.at, uint64(0)
	declarations = r.count()
	for n := declarations; n > 0 && r.err == nil; n-- {
		total += uint64(r.u32())
		r.byte()
	}
	if total > localsMax {
		r.failAt(start, "a function has %d locals, more than %d", total, localsMax)
	}
	return declarations, uint32(total)
}

// localsMax bounds the locals of a function.
const localsMax = 50_000

// instructions calls fn for each instruction of a body.
func (b *body) instructions(fn func(in instr)) *Error {
	r := &reader{b: b.code, base: b.at, section: "code"}
	r.locals()
	for !r.done() {
		if in := r.instr(); r.err == nil {
			fn(in)
		}
	}
	return r.err
}
