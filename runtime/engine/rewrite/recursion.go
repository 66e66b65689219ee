package rewrite

// recursion chooses where calls are checked: the entries of own functions,
// and indirect calls, such that every cycle of calls passes one of them. They are what a depth-first walk comes back to. An indirect call may
// lead to any function that an element segment names.
func (m *module) recursion(s *survey) (entries []bool, indirect bool) {
	g := callGraph{own: len(m.bodies), imports: len(m.imports), s: s}
	seen := make([]bool, len(m.bodies))
	for i := range m.elements {
		for _, f := range m.elements[i].taken() {
			if k := int(f) - len(m.imports); k >= 0 && k < len(m.bodies) && !seen[k] {
				seen[k] = true
				g.table = append(g.table, k)
			}
		}
	}
	marked := g.returns()
	return marked[:g.own], marked[g.own]
}

// taken is the functions that a segment names.
func (e *element) taken() []uint32 {
	out := append([]uint32{}, e.funcs...)
	for _, x := range e.exprs {
		if r := (&reader{b: x, at: 1}); x[0] == opRefFunc {
			out = append(out, r.u32())
		}
	}
	return out
}

// callGraph has a node for each own function and one, the last, for the
// table.
type callGraph struct {
	own, imports int
	s            *survey
	table        []int
}

// The answers of edge that are no node.
const (
	edgeEnd     = -1
	edgeForeign = -2
)

// edge is the k-th callee of a node.
func (g *callGraph) edge(node, k int) int {
	if node == g.own {
		if k < len(g.table) {
			return g.table[k]
		}
		return edgeEnd
	}
	direct := g.s.calls[node]
	switch {
	case k < len(direct):
		if f := int(direct[k]) - g.imports; f >= 0 {
			return f
		}
		return edgeForeign
	case k == len(direct) && g.s.viaTable[node]:
		return g.own
	}
	return edgeEnd
}

// returns marks the nodes that a depth-first walk finds again while it is
// still below them. The walk begins at the table, so that it is the table
// that cycles through it come back to.
func (g *callGraph) returns() []bool {
	const (
		fresh = iota
		open
		closed
	)
	n := g.own + 1
	state, edge, marked := make([]byte, n), make([]int, n), make([]bool, n)
	for i := range n {
		root := n - 1 - i
		if state[root] != fresh {
			continue
		}
		state[root] = open
		path := []int{root}
		for len(path) > 0 {
			v := path[len(path)-1]
			w := g.edge(v, edge[v])
			edge[v]++
			switch {
			case w == edgeForeign:
			case w == edgeEnd:
				state[v] = closed
				path = path[:len(path)-1]
			case state[w] == open:
				marked[w] = true
			case state[w] == fresh:
				state[w] = open
				path = append(path, w)
			}
		}
	}
	return marked
}
