package storage

import (
	"encoding/binary"
	"fmt"

	"github.com/holdfast-run/holdfast/runtime/store"
)

const (
	metaVersion  = 1
	metaHasAlarm = 1 << 0
	metaRestores = 1 << 1
)

// meta is what one record, written with each of the object's batches, says of
// an object. An object without data has no record.
type meta struct {
	exists       bool
	epoch        uint64 // from the engine's counter, at the first commit
	sequence     uint64 // commits so far
	createdMs    int64
	lastActiveMs int64
	kvBytes      int64
	pageBytes    uint32
	pages        uint32 // of the SQLite database
	freePages    uint32
	alarm        store.Alarm
	hasAlarm     bool
	restore      *restorePoint // what the next Rewind is to do
	name         string
}

func (m *meta) append(b []byte) []byte {
	var flags byte
	if m.hasAlarm {
		flags |= metaHasAlarm
	}
	if m.restore != nil {
		flags |= metaRestores
	}
	b = append(b, metaVersion, flags)
	b = binary.BigEndian.AppendUint64(b, m.epoch)
	b = binary.BigEndian.AppendUint64(b, m.sequence)
	b = appendInt(b, m.createdMs)
	b = appendInt(b, m.lastActiveMs)
	b = appendInt(b, m.kvBytes)
	b = binary.BigEndian.AppendUint32(b, m.pageBytes)
	b = binary.BigEndian.AppendUint32(b, m.pages)
	b = binary.BigEndian.AppendUint32(b, m.freePages)
	b = appendAlarm(b, m.alarm)
	b = appendInt(b, m.alarm.DueMs)
	if m.restore != nil {
		b = m.restore.append(b)
	}
	return append(b, m.name...)
}

func decodeMeta(b []byte) (meta, error) {
	const alarmAt = 2 + 5*8 + 3*4
	const dueAt = alarmAt + alarmBytes
	if len(b) < dueAt+8 {
		return meta{}, fmt.Errorf("storage: object record of %d bytes", len(b))
	}
	if b[0] != metaVersion {
		return meta{}, fmt.Errorf("storage: object record of version %d: %w", b[0], store.ErrVersion)
	}
	word := func(i int) uint64 { return binary.BigEndian.Uint64(b[2+8*i:]) }
	half := func(i int) uint32 { return binary.BigEndian.Uint32(b[2+5*8+4*i:]) }
	m := meta{
		exists: true, epoch: word(0), sequence: word(1),
		createdMs: int64(word(2)), lastActiveMs: int64(word(3)), kvBytes: int64(word(4)),
		pageBytes: half(0), pages: half(1), freePages: half(2),
		alarm: decodeAlarm(b[alarmAt:]), hasAlarm: b[1]&metaHasAlarm != 0,
	}
	m.alarm.DueMs = int64(binary.BigEndian.Uint64(b[dueAt:]))
	rest := b[dueAt+8:]
	if b[1]&metaRestores != 0 {
		if len(rest) < restorePointBytes {
			return meta{}, fmt.Errorf("storage: object record of %d bytes", len(b))
		}
		m.restore = decodeRestorePoint(rest)
		rest = rest[restorePointBytes:]
	}
	m.name = string(rest)
	return m, nil
}

// alarmBytes is the length of an alarm without its due time, which is part of
// the key in the index.
const alarmBytes = 8 + 2

func appendAlarm(b []byte, a store.Alarm) []byte {
	b = appendInt(b, a.ScheduledMs)
	return append(b, a.Retries, a.Attempts)
}

func decodeAlarm(b []byte) store.Alarm {
	return store.Alarm{
		ScheduledMs: int64(binary.BigEndian.Uint64(b)),
		Retries:     b[8],
		Attempts:    b[9],
	}
}

// sqlBytes is the size of the SQL database.
func (m *meta) sqlBytes() int64 { return int64(m.pages) * int64(m.pageBytes) }

// bytes is what the object counts for in quotas.
func (m *meta) bytes() int64 {
	if !m.exists {
		return 0
	}
	return m.kvBytes + m.sqlBytes()
}

// empty reports whether the object has no data, and so does not exist.
func (m *meta) empty() bool {
	return m.kvBytes == 0 && m.pages == 0 && !m.hasAlarm && m.restore == nil
}
