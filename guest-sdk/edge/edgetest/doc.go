// Package edgetest tests guests natively: New makes a world, an in-memory host
// for the classes and the worker that the program registers, in which the real
// SDK code runs under go test in milliseconds. Wasm runs the same test function
// against the compiled guest on a real host, and Both does both.
//
// A world's clock stands still until Advance. Whatever is due now, such as
// WaitUntil, an outbox or an alarm in the past, runs without an advance: every
// method of a native world returns when nothing is left to run at this time.
// time.Now, time.Sleep, timers and contexts of guest code follow that clock,
// in both kinds of world.
//
// What the world owns: mailboxes, turns, storage, alarms, sockets, stubs, D1
// and crons as a guest sees them on the real host. What it refuses: to stand
// in for a real host's limits of memory and time, its durability and its
// speed. See RATIONALE.md of the SDK for what differs natively.
package edgetest
