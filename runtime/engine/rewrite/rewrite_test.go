package rewrite_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/holdfast-run/holdfast/runtime/engine/rewrite"
)

// machineOf is an instance of a module, rewritten or not.
type machineOf struct {
	m      api.Module
	yields int
	stop   int   // the yield that ends the guest; 0: none
	refuel int32 // what a yield gives
}

var errStopped = errors.New("stopped at a yield")

// run makes an instance. res is what the module was rewritten to, nil for the
// original.
func run(t testing.TB, module []byte, res *rewrite.Result) *machineOf {
	t.Helper()
	ctx := context.Background()
	r := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfigInterpreter())
	t.Cleanup(func() { _ = r.Close(ctx) })
	g := &machineOf{refuel: 3}
	mix := api.GoModuleFunc(func(_ context.Context, _ api.Module, st []uint64) { st[0] = uint64(uint32(st[0])*31 ^ uint32(st[1])) })
	two := []api.ValueType{api.ValueTypeI32, api.ValueTypeI32}
	if _, err := r.NewHostModuleBuilder("env").NewFunctionBuilder().WithGoModuleFunction(mix, two, two[:1]).Export("mix").Instantiate(ctx); err != nil {
		t.Fatal(err)
	}
	yield := api.GoModuleFunc(func(_ context.Context, m api.Module, _ []uint64) {
		if g.yields++; g.yields == g.stop {
			panic(errStopped)
		}
		m.ExportedGlobal(rewrite.ExportFuel).(api.MutableGlobal).Set(uint64(uint32(g.refuel)))
	})
	if _, err := r.NewHostModuleBuilder(rewrite.HostModule).NewFunctionBuilder().WithGoModuleFunction(yield, nil, nil).Export(rewrite.HostYield).Instantiate(ctx); err != nil {
		t.Fatal(err)
	}
	if res != nil {
		module = res.Module
	}
	m, err := r.InstantiateWithConfig(ctx, module, wazero.NewModuleConfig().WithName("").WithStartFunctions())
	if err != nil {
		t.Fatalf("instantiate: %v", err)
	}
	g.m = m
	if res != nil {
		for _, d := range res.Data {
			if !m.Memory().Write(d.Offset, d.Data) {
				t.Fatalf("data at %d does not fit", d.Offset)
			}
		}
		if res.Start != "" {
			if _, err := m.ExportedFunction(res.Start).Call(ctx); err != nil {
				t.Fatal(err)
			}
		}
	}
	return g
}

// call is the result of an export as text: a number, or that it trapped.
func (g *machineOf) call(name string, args ...uint64) string {
	out, err := g.m.ExportedFunction(name).Call(context.Background(), args...)
	switch {
	case errors.Is(err, errStopped):
		return "stopped"
	case err != nil:
		return "trap"
	case len(out) == 0:
		return ""
	}
	return fmt.Sprint(uint32(out[0]))
}

func rewritten(t testing.TB, module []byte, opts rewrite.Options) *rewrite.Result {
	t.Helper()
	res, err := rewrite.Rewrite(module, opts)
	if err != nil {
		t.Fatal(err)
	}
	return res
}

// TestRandomPrograms_DoTheSame runs random programs as they were and in each
// way of rewriting, with so little fuel that they yield all the time.
func TestRandomPrograms_DoTheSame(t *testing.T) {
	yields, traps := 0, 0
	for seed := range uint64(120) {
		module := random(seed).encode()
		want := run(t, module, nil)
		ways := []*machineOf{
			run(t, nil, rewritten(t, module, rewrite.Options{Fuel: 1})),
			run(t, nil, rewritten(t, module, rewrite.Options{Fuel: 2, KeepTable: true})),
			run(t, nil, rewritten(t, module, rewrite.Options{NoChecks: true})),
		}
		for i := range 24 {
			name, a, b := fmt.Sprint("f", i%genFuncs), uint64(i*77), uint64(uint32(-i*13))
			want.call("refuel", 60)
			expect := want.call(name, a, b)
			if expect == "trap" {
				traps++
			}
			for w, g := range ways {
				g.call("refuel", 60)
				if got := g.call(name, a, b); got != expect {
					t.Fatalf("seed %d, way %d, call %d of %s: %s, want %s", seed, w, i, name, got, expect)
				}
				same(t, fmt.Sprintf("seed %d, way %d, call %d", seed, w, i), want, g)
			}
		}
		for _, g := range ways {
			yields += g.yields
		}
	}
	if yields < 10_000 || traps < 20 {
		t.Fatalf("%d yields and %d traps: the programs test too little", yields, traps)
	}
}

