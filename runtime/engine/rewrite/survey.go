package rewrite

import "fmt"

// survey is what one look at all bodies learns.
type survey struct {
	indirect   map[uint32]bool // types that are called indirectly
	calls      [][]uint32      // by own function: what it calls directly
	viaTable   []bool          // by own function: it calls indirectly
	passive    bool            // memory.init or data.drop
	refFunc    bool
	tableRead  bool   // table.get or table.size
	tableWrite string // the instruction that changes a table
}

func (m *module) survey() (*survey, *Error) {
	s := &survey{
		indirect: map[uint32]bool{}, calls: make([][]uint32, len(m.bodies)),
		viaTable: make([]bool, len(m.bodies)),
	}
	for i := range m.bodies {
		if err := s.look(m, i); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func (s *survey) look(m *module, i int) *Error {
	var bad *Error
	err := m.bodies[i].instructions(func(in instr) {
		switch in.op {
		case opCall:
			if !m.hasFunc(in.index) && bad == nil {
				bad = &Error{"code", m.bodies[i].at + in.at, fmt.Sprintf("call of function %d, which does not exist", in.index)}
			}
			s.calls[i] = append(s.calls[i], in.index)
		case opCallIndirect:
			if int(in.index) >= len(m.types) && bad == nil {
				bad = &Error{"code", m.bodies[i].at + in.at, fmt.Sprintf("call_indirect of type %d, which does not exist", in.index)}
			}
			s.indirect[in.index] = true
			s.viaTable[i] = true
		case opRefFunc:
			s.refFunc = true
		case opTableGet:
			s.tableRead = true
		case opTableSet:
			s.writes("table.set", i)
		case opMisc:
			s.misc(in.sub, i)
		}
	})
	if err == nil {
		err = bad
	}
	return err
}

func (s *survey) misc(sub uint32, function int) {
	switch sub {
	case miscMemoryInit, miscDataDrop:
		s.passive = true
	case miscTableInit:
		s.writes("table.init", function)
	case miscElemDrop:
		s.writes("elem.drop", function)
	case miscTableCopy:
		s.writes("table.copy", function)
	case miscTableGrow:
		s.writes("table.grow", function)
	case miscTableFill:
		s.writes("table.fill", function)
	case miscTableSize:
		s.tableRead = true
	}
}

func (s *survey) writes(what string, function int) {
	if s.tableWrite == "" {
		s.tableWrite = fmt.Sprintf("%s in function %d", what, function)
	}
}
