package engage

import (
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

// foundAudit is a row of audit_log_index.
type foundAudit struct {
	Seq                                                      int64
	AuditID                                                  string
	UserID, ResourceID, IPAddress, UserAgent, Details, Nonce *string
	Action, ResourceType, Outcome, Digest, PrevHash, Hash    string
	Timestamp                                                int64
}

func (f *foundAudit) row() chain.Row {
	text := func(s *string) string {
		if s == nil {
			return ""
		}
		return *s
	}
	return chain.Row{
		Entry: chain.Entry{
			Seq: f.Seq, AuditID: f.AuditID, Timestamp: f.Timestamp, Action: f.Action, Outcome: f.Outcome, ResourceType: f.ResourceType,
			UserID: text(f.UserID), ResourceID: text(f.ResourceID), IPAddress: text(f.IPAddress), UserAgent: text(f.UserAgent), Details: text(f.Details),
		},
		Nonce: text(f.Nonce), Digest: f.Digest, PrevHash: f.PrevHash, Hash: f.Hash,
	}
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
		res, err := databaseOf(l.env, l.id).Prepare(`SELECT seq, auditId, userId, resourceId, ipAddress, userAgent, details, nonce, action, resourceType, outcome,
			digest, prevHash, hash, timestamp FROM audit_log_index WHERE seq > ? ORDER BY seq LIMIT ?`).Bind(after, verifyPage).All()
		if err != nil {
			return verdict{}, err
		}
		rows, err := edge.Scan[foundAudit](res)
		if err != nil {
			return verdict{}, err
		}
		for i := range rows {
			r := rows[i].row()
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
		after = rows[len(rows)-1].Seq
	}
	if seq, hash := v.At(); out.OK && (uint64(seq) != end.Seq || hash != end.Hash) {
		out.OK, out.BrokenAt = false, end.AuditID // the trail was cut off
	}
	return out, nil
}

func init() { edge.Method("verify", (*Ledger).Verify) }
