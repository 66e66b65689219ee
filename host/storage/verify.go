package storage

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"

	"github.com/holdfast-run/holdfast/runtime/store"
)

// Verified is what Verify has found.
type Verified struct {
	Objects   int64    `json:"objects"`
	Databases int64    `json:"databases"` // SQL databases that passed SQLite's integrity_check
	Alarms    int64    `json:"alarms"`
	Records   int64    `json:"records"` // of histories
	Bytes     int64    `json:"bytes"`   // kv + SQL
	Problems  []string `json:"problems"`
	More      int64    `json:"more,omitempty"` // problems beyond those listed
}

// verifyProblemsMax is how many problems are listed; others are counted.
const verifyProblemsMax = 100

func (v *Verified) problem(format string, args ...any) {
	if len(v.Problems) >= verifyProblemsMax {
		v.More++
		return
	}
	v.Problems = append(v.Problems, fmt.Sprintf(format, args...))
}

// Verify reads everything that is committed now and checks it, while the host
// works: the checksums of all blocks and the order of keys, each object's
// record against its data, its SQL database by SQLite itself, the indexes of
// names and alarms, the counters, the histories. What it finds is in the
// answer; an error is one that keeps it from looking.
func (e *Engine) Verify(ctx context.Context) (v *Verified, err error) {
	v = &Verified{Problems: []string{}}
	err = e.read(func() (err error) {
		if err := e.db.CheckLevels(nil); err != nil {
			v.problem("tables: %v", err)
		}
		e.watermark.search.Lock() // so that the mark is not raised meanwhile
		snapshot := e.db.NewSnapshot()
		mark := e.watermark.current()
		e.watermark.search.Unlock()
		defer func() { err = errors.Join(err, snapshot.Close()) }()
		check := verifier{engine: e, reader: snapshot, mark: mark, out: v, objects: map[uint32]int64{}, bytes: map[uint32]int64{}, alarms: map[uint32]int64{}}
		for _, step := range []func(context.Context) error{check.data, check.names, check.alarmIndex, check.counters, check.histories} {
			if err := step(ctx); err != nil {
				return err
			}
		}
		return nil
	})
	return v, err
}

type verifier struct {
	engine *Engine
	reader *pebble.Snapshot
	mark   int64 // no alarm is due before
	out    *Verified

	objects, bytes, alarms map[uint32]int64 // by namespace, from the records
}

// each calls fn for the keys of a family.
func (v *verifier) each(ctx context.Context, family byte, fn func(key, value []byte) error) (err error) {
	it, err := v.reader.NewIter(&pebble.IterOptions{LowerBound: []byte{family}, UpperBound: []byte{family + 1}})
	if err != nil {
		return store.Errorf("verify: %w", err)
	}
	defer func() { err = errors.Join(err, it.Close()) }()
	n := 0
	for ok := it.First(); ok; ok = it.Next() {
		if n++; n%1024 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		value, err := it.ValueAndErr()
		if err != nil {
			v.out.problem("key %x: %v", it.Key(), err)
			continue
		}
		if err := fn(it.Key(), value); err != nil {
			return err
		}
	}
	if err := it.Error(); err != nil {
		v.out.problem("family %c: %v", family, err)
	}
	return nil
}

// found is what lies under one object's prefix.
type found struct {
	prefix  []byte
	meta    meta
	kvBytes int64
	pages   int64
	last    uint32
	size    int
}

// data checks objects one by one.
func (v *verifier) data(ctx context.Context) error {
	var at *found
	err := v.each(ctx, familyObject, func(key, value []byte) error {
		if len(key) <= prefixBytes {
			v.out.problem("key %x is damaged", key)
			return nil
		}
		if at == nil || string(at.prefix) != string(key[:prefixBytes]) {
			v.object(at)
			at = &found{prefix: append([]byte(nil), key[:prefixBytes]...)}
		}
		v.entry(at, key[prefixBytes], key[prefixBytes+1:], value)
		return nil
	})
	v.object(at)
	return err
}

func (v *verifier) entry(at *found, kind byte, rest, value []byte) {
	switch kind {
	case kindKV:
		at.kvBytes += int64(len(rest) + len(value))
	case kindPage:
		at.pages++
		if len(rest) == 4 {
			at.last = max(at.last, binary.BigEndian.Uint32(rest))
		}
		if at.size = max(at.size, len(value)); len(value) != at.size {
			v.out.problem("object %x: page %x has %d bytes", at.prefix[1:], rest, len(value))
		}
	case kindMeta:
		m, err := decodeMeta(value)
		if err != nil {
			v.out.problem("object %x: %v", at.prefix[1:], err)
		}
		at.meta = m
	default:
		v.out.problem("object %x: a key of kind %q", at.prefix[1:], kind)
	}
}

// object checks one object's record against what was found.
func (v *verifier) object(at *found) {
	if at == nil {
		return
	}
	m, number := &at.meta, binary.BigEndian.Uint32(at.prefix[1:])
	if !m.exists {
		v.out.problem("object %x: data without a record", at.prefix[1:])
		return
	}
	v.out.Objects++
	v.out.Bytes += m.bytes()
	v.objects[number]++
	v.bytes[number] += m.bytes()
	if m.hasAlarm {
		v.alarms[number]++
	}
	if at.kvBytes != m.kvBytes {
		v.out.problem("object %x: kv holds %d bytes, its record says %d", at.prefix[1:], at.kvBytes, m.kvBytes)
	}
	if at.last > m.pages || at.pages > 0 && at.size != int(m.pageBytes) {
		v.out.problem("object %x: %d pages of %d bytes up to number %d, its record says %d of %d",
			at.prefix[1:], at.pages, at.size, at.last, m.pages, m.pageBytes)
		return
	}
	if m.pages > 0 {
		v.database(at)
	}
	if name := nameKey(number, m.name, store.ID(at.prefix[1+numberBytes:])); !v.has(name) {
		v.out.problem("object %x: %q is not in the index of names", at.prefix[1:], m.name)
	}
	if m.hasAlarm && !v.has(alarmKey(m.alarm.DueMs, number, store.ID(at.prefix[1+numberBytes:]))) {
		v.out.problem("object %x: its alarm is not in the index", at.prefix[1:])
	}
}

