package storage

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"github.com/cockroachdb/pebble/v2"

	"github.com/holdfast-run/holdfast/runtime/store"
)

// The history of an object is a chain of records, one for each commit, of
// what that commit replaced. The present is never copied: the way back to a
// state is to put back what later commits have replaced.
//
//	key    h ‖ namespace ‖ id ‖ epoch ‖ sequence ‖ time
//	value  version ‖ flags ‖ epoch ‖ sequence before ‖ record before ‖ entries
//	entry  kind ‖ key ‖ what was under it
const (
	recordVersion   = 1
	recordCut       = 1 << 0 // too much was replaced to be kept
	recordHeadBytes = 2 + 2*8

	historyKeyBytes = prefixBytes + 3*8

	// historyRecordBytesMax bounds what one commit may keep. A commit that
	// replaces more cuts the history: states before it cannot be restored.
	historyRecordBytesMax = 256 << 20
)

// historyPrefix begins the history of one object.
func historyPrefix(namespace uint32, id store.ID) []byte {
	key := objectPrefix(namespace, id)
	key[0] = familyHistory
	return key
}

func historyRecordKey(prefix []byte, at bookmark, ms int64) []byte {
	key := append(make([]byte, 0, historyKeyBytes), prefix...)
	key = binary.BigEndian.AppendUint64(key, at.epoch)
	key = binary.BigEndian.AppendUint64(key, at.sequence)
	return binary.BigEndian.AppendUint64(key, orderedInt(ms))
}

// historyPlace is what a history key says.
func historyPlace(key []byte) (at bookmark, ms int64, err error) {
	if len(key) != historyKeyBytes {
		return at, 0, fmt.Errorf("storage: history entry %x is damaged", key)
	}
	rest := key[prefixBytes:]
	at = bookmark{binary.BigEndian.Uint64(rest), binary.BigEndian.Uint64(rest[8:])}
	return at, fromOrdered(binary.BigEndian.Uint64(rest[16:])), nil
}

// recorder builds the record of a commit.
type recorder struct {
	value []byte
	cut   bool
}

func newRecorder(before *meta) *recorder {
	r := &recorder{value: append(make([]byte, 0, 512), recordVersion, 0)}
	r.value = binary.BigEndian.AppendUint64(r.value, before.epoch)
	r.value = binary.BigEndian.AppendUint64(r.value, before.sequence)
	var encoded []byte
	if before.exists {
		encoded = before.append(nil)
	}
	r.value = appendBytes(r.value, encoded)
	return r
}

// full reports that nothing more can be kept.
func (r *recorder) full() bool { return r.cut }

// add keeps what is under a key of the object; value is nil where there was
// none. The first entry of a key counts.
func (r *recorder) add(kind byte, key, value []byte, found bool) {
	if r.cut {
		return
	}
	r.value = appendBytes(append(r.value, kind), key)
	if !found {
		r.value = append(r.value, 0)
	} else {
		r.value = binary.AppendUvarint(r.value, uint64(len(value))+1)
		r.value = append(r.value, value...)
	}
	if len(r.value) > historyRecordBytesMax {
		head, _, err := decodeRecord(r.value)
		if err == nil {
			r.value = r.value[:head.entriesAt:head.entriesAt]
		}
		r.value[1] |= recordCut
		r.cut = true
	}
}

func appendBytes(b, part []byte) []byte {
	return append(binary.AppendUvarint(b, uint64(len(part))), part...)
}

// recordHead is a record without its entries.
type recordHead struct {
	cut       bool
	before    bookmark
	meta      meta // zero where the object did not exist
	entriesAt int
}

var errRecord = errors.New("storage: history record is damaged")

func decodeRecord(b []byte) (h recordHead, entries []byte, err error) {
	if len(b) < recordHeadBytes {
		return h, nil, errRecord
	}
	if b[0] != recordVersion {
		return h, nil, fmt.Errorf("storage: history record of version %d: %w", b[0], store.ErrVersion)
	}
	h.cut = b[1]&recordCut != 0
	h.before = bookmark{binary.BigEndian.Uint64(b[2:]), binary.BigEndian.Uint64(b[10:])}
	encoded, rest, ok := cutBytes(b[recordHeadBytes:])
	if !ok {
		return h, nil, errRecord
	}
	if len(encoded) > 0 {
		if h.meta, err = decodeMeta(encoded); err != nil {
			return h, nil, err
		}
	}
	h.meta.epoch, h.meta.sequence = h.before.epoch, h.before.sequence
	h.entriesAt = len(b) - len(rest)
	return h, rest, nil
}

func cutBytes(b []byte) (part, rest []byte, ok bool) {
	n, w := binary.Uvarint(b)
	if w <= 0 || n > uint64(len(b)-w) {
		return nil, nil, false
	}
	return b[w : w+int(n)], b[w+int(n):], true
}

