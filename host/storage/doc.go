// Package storage is the durable store of a host: one Pebble database in the
// data directory holds every object's key-value pairs, the pages of its
// SQLite database, its alarm and the registry of objects. It owns the key
// layout, the one place where batches reach the disk, the SQLite page file
// and the sandbox around guest SQL. It refuses to know guests, sockets or
// time zones of events: it implements store.Engine and nothing above it.
//
// The way of a turn:
//
//  1. reads see the turn's own writes first, then Pebble.
//  2. writes gather in memory (turn); SQL runs inside a SQLite transaction
//     that begins with the first statement that writes.
//  3. Commit ends that transaction, which leaves the changed pages in the
//     page file, and puts everything into one batch.
//  4. the batch is applied without waiting: the next turn sees it.
//  5. one goroutine waits for the syncs in the order of application and
//     calls each turn's durable function.
//  6. a failed sync is final: no batch is taken after it.
package storage
