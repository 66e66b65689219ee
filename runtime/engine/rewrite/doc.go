// Package rewrite turns a core WebAssembly module into one whose instances
// are cheap to make and can be stopped. It owns a reader and a writer of the
// binary format and four changes: data segments and the start function leave
// the module for the caller to apply once, mutable globals become visible,
// indirect calls become direct ones where the table is constant, and loops
// and recursion use up fuel and call the host when it is gone. It is
// total: any input gives a module or an *Error, never a panic. It refuses to
// validate types (the compiler does that) and to run anything.
package rewrite