// same compares memories.
func same(t *testing.T, where string, a, b *machineOf) {
	t.Helper()
	x, _ := a.m.Memory().Read(0, a.m.Memory().Size())
	y, _ := b.m.Memory().Read(0, b.m.Memory().Size())
	if string(x) != string(y) {
		t.Fatalf("%s: memories differ", where)
	}
}

// endless are modules whose export f never returns.
func endless() map[string]*program {
	plain := func(types [][2]string, locals int, bodies ...[]byte) *program {
		p := &program{types: types, exports: map[string]int{"f": 0}, start: -1, memory: true}
		for _, b := range bodies {
			p.funcs = append(p.funcs, function{0, locals, b})
		}
		return p
	}
	none := [][2]string{{"", ""}}
	// fib-like recursion: two calls of each other, ever deeper by the argument
	one := [][2]string{{i32, i32}}
	deep := func(f int) []byte {
		arg := cat(get(0), num(1), op(0x6b))
		return cat(get(0), op(0x45, 0x04, 0x7f), num(1), op(0x05), arg, call(f), arg, call(f), op(0x6a, 0x0b))
	}
	table := plain(one, 0, cat(get(0), op(0x45, 0x04, 0x7f), num(1), op(0x05),
		get(0), num(1), op(0x6b), num(tableBase), op(0x11, 0, 0),
		get(0), num(1), op(0x6b), num(tableBase), op(0x11, 0, 0), op(0x6a, 0x0b)))
	table.table, table.tableMin = []int{0}, tableBase+1
	machine := cat(op(0x03, 0x40, 0x02, 0x40, 0x02, 0x40), get(0), op(0x0e, 1, 0, 1),
		op(0x0b), num(1), set(0), op(0x0c, 1), // part 0: forward to 1
		op(0x0b), num(0), set(0), op(0x0c, 0), op(0x0b)) // part 1: back to 0
	return map[string]*program{
		"a loop":                  plain(none, 0, op(0x03, 0x40, 0x0c, 0, 0x0b)),
		"a loop by br_if":         plain(none, 0, cat(op(0x03, 0x40), num(1), op(0x0d, 0, 0x0b))),
		"a loop by br_table":      plain(none, 0, cat(op(0x03, 0x40), num(1), op(0x0e, 1, 0, 0, 0x0b))),
		"a loop around a block":   plain(none, 0, op(0x03, 0x40, 0x02, 0x40, 0x0c, 1, 0x0b, 0x0b)),
		"a loop with a parameter": {types: [][2]string{{"", ""}, {i32, ""}}, exports: map[string]int{"f": 0}, start: -1, memory: true, funcs: []function{{0, 0, cat(num(5), op(0x03, 1, 0x0c, 0, 0x0b))}}},
		"a jump machine":          plain(none, 1, machine),
		"recursion":               plain(one, 0, deep(0)),
		"recursion of two":        plain(one, 0, deep(1), deep(0)),
		"recursion by the table":  table,
	}
}

