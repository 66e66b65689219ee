package storage

import (
	"encoding/binary"
	"fmt"
	"sync"

	"github.com/cockroachdb/pebble/v2"

	"github.com/holdfast-run/holdfast/runtime/store"
)

// formatVersion is the version of the key layout and the records.
//
//	1  the first
//	2  sums of bytes per namespace, histories
const formatVersion = 2

// epochsReserved are reserved by one write: a crash skips at most so many.
const epochsReserved = 1 << 16

func (e *Engine) checkVersion() error {
	value, ok, err := e.get(keyVersion)
	if err != nil {
		return err
	}
	if !ok {
		return e.write(func(batch *pebble.Batch) error {
			return batch.Set(keyVersion, binary.BigEndian.AppendUint32(nil, formatVersion), nil)
		})
	}
	found := uint32(0)
	if len(value) == 4 {
		found = binary.BigEndian.Uint32(value)
	}
	switch {
	case found == 0:
		return fmt.Errorf("storage: %s is no data directory: its version is %x", e.cfg.Dir, value)
	case found > formatVersion:
		return fmt.Errorf("storage: %s has format %d, this host knows %d: %w",
			e.cfg.Dir, found, formatVersion, store.ErrVersion)
	case found < formatVersion:
		e.cfg.Logger.Info("storage: the data directory is brought up to date", "from", found, "to", formatVersion)
		return e.recount()
	}
	return nil
}

func settingKey(name string) []byte { return append([]byte{familySetting}, name...) }

// Setting returns a small host-wide value.
func (e *Engine) Setting(name string) (value []byte, ok bool, err error) {
	err = e.read(func() error {
		value, ok, err = e.get(settingKey(name))
		return err
	})
	return value, ok, err
}

// SetSetting keeps a small host-wide value; it is durable on return.
func (e *Engine) SetSetting(name string, value []byte) error {
	return e.write(func(batch *pebble.Batch) error {
		return batch.Set(settingKey(name), value, nil)
	})
}

// epochs hands out numbers that are never given twice.
type epochs struct {
	mu       sync.Mutex
	next     uint64
	reserved uint64 // numbers below are durable
}

func (c *epochs) load(db *pebble.DB) error {
	value, closer, err := db.Get(keyEpoch)
	if err == pebble.ErrNotFound {
		c.next, c.reserved = 1, 1
		return nil
	}
	if err != nil {
		return store.Errorf("read epoch: %w", err)
	}
	c.next = binary.BigEndian.Uint64(value)
	c.reserved = c.next
	return closeRead(closer)
}

// NextEpoch counts up a host-wide number that is never given twice. One call
// in 65,536 waits for a sync.
func (e *Engine) NextEpoch() (uint64, error) {
	c := &e.epochs
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.next == c.reserved {
		bound := c.reserved + epochsReserved
		err := e.write(func(batch *pebble.Batch) error {
			return batch.Set(keyEpoch, binary.BigEndian.AppendUint64(nil, bound), nil)
		})
		if err != nil {
			return 0, store.Errorf("reserve epochs: %w", err)
		}
		c.reserved = bound
	}
	c.next++
	return c.next - 1, nil
}
