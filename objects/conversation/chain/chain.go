// Package chain is the arithmetic of a firm's audit trail: each row's hash
// covers the row before it, so that no row can be changed, taken out or put
// in without it showing. It owns the layout of what is hashed and refuses to
// know where rows are kept.
//
// A row has two halves. The public one (place, id, time, action, outcome, kind
// of resource) is hashed as it is. The personal one (who, which resource, where
// from, details) enters only as a digest with a nonce, so that a person's data
// can be taken out of a row later and the chain still holds.
package chain

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"encoding/hex"
)

// Entry is a row of the audit trail but for its hashes.
type Entry struct {
	Seq          int64  // place in the chain, from 1 without gaps
	AuditID      string // unique within the firm
	Timestamp    int64  // ms since 1970
	Action       string
	Outcome      string // success, failure or blocked
	ResourceType string

	// The personal half.
	UserID, ResourceID, IPAddress, UserAgent, Details string
}

// NonceBytes is the length of a row's nonce.
const NonceBytes = 16

// Genesis is the hash before a firm's first row, in hexadecimal.
func Genesis(firmID string) string {
	return sum([]byte("holdfast audit chain of " + firmID))
}

// Digest is the digest of the personal half, in hexadecimal. nonce is kept
// beside the row as long as that half is.
func (e *Entry) Digest(nonce []byte) string {
	b := make([]byte, 0, 256)
	b = append(b, nonce...)
	for _, s := range []string{e.UserID, e.ResourceID, e.IPAddress, e.UserAgent, e.Details} {
		b = field(b, s)
	}
	return sum(b)
}

// Hash is the row's hash in hexadecimal: of the row before it, of its public
// half, and of the digest of its personal half.
func (e *Entry) Hash(prev, digest string) string {
	b := make([]byte, 0, 320)
	b = field(b, prev)
	b = binary.BigEndian.AppendUint64(b, uint64(e.Seq))
	b = binary.BigEndian.AppendUint64(b, uint64(e.Timestamp))
	for _, s := range []string{e.AuditID, e.Action, e.Outcome, e.ResourceType, digest} {
		b = field(b, s)
	}
	return sum(b)
}

// field appends a text with its length before it, so that no two lists of
// texts are alike.
func field(b []byte, s string) []byte {
	return append(binary.BigEndian.AppendUint32(b, uint32(len(s))), s...)
}

func sum(b []byte) string {
	h := sha256.Sum256(b)
	return hex.EncodeToString(h[:])
}

// Row is an entry as it was found in a database.
type Row struct {
	Entry
	Nonce    string // hexadecimal; empty where the personal half was erased
	Digest   string
	PrevHash string
	Hash     string
}

// Verifier walks a firm's rows in order.
type Verifier struct {
	next int64
	hash string
}

// NewVerifier begins at a firm's first row.
func NewVerifier(firmID string) *Verifier { return &Verifier{next: 1, hash: Genesis(firmID)} }

// ResumeVerifier goes on where another one was: seq and hash are what its At
// answered.
func ResumeVerifier(seq int64, hash string) *Verifier { return &Verifier{next: seq + 1, hash: hash} }

// Next reports whether r follows what came before and is what it was.
func (v *Verifier) Next(r *Row) bool {
	if r.Seq != v.next || !equal(r.PrevHash, v.hash) || !equal(r.Hash, r.Entry.Hash(r.PrevHash, r.Digest)) {
		return false
	}
	if r.Nonce != "" {
		nonce, err := hex.DecodeString(r.Nonce)
		if err != nil || !equal(r.Digest, r.Entry.Digest(nonce)) {
			return false
		}
	} else if r.UserID != "" || r.ResourceID != "" || r.IPAddress != "" || r.UserAgent != "" || r.Details != "" {
		return false
	}
	v.next, v.hash = v.next+1, r.Hash
	return true
}

// At is the hash of the last row that was right, and its place.
func (v *Verifier) At() (seq int64, hash string) { return v.next - 1, v.hash }

func equal(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }
