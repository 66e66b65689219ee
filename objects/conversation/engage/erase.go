package engage

import (
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/holdfast-run/holdfast/guest-sdk/edge"
	"github.com/holdfast-run/holdfast/guest-sdk/edge/rest"
	"github.com/holdfast-run/holdfast/objects/conversation/intake"
)

// Erasure takes a person's data out of a firm. Every step can be repeated, so
// that one that was interrupted is run again as it was:
//
//  1. each session is asked; of a conversation of the person the registry
//     forgets the parties, and sessions whose conflicts name them are told;
//  2. the session itself comes behind that, since it is not found again: it
//     loses its messages, names, facts and notes, and is deleted. Where the
//     person worked on a conversation, the name is taken out;
//  3. the registry forgets the user;
//  4. D1 loses the user's row and the personal half of the audit rows. Their
//     digests stay, so the chain still holds.

// erased stands where a name was.
const erased = "[erased]"

// person is who is to be erased: by one of the two.
type person struct {
	UserID      string `json:"userId,omitempty"`
	ClientEmail string `json:"clientEmail,omitempty"`
}

func checkErasure(v *visit) (any, error) {
	f, err := rest.Parse(v.req.Body)
	if err != nil {
		return nil, err
	}
	var p person
	if p.UserID, err = f.Text("userId", UserIDBytesMax, true); err != nil {
		return nil, err
	}
	if p.ClientEmail, err = f.Text("clientEmail", EmailBytesMax, true); err != nil {
		return nil, err
	}
	if (p.UserID == "") == (p.ClientEmail == "") {
		return nil, rest.Bad("the body must have userId or clientEmail, and not both")
	}
	return &p, nil
}

// erasePage is how many sessions are asked before the next are listed.
const erasePage = 200

func erasePerson(v *visit, checked any) (*edge.Response, error) {
	p := checked.(*person)
	conversations, auditRows := 0, 0
	for after := ""; ; {
		ids, err := edge.Call[[]string](registryOf(v.env, v.firm), "sessions", finding{After: after, Limit: erasePage})
		if err != nil {
			return nil, busy(err)
		}
		for _, id := range ids {
			n, err := v.eraseIn(id, p)
			if err != nil {
				return nil, err
			}
			conversations += n
		}
		if len(ids) < erasePage {
			break
		}
		after = ids[len(ids)-1]
	}
	if p.UserID != "" {
		if _, err := edge.Call[bool](registryOf(v.env, v.firm), "forgetUser", p.UserID); err != nil {
			return nil, busy(err)
		}
		var err error
		if auditRows, err = edge.Call[int](ledgerOf(v.env, v.firm), "erase", p.UserID); err != nil {
			return nil, rest.Unavailable("the index does not take the erasure now, run it again: " + err.Error())
		}
	}
	v.tell(v.note(nil))
	return edge.JSON(200, map[string]int{"conversations": conversations, "auditRows": auditRows}), nil
}

// eraseIn erases the person in one session; the answer is 1 where it was the
// person's conversation.
func (v *visit) eraseIn(session string, p *person) (int, error) {
	stub := sessionOf(v.env, v.firm, session)
	out, err := edge.Call[erasure](stub, "prepareErase", *p)
	if err != nil {
		return 0, busy(err)
	}
	if !out.Own {
		return 0, nil
	}
	others, err := edge.Call[map[string]string](registryOf(v.env, v.firm), "forgetParties", out.Parties)
	if err != nil {
		return 0, busy(err)
	}
	for _, conflict := range slices.Sorted(maps.Keys(others)) {
		if _, err := edge.Call[bool](sessionOf(v.env, v.firm, others[conflict]), "scrub", conflict); err != nil {
			return 0, busy(err)
		}
	}
	_, err = edge.Call[bool](stub, "erase", *p)
	return 1, busy(err)
}

// erasure is what a session is about to erase.
type erasure struct {
	Own     bool     `json:"own"` // the conversation was the person's
	Parties []string `json:"parties,omitempty"`
}

