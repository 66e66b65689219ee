package outbox_test

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/holdfast-run/holdfast/guest-sdk/edge/edgetest"
	"github.com/holdfast-run/holdfast/guest-sdk/edge/outbox"
)

const queuePrefix = "q/"

// fill adds entries from one seq to another, each named by its seq.
func fill(c *courier, q *outbox.Queue, from, to uint64) error {
	for seq := from; seq <= to; seq++ {
		e := q.Add(fmt.Appendf(nil, "v%d", seq))
		if err := c.state.Storage.KV.Put(e.Key, e.Value); err != nil {
			return err
		}
	}
	return nil
}

// holds is an error unless the queue has exactly the entries from one seq to
// another; none where from is greater.
func holds(q *outbox.Queue, from, to uint64) error {
	items, err := q.Peek(10_000, 1<<20)
	if err != nil {
		return err
	}
	if len(items) != int(to+1-from) || q.Len() != len(items) || q.Last() != to {
		return fmt.Errorf("the queue shows %d items, length %d, last %d; want %d to %d", len(items), q.Len(), q.Last(), from, to)
	}
	for i, it := range items {
		if it.Seq != from+uint64(i) || string(it.Value) != fmt.Sprint("v", it.Seq) {
			return fmt.Errorf("item %d is %d %s, want %d", i, it.Seq, it.Value, from+uint64(i))
		}
	}
	return nil
}

// queueing runs fn over a new queue of a new object.
func queueing(t *testing.T, fn func(c *courier, q *outbox.Queue) error) {
	t.Helper()
	do(t, object(t, edgetest.New(t), &round{}), func(c *courier) error {
		q, err := outbox.OpenQueue(c.state.Storage.KV, queuePrefix, 0)
		if err != nil {
			return err
		}
		return fn(c, q)
	})
}

func TestQueue_KeepsOrderAndDropsInChunks(t *testing.T) {
	queueing(t, func(c *courier, q *outbox.Queue) error {
		if err := holds(q, 1, 0); err != nil {
			return fmt.Errorf("new: %w", err)
		}
		if err := fill(c, q, 1, 300); err != nil {
			return err
		}
		at := uint64(1)
		for _, through := range []uint64{0, 1, 17, 17, 5, 280, 300, 1000} {
			if err := q.Drop(through); err != nil {
				return err
			}
			at = max(at, min(through, 300)+1)
			if err := holds(q, at, 300); err != nil {
				return fmt.Errorf("after a drop through %d: %w", through, err)
			}
		}
		return fill(c, q, 301, 301)
	})
}

func TestQueue_PeekIsBounded(t *testing.T) {
	queueing(t, func(c *courier, q *outbox.Queue) error {
		for _, size := range []int{100, 10, 10, 50} {
			e := q.Add(bytes.Repeat([]byte{'x'}, size))
			if err := c.state.Storage.KV.Put(e.Key, e.Value); err != nil {
				return err
			}
		}
		for _, p := range []struct{ entries, bytes, want int }{
			{10, 1000, 4}, {3, 1000, 3}, {1, 1000, 1}, {10, 1, 1}, {10, 109, 1}, {10, 110, 2}, {10, 169, 3}, {10, 170, 4},
		} {
			items, err := q.Peek(p.entries, p.bytes)
			if err != nil || len(items) != p.want {
				return fmt.Errorf("Peek(%d, %d) shows %d items, %v; want %d", p.entries, p.bytes, len(items), err, p.want)
			}
		}
		return nil
	})
}

func TestQueue_ReopenedNeverUsesASeqTwice(t *testing.T) {
	queueing(t, func(c *courier, q *outbox.Queue) error {
		kv := c.state.Storage.KV
		if err := fill(c, q, 1, 40); err != nil {
			return err
		}
		if err := q.Drop(20); err != nil {
			return err
		}
		for _, last := range []uint64{40, 30} { // a count that lags behind does no harm
			again, err := outbox.OpenQueue(kv, queuePrefix, last)
			if err != nil {
				return err
			}
			if err := holds(again, 21, 40); err != nil {
				return fmt.Errorf("reopened behind %d: %w", last, err)
			}
			q = again
		}
		if err := q.Drop(40); err != nil {
			return err
		}
		q, err := outbox.OpenQueue(kv, queuePrefix, 40)
		if err != nil {
			return err
		}
		if err := holds(q, 41, 40); err != nil {
			return fmt.Errorf("reopened empty: %w", err)
		}
		if err := fill(c, q, 41, 42); err != nil {
			return err
		}
		return holds(q, 41, 42)
	})
}

func TestQueue_OpensAmongNoForeignKeys(t *testing.T) {
	queueing(t, func(c *courier, q *outbox.Queue) error {
		if err := fill(c, q, 1, 1); err != nil {
			return err
		}
		if err := c.state.Storage.KV.Put(queuePrefix+"stranger", []byte("x")); err != nil {
			return err
		}
		want := `outbox: "q/stranger" is not the key of an entry`
		if _, err := outbox.OpenQueue(c.state.Storage.KV, queuePrefix, 0); err == nil || err.Error() != want {
			return fmt.Errorf("opened among foreign keys: %v", err)
		}
		return nil
	})
}
