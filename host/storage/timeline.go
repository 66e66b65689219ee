package storage

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"github.com/holdfast-run/holdfast/runtime/store"
)

// timeline reads the history of one object.
type timeline struct {
	reader pebble.Reader
	prefix []byte // of its history
	object []byte // of its data
}

func (o *Object) timeline() timeline {
	return timeline{o.engine.db, historyPrefix(o.ns.number, o.ref.ID), o.prefix}
}

func (t timeline) iterator() (*pebble.Iterator, error) {
	it, err := t.reader.NewIter(&pebble.IterOptions{LowerBound: t.prefix, UpperBound: successor(t.prefix)})
	if err != nil {
		return nil, store.Errorf("read history: %w", err)
	}
	return it, nil
}

// last is the latest commit that the history knows of.
func (t timeline) last() (at bookmark, ok bool, err error) {
	it, err := t.iterator()
	if err != nil {
		return at, false, err
	}
	defer func() { err = errors.Join(err, it.Close()) }()
	if !it.Last() {
		return at, false, it.Error()
	}
	at, _, err = historyPlace(it.Key())
	return at, err == nil, err
}

// at finds the latest state that is not younger than ms. now is the present
// state, horizon the time before which nothing is known.
//
//  1. the latest record of all is old enough: the present is the answer.
//  2. else, epoch by epoch backwards, until one begins early enough; in it,
//     by bisection: its sequences have no gaps.
//  3. all records are younger: the state before the first.
func (t timeline) at(ms int64, now bookmark, horizon int64) (found bookmark, err error) {
	if ms < horizon {
		return found, fmt.Errorf("the history begins at %s: %w", fromMs(horizon).UTC().Format(time.RFC3339Nano), store.ErrNoHistory)
	}
	it, err := t.iterator()
	if err != nil {
		return found, err
	}
	defer func() { err = errors.Join(err, it.Close()) }()
	first := now
	for ok := it.Last(); ok; {
		last, lastMs, err := historyPlace(it.Key())
		if err != nil {
			return found, err
		}
		if lastMs <= ms {
			return last, nil
		}
		it.SeekGE(t.epochKey(last.epoch))
		start, startMs, err := historyPlace(it.Key())
		if err != nil {
			return found, err
		}
		if startMs <= ms {
			return t.bisect(it, start, last, ms)
		}
		first = start
		ok = it.SeekLT(t.epochKey(last.epoch))
	}
	if err := it.Error(); err != nil || first == now && !it.First() {
		return now, err
	}
	it.SeekGE(historyRecordKey(t.prefix, first, 0)[:historyKeyBytes-8])
	head, _, err := t.head(it)
	if err == nil && head.cut {
		err = cutError(first)
	}
	return head.before, err
}

func (t timeline) epochKey(epoch uint64) []byte {
	return binary.BigEndian.AppendUint64(append(make([]byte, 0, historyKeyBytes), t.prefix...), epoch)
}

// bisect finds the last commit of one epoch at ms or before: start is such,
// last is not.
func (t timeline) bisect(it *pebble.Iterator, start, last bookmark, ms int64) (bookmark, error) {
	low, high := start.sequence, last.sequence
	for low+1 < high {
		middle := bookmark{start.epoch, low + (high-low)/2}
		if !it.SeekGE(historyRecordKey(t.prefix, middle, 0)[:historyKeyBytes-8]) {
			return start, errors.Join(errRecord, it.Error())
		}
		found, foundMs, err := historyPlace(it.Key())
		if err != nil {
			return start, err
		}
		if found != middle {
			return start, errRecord
		}
		if foundMs <= ms {
			low = middle.sequence
		} else {
			high = middle.sequence
		}
	}
	return bookmark{start.epoch, low}, nil
}

func (t timeline) head(it *pebble.Iterator) (recordHead, []byte, error) {
	value, err := it.ValueAndErr()
	if err != nil {
		return recordHead{}, nil, store.Errorf("read history: %w", err)
	}
	return decodeRecord(value)
}

func cutError(at bookmark) error {
	return fmt.Errorf("commit %s replaced more than %d MiB, which is not kept: %w", at, historyRecordBytesMax>>20, store.ErrNoHistory)
}

// reaches reports whether the way back from now to target is complete.
func (t timeline) reaches(now, target bookmark) error {
	return t.walk(now, target, func(recordHead, []byte) error { return nil })
}

// walk calls fn for the records of the commits after target, oldest first,
// and checks that none is missing. A target between two states, as an undo
// bookmark is, means the earlier.
func (t timeline) walk(now, target bookmark, fn func(head recordHead, entries []byte) error) (err error) {
	if !target.before(now) {
		return nil
	}
	it, err := t.iterator()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, it.Close()) }()
	before := target
	first := true
	for ok := it.SeekGE(historyRecordKey(t.prefix, bookmark{target.epoch, target.sequence + 1}, 0)[:historyKeyBytes-8]); ok; ok = it.Next() {
		at, _, err := historyPlace(it.Key())
		if err != nil {
			return err
		}
		head, entries, err := t.head(it)
		if err != nil {
			return err
		}
		switch {
		case head.cut:
			return cutError(at)
		case first && target.before(head.before):
			return fmt.Errorf("the state %s is not kept: %w", target, store.ErrNoHistory)
		case !first && head.before != before:
			return fmt.Errorf("the history lacks what led to %s: %w", head.before, store.ErrNoHistory)
		}
		if err := fn(head, entries); err != nil {
			return err
		}
		before, first = at, false
	}
	if err := it.Error(); err != nil {
		return store.Errorf("read history: %w", err)
	}
	if before != now {
		return fmt.Errorf("the history lacks what led to %s: %w", now, store.ErrNoHistory)
	}
	return nil
}

// state is what an object was, as the difference to its present, or what
// another object is, as a whole.
type state struct {
	meta    meta
	changes []change
	whole   bool // nothing else of the object stays
}

type change struct {
	kind       byte
	key, value []byte
	found      bool
}

// state is the way from the present, now, back to target.
func (t timeline) state(now meta, target bookmark) (*state, error) {
	s := &state{meta: now}
	seen := map[string]struct{}{}
	first := true
	bytes := 0
	err := t.walk(now.bookmark(), target, func(head recordHead, entries []byte) error {
		if first {
			s.meta, first = head.meta, false
		}
		return eachEntry(entries, func(kind byte, key, value []byte, found bool) {
			k := string(kind) + string(key)
			if _, ok := seen[k]; ok || bytes > copyBytesMax {
				return
			}
			seen[k] = struct{}{}
			s.changes = append(s.changes, change{kind, []byte(k[1:]), append([]byte(nil), value...), found})
			bytes += len(k) + len(value)
		})
	})
	if err == nil && bytes > copyBytesMax {
		err = fmt.Errorf("the way back to %s is over %d MiB: %w", target, copyBytesMax>>20, store.ErrTooLarge)
	}
	return s, err
}