// PrepareErase says whether the conversation is the person's, and its parties.
// Of somebody else's it takes the name of who worked on it.
func (s *Session) PrepareErase(p person) (out erasure, err error) {
	if s.conv == nil {
		return out, nil
	}
	<-s.emit.pump.Kick() // notes that name the person are the ledger's to erase
	if out.Own = s.isOf(&p); !out.Own {
		if p.UserID != "" {
			s.eraseWorker(p.UserID)
		}
		return out, nil
	}
	for i := range s.parties {
		out.Parties = append(out.Parties, s.parties[i].PartyID)
	}
	return out, nil
}

// Erase empties the conversation where it is the person's, and deletes it.
func (s *Session) Erase(p person) (bool, error) {
	if s.conv == nil || !s.isOf(&p) {
		return false, nil
	}
	return true, s.eraseAll()
}

func (s *Session) isOf(p *person) bool {
	return p.UserID != "" && s.conv.UserID == p.UserID || p.ClientEmail != "" && strings.EqualFold(s.conv.ClientEmail, p.ClientEmail)
}

// eraseAll empties the conversation and deletes it.
func (s *Session) eraseAll() error {
	c := s.conv
	c.UserID, c.ClientName, c.ClientEmail, c.Facts, c.IsDeleted = erased, "", "", nil, true
	for i := range c.Goals {
		c.Goals[i].Title = erased
	}
	s.endAssignment()
	s.bump()
	for i := range s.parties {
		s.parties[i].Name, s.parties[i].Aliases, s.parties[i].User, s.parties[i].Pending = erased, nil, "", false
		s.putParty(i)
	}
	for i := range s.conflicts {
		x := &s.conflicts[i]
		x.ConflictEntity, x.Notes, x.Version = erased, "", s.head.Version
		s.putConflict(i)
	}
	for i := range s.assignments {
		s.assignments[i].Notes, s.assignments[i].Version = "", s.head.Version
		s.putAssignment(i)
	}
	s.recent = nil
	for seq := int64(1); seq <= s.head.Messages; seq++ {
		if err := s.eraseMessage(seq); err != nil {
			return err
		}
	}
	if err := s.forgetKeys(); err != nil {
		return err
	}
	s.putConv()
	s.commit()
	s.tellState()
	return nil
}

// eraseMessage leaves a message's place and time.
func (s *Session) eraseMessage(seq int64) error {
	key := numberKey(messagePrefix, seq)
	b, ok, err := s.kv().Get(key)
	if err != nil || !ok {
		return err
	}
	var m struct {
		Role      string `json:"role"`
		CreatedAt string `json:"createdAt"`
	}
	if err := json.Unmarshal(b, &m); err != nil {
		return errors.Join(errRecord, err)
	}
	at, err := rest.ParseTime(m.CreatedAt)
	if err != nil {
		return errors.Join(errRecord, err)
	}
	b = intake.AppendMessage(nil, s.id, &intake.Message{Seq: seq, Role: m.Role, Content: erased, CreatedAt: at})
	s.put(key, b)
	if seq > s.head.Messages-RecentMax {
		s.recent = append(s.recent, b)
	}
	return nil
}

// forgetKeys deletes idempotency keys, which clients chose.
func (s *Session) forgetKeys() error {
	var keys []string
	entries, failed := s.kv().List(edge.ListOptions{Prefix: onceKey})
	for k := range entries {
		keys = append(keys, k)
	}
	return errors.Join(failed(), deleteAll(s.kv(), keys))
}

// eraseWorker takes the name of somebody who worked on the conversation out of
// it. What was theirs to do is nobody's.
func (s *Session) eraseWorker(id string) {
	version, changed := s.head.Version+1, false
	for i := range s.assignments {
		a := &s.assignments[i]
		if a.AssignedTo != id && a.AssignedBy != id {
			continue
		}
		if a.AssignedTo == id {
			a.AssignedTo = erased
			if a.Status == intake.AssignmentActive {
				a.Status = intake.AssignmentReassigned
			}
		}
		if a.AssignedBy == id {
			a.AssignedBy = erased
		}
		a.Version, changed = version, true
		s.putAssignment(i)
	}
	for i := range s.conflicts {
		if x := &s.conflicts[i]; x.ResolvedBy == id {
			x.ResolvedBy, x.Version, changed = erased, version, true
			s.putConflict(i)
		}
	}
	for i := range s.parties {
		if s.parties[i].User == id {
			s.parties[i].User = ""
			s.putParty(i)
		}
	}
	if s.conv.AssignedTo == id {
		s.conv.AssignedTo, changed = "", true
	}
	if !changed {
		s.batch = s.batch[:0]
		return
	}
	s.bump()
	s.putConv()
	s.commit()
	s.tellState()
}

