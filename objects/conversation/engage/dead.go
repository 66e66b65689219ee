package engage

import (
	"github.com/holdfast-run/holdfast/guest-sdk/edge"
)

// Dead letters are rows that D1 refuses as they are. An index row is its
// object's to bring again; a row of the audit trail is in no other place than
// its dead letter any more, so that has all of it. Reconciliation revives both.

// deadAudit begins the keys of the audit trail's dead letters, behind
// deadPrefix; the row's auditId follows.
const deadAudit = "audit/"

// deadLetter is a row that D1 does not take.
type deadLetter struct {
	Error string `json:"error"`
	At    int64  `json:"at"`
	Row   []byte `json:"row,omitempty"` // auditRow.record, of the audit trail
}

// isolate brings a load row by row, so that one that D1 refuses holds up no
// other: it becomes a dead letter.
func (l *Ledger) isolate(ld *load) error {
	for i, values := range ld.audit {
		if err := l.bringOne(deadAudit+values[1].(string), ld.items[i].Value, l.auditStatements(ld.audit[i:i+1])); err != nil {
			return err
		}
	}
	for i, w := range ld.rows {
		one := load{rows: ld.rows[i : i+1]}
		if err := l.bringOne(w.Kind+"/"+w.Key, nil, l.statements(&one)); err != nil {
			return err
		}
	}
	return nil
}

// bringOne brings a row; record is to be kept with its dead letter.
func (l *Ledger) bringOne(key string, record []byte, stmts []*edge.Stmt) error {
	_, err := l.db().Batch(stmts...)
	if err == nil || !lasting(err) {
		return err
	}
	l.state.Log.Error("D1 refuses a row; it is a dead letter", "row", key, "error", err.Error())
	_, there, gerr := l.kv().Get(deadPrefix + key)
	if gerr != nil {
		return gerr
	}
	if !there {
		l.dead++
	}
	return l.bury(key, record, err.Error())
}

// bury keeps a dead letter, in place of an earlier one.
func (l *Ledger) bury(key string, record []byte, why string) error {
	return edge.Put(l.kv(), deadPrefix+key, deadLetter{Error: why, At: l.now(), Row: record})
}

// undead forgets the dead letter of a row that D1 has, or that is gone.
func (l *Ledger) undead(key string) error {
	if l.dead == 0 {
		return nil
	}
	gone, err := l.kv().Delete(deadPrefix + key)
	if gone {
		l.dead--
	}
	return err
}

// revived forgets dead letters of rows that D1 now has.
func (l *Ledger) revived(truth [][]row) error {
	for _, rows := range truth {
		for _, w := range rows {
			if err := l.undead(w.Kind + "/" + w.Key); err != nil {
				return err
			}
		}
	}
	return nil
}

// deadAudits is a page of the audit trail's dead letters, behind one of them.
func (l *Ledger) deadAudits(behind string, most int) (ids []string, rows []auditRow, err error) {
	prefix := deadPrefix + deadAudit
	letters, failed := edge.List[deadLetter](l.kv(), edge.ListOptions{Prefix: prefix, StartAfter: after(prefix, behind), Limit: most})
	for k, d := range letters {
		a, err := auditRowOf(d.Row)
		if err != nil {
			return nil, nil, err
		}
		ids, rows = append(ids, k[len(prefix):]), append(rows, a)
	}
	return ids, rows, failed()
}

// reviveAudit tries again to bring rows of the audit trail that D1 refused.
func (l *Ledger) reviveAudit(p *progress) error {
	ids, rows, err := l.deadAudits(p.After, reconcilePiece)
	if err != nil {
		return err
	}
	for i, id := range ids {
		if _, err := l.db().Batch(l.auditStatements([][]any{l.auditValues(&rows[i])})...); lasting(err) {
			continue
		} else if err != nil {
			return err
		}
		if err := l.undead(deadAudit + id); err != nil {
			return err
		}
		p.Repaired++
	}
	p.turn(ids)
	return nil
}
