package storage

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/holdfast-run/holdfast/runtime/store"
)

// bookmark is a state of an object: the commit that made it. Its text is
// epoch and sequence in hex digits of fixed width, so that later states sort
// after earlier ones: epochs only grow, and within one the sequence does.
type bookmark struct{ epoch, sequence uint64 }

const bookmarkTextBytes = 16 + 1 + 16

func (b bookmark) String() string { return fmt.Sprintf("%016x-%016x", b.epoch, b.sequence) }

func (b bookmark) before(c bookmark) bool {
	return b.epoch < c.epoch || b.epoch == c.epoch && b.sequence < c.sequence
}

func parseBookmark(text string) (b bookmark, err error) {
	if len(text) != bookmarkTextBytes {
		return b, fmt.Errorf("%q: %w", text, store.ErrBookmark)
	}
	if _, err := fmt.Sscanf(text, "%16x-%16x", &b.epoch, &b.sequence); err != nil || b.String() != text {
		return b, fmt.Errorf("%q: %w", text, store.ErrBookmark)
	}
	return b, nil
}

func (m *meta) bookmark() bookmark { return bookmark{m.epoch, m.sequence} }

// restorePoint is a restore that has been asked for. The epoch of the commit
// that will carry it out is reserved then, so that the undo bookmark, which
// sorts just before that commit, can be told at once.
type restorePoint struct {
	target bookmark
	epoch  uint64
	birth  uint64 // not stored: the epoch of an object that the wish itself makes
}

const restorePointBytes = 3 * 8

func (r *restorePoint) append(b []byte) []byte {
	b = binary.BigEndian.AppendUint64(b, r.target.epoch)
	b = binary.BigEndian.AppendUint64(b, r.target.sequence)
	return binary.BigEndian.AppendUint64(b, r.epoch)
}

func decodeRestorePoint(b []byte) *restorePoint {
	return &restorePoint{
		target: bookmark{binary.BigEndian.Uint64(b), binary.BigEndian.Uint64(b[8:])},
		epoch:  binary.BigEndian.Uint64(b[16:]),
	}
}

// Bookmark is the object's current point in time.
func (o *Object) Bookmark() (string, error) {
	if o.closed {
		return "", store.ErrClosed
	}
	return o.meta.bookmark().String(), nil
}

// BookmarkForTime is the bookmark of the latest committed state that is not
// younger than ms.
func (o *Object) BookmarkForTime(ms int64) (string, error) {
	if o.closed {
		return "", store.ErrClosed
	}
	if o.ns.keepMs.Load() == 0 {
		return "", fmt.Errorf("no history is kept of %s: %w", o.ns.name, store.ErrNoHistory)
	}
	at, err := o.timeline().at(ms, o.meta.bookmark(), o.engine.horizon(o.ns))
	return at.String(), err
}

// RestoreNext asks that the next Rewind take the object to a bookmark.
func (o *Object) RestoreNext(text string) (undo string, err error) {
	if err := o.usable(); err != nil {
		return "", err
	}
	if text == "" {
		o.turn.restore = nil
		return "", nil
	}
	target, err := o.past(text)
	if err != nil {
		return "", err
	}
	birth, errBirth := o.engine.NextEpoch()
	epoch, err := o.engine.NextEpoch()
	if err := errors.Join(errBirth, err); err != nil {
		return "", err
	}
	o.turn.restore = &restorePoint{target, epoch, birth}
	return bookmark{epoch, 0}.String(), nil
}

// past reads a bookmark of a state that can be reached.
func (o *Object) past(text string) (bookmark, error) {
	target, err := parseBookmark(text)
	if err != nil {
		return target, err
	}
	if o.meta.bookmark().before(target) {
		return target, fmt.Errorf("%q is in the future: %w", text, store.ErrBookmark)
	}
	return target, o.timeline().reaches(o.meta.bookmark(), target)
}

// RestoreTo takes the object to a bookmark at once, between turns, as one
// commit under a new epoch; where that fails the object is as it was. undo is
// the bookmark of the state that it leaves. A restore that was asked for
// before is forgotten.
func (o *Object) RestoreTo(text string, durable func(error)) (undo string, changed bool, err error) {
	if err := o.usable(); err != nil {
		return "", false, err
	}
	if o.Dirty() {
		return "", false, errors.New("storage: restore inside a turn")
	}
	target, err := o.past(text)
	if err != nil {
		return "", false, err
	}
	epoch, err := o.engine.NextEpoch()
	if err != nil {
		return "", false, err
	}
	if err := o.discardSQL(); err != nil {
		return "", false, err
	}
	past, err := o.timeline().state(o.meta, target)
	if err != nil {
		return "", false, err
	}
	past.meta.restore = nil
	changed, err = o.replace(past, epoch, durable)
	return bookmark{epoch, 0}.String(), changed, err
}

// Rewind carries out the restore that the last committed turn has asked for.
// A state that can no longer be reached is given up: the object goes on as
// it is, and ErrNoHistory says so.
func (o *Object) Rewind(durable func(error)) (bool, error) {
	switch {
	case o.closed:
		return false, store.ErrClosed
	case o.meta.restore == nil:
		return false, nil
	case o.Dirty():
		return false, errors.New("storage: rewind inside a turn")
	}
	if err := o.discardSQL(); err != nil {
		return false, err
	}
	wish := *o.meta.restore
	past, err := o.timeline().state(o.meta, wish.target)
	if err != nil {
		past = &state{meta: o.meta}
	}
	past.meta.restore = nil
	changed, storeErr := o.replace(past, wish.epoch, durable)
	return changed, errors.Join(err, storeErr)
}
