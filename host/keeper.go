package host

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/holdfast-run/holdfast/host/admin"
	"github.com/holdfast-run/holdfast/host/storage"
	"github.com/holdfast-run/holdfast/runtime/object"
	"github.com/holdfast-run/holdfast/runtime/store"
)

// rewrite changes an object's storage from outside: through its loop where
// its class runs, else alone.
func (h *Host) rewrite(ctx context.Context, r store.Ref, reason string, change func(o *storage.Object, durable func(error)) (bool, error)) error {
	if class := h.dir.Class(r.Namespace); class != nil {
		return caller(h.dir.Rewrite(ctx, class, r, reason, func(s store.Object, durable func(error)) (bool, error) {
			return change(s.(*storage.Object), durable)
		}))
	}
	o, err := h.storage.OpenWith(r, storage.ObjectOptions{})
	if err != nil {
		return caller(err)
	}
	done := make(chan error, 1)
	changed, err := change(o, func(err error) { done <- err })
	if changed {
		err = errors.Join(err, <-done)
	}
	return caller(errors.Join(err, o.Close()))
}

// caller marks the errors that are the caller's.
func caller(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, store.ErrNotFound):
		return fmt.Errorf("%w: %w", admin.ErrNotFound, err)
	case errors.Is(err, store.ErrBookmark), errors.Is(err, store.ErrNoHistory), errors.Is(err, store.ErrTooLarge),
		errors.Is(err, store.ErrFull), errors.Is(err, store.ErrDiskFull), errors.Is(err, store.ErrTables), errors.Is(err, store.ErrReadOnly), errors.Is(err, store.ErrOpen):
		return fmt.Errorf("%w: %w", admin.ErrConflict, err)
	}
	return err
}

// mark is the bookmark of a point; "" is now.
func (h *Host) mark(r store.Ref, at admin.Point) (string, error) {
	if at.Bookmark != "" || at.Time.IsZero() {
		return at.Bookmark, nil
	}
	mark, err := h.storage.BookmarkForTime(r, at.Time.UnixMilli())
	return mark, caller(err)
}

// Bookmark is the bookmark of a point in an object's history.
func (h *Host) Bookmark(_ context.Context, namespace, id string, byName bool, at admin.Point) (string, error) {
	r, err := h.ref(namespace, id, byName)
	if err != nil {
		return "", err
	}
	if at.Time.IsZero() {
		mark, err := h.storage.BookmarkNow(r)
		return mark, caller(err)
	}
	return h.mark(r, at)
}

// Restore takes an object back to a point of its history.
func (h *Host) Restore(ctx context.Context, namespace, id string, byName bool, at admin.Point) (admin.Restored, error) {
	r, err := h.ref(namespace, id, byName)
	if err != nil {
		return admin.Restored{}, err
	}
	mark, err := h.mark(r, at)
	if err != nil {
		return admin.Restored{}, err
	}
	out := admin.Restored{Bookmark: mark}
	err = h.rewrite(ctx, r, "Durable Object reset because its storage was restored.", func(o *storage.Object, durable func(error)) (changed bool, err error) {
		out.Undo, changed, err = o.RestoreTo(mark, durable)
		return changed, err
	})
	return out, err
}

// Clone copies an object, as it is or was, to another name of its namespace.
func (h *Host) Clone(ctx context.Context, namespace, id string, byName bool, at admin.Point, to string, over bool) (admin.Cloned, error) {
	source, err := h.ref(namespace, id, byName)
	if err != nil {
		return admin.Cloned{}, err
	}
	mark, err := h.mark(source, at)
	if err != nil {
		return admin.Cloned{}, err
	}
	target, err := h.ref(namespace, to, true)
	if err != nil {
		return admin.Cloned{}, err
	}
	if source.ID == target.ID {
		return admin.Cloned{}, fmt.Errorf("%w: %s is the object itself; restore it", admin.ErrConflict, to)
	}
	err = h.rewrite(ctx, target, "Durable Object reset because another was copied over it.", func(o *storage.Object, durable func(error)) (bool, error) {
		if o.Exists() && !over {
			return false, fmt.Errorf("%w: there is an object %q already", admin.ErrConflict, to)
		}
		return o.CopyFrom(source, mark, durable)
	})
	if err != nil {
		return admin.Cloned{}, err
	}
	info, _, err := h.storage.Stat(namespace, target.ID)
	return admin.Cloned{ID: target.ID.String(), Name: to, Bytes: info.KVBytes + info.SQLBytes}, err
}

