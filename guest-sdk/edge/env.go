package edge

import (
	"log/slog"
	"slices"
	"time"

	"github.com/holdfast-run/holdfast/guest-sdk/abi"
	"github.com/holdfast-run/holdfast/guest-sdk/edge/internal/bridge"
)

// Env is the app's bindings.
type Env struct {
	// Log is the app's log; an object logs with its State.
	Log        *slog.Logger
	in         *instance
	mode       string
	vars       []abi.Header
	d1         []string
	namespaces []string
}

// Mode is "dev" or "serve".
func (e *Env) Mode() string { return e.mode }

// Var is a variable of the configuration, or "".
func (e *Env) Var(name string) string {
	for i := len(e.vars) - 1; i >= 0; i-- {
		if e.vars[i].Name == name {
			return e.vars[i].Value
		}
	}
	return ""
}

// Now is the host's clock.
func (e *Env) Now() time.Time { return time.Unix(0, e.in.host.Now()) }

// Rand fills p with random bytes of the host.
func (e *Env) Rand(p []byte) { e.in.host.Random(p) }

// D1 is the database of a binding. A binding that the app does not have
// fails at its first query.
func (e *Env) D1(binding string) *D1 { return &D1{in: e.in, binding: binding} }

// D1Named is one database of a binding with a pattern such as "engage-*".
func (e *Env) D1Named(binding, name string) *D1 { return &D1{in: e.in, binding: binding, name: name} }

// Namespace is the objects of a class.
func (e *Env) Namespace(binding string) *Namespace { return &Namespace{in: e.in, binding: binding} }

// HasNamespace and HasD1 tell whether the app has a binding.
func (e *Env) HasNamespace(binding string) bool { return slices.Contains(e.namespaces, binding) }

// HasD1 tells whether the app has a D1 binding of that name.
func (e *Env) HasD1(binding string) bool { return slices.Contains(e.d1, binding) }

// WaitUntil runs fn after a worker's answer. See State.WaitUntil.
func (e *Env) WaitUntil(name string, fn func() error) { e.in.waitUntil(name, e.Log, fn) }

// Fetch sends a request to a host that the app's configuration lists under
// holdfast.outbound.
func (e *Env) Fetch(r *Request) (*Response, error) {
	out, err := e.in.await(bridge.Fetch, &abi.FetchRequest{Event: e.in.current, Request: r.message()})
	if err != nil {
		return nil, err
	}
	return responseOf(out)
}

func responseOf(out []byte) (*Response, error) {
	var m abi.Response
	if err := m.DecodeShared(out); err != nil {
		return nil, err
	}
	return &Response{Status: int(m.Status), Header: m.Headers, Body: m.Body}, nil
}