func (v *verifier) has(key []byte) bool {
	_, closer, err := v.reader.Get(key)
	if err != nil {
		return false
	}
	return closer.Close() == nil
}

// database lets SQLite check a database, as the snapshot has it.
func (v *verifier) database(at *found) {
	answer, err := v.integrity(at)
	switch {
	case err != nil:
		v.out.problem("object %x: SQL: %v", at.prefix[1:], err)
	case answer != "ok":
		v.out.problem("object %x: SQL: %s", at.prefix[1:], answer)
	default:
		v.out.Databases++
	}
}

func (v *verifier) integrity(at *found) (answer string, err error) {
	defer func() {
		if fault := recover(); fault != nil {
			err = fmt.Errorf("SQLite failed: %v", fault)
		}
	}()
	file := newPageFile(v.reader, at.prefix, at.meta.pageBytes, at.meta.pages)
	name := append([]byte("\x00verify"), at.prefix...) // another than that of the object itself
	conn, closer, err := v.engine.databases.connect(name, file, nil)
	if err != nil {
		return "", err
	}
	db := &database{conn: conn, closer: closer, file: file, guard: &guard{trusted: true}}
	defer func() { err = errors.Join(err, db.close()) }()
	if err := errors.Join(db.load(extensionFTS5), db.load(extensionRTree)); err != nil {
		return "", err
	}
	stmt, _, err := conn.Prepare("PRAGMA integrity_check(5)")
	if err != nil {
		return "", err
	}
	for stmt.Step() {
		if answer != "" {
			answer += "; "
		}
		answer += stmt.ColumnText(0)
	}
	return answer, errors.Join(stmt.Err(), stmt.Close())
}

// names checks that the index of names has no more than the objects.
func (v *verifier) names(ctx context.Context) error {
	entries := map[uint32]int64{}
	err := v.each(ctx, familyName, func(key, _ []byte) error {
		if len(key) < 1+numberBytes+2+idBytes {
			v.out.problem("name %x is damaged", key)
			return nil
		}
		entries[binary.BigEndian.Uint32(key[1:])]++
		return nil
	})
	for number, n := range entries {
		if n != v.objects[number] {
			v.out.problem("namespace %d: %d names, %d objects", number, n, v.objects[number])
		}
	}
	return err
}

// alarmIndex checks that the index of alarms has no more than the objects,
// and that none is before the watermark.
func (v *verifier) alarmIndex(ctx context.Context) error {
	entries := map[uint32]int64{}
	err := v.each(ctx, familyAlarm, func(key, value []byte) error {
		due, err := v.engine.decodeDue(key, value)
		if err != nil {
			v.out.problem("%v", err)
			return nil
		}
		v.out.Alarms++
		entries[binary.BigEndian.Uint32(key[9:])]++
		if due.Alarm.DueMs < v.mark {
			v.out.problem("the alarm of %s is due at %d, before the watermark, %d", due.Ref.ID, due.Alarm.DueMs, v.mark)
		}
		return nil
	})
	for number, n := range entries {
		if n != v.alarms[number] {
			v.out.problem("namespace %d: %d alarms in the index, %d in the objects", number, n, v.alarms[number])
		}
	}
	return err
}

func (v *verifier) counters(context.Context) error {
	for _, name := range v.engine.namespaces.names() {
		ns, ok := v.engine.namespaces.find(name)
		if !ok {
			continue
		}
		for _, c := range []struct {
			what string
			key  []byte
			want int64
		}{
			{"objects", countKey(ns.number), v.objects[ns.number]},
			{"bytes", usageKey(ns.number), v.bytes[ns.number]},
		} {
			got := int64(0)
			if value, closer, err := v.reader.Get(c.key); err == nil {
				got = int64(binary.BigEndian.Uint64(value))
				if err := closer.Close(); err != nil {
					return store.Errorf("verify: %w", err)
				}
			}
			if got != c.want {
				v.out.problem("namespace %q: %d %s are counted, %d are there", name, got, c.what, c.want)
			}
		}
	}
	return nil
}

// histories checks that the records of each object follow each other.
func (v *verifier) histories(ctx context.Context) error {
	var object []byte
	var before bookmark
	return v.each(ctx, familyHistory, func(key, value []byte) error {
		at, _, err := historyPlace(key)
		if err != nil {
			v.out.problem("%v", err)
			return nil
		}
		v.out.Records++
		head, entries, err := decodeRecord(value)
		if err == nil {
			err = eachEntry(entries, func(byte, []byte, []byte, bool) {})
		}
		if err != nil {
			v.out.problem("history of %x at %s: %v", key[1:prefixBytes], at, err)
			return nil
		}
		if string(object) == string(key[:prefixBytes]) && head.before != before {
			v.out.problem("history of %x: %s follows %s, it should follow %s", key[1:prefixBytes], at, before, head.before)
		}
		object, before = append(object[:0], key[:prefixBytes]...), at
		return nil
	})
}
