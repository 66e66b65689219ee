package host

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/holdfast-run/holdfast/host/admin"
	"github.com/holdfast-run/holdfast/runtime/object"
	"github.com/holdfast-run/holdfast/runtime/store"
)

var _ admin.Host = (*Host)(nil)

// Health is nil while the host takes requests and writes.
func (h *Host) Health() error {
	if err := h.storage.Failed(); err != nil {
		return fmt.Errorf("storage takes no writes: %w", err)
	}
	if err := h.storage.DiskError(); err != nil {
		return fmt.Errorf("storage takes no writes: %w", err)
	}
	return nil
}

// Namespaces lists the classes that run, with how many objects each has.
func (h *Host) Namespaces() ([]admin.Namespace, error) {
	var out []admin.Namespace
	for _, a := range h.running() {
		for _, b := range a.bindings() {
			n, err := h.storage.Count(b.class.Namespace)
			if err != nil {
				return nil, err
			}
			out = append(out, admin.Namespace{Namespace: b.class.Namespace, App: a.name, Class: b.class.Name, Binding: b.binding, Objects: n})
		}
	}
	return out, nil
}

// Objects lists objects by name, from the registry.
func (h *Host) Objects(namespace, prefix, cursor string, limit int) ([]admin.Object, string, error) {
	infos, next, err := h.storage.List(namespace, prefix, cursor, limit)
	if err != nil {
		return nil, "", err
	}
	out := make([]admin.Object, len(infos))
	for i, f := range infos {
		out[i] = admin.Object{
			ID: f.Ref.ID.String(), Name: f.Ref.Name, Tier: object.TierCold.String(), CreatedAt: admin.Time(f.CreatedAt),
			LastActiveAt: admin.Time(f.LastActive), StorageBytes: f.KVBytes + f.SQLBytes,
		}
		if o := h.dir.Find(f.Ref); o != nil {
			s := o.Snapshot()
			out[i].Tier, out[i].LastActiveAt = s.Tier.String(), admin.Time(s.LastActive)
		}
	}
	return out, next, nil
}

// ref finds an object by name or by the text of its id.
func (h *Host) ref(namespace, id string, byName bool) (store.Ref, error) {
	origin := h.storage.Origin(namespace)
	if byName {
		r := object.RefByName(origin, id)
		r.Namespace = namespace
		return r, nil
	}
	parsed, err := object.IDFromString(origin, id)
	if err != nil {
		return store.Ref{}, fmt.Errorf("%w: %s: %w", admin.ErrNotFound, id, err)
	}
	return store.Ref{Namespace: namespace, ID: parsed}, nil
}

// Object shows one object without waking it.
func (h *Host) Object(namespace, id string, byName bool) (*admin.Detail, error) {
	r, err := h.ref(namespace, id, byName)
	if err != nil {
		return nil, err
	}
	f, stored, err := h.storage.Stat(namespace, r.ID)
	if err != nil {
		return nil, err
	}
	o := h.dir.Find(r)
	if !stored && (o == nil || o.Snapshot().Tier == object.TierCold && o.Snapshot().Sockets == 0) {
		return nil, fmt.Errorf("%w: %s has no object %s", admin.ErrNotFound, namespace, id)
	}
	d := &admin.Detail{ID: r.ID.String(), Name: r.Name, Tier: object.TierCold.String()}
	if stored {
		d.Name, d.CreatedAt, d.LastActiveAt = f.Ref.Name, admin.Time(f.CreatedAt), admin.Time(f.LastActive)
		d.Storage = admin.Storage{KVBytes: f.KVBytes, SQLBytes: f.SQLBytes}
		if f.HasAlarm {
			d.Alarm = &admin.Alarm{ScheduledAt: ms(f.Alarm.ScheduledMs), DueAt: ms(f.Alarm.DueMs), Retries: int(f.Alarm.Retries)}
		}
	}
	if o != nil {
		s := o.Snapshot()
		d.Tier, d.MemoryBytes, d.Sockets, d.Version = s.Tier.String(), s.MemoryBytes, s.Sockets, s.Version
		d.Mailbox = admin.Mailbox{Events: s.MailboxEvents, Bytes: s.MailboxBytes}
		d.LastActiveAt = admin.Time(s.LastActive)
		if !stored {
			d.CreatedAt = d.LastActiveAt
		}
	}
	return d, nil
}

func ms(v int64) string { return admin.Time(time.UnixMilli(v)) }

// Evict makes an object cold.
func (h *Host) Evict(ctx context.Context, namespace, id string, byName bool) error {
	if _, err := h.Object(namespace, id, byName); err != nil {
		return err
	}
	r, err := h.ref(namespace, id, byName)
	if err != nil {
		return err
	}
	if err := h.dir.Evict(ctx, r); err != nil {
		return errors.Join(admin.ErrConflict, err)
	}
	return nil
}

// Crash discards an object's instance at once; in dev only.
func (h *Host) Crash(_ context.Context, namespace, id string, byName bool) error {
	if h.cfg.Mode != ModeDev {
		return fmt.Errorf("%w: crash is for dev", admin.ErrConflict)
	}
	r, err := h.ref(namespace, id, byName)
	if err != nil {
		return err
	}
	h.dir.Crash(r, "crashed by the admin API")
	return nil
}

// Alarms lists set alarms in the order they are due.
func (h *Host) Alarms(cursor string, limit int) ([]admin.Alarm, string, error) {
	list, next, err := h.storage.ListAlarms(cursor, limit)
	if err != nil {
		return nil, "", err
	}
	out := make([]admin.Alarm, len(list))
	for i, a := range list {
		out[i] = alarmOf(a.Ref, a.Alarm)
	}
	return out, next, nil
}

func alarmOf(r store.Ref, a store.Alarm) admin.Alarm {
	return admin.Alarm{Namespace: r.Namespace, ID: r.ID.String(), Name: r.Name, ScheduledAt: ms(a.ScheduledMs), DueAt: ms(a.DueMs), Retries: int(a.Retries)}
}

// DeadAlarms lists alarms that ran out of retries.
func (h *Host) DeadAlarms(cursor string, limit int) ([]admin.Alarm, string, error) {
	list, next, err := h.storage.DeadAlarms(cursor, limit)
	if err != nil {
		return nil, "", err
	}
	out := make([]admin.Alarm, len(list))
	for i, a := range list {
		out[i] = alarmOf(a.Ref, a.Alarm)
		out[i].Key, out[i].DiedAt, out[i].Reason = a.Key, admin.Time(a.DiedAt), a.Reason
	}
	return out, next, nil
}

// Databases lists the local D1 databases by name.
func (h *Host) Databases() ([]admin.Database, error) {
	list, err := h.d1.List("")
	if err != nil {
		return nil, err
	}
	out := make([]admin.Database, len(list))
	for i, d := range list {
		out[i] = admin.Database{Name: d.Name, UUID: d.UUID, CreatedAt: admin.Time(d.CreatedAt), FileSize: d.FileSize}
	}
	return out, nil
}
