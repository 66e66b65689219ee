package storage

import (
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"

	"github.com/holdfast-run/holdfast/runtime/store"
)

const deadKeyBytes = 1 + 8 + 8

// deadRecord is a dead alarm as it is stored. There are few, and people read
// them: JSON will do.
type deadRecord struct {
	Namespace   string `json:"namespace"`
	ID          []byte `json:"id"`
	Name        string `json:"name,omitempty"`
	ScheduledMs int64  `json:"scheduledMs"`
	DueMs       int64  `json:"dueMs"`
	Retries     uint8  `json:"retries"`
	Attempts    uint8  `json:"attempts"`
	Reason      string `json:"reason,omitempty"`
}

// Bury puts an alarm on the dead-letter list; Key of d is not read. A zero
// DiedAt is now.
func (e *Engine) Bury(d store.DeadAlarm) error {
	epoch, err := e.NextEpoch() // orders what died in the same millisecond
	if err != nil {
		return err
	}
	if d.DiedAt.IsZero() {
		d.DiedAt = e.cfg.Clock()
	}
	value, err := json.Marshal(deadRecord{
		Namespace: d.Ref.Namespace, ID: d.Ref.ID[:], Name: d.Ref.Name,
		ScheduledMs: d.Alarm.ScheduledMs, DueMs: d.Alarm.DueMs,
		Retries: d.Alarm.Retries, Attempts: d.Alarm.Attempts, Reason: d.Reason,
	})
	if err != nil {
		return store.Errorf("encode dead alarm: %w", err)
	}
	key := append(make([]byte, 0, deadKeyBytes), familyDead)
	key = binary.BigEndian.AppendUint64(key, orderedInt(d.DiedAt.UnixMilli()))
	key = binary.BigEndian.AppendUint64(key, epoch)
	return e.write(func(batch *pebble.Batch) error { return batch.Set(key, value, nil) })
}

// DeadAlarms pages over the dead-letter list, oldest first.
func (e *Engine) DeadAlarms(cursor string, limit int) (dead []store.DeadAlarm, next string, err error) {
	lower := []byte{familyDead}
	if cursor != "" {
		after, err := deadKey(cursor)
		if err != nil {
			return nil, "", err
		}
		lower = append(after, 0)
	}
	err = e.read(func() error {
		dead, next, err = e.readDead(lower, limit)
		return err
	})
	return dead, next, err
}

func (e *Engine) readDead(lower []byte, limit int) (dead []store.DeadAlarm, next string, err error) {
	it, err := e.db.NewIter(&pebble.IterOptions{LowerBound: lower, UpperBound: []byte{familyDead + 1}})
	if err != nil {
		return nil, "", store.Errorf("read dead alarms: %w", err)
	}
	defer func() { err = errors.Join(err, it.Close()) }()
	for ok := it.First(); ok; ok = it.Next() {
		if len(dead) == limit {
			if limit > 0 {
				next = dead[limit-1].Key
			}
			break
		}
		d, err := decodeDead(it.Key(), it.Value())
		if err != nil {
			return nil, "", err
		}
		dead = append(dead, d)
	}
	return dead, next, it.Error()
}

func decodeDead(key, value []byte) (store.DeadAlarm, error) {
	var r deadRecord
	if err := json.Unmarshal(value, &r); err != nil || len(key) != deadKeyBytes || len(r.ID) != idBytes {
		return store.DeadAlarm{}, fmt.Errorf("storage: dead alarm %x is damaged (%w)", key, err)
	}
	return store.DeadAlarm{
		Key: hex.EncodeToString(key),
		Ref: store.Ref{Namespace: r.Namespace, ID: store.ID(r.ID), Name: r.Name},
		Alarm: store.Alarm{
			ScheduledMs: r.ScheduledMs, DueMs: r.DueMs, Retries: r.Retries, Attempts: r.Attempts,
		},
		DiedAt: fromMs(fromOrdered(binary.BigEndian.Uint64(key[1:]))),
		Reason: r.Reason,
	}, nil
}

// DeadAlarm is one entry of the dead-letter list.
func (e *Engine) DeadAlarm(key string) (d store.DeadAlarm, ok bool, err error) {
	raw, err := deadKey(key)
	if err != nil {
		return d, false, err
	}
	err = e.read(func() error {
		value, found, err := e.get(raw)
		if err != nil || !found {
			return err
		}
		d, err = decodeDead(raw, value)
		ok = err == nil
		return err
	})
	return d, ok, err
}

// ForgetDead removes a dead alarm; one that is gone already is no error.
func (e *Engine) ForgetDead(key string) error {
	raw, err := deadKey(key)
	if err != nil {
		return err
	}
	return e.write(func(batch *pebble.Batch) error { return batch.Delete(raw, nil) })
}

func deadKey(key string) ([]byte, error) {
	raw, err := hex.DecodeString(key)
	if err != nil || len(raw) != deadKeyBytes || raw[0] != familyDead {
		return nil, fmt.Errorf("storage: dead alarm key %q is not one of ours", key)
	}
	return raw, nil
}
