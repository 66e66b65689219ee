package engage

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/holdfast-run/holdfast/guest-sdk/edge"
	"github.com/holdfast-run/holdfast/guest-sdk/edge/rest"
	"github.com/holdfast-run/holdfast/objects/conversation/intake"
	"github.com/holdfast-run/holdfast/objects/conversation/match"
)

// parties is the firm's parties in memory: those of each side in an index of
// their own, since only opposite sides conflict. The type matter is on no side.
type parties struct {
	all     []partyEntry // by the number that the indexes know
	numbers map[string]uint32
	clients match.Index
	others  match.Index // opposing parties and entities
}

// partyEntry is a registered party. Its record in storage is this, each text
// behind its length, then createdAt and the prepared name.
type partyEntry struct {
	ID, Session, Type, Name string
	CreatedAt               int64
}

func (p *parties) side(partyType string) *match.Index {
	switch partyType {
	case intake.Client:
		return &p.clients
	case intake.OpposingParty, intake.Entity:
		return &p.others
	}
	return nil
}

// opposite is the side that a type conflicts with.
func (p *parties) opposite(partyType string) *match.Index {
	if against := intake.Against(partyType); len(against) > 0 {
		return p.side(against[0])
	}
	return nil
}

// add takes a party in, in place of an earlier record of it.
func (p *parties) add(e partyEntry, n match.Name) error {
	number, known := p.numbers[e.ID]
	if !known {
		number = uint32(len(p.all))
		p.all = append(p.all, e)
		p.numbers[e.ID] = number
	}
	p.all[number] = e
	ix := p.side(e.Type)
	if ix == nil {
		return nil
	}
	ix.Remove(number)
	return ix.Add(number, n)
}

// remove takes a party out; its number is not given again.
func (p *parties) remove(id string) {
	number, known := p.numbers[id]
	if !known {
		return
	}
	if ix := p.side(p.all[number].Type); ix != nil {
		ix.Remove(number)
	}
	delete(p.numbers, id)
	p.all[number] = partyEntry{}
}

func (e *partyEntry) record(n match.Name) ([]byte, error) {
	var b []byte
	for _, s := range []string{e.Session, e.Type, e.Name} {
		b = append(binary.AppendUvarint(b, uint64(len(s))), s...)
	}
	b = binary.LittleEndian.AppendUint64(b, uint64(e.CreatedAt))
	return n.AppendBinary(b)
}

func partyEntryOf(id string, b []byte) (e partyEntry, n match.Name, err error) {
	e.ID = id
	for _, s := range []*string{&e.Session, &e.Type, &e.Name} {
		l, k := binary.Uvarint(b)
		if k <= 0 || uint64(len(b)-k) < l {
			return e, n, fmt.Errorf("party %s: %w", id, errRecord)
		}
		*s, b = string(b[k:k+int(l)]), b[k+int(l):]
	}
	if len(b) < 8 {
		return e, n, fmt.Errorf("party %s: %w", id, errRecord)
	}
	e.CreatedAt = int64(binary.LittleEndian.Uint64(b))
	n, err = match.Decode(b[8:])
	return e, n, err
}

// known reads the firm's parties, once.
func (r *Registry) known() (*parties, error) {
	if r.parties != nil {
		return r.parties, nil
	}
	p := &parties{numbers: map[string]uint32{}}
	entries, failed := r.kv().List(edge.ListOptions{Prefix: regPrefix})
	for k, v := range entries {
		e, n, err := partyEntryOf(k[len(regPrefix):], v)
		if err != nil {
			return nil, err
		}
		if err := p.add(e, n); err != nil {
			return nil, err
		}
	}
	if err := failed(); err != nil {
		return nil, err
	}
	r.parties = p
	return p, nil
}

// registration is a session's party.
type registration struct {
	Session string       `json:"session"`
	Party   intake.Party `json:"party"`
}

// registered is what its check found.
type registered struct {
	CreatedAt int64             `json:"createdAt"`
	Conflicts []intake.Conflict `json:"conflicts,omitempty"`
	Problem   *problem          `json:"problem,omitempty"`
}

// Register keeps a party and checks it against the other side, in one turn:
// of two sessions that register opposing parties, the later one finds the
// earlier one. What was found is kept; the same party again answers what was
// found before, and what is new.
func (r *Registry) Register(in registration) (registered, error) {
	all, err := r.known()
	if err != nil {
		return registered{}, err
	}
	name, err := match.Prepare(in.Party.Name, in.Party.Aliases)
	if err != nil {
		return registered{}, err
	}
	e := partyEntry{ID: in.Party.PartyID, Session: in.Session, Type: in.Party.Type, Name: in.Party.Name, CreatedAt: r.now()}
	if number, known := all.numbers[e.ID]; known {
		e.CreatedAt = all.all[number].CreatedAt
	}
	out := registered{CreatedAt: e.CreatedAt}
	if out.Conflicts, _, err = edge.Get[[]intake.Conflict](r.kv(), foundPrefix+e.ID); err != nil {
		return out, err
	}
	if err := all.add(e, name); err != nil {
		if errors.Is(err, match.ErrIndexFull) {
			return registered{Problem: problemOf(rest.TooLarge("the firm has as many parties as it may have"))}, nil
		}
		return out, err
	}
	r.detect(all, &e, name, &out)
	record, err := e.record(name)
	if err != nil {
		return out, err
	}
	found, err := json.Marshal(out.Conflicts)
	if err != nil {
		return out, err
	}
	r.batch = append(r.batch, edge.Entry{Key: regPrefix + e.ID, Value: record}, edge.Entry{Key: foundPrefix + e.ID, Value: found})
	r.commit()
	return out, nil
}

// detect adds the conflicts that are new.
func (r *Registry) detect(all *parties, e *partyEntry, name match.Name, out *registered) {
	ix := all.opposite(e.Type)
	if ix == nil {
		return
	}
	for _, hit := range ix.Find(name) {
		other := &all.all[hit.ID]
		id := conflictID(e, other)
		if had(out.Conflicts, id) {
			continue
		}
		out.Conflicts = append(out.Conflicts, intake.Conflict{
			ConflictID: id, SessionID: e.Session, PartyID: e.ID, ConflictType: e.Type, ConflictEntity: e.Name,
			MatchType: string(hit.Kind), Confidence: hit.Confidence, Status: intake.Detected, DetectedAt: r.now(), DetectedBy: "system",
			Matched: intake.Matched{SessionID: other.Session, Name: other.Name, Type: other.Type},
		})
		r.batch = append(r.batch, edge.Entry{Key: againstPrefix + other.ID + "/" + id, Value: []byte(e.Session)})
	}
}

// conflictID names the conflict of two parties: always the same, and with the
// session that it belongs to before the dot.
func conflictID(e, other *partyEntry) string {
	h := sha256.Sum256([]byte(e.ID + "\x00" + other.ID))
	return e.Session + "." + hex.EncodeToString(h[:8])
}

func had(conflicts []intake.Conflict, id string) bool {
	for i := range conflicts {
		if conflicts[i].ConflictID == id {
			return true
		}
	}
	return false
}

func init() { edge.Method("register", (*Registry).Register) }
