package outbox

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/holdfast-run/holdfast/guest-sdk/edge"
)

// deleteChunk is how many keys one call deletes.
const deleteChunk = 128

// Queue is entries in the order in which they came, kept in the object's
// storage under a prefix until they are dropped. Its methods run on the
// object's one thread.
type Queue struct {
	kv    *edge.KV
	name  string
	first uint64 // the seq of the oldest entry that is kept
	next  uint64 // the seq of the entry to come
	// held is the entries from first on that are in memory too: usually all,
	// so that a delivery need not read what was just written.
	held      []Item
	heldBytes int
}

// heldBytesMax bounds the values that a queue keeps in memory.
const heldBytesMax = 256 << 10

// Item is an entry with its place.
type Item struct {
	Seq   uint64 // from 1, rising by 1, never used again
	Value []byte
}

// OpenQueue finds the entries under a prefix, which nothing else may use.
// last is the seq of the last entry that was ever added, as the object keeps
// it beside its own state: the queue itself forgets when it is empty.
func OpenQueue(kv *edge.KV, prefix string, last uint64) (*Queue, error) {
	q := &Queue{kv: kv, name: prefix, first: last + 1, next: last + 1}
	for _, reverse := range []bool{false, true} {
		entries, failed := kv.List(edge.ListOptions{Prefix: prefix, Limit: 1, Reverse: reverse})
		for k := range entries {
			seq, err := strconv.ParseUint(k[len(prefix):], 16, 64)
			if err != nil {
				return nil, fmt.Errorf("outbox: %q is not the key of an entry", k)
			}
			if reverse {
				q.next = max(q.next, seq+1)
			} else {
				q.first = min(q.first, seq)
			}
		}
		if err := failed(); err != nil {
			return nil, err
		}
	}
	return q, nil
}

// Add gives an entry its seq. The entry is the caller's to store, with Put or
// among others with PutMany, in the same turn.
func (q *Queue) Add(value []byte) edge.Entry {
	e := edge.Entry{Key: edge.NumberKey(q.name, q.next), Value: value}
	if q.first+uint64(len(q.held)) == q.next && q.heldBytes+len(value) <= heldBytesMax {
		q.held = append(q.held, Item{q.next, value})
		q.heldBytes += len(value)
	}
	q.next++
	return e
}

// Len is how many entries there are.
func (q *Queue) Len() int { return int(q.next - q.first) }

// Last is the seq of the last entry that was added; 0 before the first.
func (q *Queue) Last() uint64 { return q.next - 1 }

// Peek reads the oldest entries, up to a number and, but for the first, up to
// a number of bytes. Values are not to be changed.
func (q *Queue) Peek(entriesMax, bytesMax int) ([]Item, error) {
	if q.Len() == 0 {
		return nil, nil
	}
	if n := len(q.held); n == q.Len() || n >= entriesMax {
		return slices.Clone(within(q.held[:min(n, entriesMax)], bytesMax)), nil
	}
	var items []Item
	entries, failed := q.kv.List(edge.ListOptions{Prefix: q.name, Limit: entriesMax})
	for k, v := range entries {
		seq, err := strconv.ParseUint(k[len(q.name):], 16, 64)
		if err != nil {
			return nil, fmt.Errorf("outbox: %q is not the key of an entry", k)
		}
		items = append(items, Item{seq, v})
	}
	return within(items, bytesMax), failed()
}

// within is the first of items, up to a number of bytes, but at least one.
func within(items []Item, bytesMax int) []Item {
	for i := range items {
		if bytesMax -= len(items[i].Value); bytesMax < 0 && i > 0 {
			return items[:i]
		}
	}
	return items
}

// Drop deletes the entries up to a seq, which have been delivered.
func (q *Queue) Drop(through uint64) error {
	var keys []string
	for ; q.first <= through && q.first < q.next; q.first++ {
		if len(q.held) > 0 {
			q.heldBytes -= len(q.held[0].Value)
			q.held = q.held[1:]
		}
		if keys = append(keys, edge.NumberKey(q.name, q.first)); len(keys) == deleteChunk {
			if _, err := q.kv.DeleteMany(keys...); err != nil {
				return err
			}
			keys = keys[:0]
		}
	}
	if len(keys) == 0 {
		return nil
	}
	_, err := q.kv.DeleteMany(keys...)
	return err
}