// Delete erases an object with its alarm and history.
func (h *Host) Delete(ctx context.Context, namespace, id string, byName bool) error {
	r, err := h.ref(namespace, id, byName)
	if err != nil {
		return err
	}
	erase := func() error { return h.storage.Delete(r) }
	if class := h.dir.Class(namespace); class != nil {
		return caller(h.dir.Erase(ctx, class, r, "Durable Object reset because it was deleted.", erase))
	}
	return caller(erase())
}

// Vacuum rewrites an object's SQL database without its free pages. Its
// instance stays: nothing that it can see changes.
func (h *Host) Vacuum(ctx context.Context, namespace, id string, byName bool) (out admin.Vacuumed, err error) {
	r, err := h.ref(namespace, id, byName)
	if err != nil {
		return out, err
	}
	class := h.dir.Class(namespace)
	if class == nil {
		return out, fmt.Errorf("%w: no class %s runs", admin.ErrNotFound, namespace)
	}
	done := make(chan error, 1)
	err = h.dir.Do(ctx, class, r, func(o *object.Object) error {
		s := o.Storage().(*storage.Object)
		out.Before = s.Info().SQLBytes
		changed, err := s.Vacuum(func(err error) { done <- err })
		out.After = s.Info().SQLBytes
		if !changed {
			done <- nil
		}
		return err
	})
	if err != nil {
		return out, caller(err)
	}
	select {
	case err := <-done:
		return out, err
	case <-ctx.Done():
		return out, ctx.Err()
	}
}

// RunAlarm makes an object's alarm due now.
func (h *Host) RunAlarm(ctx context.Context, namespace, id string, byName bool) error {
	r, err := h.ref(namespace, id, byName)
	if err != nil {
		return err
	}
	return h.alarmNow(ctx, r, func(o *storage.Object) (store.Alarm, error) {
		a, ok := o.Alarm()
		if !ok {
			return a, fmt.Errorf("%w: no alarm is set", admin.ErrNotFound)
		}
		return a, nil
	})
}

// alarmNow sets an object's alarm, due now.
func (h *Host) alarmNow(ctx context.Context, r store.Ref, alarm func(o *storage.Object) (store.Alarm, error)) error {
	class := h.dir.Class(r.Namespace)
	if class == nil {
		return fmt.Errorf("%w: no class %s runs", admin.ErrNotFound, r.Namespace)
	}
	return caller(h.dir.AlarmNow(ctx, class, r, func(s store.Object) (store.Alarm, error) { return alarm(s.(*storage.Object)) }))
}

// RunDead sets a dead alarm again, with all its retries, and takes it off the
// list.
func (h *Host) RunDead(ctx context.Context, key string) error {
	dead, ok, err := h.storage.DeadAlarm(key)
	if err != nil || !ok {
		return errors.Join(fmt.Errorf("%w: no dead alarm %s", admin.ErrNotFound, key), err)
	}
	err = h.alarmNow(ctx, dead.Ref, func(o *storage.Object) (store.Alarm, error) {
		if _, set := o.Alarm(); set {
			return store.Alarm{}, fmt.Errorf("%w: the object has set an alarm since", admin.ErrConflict)
		}
		return store.Alarm{ScheduledMs: dead.Alarm.ScheduledMs}, nil
	})
	if err != nil {
		return err
	}
	return h.storage.ForgetDead(key)
}

// ForgetDead takes a dead alarm off the list.
func (h *Host) ForgetDead(_ context.Context, key string) error {
	_, ok, err := h.storage.DeadAlarm(key)
	if err != nil || !ok {
		return errors.Join(fmt.Errorf("%w: no dead alarm %s", admin.ErrNotFound, key), err)
	}
	return h.storage.ForgetDead(key)
}

