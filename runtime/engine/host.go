package engine

import (
	"context"
	"fmt"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/holdfast-run/holdfast/guest-sdk/abi"
)

// linkHost provides the module of host functions. Each function reads its
// request in guest memory, asks the instance's Calls and writes the answer.
func linkHost(ctx context.Context, r wazero.Runtime) error {
	b := r.NewHostModuleBuilder(abi.Module)
	for i, f := range abi.Functions {
		params, results := signature(f.Shape)
		b.NewFunctionBuilder().WithGoModuleFunction(glue(i, f), params, results).Export(f.Name)
	}
	if _, err := b.Instantiate(ctx); err != nil {
		return fmt.Errorf("engine: link %s: %w", abi.Module, err)
	}
	return nil
}

func signature(s abi.Shape) (params, results []api.ValueType) {
	i32, i64 := api.ValueTypeI32, api.ValueTypeI64
	switch s {
	case abi.Sync:
		return []api.ValueType{i32, i32, i32, i32}, []api.ValueType{i64}
	case abi.Async, abi.Take:
		return []api.ValueType{i32, i32}, []api.ValueType{i64}
	case abi.Clock:
		return nil, []api.ValueType{i64}
	}
	return []api.ValueType{i32, i32}, []api.ValueType{i32}
}

func glue(fn int, f abi.Function) api.GoModuleFunc {
	switch f.Shape {
	case abi.Sync:
		return func(ctx context.Context, m api.Module, st []uint64) {
			in := instanceOf(ctx)
			status, out := in.calls.Sync(fn, in.view(f.Name, m, st[0], st[1]))
			st[0] = abi.Pack(status, in.answer(f.Name, m, st[2], st[3], out))
		}
	case abi.Async:
		return func(ctx context.Context, m api.Module, st []uint64) {
			in := instanceOf(ctx)
			op, status, failure := in.calls.Async(fn, in.view(f.Name, m, st[0], st[1]))
			in.stash = failure
			st[0] = abi.Pack(status, op)
		}
	case abi.Take:
		return func(ctx context.Context, m api.Module, st []uint64) {
			in := instanceOf(ctx)
			st[0] = abi.Pack(abi.OK, in.answer(f.Name, m, st[0], st[1], in.stash))
		}
	case abi.Clock:
		return func(ctx context.Context, m api.Module, st []uint64) {
			st[0] = uint64(instanceOf(ctx).calls.Now())
		}
	case abi.Fill:
		return func(ctx context.Context, m api.Module, st []uint64) {
			in := instanceOf(ctx)
			in.calls.Random(in.view(f.Name, m, st[0], st[1]))
			st[0] = uint64(abi.OK)
		}
	}
	return func(ctx context.Context, m api.Module, st []uint64) {
		in := instanceOf(ctx)
		status, failure, trap := in.calls.Post(fn, in.view(f.Name, m, st[0], st[1]))
		if trap != nil {
			panic(trap)
		}
		in.stash = failure
		st[0] = uint64(status)
	}
}

// view is guest memory as the host reads it; a pointer or length outside
// traps, with the function's name.
func (in *Instance) view(name string, m api.Module, ptr, n uint64) []byte {
	if uint32(n) == 0 {
		return nil
	}
	if uint32(n) > abi.RequestBytesMax {
		panic(&Trap{TrapPointer, fmt.Sprintf("%s: %d bytes, expected at most %d", name, uint32(n), abi.RequestBytesMax)})
	}
	b, ok := m.Memory().Read(uint32(ptr), uint32(n))
	if !ok {
		panic(&Trap{TrapPointer, fmt.Sprintf("%s: pointer %d and length %d are outside the memory of %d bytes", name, uint32(ptr), uint32(n), m.Memory().Size())})
	}
	return b
}

// answer writes out if it fits, and keeps it for "result" if not.
func (in *Instance) answer(name string, m api.Module, ptr, room uint64, out []byte) uint32 {
	if uint64(len(out)) > uint64(uint32(room)) {
		in.stash = out
		return uint32(len(out))
	}
	in.stash = nil
	if len(out) > 0 && !m.Memory().Write(uint32(ptr), out) {
		panic(&Trap{TrapPointer, fmt.Sprintf("%s: result pointer %d and room %d are outside the memory of %d bytes", name, uint32(ptr), uint32(room), m.Memory().Size())})
	}
	return uint32(len(out))
}

// registrar is the Calls of a guest whose image is being made.
type registrar struct {
	classes []abi.RegisterRequest
	refused string
	said    []byte // indented lines
}

// tell adds what the guest said to how it failed.
func (r *registrar) tell(err error) error {
	if err == nil || len(r.said) == 0 {
		return err
	}
	return fmt.Errorf("%w; its standard error:%s", err, r.said)
}

func (r *registrar) refuse(fn int) (abi.Status, []byte) {
	name := abi.Functions[fn].Name
	if r.refused == "" {
		r.refused = name
	}
	f := abi.Failure{Message: name + " is not allowed while the image is made"}
	return abi.WrongPhase, f.Append(nil)
}

// Sync refuses.
func (r *registrar) Sync(fn int, _ []byte) (abi.Status, []byte) { return r.refuse(fn) }

// Async refuses.
func (r *registrar) Async(fn int, _ []byte) (uint32, abi.Status, []byte) {
	st, f := r.refuse(fn)
	return 0, st, f
}

// Post takes registrations and drops log lines.
func (r *registrar) Post(fn int, req []byte) (abi.Status, []byte, error) {
	switch abi.Functions[fn].Name {
	case "log":
		return abi.OK, nil, nil
	case "register":
		var m abi.RegisterRequest
		if err := m.Decode(req); err != nil {
			return abi.Invalid, (&abi.Failure{Message: err.Error()}).Append(nil), nil
		}
		r.classes = append(r.classes, m)
		return abi.OK, nil, nil
	}
	st, f := r.refuse(fn)
	return st, f, nil
}
