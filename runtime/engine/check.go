package engine

import (
	"errors"
	"fmt"
	"strings"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/holdfast-run/holdfast/guest-sdk/abi"
	"github.com/holdfast-run/holdfast/runtime/engine/rewrite"
)

// ErrModule is wrapped by every refusal of a module.
var ErrModule = errors.New("not a guest module")

func refuse(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrModule, fmt.Sprintf(format, args...))
}

// checkModule refuses a module that the boundary does not fit.
func checkModule(m wazero.CompiledModule) error {
	known := map[string]bool{}
	for _, f := range abi.Functions {
		known[f.Name] = true
	}
	for _, f := range m.ImportedFunctions() {
		module, name, _ := f.Import()
		switch {
		case module == abi.Module && !known[name]:
			return refuse("it imports %s.%s, which this host does not have", module, name)
		case module == abi.Module, module == wasiModule, module == rewrite.HostModule:
		case strings.HasPrefix(module, "holdfast_v"):
			return refuse("it is built for ABI %s, this host has %s", module, abi.Module)
		default:
			return refuse("it imports %s.%s; only %s and %s are there", module, name, abi.Module, wasiModule)
		}
	}
	if len(m.ImportedMemories()) > 0 || len(m.ExportedMemories()) != 1 || m.ExportedMemories()[abi.ExportMemory] == nil {
		return refuse("it must have exactly one memory of its own, exported as %q", abi.ExportMemory)
	}
	return checkExports(m.ExportedFunctions())
}

func checkExports(have map[string]api.FunctionDefinition) error {
	i32 := api.ValueTypeI32
	for _, want := range []struct {
		name            string
		params, results []api.ValueType
	}{
		{abi.ExportInitialize, nil, nil},
		{abi.ExportBuffer, []api.ValueType{i32}, []api.ValueType{i32}},
		{abi.ExportEvent, []api.ValueType{i32, i32}, []api.ValueType{i32}},
		{abi.ExportCompletion, []api.ValueType{i32, i32, i32}, []api.ValueType{i32}},
		{abi.ExportTick, nil, []api.ValueType{i32}},
	} {
		f := have[want.name]
		if f == nil {
			return refuse("it does not export %s; Go guests are built with -buildmode=c-shared and import guest-sdk/edge", want.name)
		}
		if string(f.ParamTypes()) != string(want.params) || string(f.ResultTypes()) != string(want.results) {
			return refuse("its export %s has the wrong signature", want.name)
		}
	}
	return nil
}
