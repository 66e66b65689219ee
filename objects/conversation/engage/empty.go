package engage

import (
	"encoding/json"
	"errors"
	"strings"

	"github.com/holdfast-run/holdfast/guest-sdk/edge"
	"github.com/holdfast-run/holdfast/guest-sdk/edge/rest"
	"github.com/holdfast-run/holdfast/objects/conversation/intake"
)

// erasure is what a session is about to erase.
type erasure struct {
	Own     bool     `json:"own"` // the conversation was the person's
	Parties []string `json:"parties,omitempty"`
}

// PrepareErase says whether the conversation is the person's, and its parties;
// it is closed to changes then. Of somebody else's it takes the name of who
// worked on it. What names the person in notes is the ledger's to erase, so
// the ledger gets all of them first.
func (s *Session) PrepareErase(p person) (out erasure, err error) {
	if s.conv == nil {
		return out, nil
	}
	if out.Own = s.isOf(&p); out.Own {
		s.close()
		for len(s.checks) > 0 { // the registry may be about to take a party in
			<-s.checks[0]
		}
		for i := range s.parties {
			out.Parties = append(out.Parties, s.parties[i].PartyID)
		}
	} else if p.UserID != "" {
		s.eraseWorker(p.UserID)
	}
	return out, s.emit.flush()
}

// close keeps changes away that an erasure would miss.
func (s *Session) close() {
	if s.conv.Erasing {
		return
	}
	s.conv.Erasing = true
	s.putConv()
	s.commit()
}

// Erase empties the conversation where it is the person's, and deletes it.
func (s *Session) Erase(p person) (bool, error) {
	if s.conv == nil || !s.isOf(&p) {
		return false, nil
	}
	if err := s.empty(p.UserID); err != nil {
		return false, err
	}
	return true, s.emit.flush()
}

func (s *Session) isOf(p *person) bool {
	return p.UserID != "" && s.conv.UserID == p.UserID || p.ClientEmail != "" && strings.EqualFold(s.conv.ClientEmail, p.ClientEmail)
}

// empty empties the conversation and deletes it. user, if any, is taken out
// of what staff did too.
func (s *Session) empty(user string) error {
	c := s.conv
	c.UserID, c.ClientName, c.ClientEmail, c.Facts, c.IsDeleted, c.Erasing = erased, "", "", nil, true, false
	for i := range c.Goals {
		c.Goals[i].Title = erased
	}
	s.endAssignment()
	if user != "" {
		s.strike(user)
	}
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
	s.recent, s.reply = recent{}, nil
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
		s.recent.add(b)
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
// it.
func (s *Session) eraseWorker(id string) {
	if !s.strike(id) {
		return
	}
	s.bump()
	s.putConv()
	s.commit()
	s.tellState()
}

// strike takes a user's name out of what staff did, as part of the change that
// bump makes next; the answer is whether it was there. What was theirs to do
// is nobody's.
func (s *Session) strike(id string) (found bool) {
	version := s.head.Version + 1
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
		a.Version, found = version, true
		s.putAssignment(i)
	}
	for i := range s.conflicts {
		if x := &s.conflicts[i]; x.ResolvedBy == id {
			x.ResolvedBy, x.Version, found = erased, version, true
			s.putConflict(i)
		}
	}
	for i := range s.parties {
		if s.parties[i].User == id {
			s.parties[i].User, found = "", true
			s.putParty(i)
		}
	}
	if s.conv.AssignedTo == id {
		s.conv.AssignedTo, found = "", true
	}
	return found
}

// Scrub takes the name of an erased party out of a conflict. One that the
// registry has just told of, and that is not here yet, comes without it.
func (s *Session) Scrub(conflict string) (bool, error) {
	if s.conv == nil {
		return false, nil
	}
	i := s.conflictAt(conflict)
	if i < 0 {
		s.scrubbed[conflict] = true
		return false, nil
	}
	s.bump()
	s.conflicts[i].Matched.Name, s.conflicts[i].Version = erased, s.head.Version
	s.putConflict(i)
	s.commit()
	s.tellState()
	return true, s.emit.flush()
}

func init() {
	edge.Method("prepareErase", (*Session).PrepareErase)
	edge.Method("erase", (*Session).Erase)
	edge.Method("scrub", (*Session).Scrub)
}
