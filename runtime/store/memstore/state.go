package memstore

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/holdfast-run/holdfast/runtime/store"
)

// state is everything that an engine stores. Records are replaced, never
// changed, except for their kv, which belongs to one state alone.
type state struct {
	objects  map[objectKey]*record
	settings map[string][]byte
	dead     map[string]store.DeadAlarm
	epoch    uint64
}

// record is an object that exists.
type record struct {
	kv       map[string][]byte
	info     store.Info
	epoch    uint64
	sequence uint64
}

func newState() *state {
	return &state{
		objects: map[objectKey]*record{}, settings: map[string][]byte{}, dead: map[string]store.DeadAlarm{},
	}
}

func (s *state) clone() *state {
	c := &state{
		objects:  make(map[objectKey]*record, len(s.objects)),
		settings: maps.Clone(s.settings), dead: maps.Clone(s.dead), epoch: s.epoch,
	}
	for key, r := range s.objects {
		copied := *r
		copied.kv = maps.Clone(r.kv)
		c.objects[key] = &copied
	}
	return c
}

// sorted lists the objects in (namespace, name, id) order.
func (s *state) sorted(keep func(store.Ref) bool) []*record {
	var found []*record
	for _, r := range s.objects {
		if keep(r.info.Ref) {
			found = append(found, r)
		}
	}
	slices.SortFunc(found, func(a, b *record) int { return strings.Compare(refKey(a.info.Ref), refKey(b.info.Ref)) })
	return found
}

// refKey orders references; names hold any byte, so 0 is escaped.
func refKey(r store.Ref) string {
	return r.Namespace + "\x00\x01" + strings.ReplaceAll(r.Name, "\x00", "\x00\xff") + "\x00\x01" + string(r.ID[:])
}

// alarms lists the alarms in due order.
func (s *state) alarms() []store.DueAlarm {
	var found []store.DueAlarm
	for _, r := range s.objects {
		if r.info.HasAlarm {
			found = append(found, store.DueAlarm{Ref: r.info.Ref, Alarm: r.info.Alarm})
		}
	}
	slices.SortFunc(found, func(a, b store.DueAlarm) int {
		return cmp.Or(cmp.Compare(a.Alarm.DueMs, b.Alarm.DueMs), strings.Compare(refKey(a.Ref), refKey(b.Ref)))
	})
	return found
}

// Stat reads an object's record.
func (e *Engine) Stat(namespace string, id store.ID) (info store.Info, ok bool, err error) {
	err = e.read(func(s *state) {
		if r, found := s.objects[objectKey{namespace, id}]; found {
			info, ok = r.info, true
		}
	})
	return info, ok, err
}

// Lookup finds an object by its name.
func (e *Engine) Lookup(namespace, name string) (id store.ID, ok bool, err error) {
	err = e.read(func(s *state) {
		for key, r := range s.objects {
			if name != "" && key.namespace == namespace && r.info.Ref.Name == name {
				id, ok = key.id, true
			}
		}
	})
	return id, ok, err
}

// List pages over the registry.
func (e *Engine) List(namespace, prefix, cursor string, limit int) (infos []store.Info, next string, err error) {
	err = e.read(func(s *state) {
		objects := s.sorted(func(r store.Ref) bool {
			listed := r.Namespace == namespace || namespace == "" && !strings.HasPrefix(r.Namespace, store.ReservedNamespace)
			return listed && strings.HasPrefix(r.Name, prefix)
		})
		for _, r := range objects {
			if key := refKey(r.info.Ref); key > cursor {
				if len(infos) == limit {
					next = refKey(infos[limit-1].Ref)
					return
				}
				infos = append(infos, r.info)
			}
		}
	})
	return infos, next, err
}

// Count is the number of objects of a namespace.
func (e *Engine) Count(namespace string) (count int64, err error) {
	err = e.read(func(s *state) {
		for key := range s.objects {
			if key.namespace == namespace {
				count++
			}
		}
	})
	return count, err
}

// Alarms returns the alarms due at untilMs or before.
func (e *Engine) Alarms(untilMs int64, limit int, wanted func(store.Ref) bool) (alarms []store.DueAlarm, err error) {
	err = e.read(func(s *state) {
		for _, a := range s.alarms() {
			if a.Alarm.DueMs <= untilMs && len(alarms) < limit && (wanted == nil || wanted(a.Ref)) {
				alarms = append(alarms, a)
			}
		}
	})
	return alarms, err
}

// NextAlarm returns the earliest alarm.
func (e *Engine) NextAlarm() (alarm store.DueAlarm, ok bool, err error) {
	err = e.read(func(s *state) {
		if all := s.alarms(); len(all) > 0 {
			alarm, ok = all[0], true
		}
	})
	return alarm, ok, err
}

// ListAlarms pages over the alarms in due order.
func (e *Engine) ListAlarms(cursor string, limit int) (alarms []store.DueAlarm, next string, err error) {
	err = e.read(func(s *state) {
		for _, a := range s.alarms() {
			if at := alarmCursor(a); at > cursor {
				if len(alarms) == limit {
					next = alarmCursor(alarms[limit-1])
					return
				}
				alarms = append(alarms, a)
			}
		}
	})
	return alarms, next, err
}

func alarmCursor(a store.DueAlarm) string {
	return fmt.Sprintf("%016x", uint64(a.Alarm.DueMs)^1<<63) + refKey(a.Ref)
}

// Delete erases an object that is not open.
func (e *Engine) Delete(ref store.Ref) error {
	key := objectKey{ref.Namespace, ref.ID}
	e.mu.Lock()
	open := e.open[key]
	e.mu.Unlock()
	if open {
		return fmt.Errorf("memstore: delete %s: %w", ref.ID, store.ErrOpen)
	}
	return e.write(func(s *state) { delete(s.objects, key) })
}
