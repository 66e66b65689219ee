package storage

import (
	"encoding/binary"
	"fmt"
	"io"

	"github.com/cockroachdb/pebble/v2"
)

// mergerName is stored by Pebble: a database opens only with the merger that
// it was made with. The merger chooses by the key's family, so that further
// families can be merged without a new name.
const mergerName = "holdfast.v1"

var merger = &pebble.Merger{
	Name: mergerName,
	Merge: func(key, value []byte) (pebble.ValueMerger, error) {
		if len(key) == 0 || key[0] != familyCount && key[0] != familyUsage {
			return nil, fmt.Errorf("storage: key %x has no merge", key)
		}
		sum := &sumMerger{}
		return sum, sum.MergeNewer(value)
	},
}

// sumMerger adds 64-bit integers: the objects of a namespace, and their bytes.
type sumMerger struct{ total int64 }

func (m *sumMerger) MergeNewer(value []byte) error {
	if len(value) != 8 {
		return fmt.Errorf("storage: counter of %d bytes", len(value))
	}
	m.total += int64(binary.BigEndian.Uint64(value))
	return nil
}

func (m *sumMerger) MergeOlder(value []byte) error { return m.MergeNewer(value) }

func (m *sumMerger) Finish(bool) ([]byte, io.Closer, error) {
	return appendInt(nil, m.total), nil, nil
}
