// Package edge is what authors of Durable Objects import: classes and their
// handlers, durable storage, alarms, hibernatable WebSockets, D1, stubs and
// the worker that stands before them. Under GOOS=wasip1 it speaks to the
// Holdfast host that runs the guest; natively to the in-memory host of
// edgetest, so that the same code is tested in milliseconds.
//
// All code of a guest runs on one thread: goroutines, channels, timers and
// contexts work, and two of them never run at once. A handler that waits (for
// D1, another object, time) ends its turn: what it wrote so far is committed
// as one and made durable before the call leaves. A handler must not end or wait
// while runtime.LockOSThread is in force: Go would end the guest.
//
// The package owns the guest's side of the boundary. It refuses to be used
// from func init, except for Register, Method and HandleScheduled.
package edge
