package room

import (
	"math"

	"github.com/holdfast-run/holdfast/guest-sdk/edge"
)

// deleteChunk is how many keys one call deletes.
const deleteChunk = 128

// retain deletes the room's events that are past their time, and leaves
// D1's to the outbox. It runs once a day. Seqs are never given again.
func (r *Room) retain() error {
	now := r.state.Now()
	cutoff := now.AddDate(0, 0, -int(*r.meta.RetentionDays)).UnixMilli()
	var keys []string
	purged := int64(0)
	err := r.span(0, math.MaxInt64, math.MaxInt32, false, func(e *Event) bool {
		if e.CreatedAt >= cutoff {
			return r.meta.Unordered
		}
		keys = append(keys, eventKey(e.Seq))
		if e.Key != "" {
			keys = append(keys, keyPrefix+e.Key)
		}
		purged = e.Seq
		return true
	})
	if err != nil {
		return err
	}
	for len(keys) > 0 {
		n := min(len(keys), deleteChunk)
		if _, err := r.kv().DeleteMany(keys[:n]...); err != nil {
			return err
		}
		keys = keys[n:]
	}
	if purged > 0 {
		r.recent, r.held = nil, 0
		r.forget()
		if err := r.remember(); err != nil {
			return err
		}
		r.index.Purged = max(r.index.Purged, purged)
		r.index.PurgeDue = cutoff
	}
	r.index.RetainAt = now.Add(retainEvery).UnixMilli()
	return r.saveIndex()
}

// purgeD1 deletes from D1 what retain has deleted here.
func (r *Room) purgeD1(db *edge.D1) error {
	_, err := db.Prepare("DELETE FROM log_events WHERE log_id = ? AND created_at < ?").Bind(r.meta.ID, r.index.PurgeDue).Run()
	return err
}
