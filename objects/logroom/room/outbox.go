package room

import (
	"math/rand/v2"
	"strings"
	"time"

	"github.com/holdfast-run/holdfast/guest-sdk/edge"
)

// outboxState is what D1 has of this log. It is written only after D1 has
// answered, so a crash repeats work that is idempotent.
type outboxState struct {
	Delivered int64 `json:"delivered"` // every event up to this seq is in D1
	MetaDue   bool  `json:"metaDue"`   // the log's row is not in D1 yet
	DeleteDue bool  `json:"deleteDue"` // D1's rows and the storage are to go
	Failures  int   `json:"failures"`
	RetainAt  int64 `json:"retainAt"` // ms: when retention runs next
	Purged    int64 `json:"purged"`   // events up to this seq are past retention here
	PurgeDue  int64 `json:"purgeDue"` // and are to go from D1; 0: none
}

// outbox takes events to D1, in order. One pass runs at a time; while it
// waits for D1 the room goes on, and the next statement takes what has come.
type outbox struct {
	state   outboxState
	running chan struct{} // closed as the pass ends; nil: none runs
	retryAt int64         // ms: not before, after a failure
	alarmAt int64         // ms: the alarm that is set; 0: none known
}

// The pace of the outbox.
const (
	rowsPerStatement  = 14 // of 7 columns: within D1's 100 parameters
	statementsPerCall = 20
	backoffFirst      = 2 * time.Second
	backoffMax        = 5 * time.Minute
	watchdog          = 5 * time.Second // a pass that died with its instance is taken up again
	retainEvery       = 24 * time.Hour
)

func (o *outbox) load(r *Room) error {
	s, _, err := edge.Get[outboxState](r.kv(), edgeKey)
	o.state = s
	at, ok, aerr := r.state.Storage.GetAlarm()
	if ok {
		o.alarmAt = at.UnixMilli()
	}
	if err == nil {
		err = aerr
	}
	return err
}

func (o *outbox) save(r *Room) error { return edge.Put(r.kv(), edgeKey, o.state) }

// pending reports whether D1 lacks something.
func (o *outbox) pending(r *Room) bool {
	return o.state.DeleteDue || o.state.MetaDue || o.state.PurgeDue > 0 || !r.meta.Deleted && o.state.Delivered < r.head
}

// due keeps the alarm at the next time when the room has something to do, so
// that what is owed survives any crash.
func (r *Room) due() error {
	at := int64(0)
	if r.outbox.pending(r) {
		if at = r.outbox.retryAt; at == 0 {
			at = r.state.Now().Add(watchdog).UnixMilli()
		}
	}
	if r.alive() && r.meta.RetentionDays != nil {
		if r.outbox.state.RetainAt == 0 {
			r.outbox.state.RetainAt = r.state.Now().Add(retainEvery).UnixMilli()
			if err := r.outbox.save(r); err != nil {
				return err
			}
		}
		if at == 0 || r.outbox.state.RetainAt < at {
			at = r.outbox.state.RetainAt
		}
	}
	return r.alarm(at)
}

// alarm sets the alarm to a time, or deletes it for 0. One that is set and
// comes early enough stays.
func (r *Room) alarm(at int64) error {
	set := r.outbox.alarmAt
	now := r.state.Now().UnixMilli()
	switch {
	case at == 0 && set == 0, at != 0 && set > now && set <= at:
		return nil
	case at == 0:
		r.outbox.alarmAt = 0
		return r.state.Storage.DeleteAlarm()
	}
	r.outbox.alarmAt = at
	return r.state.Storage.SetAlarm(time.UnixMilli(at))
}

// kick starts a pass unless one runs or a failure is too recent; the channel
// closes when there is none left running.
func (o *outbox) kick(r *Room) <-chan struct{} {
	if o.running != nil {
		return o.running
	}
	done := make(chan struct{})
	if o.retryAt > r.state.Now().UnixMilli() || !o.pending(r) {
		close(done)
		return done
	}
	o.running = done
	r.state.WaitUntil("outbox", func() error {
		err := o.pass(r)
		o.running = nil
		close(done)
		return err
	})
	return done
}

