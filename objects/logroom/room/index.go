package room

import (
	"time"

	"github.com/holdfast-run/holdfast/guest-sdk/edge"
	"github.com/holdfast-run/holdfast/guest-sdk/edge/outbox"
)

// index is what D1 has of this log. It is written only after D1 has
// answered, so a crash repeats work that is idempotent.
type index struct {
	Delivered int64 `json:"delivered"` // every event up to this seq is in D1
	MetaDue   bool  `json:"metaDue"`   // the log's row is not in D1 yet
	DeleteDue bool  `json:"deleteDue"` // D1's rows and the storage are to go
	RetainAt  int64 `json:"retainAt"`  // ms: when retention runs next; 0: never
	Purged    int64 `json:"purged"`    // events up to this seq are past retention here
	PurgeDue  int64 `json:"purgeDue"`  // and are to go from D1; 0: none
}

// statementsPerCall bounds a call to D1.
const statementsPerCall = 20

// retainEvery is how often retention runs.
const retainEvery = 24 * time.Hour

// eventsTable and logsTable are the tables that the room writes to. What is
// there stays: an event never changes.
var (
	eventsTable = outbox.Table{
		Name: "log_events", Key: []string{"log_id", "seq"},
		Columns: []string{"log_id", "seq", "id", "owner_namespace", "author_id", "content", "created_at"},
	}
	logsTable = outbox.Table{
		Name: "log_metadata", Key: []string{"id"},
		Columns: []string{"id", "name", "owner_namespace", "created_at", "retention_days"},
	}
)

// openIndex begins to bring the log to D1: what is pending after a restart is
// taken up by the alarm.
func (r *Room) openIndex() (err error) {
	if r.index, _, err = edge.Get[index](r.kv(), indexKey); err != nil {
		return err
	}
	r.pump, err = outbox.New(outbox.Config{State: r.state, Name: "outbox", Pending: r.owes, Step: r.step, Wake: r.retainsAt})
	return err
}

func (r *Room) saveIndex() error { return edge.Put(r.kv(), indexKey, r.index) }

// owes reports whether D1 lacks something.
func (r *Room) owes() bool {
	x := &r.index
	return x.DeleteDue || x.MetaDue || x.PurgeDue > 0 || !r.meta.Deleted && x.Delivered < r.head
}

// retainsAt is when retention is due.
func (r *Room) retainsAt() int64 {
	if !r.alive() {
		return 0
	}
	return r.index.RetainAt
}

// step is one call to D1; what it does may be repeated.
func (r *Room) step() error {
	db := r.env.D1(bindingD1)
	m := r.meta
	if r.index.DeleteDue {
		_, err := db.Batch(
			db.Prepare("DELETE FROM log_events WHERE log_id = ?").Bind(m.ID),
			db.Prepare("DELETE FROM log_metadata WHERE id = ?").Bind(m.ID))
		if err != nil {
			return err
		}
		return r.wipe()
	}
	if r.index.PurgeDue > 0 && !r.index.MetaDue {
		seq := r.index.PurgeDue
		if err := r.purgeD1(db); err != nil {
			return err
		}
		if r.index.PurgeDue == seq {
			r.index.PurgeDue = 0
		}
		return r.saveIndex()
	}
	return r.deliver(db)
}

// deliver brings the log's row, if it is due, and the next events.
func (r *Room) deliver(db *edge.D1) error {
	x, m := &r.index, r.meta
	var stmts []*edge.Stmt
	if x.MetaDue {
		stmts = logsTable.Upserts(db, [][]any{{m.ID, m.Name, m.OwnerNamespace, m.CreatedAt, days(m)}})
	}
	last := x.Delivered
	var rows [][]any
	err := r.span(x.Delivered, r.head+1, eventsTable.RowsPerStatement()*statementsPerCall, false, func(e *Event) bool {
		rows = append(rows, []any{m.ID, e.Seq, eventID(m.ID, e.Seq), m.OwnerNamespace, e.AuthorID, e.Content, e.CreatedAt})
		last = e.Seq
		return true
	})
	if err != nil {
		return err
	}
	if stmts = append(stmts, eventsTable.Upserts(db, rows)...); len(stmts) > 0 {
		if _, err := db.Batch(stmts...); err != nil {
			return err
		}
	}
	if last == x.Delivered && !x.MetaDue {
		last = max(last, x.Purged)
		if last == x.Delivered {
			last = r.head // what lies between is past its retention
		}
	}
	x.Delivered, x.MetaDue = max(x.Delivered, last), false
	return r.saveIndex()
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
	r.index = index{}
	r.pump.Forget()
	return edge.Put(r.kv(), metaKey, *r.meta)
}
