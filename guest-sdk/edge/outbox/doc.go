// Package outbox brings what an object has stored to somewhere else (a D1
// database, another object), at least once and in order, whatever dies in
// between. A Pump decides when to deliver: at once, one delivery at a time,
// after a failure with backoff, after a crash by the object's alarm. A Queue
// keeps entries in the object's storage until they are delivered, and those
// that can never be as dead letters. A Table makes the statements of versioned
// upserts within D1's limits. The package refuses to know what is delivered:
// the object does, and what it delivers must bear repetition.
package outbox
