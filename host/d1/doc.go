// Package d1 serves D1 databases. It owns their catalog, one queue a
// database, the transactions around batches, D1's error texts and metadata,
// and the one place that knows libsql-client-go. A local database is an object
// of the host's storage engine whose SQLite connection libsql-client-go opens;
// a remote one is a libSQL server. It refuses HTTP: the fronts are beside it.
//
// The way of a query:
//
//  1. it waits for its turn in the database's queue, not longer than its
//     deadline; a full queue answers at once.
//  2. its statements run as one transaction.
//  3. a commit lets the next query start; the answer leaves when the commit
//     is durable. A query that only read waits for the commits before it.
package d1
