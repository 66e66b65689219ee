package d1

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/holdfast-run/holdfast/host/storage"
	"github.com/holdfast-run/holdfast/runtime/store"
)

// Point is a state of a database: a bookmark, or a time of which it is the
// latest state; neither: now.
type Point struct {
	Bookmark string
	Time     time.Time
}

// bookmarkForm is that of D1: it sorts as text.
var bookmarkForm = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{8}-[0-9a-f]{8}-[0-9a-f]{32}$`)

// bookmarkText is a state of the engine's in D1's form.
func bookmarkText(epoch, sequence uint64) string {
	return fmt.Sprintf("%08x-%08x-%08x-%08x%024x", epoch>>32, uint32(epoch), sequence>>32, uint32(sequence), 0)
}

// fromEngine puts an engine's bookmark into D1's form, toEngine back.
func fromEngine(mark string) (string, error) {
	var epoch, sequence uint64
	if _, err := fmt.Sscanf(mark, "%16x-%16x", &epoch, &sequence); err != nil {
		return "", &Error{Kind: KindInternal, Message: textInternal, Cause: err}
	}
	return bookmarkText(epoch, sequence), nil
}

func toEngine(mark string) (string, error) {
	if !bookmarkForm.MatchString(mark) || strings.Trim(mark[35:], "0") != "" {
		return "", fault(KindInvalid, "Invalid bookmark: %q", mark)
	}
	return mark[:8] + mark[9:17] + "-" + mark[18:26] + mark[27:35], nil
}

// point is the engine's bookmark of a point.
func (h *Host) point(ref store.Ref, at Point) (string, error) {
	switch {
	case at.Bookmark != "" && !at.Time.IsZero():
		return "", fault(KindInvalid, "A bookmark and a time were given, expected one of them.")
	case at.Bookmark != "":
		return toEngine(at.Bookmark)
	case at.Time.IsZero():
		mark, err := h.cfg.Engine.BookmarkNow(ref)
		return mark, h.travelError(err)
	}
	mark, err := h.cfg.Engine.BookmarkForTime(ref, at.Time.UnixMilli())
	return mark, h.travelError(err)
}

// travelError says what is wrong with a point in time.
func (h *Host) travelError(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, store.ErrNotFound):
		return &Error{Kind: KindNotFound, Message: "The database had no such state.", Cause: err}
	case errors.Is(err, store.ErrBookmark):
		return &Error{Kind: KindInvalid, Message: "Invalid bookmark: " + err.Error(), Cause: err}
	case errors.Is(err, store.ErrNoHistory), errors.Is(err, store.ErrTooLarge), errors.Is(err, store.ErrFull):
		return &Error{Kind: KindConflict, Message: "Time travel: " + err.Error(), Cause: err}
	}
	return h.describe(context.Background(), err)
}

// Bookmark is the bookmark of a point in a local database's history.
func (h *Host) Bookmark(uuidOrName string, at Point) (string, error) {
	info, err := h.find(uuidOrName)
	if err != nil {
		return "", err
	}
	mark, err := h.point(info.Ref, at)
	if err != nil {
		return "", err
	}
	return fromEngine(mark)
}

// Restore takes a local database back to a point, as its only operation; undo
// is the bookmark that takes that back. It is refused while an interactive
// transaction is open.
func (h *Host) Restore(ctx context.Context, uuidOrName string, at Point) (bookmark, undo string, err error) {
	if at == (Point{}) {
		return "", "", fault(KindInvalid, "A restore needs a bookmark or a time.")
	}
	info, err := h.find(uuidOrName)
	if err != nil {
		return "", "", err
	}
	mark, err := h.point(info.Ref, at)
	if err != nil {
		return "", "", err
	}
	var before string
	err = h.alone(ctx, info.Ref.Name, func(l *local) (durable func() error, err error) {
		durable, before, err = l.restore(mark)
		return durable, h.travelError(err)
	})
	if err != nil {
		return "", "", err
	}
	h.generation.Add(1)
	if bookmark, err = fromEngine(mark); err == nil {
		undo, err = fromEngine(before)
	}
	return bookmark, undo, err
}

// Generation changes when a local database may have become older than it was:
// it was deleted, restored or imported.
func (h *Host) Generation() uint64 { return h.generation.Load() }

// Fork makes a new local database that is what another is, or was.
func (h *Host) Fork(ctx context.Context, uuidOrName string, at Point, to string) (Database, error) {
	info, err := h.find(uuidOrName)
	if err != nil {
		return Database{}, err
	}
	mark, err := h.point(info.Ref, at)
	if err != nil {
		return Database{}, err
	}
	err = h.alone(ctx, to, func(l *local) (func() error, error) {
		if l.exists {
			return nil, fault(KindExists, "A database with the name %q already exists.", to)
		}
		durable, err := l.become(func(o *storage.Object, durable func(error)) (bool, error) {
			return o.CopyFrom(info.Ref, mark, durable)
		})
		return durable, h.travelError(err)
	})
	if err != nil {
		return Database{}, err
	}
	return h.Get(ctx, to)
}

// restore takes the object back and returns what waits for the disk.
func (l *local) restore(mark string) (durable func() error, undo string, err error) {
	durable, err = l.become(func(o *storage.Object, durable func(error)) (changed bool, err error) {
		undo, changed, err = o.RestoreTo(mark, durable)
		return changed, err
	})
	return durable, undo, err
}

// become makes the object something else, as a commit of its own.
func (l *local) become(change func(*storage.Object, func(error)) (bool, error)) (func() error, error) {
	s := &syncing{done: make(chan struct{})}
	changed, err := change(l.object, func(err error) {
		s.err = err
		close(s.done)
	})
	if changed {
		l.last = s
	}
	l.exists, l.size = l.object.Exists(), l.object.DatabaseSize()
	l.mark()
	if err != nil || !changed {
		return nil, err
	}
	return s.wait, nil
}