// eachEntry calls fn for the entries of a record; value is nil where there
// was none, and valid only inside fn.
func eachEntry(entries []byte, fn func(kind byte, key, value []byte, found bool)) error {
	for len(entries) > 0 {
		kind := entries[0]
		key, rest, ok := cutBytes(entries[1:])
		if !ok || kind != kindKV && kind != kindPage {
			return errRecord
		}
		n, w := binary.Uvarint(rest)
		if w <= 0 || n > 0 && n-1 > uint64(len(rest)-w) {
			return errRecord
		}
		rest = rest[w:]
		if n == 0 {
			fn(kind, key, nil, false)
			entries = rest
			continue
		}
		fn(kind, key, rest[:n-1], true)
		entries = rest[n-1:]
	}
	return nil
}

// record adds what the turn replaces to its batch, if the namespace keeps a
// history.
func (o *Object) record(batch *pebble.Batch, next *meta) error {
	if o.ns.keepMs.Load() == 0 {
		return nil
	}
	r := newRecorder(&o.meta)
	if err := o.recordTurn(r); err != nil {
		return err
	}
	return o.writeRecord(batch, r, next)
}

func (o *Object) writeRecord(batch *pebble.Batch, r *recorder, next *meta) error {
	ms := max(next.lastActiveMs, o.meta.lastActiveMs)
	key := historyRecordKey(historyPrefix(o.ns.number, o.ref.ID), next.bookmark(), ms)
	if err := batch.Set(key, r.value, nil); err != nil {
		return store.Errorf("batch history: %w", err)
	}
	return nil
}

// recordTurn keeps what the turn's kv writes and pages replace.
func (o *Object) recordTurn(r *recorder) error {
	if o.turn.cleared {
		if err := o.recordAll(r); err != nil {
			return err
		}
	}
	for i := range o.turn.writes {
		w := &o.turn.writes[i]
		if err := o.recordKey(r, kindKV, []byte(w.key), w.found >= 0); err != nil {
			return err
		}
	}
	if o.session == nil {
		return nil
	}
	f := o.session.file
	var number [4]byte
	page := func(n uint32, stored bool) error {
		binary.BigEndian.PutUint32(number[:], n)
		return o.recordKey(r, kindPage, number[:], stored)
	}
	for _, n := range f.changedPages() {
		if err := page(n, n <= f.base); err != nil {
			return err
		}
	}
	for n := uint64(f.cut) + 1; n <= uint64(f.base) && !r.full(); n++ {
		if err := page(uint32(n), true); err != nil {
			return err
		}
	}
	return nil
}

// recordKey keeps what is under one key; stored says that there may be
// something.
func (o *Object) recordKey(r *recorder, kind byte, key []byte, stored bool) error {
	if !stored || r.full() {
		r.add(kind, key, nil, false)
		return nil
	}
	o.key = append(append(append(o.key[:0], o.prefix...), kind), key...)
	value, closer, err := o.engine.db.Get(o.key)
	if errors.Is(err, pebble.ErrNotFound) {
		r.add(kind, key, nil, false)
		return nil
	}
	if err != nil {
		return store.Errorf("read for history: %w", err)
	}
	r.add(kind, key, value, true)
	return closeRead(closer)
}

// recordAll keeps all kv and pages.
func (o *Object) recordAll(r *recorder) error {
	return eachData(o.engine.db, o.prefix, func(kind byte, key, value []byte) bool {
		r.add(kind, key, value, true)
		return !r.full()
	})
}

// eachData calls fn for the kv entries and pages of an object, as reader has
// them, until it answers false. What fn gets is valid only inside it.
func eachData(reader pebble.Reader, prefix []byte, fn func(kind byte, key, value []byte) bool) error {
	it, err := reader.NewIter(&pebble.IterOptions{LowerBound: prefix, UpperBound: successor(prefix)})
	if err != nil {
		return store.Errorf("read object: %w", err)
	}
	for ok := it.First(); ok; ok = it.Next() {
		kind := it.Key()[len(prefix)]
		if kind != kindKV && kind != kindPage {
			continue
		}
		value, err := it.ValueAndErr()
		if err != nil {
			return errors.Join(store.Errorf("read object: %w", err), it.Close())
		}
		if !fn(kind, it.Key()[len(prefix)+1:], value) {
			break
		}
	}
	return errors.Join(it.Error(), it.Close())
}

// horizon is the time before which the history of a namespace is given up.
func (e *Engine) horizon(ns *namespace) int64 {
	keep := ns.keepMs.Load()
	if keep == 0 {
		return math.MaxInt64
	}
	return max(e.nowMs()-keep, ns.sinceMs.Load())
}
