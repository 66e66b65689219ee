// Package native is the host of a test world, in memory: objects with their
// mailboxes, turns, storage, alarms and sockets, D1 databases and a worker,
// driven by the guest ABI's messages like a real host, in the process of the
// test. It owns the semantics of the runtime as far as a guest can see them;
// it refuses durability, limits of machines, and real time: everything runs in
// a synctest bubble, whose clock moves only when told.
//
// How a turn runs here:
//
//  1. one goroutine, the loop, takes what an object is to do next and gives it
//     to the guest, which starts a goroutine, or wakes one that waits;
//  2. guest goroutines begin and go on one at a time, in the order in which
//     they asked to (guest.Go, guest.Wait);
//  3. synctest.Wait tells the loop that all of them are parked: the turn ends;
//  4. the turn of every object that made a host call commits, or is dropped
//     with its instance; then its effects run, in order, and lead to 1 again.
//
// A goroutine that a timer of the guest wakes makes a turn the same way, at
// its time: while the clock moves, the first host call stops it there.
package native
