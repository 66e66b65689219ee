package storage

import (
	"bytes"
	"encoding/binary"

	"github.com/holdfast-run/holdfast/runtime/store"
)

// Families of keys: the first byte of every key. Parts of a key are of fixed
// length or escaped, or come last, so that no two keys overlap.
const (
	familyAlarm     = 'a' // due ‖ namespace ‖ id -> alarm, name
	familyCount     = 'c' // namespace -> objects (merged)
	familyDead      = 'd' // died at ‖ serial -> dead alarm
	familyEpoch     = 'e' // -> first epoch that is not reserved
	familyHistory   = 'h' // namespace ‖ id ‖ epoch ‖ sequence ‖ time -> what the commit replaced
	familyIdentity  = 'i' // -> tells this data directory from others
	familyName      = 'n' // namespace ‖ escaped name ‖ id ->
	familyNamespace = 'N' // namespace's name -> number
	familyObject    = 'o' // namespace ‖ id ‖ kind ‖ rest -> see below
	familySetting   = 's' // name -> value
	familyTime      = 't' // namespace -> how long its history is kept, since when
	familyUsage     = 'u' // namespace -> bytes of its objects (merged)
	familyVersion   = 'v' // -> format version
	familyWatermark = 'w' // -> no alarm is due before
)

// Kinds of an object's own keys.
const (
	kindKV   = 'k' // key -> value
	kindMeta = 'm' // -> meta
	kindPage = 'p' // page number -> page
)

const (
	numberBytes = 4
	idBytes     = len(store.ID{})
	prefixBytes = 1 + numberBytes + idBytes // of an object's keys, without the kind
)

var (
	keyVersion   = []byte{familyVersion}
	keyEpoch     = []byte{familyEpoch}
	keyIdentity  = []byte{familyIdentity}
	keyWatermark = []byte{familyWatermark}
)

// objectPrefix begins all keys of one object.
func objectPrefix(namespace uint32, id store.ID) []byte {
	key := make([]byte, 0, prefixBytes)
	key = append(key, familyObject)
	key = binary.BigEndian.AppendUint32(key, namespace)
	return append(key, id[:]...)
}

func countKey(namespace uint32) []byte {
	return binary.BigEndian.AppendUint32([]byte{familyCount}, namespace)
}

// usageKey holds the bytes of a namespace's objects.
func usageKey(namespace uint32) []byte {
	return binary.BigEndian.AppendUint32([]byte{familyUsage}, namespace)
}

// timeKey holds how the history of a namespace is kept.
func timeKey(namespace uint32) []byte {
	return binary.BigEndian.AppendUint32([]byte{familyTime}, namespace)
}

// namePrefix begins the name index of a namespace.
func namePrefix(namespace uint32) []byte {
	return binary.BigEndian.AppendUint32([]byte{familyName}, namespace)
}

// nameKey is the name index entry of an object.
func nameKey(namespace uint32, name string, id store.ID) []byte {
	return append(nameEntry(namespace, name), id[:]...)
}

// nameEntry begins the entries of exactly this name.
func nameEntry(namespace uint32, name string) []byte {
	key := appendEscaped(namePrefix(namespace), name)
	return append(key, 0, 1)
}

// appendEscaped writes s so that order is kept and 0 0..1 never occurs in it.
func appendEscaped(key []byte, s string) []byte {
	for i := range len(s) {
		key = append(key, s[i])
		if s[i] == 0 {
			key = append(key, 0xff)
		}
	}
	return key
}

// alarmKey orders alarms by due time; flipping the sign bit keeps negative
// times before positive ones.
func alarmKey(dueMs int64, namespace uint32, id store.ID) []byte {
	key := append(make([]byte, 0, 9+numberBytes+idBytes), familyAlarm)
	key = binary.BigEndian.AppendUint64(key, orderedInt(dueMs))
	key = binary.BigEndian.AppendUint32(key, namespace)
	return append(key, id[:]...)
}

func orderedInt(v int64) uint64  { return uint64(v) ^ 1<<63 }
func fromOrdered(v uint64) int64 { return int64(v ^ 1<<63) }
func appendInt(b []byte, v int64) []byte {
	return binary.BigEndian.AppendUint64(b, uint64(v))
}

// successor is the first key after all keys that begin with prefix; nil if
// there is none.
func successor(prefix []byte) []byte {
	end := bytes.Clone(prefix)
	for i := len(end) - 1; i >= 0; i-- {
		if end[i] < 0xff {
			end[i]++
			return end[:i+1]
		}
	}
	return nil
}
