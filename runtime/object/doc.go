// Package object runs Durable Objects: the directory that finds or activates
// them, the loop that is the only goroutine to touch a guest, turns and their
// commits, waiting operations, sockets, alarms and the wait-for graph. It
// owns who runs when and what belongs to a turn. It refuses to know HTTP,
// disks and Wasm: guests, storage and connections come as interfaces.
//
// Lock order: an object's mutex, then its mailbox; the directory's shard
// before an object's mutex; the wait-for graph's mutex last. Nothing that
// blocks runs under any of them.
package object
