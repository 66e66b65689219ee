package chain

import (
	"encoding/hex"
	"fmt"
	"testing"
)

const firm = "acme"

// trail makes n rows that follow each other.
func trail(n int) []Row {
	rows, prev := make([]Row, n), Genesis(firm)
	for i := range rows {
		nonce := []byte(fmt.Sprintf("nonce of row %3d", i))
		r := &rows[i]
		r.Entry = Entry{
			Seq: int64(i + 1), AuditID: fmt.Sprint("s.", i), Timestamp: int64(1000 * i), Action: "message_added", Outcome: "success", ResourceType: "conversation",
			UserID: "ann", ResourceID: "s", IPAddress: "127.0.0.1", UserAgent: "test", Details: `{"n":1}`,
		}
		r.Nonce = hex.EncodeToString(nonce)
		r.Digest = r.Entry.Digest(nonce)
		r.PrevHash = prev
		r.Hash = r.Entry.Hash(prev, r.Digest)
		prev = r.Hash
	}
	return rows
}

// broken is the place of the first row that does not follow; 0 if all do.
func broken(rows []Row) int {
	v := NewVerifier(firm)
	for i := range rows {
		if !v.Next(&rows[i]) {
			return i + 1
		}
	}
	return 0
}

func TestVerifier_FindsEveryChange(t *testing.T) {
	if at := broken(trail(10)); at != 0 {
		t.Fatalf("an untouched trail is broken at %d", at)
	}
	for name, c := range map[string]struct {
		harm func(rows []Row) []Row
		at   int
	}{
		"an outcome":          {func(r []Row) []Row { r[4].Outcome = "failure"; return r }, 5},
		"an action":           {func(r []Row) []Row { r[4].Action += "x"; return r }, 5},
		"a time":              {func(r []Row) []Row { r[4].Timestamp++; return r }, 5},
		"a user":              {func(r []Row) []Row { r[4].UserID = "eve"; return r }, 5},
		"an address":          {func(r []Row) []Row { r[4].IPAddress = ""; return r }, 5},
		"details":             {func(r []Row) []Row { r[4].Details = ""; return r }, 5},
		"a kind":              {func(r []Row) []Row { r[4].ResourceType = "user"; return r }, 5},
		"an id":               {func(r []Row) []Row { r[4].AuditID = "z"; return r }, 5},
		"a nonce":             {func(r []Row) []Row { r[4].Nonce = "00"; return r }, 5},
		"no nonce, but names": {func(r []Row) []Row { r[4].Nonce = ""; return r }, 5},
		"a digest":            {func(r []Row) []Row { r[4].Digest = r[3].Digest; return r }, 5},
		"a hash":              {func(r []Row) []Row { r[4].Hash = r[3].Hash; return r }, 5},
		"two rows changed":    {func(r []Row) []Row { r[4].Entry, r[5].Entry = r[5].Entry, r[4].Entry; return r }, 5},
		"a row gone":          {func(r []Row) []Row { return append(r[:4], r[5:]...) }, 5},
		"the first gone":      {func(r []Row) []Row { return r[1:] }, 1},
		"a row twice":         {func(r []Row) []Row { return append(r[:5:5], r[4:]...) }, 6},
		"one row made anew": {func(r []Row) []Row {
			r[4].Outcome = "failure"
			r[4].Hash = r[4].Entry.Hash(r[4].PrevHash, r[4].Digest)
			return r
		}, 6},
		"another firm's": {func(r []Row) []Row { r[0].PrevHash = Genesis("other"); return r }, 1},
	} {
		if at := broken(c.harm(trail(10))); at != c.at {
			t.Errorf("%s: broken at %d, want %d", name, at, c.at)
		}
	}
}

func TestVerifier_HoldsAfterAnErasure(t *testing.T) {
	rows := trail(10)
	for i := range rows {
		r := &rows[i]
		r.UserID, r.ResourceID, r.IPAddress, r.UserAgent, r.Details, r.Nonce = "", "", "", "", "", ""
	}
	if at := broken(rows); at != 0 {
		t.Errorf("broken at %d", at)
	}
	v := NewVerifier(firm)
	for i := range rows {
		v.Next(&rows[i])
	}
	if seq, hash := v.At(); seq != 10 || hash != rows[9].Hash {
		t.Errorf("ended at %d %s", seq, hash)
	}
}

// TestFields_AreNotRunTogether keeps two lists of texts from having one hash.
func TestFields_AreNotRunTogether(t *testing.T) {
	a, b := Entry{UserID: "ab", ResourceID: "c"}, Entry{UserID: "a", ResourceID: "bc"}
	if a.Digest(nil) == b.Digest(nil) {
		t.Error("digests are equal")
	}
	a, b = Entry{AuditID: "ab", Action: "c"}, Entry{AuditID: "a", Action: "bc"}
	if a.Hash("", "") == b.Hash("", "") {
		t.Error("hashes are equal")
	}
}