// TestEndless_Yields: whatever does not return calls the host.
func TestEndless_Yields(t *testing.T) {
	for name, p := range endless() {
		for _, keep := range []bool{false, true} {
			g := run(t, nil, rewritten(t, p.encode(), rewrite.Options{Fuel: 50, KeepTable: keep}))
			g.stop, g.refuel = 5, 40
			var args []uint64
			if p.types[0][0] == i32 && name != "a loop with a parameter" {
				args = []uint64{60}
			}
			if got := g.call("f", args...); got != "stopped" {
				t.Errorf("%s (table kept: %v): %s after %d yields", name, keep, got, g.yields)
			}
		}
	}
}

// TestForwardJumps_CostNothing: a machine that only jumps forward is checked
// nowhere.
func TestForwardJumps_CostNothing(t *testing.T) {
	forward := cat(op(0x02, 0x40, 0x03, 0x40, 0x02, 0x40, 0x02, 0x40), get(0), op(0x0e, 1, 0, 1),
		op(0x0b), num(1), set(0), op(0x0c, 1), op(0x0b), op(0x0c, 1), op(0x0b, 0x0b))
	p := &program{types: [][2]string{{"", ""}}, exports: map[string]int{"f": 0}, start: -1, memory: true, funcs: []function{{0, 1, forward}}}
	g := run(t, nil, rewritten(t, p.encode(), rewrite.Options{Fuel: 1}))
	if got := g.call("f"); got != "" || g.yields != 0 {
		t.Fatalf("%q after %d yields", got, g.yields)
	}
}

func TestStartAndData_AreTheCallers(t *testing.T) {
	p := random(1)
	p.funcs = append(p.funcs, function{2, 0, cat(num(0), num(99), op(0x36, 2, 0))})
	p.types = append(p.types, [2]string{"", ""})
	p.start = len(p.imports) + len(p.funcs) - 1
	res := rewritten(t, p.encode(), rewrite.Options{})
	if res.Start != rewrite.ExportStart || len(res.Data) != 1 || res.Data[0].Offset != 40 || string(res.Data[0].Data) != string(p.data) {
		t.Fatalf("start %q, data %v", res.Start, res.Data)
	}
	same(t, "after start", run(t, p.encode(), nil), run(t, nil, res))
}

func TestTable_StaysWhereItMayChange(t *testing.T) {
	p := random(2)
	p.types = append(p.types, [2]string{"", ""})
	p.funcs = append(p.funcs, function{2, 0, cat(num(0), op(0xd0, 0x70), op(0x26, 0))}) // table.set 0 null
	res := rewritten(t, p.encode(), rewrite.Options{})
	if !strings.Contains(res.Table, "table.set in function") || !strings.Contains(res.State, "its table changes") {
		t.Fatalf("table %q, state %q", res.Table, res.State)
	}
	if res := rewritten(t, random(2).encode(), rewrite.Options{}); res.Table != "" || res.State != "" || len(res.Globals) != 3 {
		t.Fatalf("a plain program: table %q, state %q, %d globals", res.Table, res.State, len(res.Globals))
	}
}

func TestEnter_ReachesTheExportsByNumber(t *testing.T) {
	p := random(3)
	p.exports["three"] = len(p.imports) + len(p.funcs)
	p.types = append(p.types, [2]string{i32 + i32 + i32, i32}, [2]string{"", ""})
	p.funcs = append(p.funcs, function{2, 0, cat(get(0), get(1), op(0x6b), get(2), op(0x6b))})
	p.exports["none"] = len(p.imports) + len(p.funcs)
	p.funcs = append(p.funcs, function{3, 0, nil})
	g := run(t, nil, rewritten(t, p.encode(), rewrite.Options{Enter: []string{"refuel", "absent", "none", "three"}}))
	for args, want := range map[[4]uint64]string{{0, 5}: "0", {3, 100, 20, 3}: "77", {1}: "trap", {2}: "trap", {9}: "trap"} {
		if got := g.call(rewrite.ExportEnter, args[:]...); got != want {
			t.Errorf("%v: %s, want %s", args, got, want)
		}
	}
}