// Backup copies everything that is stored into a directory of backups.
func (h *Host) Backup(_ context.Context, to string) (admin.BackedUp, error) {
	abs, err := h.outside(to)
	if err != nil {
		return admin.BackedUp{}, err
	}
	b, err := h.storage.Backup(abs)
	if err != nil {
		return admin.BackedUp{}, caller(err)
	}
	return admin.BackedUp{Name: b.Name, Bytes: b.Bytes, CopiedBytes: b.CopiedBytes, Files: len(b.Files)}, nil
}

// outside refuses paths in the data directory, which is the engine's.
func (h *Host) outside(path string) (string, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	data, err := filepath.Abs(h.cfg.DataDir)
	if err != nil {
		return "", err
	}
	if rel, err := filepath.Rel(data, abs); err == nil && filepath.IsLocal(rel) {
		return "", fmt.Errorf("%w: %s lies in the data directory", admin.ErrConflict, path)
	}
	return abs, nil
}

// Verify checks all that is stored.
func (h *Host) Verify(ctx context.Context) (any, error) { return h.storage.Verify(ctx) }

// Export writes a namespace, as of one moment, into a new file.
func (h *Host) Export(ctx context.Context, namespace, to string) (out admin.Moved, err error) {
	abs, err := h.outside(to)
	if err != nil {
		return out, err
	}
	f, err := os.OpenFile(abs, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return out, fmt.Errorf("%w: %w", admin.ErrConflict, err)
	}
	out.Objects, err = h.storage.Export(ctx, namespace, f)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return out, errors.Join(caller(err), os.Remove(abs))
	}
	return out, nil
}

// Import makes objects of a namespace what an export holds. Objects that it
// does not hold stay. The file is read whole first, so that a damaged one
// changes nothing.
func (h *Host) Import(ctx context.Context, namespace, from string) (out admin.Moved, err error) {
	check := func(origin string, ref store.Ref, _ *storage.Image) error {
		_, err := h.imported(namespace, origin, ref)
		return err
	}
	if _, err := readExport(from, check); err != nil {
		return out, err
	}
	out.Objects, err = readExport(from, func(origin string, ref store.Ref, image *storage.Image) error {
		r, err := h.imported(namespace, origin, ref)
		if err != nil {
			return err
		}
		return h.rewrite(ctx, r, "Durable Object reset because its storage was imported.", func(o *storage.Object, durable func(error)) (bool, error) {
			return o.Adopt(image, durable)
		})
	})
	return out, err
}

func readExport(from string, fn func(string, store.Ref, *storage.Image) error) (objects int64, err error) {
	f, err := os.Open(from)
	if err != nil {
		return 0, fmt.Errorf("%w: %w", admin.ErrNotFound, err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	objects, err = storage.ReadExport(f, fn)
	if errors.Is(err, storage.ErrExport) {
		err = fmt.Errorf("%w: %s: %w", admin.ErrConflict, from, err)
	}
	return objects, err
}

// imported is the object that an exported one becomes: the same in the
// namespace that it was exported from, that of its name in another.
func (h *Host) imported(namespace, origin string, ref store.Ref) (store.Ref, error) {
	if origin == h.storage.Origin(namespace) {
		ref.Namespace = namespace
		return ref, nil
	}
	if ref.Name == "" {
		return ref, fmt.Errorf("%w: object %s has no name: it can only be imported into the namespace that it is from", admin.ErrConflict, ref.ID)
	}
	return h.ref(namespace, ref.Name, true)
}

// RestoreBackup makes a data directory from a backup; see storage.
func RestoreBackup(from, name, to string) (admin.BackedUp, error) {
	b, err := storage.RestoreBackup(nil, from, name, to)
	if err != nil {
		return admin.BackedUp{}, err
	}
	return admin.BackedUp{Name: b.Name, Bytes: b.Bytes, CopiedBytes: b.Bytes, Files: len(b.Files)}, nil
}

// VerifyData checks a data directory that no host has open. Problems are in
// its answer.
func VerifyData(ctx context.Context, dir string) (v *storage.Verified, err error) {
	if err := isData(dir); err != nil {
		return nil, err
	}
	e, err := storage.Open(storage.Config{Dir: dir})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, e.Close()) }()
	return e.Verify(ctx)
}
