package engage

import "github.com/holdfast-run/holdfast/guest-sdk/edge"

// Erase ends an erasure: D1 gets what the objects have become, and of a user
// it loses the row, and the personal half of audit rows that the user caused
// or is about; the answer is how many those were.
func (l *Ledger) Erase(p person) (int, error) {
	if err := l.drain(); err != nil || p.UserID == "" {
		return 0, err
	}
	l.d1.Lock()
	defer l.d1.Unlock()
	db := l.db()
	results, err := db.Batch(
		db.Prepare("INSERT INTO audit_erasure (id) VALUES (1)"),
		db.Prepare(`UPDATE audit_log_index SET userId = NULL, resourceId = NULL, ipAddress = NULL, userAgent = NULL, details = NULL, nonce = NULL
			WHERE userId = ?1 OR resourceType = 'user' AND resourceId = ?1 RETURNING 1`).Bind(p.UserID),
		db.Prepare("DELETE FROM audit_erasure"),
		db.Prepare("DELETE FROM user_index WHERE userId = ?").Bind(p.UserID))
	if err != nil {
		return 0, err
	}
	if err := l.forgetUser(rowUser + "/" + p.UserID); err != nil {
		return 0, err
	}
	dead, err := l.strikeDead(p.UserID)
	return len(results[1].Rows) + dead, err
}

// forgetUser forgets a user's row that D1 lacks or has refused.
func (l *Ledger) forgetUser(key string) error {
	delete(l.owed, key)
	if _, err := l.kv().Delete(owedPrefix + key); err != nil {
		return err
	}
	return l.undead(key)
}

// strikeDead takes a user out of the audit trail's dead letters, as Erase does
// in D1; the answer is how many there were.
func (l *Ledger) strikeDead(user string) (n int, err error) {
	for behind := ""; ; {
		ids, rows, err := l.deadAudits(behind, reconcilePiece)
		if err != nil {
			return n, err
		}
		for i := range rows {
			a := &rows[i]
			if a.UserID != user && (a.ResourceType != resourceUser || a.ResourceID != user) {
				continue
			}
			a.UserID, a.ResourceID, a.IPAddress, a.UserAgent, a.Details, a.Nonce = "", "", "", "", "", ""
			if err := l.bury(deadAudit+ids[i], a.record(), "D1 refused it before a part of it was erased"); err != nil {
				return n, err
			}
			n++
		}
		if len(ids) < reconcilePiece {
			return n, nil
		}
		behind = ids[len(ids)-1]
	}
}

func init() { edge.Method("erase", (*Ledger).Erase) }
