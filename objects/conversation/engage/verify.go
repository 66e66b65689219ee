package engage

import (
	"encoding/base64"
	"encoding/json"

	"github.com/holdfast-run/holdfast/guest-sdk/abi"
	"github.com/holdfast-run/holdfast/guest-sdk/edge"
	"github.com/holdfast-run/holdfast/guest-sdk/edge/rest"
	"github.com/holdfast-run/holdfast/objects/conversation/chain"
)

// A walk along the audit trail is done in pieces, each an event of the ledger,
// and a call does as many as fit well into an event of the worker. A walk that
// does not end within its call is the client's to go on with: its place is in
// the cursor, so nothing is kept for it, and it goes on after any crash. What
// it proves is the trail up to where it ended when the walk began.

// What a walk reads.
const (
	verifyPage    = 1000    // rows of one query
	verifyStepMax = 10_000  // rows of one event of the ledger
	VerifyMax     = 100_000 // rows of one call
	// cursorBytesMax is more than any place takes.
	cursorBytesMax = 1024
)

// place is a place in a walk, with what it has found so far.
type place struct {
	Seq      int64  `json:"s"` // rows up to it are done with
	Rows     int64  `json:"n"` // that were read; the last one's place, if all were right
	Hash     string `json:"h"` // of that one
	BrokenAt string `json:"b,omitempty"`
	// End is the trail's end as the walk began, and EndID its last row.
	End     int64  `json:"e"`
	EndHash string `json:"eh"`
	EndID   string `json:"ei"`
}

// cursor is the place as clients hand it back.
func (p *place) cursor() (string, error) {
	b, err := json.Marshal(p)
	return base64.RawURLEncoding.EncodeToString(b), err
}

// placeOf reads a cursor. One that a client made up proves nothing to anybody
// but that client.
func placeOf(cursor string) (*place, error) {
	p := new(place)
	b, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil || len(b) > cursorBytesMax || json.Unmarshal(b, p) != nil || p.Seq < 0 || p.Rows < 0 || p.End < 0 || p.Hash == "" || p.EndHash == "" {
		return nil, rest.Bad("cursor must be one that this call answered")
	}
	return p, nil
}

// verification is a call as it was asked: at is nil where a walk begins.
type verification struct {
	at   *place
	most int64 // rows
}

func checkVerify(v *visit) (any, error) {
	q, err := rest.Query(v.req)
	if err != nil {
		return nil, err
	}
	var in verification
	if in.most, err = rest.QueryNumber(q, "limit", VerifyMax, 1, VerifyMax); err != nil {
		return nil, err
	}
	if cursor := q.Get("cursor"); cursor != "" {
		in.at, err = placeOf(cursor)
	}
	return in, err
}

// verifyAudit walks along the audit trail: 200 and the verdict at its end, 202
// and where to go on before.
func verifyAudit(v *visit, checked any) (*edge.Response, error) {
	in := checked.(verification)
	step := verifyStep{At: in.at}
	for left := in.most; left > 0; {
		step.Most = min(left, verifyStepMax)
		out, err := edge.Call[verified](ledgerOf(v.env, v.firm), "verify", step)
		if err != nil {
			return nil, dataProblem(err)
		}
		switch {
		case out.Behind:
			return nil, rest.Unavailable("the index does not take the audit trail now")
		case out.Done:
			return edge.JSON(200, verdict{OK: out.At.BrokenAt == "", Rows: out.At.Rows, BrokenAt: out.At.BrokenAt}), nil
		}
		left -= step.Most
		step.At = out.At
	}
	cursor, err := step.At.cursor()
	if err != nil {
		return nil, err
	}
	return edge.JSON(202, unfinished{Rows: step.At.Rows, Cursor: cursor}), nil
}

// verdict is what a whole walk has found.
type verdict struct {
	OK       bool   `json:"ok"`
	Rows     int64  `json:"rows"`
	BrokenAt string `json:"brokenAt,omitempty"`
}

// unfinished is the answer before a walk's end.
type unfinished struct {
	Rows   int64  `json:"rows"` // read so far
	Cursor string `json:"cursor"`
}

// verifyStep asks the ledger for one piece of a walk.
type verifyStep struct {
	At   *place `json:"at,omitempty"` // nil: from the beginning
	Most int64  `json:"most"`         // rows
}

// verified is the place behind a piece.
type verified struct {
	At     *place `json:"at,omitempty"`
	Done   bool   `json:"done,omitempty"`
	Behind bool   `json:"behind,omitempty"` // D1 lacks rows and does not take them now
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

// Verify does one piece of a walk along the audit trail in D1: every row must
// follow the one before, and the last must be the end that the ledger knows.
func (l *Ledger) Verify(step verifyStep) (verified, error) {
	at := step.At
	if at == nil {
		at = &place{Hash: chain.Genesis(l.id), End: int64(l.head.Seq), EndHash: l.head.Hash, EndID: l.head.AuditID}
		if err := l.drain(); err != nil {
			return verified{Behind: true}, nil
		}
	}
	for left := step.Most; left > 0; {
		n := min(left, verifyPage)
		if at.Seq >= at.End { // rows that came meanwhile are not walked
			at.Seq = max(at.Seq, int64(l.head.Seq))
		}
		rows, err := l.db().Prepare(verifySQL).Bind(at.Seq, n).Raw()
		if err != nil {
			return verified{}, err
		}
		l.walk(at, rows)
		if int64(len(rows)) < n {
			if at.BrokenAt == "" && (at.Rows != at.End || at.Hash != at.EndHash) {
				at.BrokenAt = at.EndID // the trail was cut off
			}
			return verified{At: at, Done: true}, nil
		}
		left -= n
	}
	return verified{At: at}, nil
}

// walk goes on along rows. Behind a row that is wrong they are only counted.
func (l *Ledger) walk(at *place, rows [][]abi.Value) {
	v := chain.ResumeVerifier(at.Rows, at.Hash)
	for i := range rows {
		r := foundAudit(rows[i])
		if at.Seq = r.Seq; r.Seq > at.End && r.Seq <= int64(l.head.Seq) {
			continue
		}
		at.Rows++
		if at.BrokenAt == "" && (r.Seq > at.End || !v.Next(&r)) {
			at.BrokenAt = r.AuditID
		}
	}
	if at.BrokenAt == "" {
		_, at.Hash = v.At()
	}
}

func init() { edge.Method("verify", (*Ledger).Verify) }