// Scrub takes the name of an erased party out of a conflict.
func (s *Session) Scrub(conflict string) (bool, error) {
	i := -1
	if s.conv != nil {
		i = s.conflictAt(conflict)
	}
	if i < 0 {
		return false, nil
	}
	s.bump()
	s.conflicts[i].Matched.Name, s.conflicts[i].Version = erased, s.head.Version
	s.putConflict(i)
	s.commit()
	s.tellState()
	return true, nil
}

// ForgetParties takes parties out of the registry; the answer is the conflicts
// of other sessions that name them, with those sessions.
func (r *Registry) ForgetParties(ids []string) (map[string]string, error) {
	all, err := r.known()
	if err != nil {
		return nil, err
	}
	others := map[string]string{}
	var keys []string
	for _, id := range ids {
		all.remove(id)
		keys = append(keys, regPrefix+id, foundPrefix+id)
		entries, failed := r.kv().List(edge.ListOptions{Prefix: againstPrefix + id + "/"})
		for k, session := range entries {
			others[k[len(againstPrefix)+len(id)+1:]] = string(session)
		}
		if err := failed(); err != nil {
			return nil, err
		}
	}
	for _, session := range others {
		if err := r.scrubFound(session); err != nil {
			return nil, err
		}
	}
	return others, deleteAll(r.kv(), keys)
}

// scrubFound takes names that are gone out of what checks of a session's
// parties found.
func (r *Registry) scrubFound(session string) error {
	found, failed := edge.List[[]intake.Conflict](r.kv(), edge.ListOptions{Prefix: foundPrefix + session + "."})
	for k, conflicts := range found {
		for i := range conflicts {
			if _, known := r.parties.byConflict(&conflicts[i]); !known {
				conflicts[i].Matched.Name = erased
			}
		}
		if err := edge.Put(r.kv(), k, conflicts); err != nil {
			return err
		}
	}
	return failed()
}

// byConflict finds the party that a conflict matched.
func (p *parties) byConflict(c *intake.Conflict) (*partyEntry, bool) {
	e := partyEntry{ID: c.PartyID, Session: c.SessionID}
	for i := range p.all {
		if o := &p.all[i]; o.Session == c.Matched.SessionID && conflictID(&e, o) == c.ConflictID {
			return o, true
		}
	}
	return nil, false
}

// ForgetUser takes a user out of the registry.
func (r *Registry) ForgetUser(id string) (bool, error) {
	<-r.emit.pump.Kick() // notes that name the person are the ledger's to erase
	delete(r.dirty, id)
	delete(r.seen, id)
	_, err := r.kv().DeleteMany(userPrefix+id, dirtyPrefix+id)
	return true, err
}

// Erase takes a user's row, and the personal half of audit rows that the user
// caused or is about, out of D1; the answer is how many those were.
func (l *Ledger) Erase(userID string) (int, error) {
	if err := l.drain(); err != nil {
		return 0, err
	}
	l.d1.Lock()
	defer l.d1.Unlock()
	db := databaseOf(l.env, l.id)
	results, err := db.Batch(
		db.Prepare("INSERT INTO audit_erasure (id) VALUES (1)"),
		db.Prepare(`UPDATE audit_log_index SET userId = NULL, resourceId = NULL, ipAddress = NULL, userAgent = NULL, details = NULL, nonce = NULL
			WHERE userId = ?1 OR resourceType = 'user' AND resourceId = ?1 RETURNING 1`).Bind(userID),
		db.Prepare("DELETE FROM audit_erasure"),
		db.Prepare("DELETE FROM user_index WHERE userId = ?").Bind(userID))
	if err != nil {
		return 0, err
	}
	return len(results[1].Rows), nil
}

func init() {
	edge.Method("prepareErase", (*Session).PrepareErase)
	edge.Method("erase", (*Session).Erase)
	edge.Method("scrub", (*Session).Scrub)
	edge.Method("forgetParties", (*Registry).ForgetParties)
	edge.Method("forgetUser", (*Registry).ForgetUser)
	edge.Method("erase", (*Ledger).Erase)
}
