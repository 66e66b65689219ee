package engage

import (
	"errors"
	"strings"

	"github.com/holdfast-run/holdfast/guest-sdk/edge"
	"github.com/holdfast-run/holdfast/guest-sdk/edge/outbox"
)

// What one step brings to D1.
const (
	stepAuditMax = 192 // rows of the audit trail
	stepRowsMax  = 120 // index rows
	stepBytesMax = 1 << 20
)

// auditColumns are those of audit_log_index, in the order of auditValues.
var auditColumns = []string{"firmId", "auditId", "seq", "userId", "action", "resourceType", "resourceId", "timestamp", "ipAddress", "userAgent",
	"outcome", "details", "nonce", "digest", "prevHash", "hash", "accessDay"}

// dayMs is a day in milliseconds.
const dayMs = 86_400_000

func (l *Ledger) auditValues(a *auditRow) []any {
	var accessDay any
	if strings.HasPrefix(a.Action, accessPrefix) {
		accessDay = a.Timestamp / dayMs
	}
	return []any{l.id, a.AuditID, a.Seq, orNull(a.UserID), a.Action, a.ResourceType, orNull(a.ResourceID), a.Timestamp, orNull(a.IPAddress), orNull(a.UserAgent),
		a.Outcome, orNull(a.Details), orNull(a.Nonce), a.Digest, a.PrevHash, a.Hash, accessDay}
}

// auditTexts are the statements that add rows to the audit trail, by their
// number of rows. A row that is there with its hash is left out: the answer to
// an earlier insert may have been lost.
var auditTexts = func() (texts [1 + outbox.BindsMax]string) {
	for n := 1; n*len(auditColumns) <= outbox.BindsMax; n++ {
		texts[n] = "INSERT INTO audit_log_index (" + strings.Join(auditColumns, ", ") + ") SELECT * FROM (VALUES " + outbox.Values(len(auditColumns), n) +
			") AS v WHERE NOT EXISTS (SELECT 1 FROM audit_log_index AS a WHERE a.seq = v.column3 AND a.hash = v.column16)"
	}
	return texts
}()

func (l *Ledger) auditStatements(rows [][]any) (stmts []*edge.Stmt) {
	per := outbox.BindsMax / len(auditColumns)
	for len(rows) > 0 {
		n := min(len(rows), per)
		var args []any
		for _, r := range rows[:n] {
			args = append(args, r...)
		}
		stmts = append(stmts, l.db().Prepare(auditTexts[n]).Bind(args...))
		rows = rows[n:]
	}
	return stmts
}

// load is what one step brings.
type load struct {
	items []outbox.Item // of the audit trail
	audit [][]any
	keys  []string // of index rows
	rows  []*row
}

func (l *Ledger) nextLoad() (ld load, err error) {
	if ld.items, err = l.audit.Peek(stepAuditMax, stepBytesMax); err != nil {
		return ld, err
	}
	for _, it := range ld.items {
		a, err := auditRowOf(it.Value)
		if err != nil {
			return ld, err
		}
		ld.audit = append(ld.audit, l.auditValues(&a))
	}
	for len(l.order) > 0 && len(ld.keys) < stepRowsMax {
		key := l.order[0]
		l.order = l.order[1:]
		if w := l.owed[key]; w != nil {
			ld.keys, ld.rows = append(ld.keys, key), append(ld.rows, w)
		}
	}
	return ld, nil
}

func (l *Ledger) statements(ld *load) []*edge.Stmt {
	stmts := l.auditStatements(ld.audit)
	for _, kind := range kinds {
		t := tables[kind]
		var rows [][]any
		for _, w := range ld.rows {
			if w.Kind == kind {
				rows = append(rows, t.bind(w.Values))
			}
		}
		stmts = append(stmts, t.Upserts(l.db(), rows)...)
	}
	for _, w := range ld.rows {
		if w.Kind == rowUser {
			stmts = append(stmts, l.recount(w.Key))
		}
	}
	return stmts
}

// What a user's counters are, and what they count.
const (
	counters = "(conversationCount, assignedConversationCount)"
	counted  = `((SELECT count(*) FROM conversation_index WHERE userId = ?1 AND isDeleted = 0),
		(SELECT count(*) FROM conversation_index WHERE assignedTo = ?1 AND isDeleted = 0))`
	recountSQL = "UPDATE user_index SET " + counters + " = " + counted + " WHERE userId = ?1"
)

// recount sets a user's counters from the rows that they count; triggers keep
// them up from then on.
func (l *Ledger) recount(userID string) *edge.Stmt { return l.db().Prepare(recountSQL).Bind(userID) }

// heldSteps is how many steps a submission waits for while more is owed.
const heldSteps = 4

// waiter is a submission that is not answered yet.
type waiter struct {
	done  chan struct{}
	steps int // that have ended since it came
}

// step brings one load to D1, and then lets go those who have waited enough.
func (l *Ledger) step() error {
	l.d1.Lock()
	defer l.d1.Unlock()
	came := len(l.waiting)
	err := l.bring()
	l.letGo(came, err)
	l.drained(err)
	return err
}

// letGo answers submissions after a step, of which the first came before it.
// While more is owed they are held for some steps: their objects then submit
// more at a time, and a submission costs as much as a message. Nobody waits
// for a backoff.
func (l *Ledger) letGo(first int, failed error) {
	all := failed != nil || !l.pending()
	held := l.waiting[:0]
	for i, w := range l.waiting {
		if i < first {
			w.steps++
		}
		if all || w.steps >= heldSteps {
			close(w.done)
		} else {
			held = append(held, w)
		}
	}
	clear(l.waiting[len(held):])
	l.waiting = held
}

func (l *Ledger) bring() error {
	ld, err := l.nextLoad()
	if err != nil {
		return err
	}
	stmts := l.statements(&ld)
	if len(stmts) == 0 {
		return nil
	}
	if _, err := l.db().Batch(stmts...); err != nil {
		if lasting(err) {
			err = l.isolate(&ld)
		}
		if err != nil {
			l.order = append(ld.keys, l.order...)
			return err
		}
	}
	return l.brought(&ld)
}

// brought forgets what D1 has; a row that has changed meanwhile stays owed.
func (l *Ledger) brought(ld *load) error {
	if n := len(ld.items); n > 0 {
		if err := l.audit.Drop(ld.items[n-1].Seq); err != nil {
			return err
		}
		l.oldest = 0
	}
	var gone []string
	for i, key := range ld.keys {
		if l.owed[key] == ld.rows[i] {
			delete(l.owed, key)
			gone = append(gone, owedPrefix+key)
		} else {
			l.order = append(l.order, key)
		}
	}
	return deleteAll(l.kv(), gone)
}

// lasting reports whether D1 refuses a statement itself, so that trying again
// is of no use.
func lasting(err error) bool {
	var e *edge.Error
	return errors.As(err, &e) && errors.Is(err, edge.ErrD1) && !e.Retryable && !e.Overloaded && strings.Contains(e.Message, "SQLITE_CONSTRAINT")
}
