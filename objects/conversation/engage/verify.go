package engage

import (
	"github.com/holdfast-run/holdfast/guest-sdk/abi"
	"github.com/holdfast-run/holdfast/guest-sdk/edge"
	"github.com/holdfast-run/holdfast/objects/conversation/chain"
)

// verifyPage is how many rows of the audit trail one query reads.
const verifyPage = 1000

// verdict is what a walk along the audit trail finds.
type verdict struct {
	OK       bool   `json:"ok"`
	Rows     int64  `json:"rows"`
	BrokenAt string `json:"brokenAt,omitempty"`
	Behind   bool   `json:"behind,omitempty"` // D1 lacks rows and does not take them now
}

// verifySQL reads what foundAudit takes apart.
const verifySQL = `SELECT seq, timestamp, auditId, action, outcome, resourceType, userId, resourceId, ipAddress, userAgent, details,
	nonce, digest, prevHash, hash FROM audit_log_index WHERE seq > ? ORDER BY seq LIMIT ?`

// foundAudit is a row of verifySQL; NULL is "".
func foundAudit(v []abi.Value) (r chain.Row) {
	r.Seq, r.Timestamp = v[0].Int, v[1].Int
	for i, s := range [...]*string{&r.AuditID, &r.Action, &r.Outcome, &r.ResourceType, &r.UserID, &r.ResourceID, &r.IPAddress, &r.UserAgent, &r.Details, &r.Nonce, &r.Digest, &r.PrevHash, &r.Hash} {
		*s = string(v[2+i].Bytes)
	}
	return r
}

// Verify walks the whole audit trail in D1: every row must follow the one
// before, and the last must be the end that the ledger knows.
func (l *Ledger) Verify(string) (verdict, error) {
	if err := l.drain(); err != nil {
		return verdict{Behind: true}, nil
	}
	end := l.head // rows that come meanwhile are not walked
	v := chain.NewVerifier(l.id)
	out := verdict{OK: true}
	for after := int64(0); ; {
		rows, err := databaseOf(l.env, l.id).Prepare(verifySQL).Bind(after, verifyPage).Raw()
		if err != nil {
			return verdict{}, err
		}
		for i := range rows {
			r := foundAudit(rows[i])
			if uint64(r.Seq) > end.Seq && uint64(r.Seq) <= l.head.Seq {
				continue
			}
			out.Rows++
			if out.OK && (uint64(r.Seq) > l.head.Seq || !v.Next(&r)) {
				out.OK, out.BrokenAt = false, r.AuditID
			}
		}
		if len(rows) < verifyPage {
			break
		}
		after = rows[len(rows)-1][0].Int
	}
	if seq, hash := v.At(); out.OK && (uint64(seq) != end.Seq || hash != end.Hash) {
		out.OK, out.BrokenAt = false, end.AuditID // the trail was cut off
	}
	return out, nil
}

func init() { edge.Method("verify", (*Ledger).Verify) }
