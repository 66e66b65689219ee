package rewrite_test

import (
	"context"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/holdfast-run/holdfast/runtime/engine/rewrite"
)

// spin is a loop of a few instructions, f(n): xorshift, n times.
func spin() *program {
	step := func(shift int32, op byte) []byte {
		return cat(get(1), get(1), num(shift), []byte{op, 0x73}, set(1))
	}
	body := cat(num(1), set(1), []byte{0x03, 0x40},
		step(13, 0x74), step(17, 0x76), step(5, 0x74),
		get(0), num(1), []byte{0x6b, 0x22, 0, 0x0d, 0, 0x0b}, get(1))
	return &program{types: [][2]string{{i32, i32}}, exports: map[string]int{"f": 0}, start: -1, memory: true, funcs: []function{{0, 1, body}}}
}

// BenchmarkLoop is an iteration of a tight loop, as it was and with fuel.
func BenchmarkLoop(b *testing.B) {
	module := spin().encode()
	for name, m := range map[string][]byte{"original": module, "rewritten": rewritten(b, module, rewrite.Options{}).Module} {
		b.Run(name, func(b *testing.B) {
			ctx := context.Background()
			r := wazero.NewRuntime(ctx)
			defer r.Close(ctx)
			yield := api.GoModuleFunc(func(_ context.Context, m api.Module, _ []uint64) {
				m.ExportedGlobal(rewrite.ExportFuel).(api.MutableGlobal).Set(rewrite.FuelDefault)
			})
			if _, err := r.NewHostModuleBuilder(rewrite.HostModule).NewFunctionBuilder().WithGoModuleFunction(yield, nil, nil).Export(rewrite.HostYield).Instantiate(ctx); err != nil {
				b.Fatal(err)
			}
			in, err := r.InstantiateWithConfig(ctx, m, wazero.NewModuleConfig().WithStartFunctions())
			if err != nil {
				b.Fatal(err)
			}
			f := in.ExportedFunction("f")
			b.ResetTimer()
			if _, err := f.Call(ctx, uint64(b.N)); err != nil {
				b.Fatal(err)
			}
		})
	}
}