// pass delivers until nothing is pending, or D1 fails.
func (o *outbox) pass(r *Room) error {
	for o.pending(r) {
		if err := o.step(r); err != nil {
			o.state.Failures++
			delay := min(backoffFirst<<min(o.state.Failures-1, 16), backoffMax)
			delay += time.Duration(rand.Int64N(int64(delay) / 4))
			o.retryAt = r.state.Now().Add(delay).UnixMilli()
			o.alarmAt = 0
			r.state.Log.Warn("D1 does not take events; they wait", "behind", r.head-o.state.Delivered, "retryIn", delay.String(), "error", err.Error())
			if err := o.save(r); err != nil {
				return err
			}
			return r.due()
		}
		if r.meta.Deleted && !o.state.DeleteDue {
			return nil // only the tombstone is left
		}
		if o.state.Failures > 0 {
			o.state.Failures, o.retryAt = 0, 0
		}
		if err := o.save(r); err != nil {
			return err
		}
	}
	return r.due()
}

// step is one call to D1; what it does may be repeated.
func (o *outbox) step(r *Room) error {
	db := r.env.D1(bindingD1)
	m := r.meta
	if o.state.DeleteDue {
		_, err := db.Batch(
			db.Prepare("DELETE FROM log_events WHERE log_id = ?").Bind(m.ID),
			db.Prepare("DELETE FROM log_metadata WHERE id = ?").Bind(m.ID))
		if err != nil {
			return err
		}
		return r.wipe()
	}
	if o.state.PurgeDue > 0 && !o.state.MetaDue {
		seq := o.state.PurgeDue
		if err := r.purgeD1(db); err != nil {
			return err
		}
		if o.state.PurgeDue == seq {
			o.state.PurgeDue = 0
		}
		return nil
	}
	return o.deliver(r, db)
}

// deliver brings the log's row, if it is due, and the next events.
func (o *outbox) deliver(r *Room, db *edge.D1) error {
	var stmts []*edge.Stmt
	if o.state.MetaDue {
		stmts = append(stmts, db.Prepare(`INSERT INTO log_metadata (id, name, owner_namespace, created_at, retention_days) VALUES (?, ?, ?, ?, ?)
			ON CONFLICT (id) DO NOTHING`).Bind(r.meta.ID, r.meta.Name, r.meta.OwnerNamespace, r.meta.CreatedAt, days(r.meta)))
	}
	last := o.state.Delivered
	var args []any
	rows := 0
	flush := func() {
		if rows > 0 {
			stmts = append(stmts, db.Prepare("INSERT INTO log_events (log_id, seq, id, owner_namespace, author_id, content, created_at) VALUES "+
				strings.TrimSuffix(strings.Repeat("(?, ?, ?, ?, ?, ?, ?), ", rows), ", ")+" ON CONFLICT (log_id, seq) DO NOTHING").Bind(args...))
			args, rows = nil, 0
		}
	}
	err := r.span(o.state.Delivered, r.head+1, rowsPerStatement*statementsPerCall, false, func(e *Event) bool {
		args = append(args, r.meta.ID, e.Seq, eventID(r.meta.ID, e.Seq), r.meta.OwnerNamespace, e.AuthorID, e.Content, e.CreatedAt)
		last = e.Seq
		if rows++; rows == rowsPerStatement {
			flush()
		}
		return true
	})
	if err != nil {
		return err
	}
	flush()
	if len(stmts) > 0 {
		if _, err := db.Batch(stmts...); err != nil {
			return err
		}
	}
	if last == o.state.Delivered && !o.state.MetaDue {
		last = max(last, o.state.Purged)
		if last == o.state.Delivered {
			last = r.head // what lies between is past its retention
		}
	}
	o.state.Delivered, o.state.MetaDue = max(o.state.Delivered, last), false
	return nil
}

func days(m *Meta) any {
	if m.RetentionDays == nil {
		return nil
	}
	return *m.RetentionDays
}

// wipe drops the storage of a deleted log but for its tombstone.
func (r *Room) wipe() error {
	if err := r.state.Storage.DeleteAll(); err != nil {
		return err
	}
	r.outbox.state, r.outbox.alarmAt = outboxState{}, 0
	return edge.Put(r.kv(), metaKey, *r.meta)
}
