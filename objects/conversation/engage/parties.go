package engage

import (
	"encoding/hex"
	"slices"
	"strconv"

	"github.com/holdfast-run/holdfast/guest-sdk/edge"
	"github.com/holdfast-run/holdfast/guest-sdk/edge/outbox"
	"github.com/holdfast-run/holdfast/guest-sdk/edge/rest"
	"github.com/holdfast-run/holdfast/objects/conversation/intake"
	"github.com/holdfast-run/holdfast/objects/conversation/match"
)

// A party is kept here before the registry is asked about it, and marked as
// pending: whatever dies in between, the registry is asked again, under the
// same id, and answers the same.

// partyOf reads a party as a client gives it; none is an explicit "there is no
// opposing party".
func partyOf(body []byte) (p intake.Party, none bool, err error) {
	f, err := rest.Parse(body)
	if err != nil {
		return p, false, err
	}
	if p.Type, err = oneOf(f, "type", intake.PartyTypes, false); err != nil {
		return p, false, err
	}
	if none, err = f.Truth("none"); err != nil {
		return p, false, err
	}
	if none {
		if p.Type != intake.OpposingParty || f.Has("name") {
			return p, false, rest.Bad("none is for type opposing_party, without a name")
		}
		return p, true, nil
	}
	if p.Name, err = f.Text("name", NameBytesMax, false); err != nil {
		return p, false, err
	}
	if p.Aliases, err = textsOf(f, "aliases", AliasesMax, NameBytesMax); err != nil {
		return p, false, err
	}
	if _, err := match.Prepare(p.Name, p.Aliases); err != nil {
		return p, false, rest.Bad(err.Error())
	}
	return p, false, nil
}

// postParty registers a party and checks it.
func (s *Session) postParty(c *call) (*edge.Response, error) {
	p, none, err := partyOf(c.req.Body)
	if err != nil {
		return nil, err
	}
	if err := open(s.conv); err != nil {
		return nil, err
	}
	if none {
		s.conv.OpposingPartyNone = true
		if _, err := s.changed(c); err != nil {
			return nil, err
		}
		return edge.JSONBytes(201, []byte(`{"party":null,"conflicts":[]}`)), nil
	}
	i, err := s.intend(&p, c.User)
	if err != nil {
		return nil, err
	}
	if err := s.resolve(i, c); err != nil {
		return nil, err
	}
	return s.partyResponse(&s.parties[i].Party), nil
}

// intend keeps a party as pending. One of the same type and name that the
// session has already is that party, with the aliases of both.
func (s *Session) intend(p *intake.Party, user string) (int, error) {
	for i := range s.parties {
		if have := &s.parties[i]; have.Type == p.Type && match.Normalize(have.Name) == match.Normalize(p.Name) {
			for _, a := range p.Aliases {
				if !intake.Oneof(have.Aliases, a) {
					have.Aliases = append(have.Aliases, a)
				}
			}
			if len(have.Aliases) > AliasesMax {
				have.Aliases = have.Aliases[:AliasesMax]
			}
			s.keepPending(i)
			return i, nil
		}
	}
	if len(s.parties) >= PartiesMax {
		return 0, rest.TooLarge("the conversation has " + strconv.Itoa(PartiesMax) + " parties, as many as it may have")
	}
	var b [8]byte
	s.state.Rand(b[:])
	p.PartyID = s.id + "." + hex.EncodeToString(b[:])
	s.parties = append(s.parties, partyRecord{Party: *p, User: user})
	s.keepPending(len(s.parties) - 1)
	return len(s.parties) - 1, nil
}

func (s *Session) keepPending(i int) {
	s.parties[i].Pending = true
	s.parties[i].Refused = false
	s.putParty(i)
	s.commit()
}

// resolve asks the registry about a pending party and takes its answer in. c
// is nil where nobody waits for it.
func (s *Session) resolve(i int, c *call) error {
	p := s.parties[i]
	over := make(chan struct{})
	s.checks = append(s.checks, over)
	defer func() {
		s.checks = slices.DeleteFunc(s.checks, func(c chan struct{}) bool { return c == over })
		close(over)
	}()
	s.resolving[p.PartyID] = true
	ans, err := edge.Call[registered](registryOf(s.env, s.firm), "register", registration{Session: s.id, Party: p.Party})
	delete(s.resolving, p.PartyID)
	if err != nil {
		s.emit.pump.Kick()
		return busy(err)
	}
	if ans.Problem != nil { // it stays unchecked, and shows in no state
		return s.giveUp(i, ans.Problem)
	}
	if c == nil {
		c = &call{actor: actor{User: p.User}, at: s.now(), action: "party_added", resourceType: resourceConversation, resourceID: s.id}
	}
	s.settle(i, &ans, c)
	return nil
}

// giveUp takes back a party that the registry can never take.
func (s *Session) giveUp(i int, p *problem) error {
	s.parties[i].Pending, s.parties[i].Refused = false, true
	s.putParty(i)
	s.commit()
	return p.err()
}

// settle takes the registry's answer in, in one turn.
func (s *Session) settle(i int, ans *registered, c *call) {
	p := &s.parties[i]
	p.Pending, p.CreatedAt = false, ans.CreatedAt
	s.putParty(i)
	s.conv.Checked = true
	if p.Type == intake.OpposingParty {
		s.conv.OpposingPartyNone = false
	}
	c.details = about("partyId", p.PartyID)
	notes := []note{c.note(nil)}
	s.touch()
	s.putConv()
	for _, found := range ans.Conflicts {
		if s.conflictAt(found.ConflictID) >= 0 {
			continue
		}
		if s.scrubbed[found.ConflictID] {
			found.Matched.Name = erased
			delete(s.scrubbed, found.ConflictID)
		}
		found.Version = s.head.Version
		s.conflicts = append(s.conflicts, found)
		s.putConflict(len(s.conflicts) - 1)
		notes = append(notes, c.also("conflict_detected", about("conflictId", found.ConflictID)))
		s.tell("conflict", func(b []byte) []byte { return intake.AppendConflict(b, &found) })
	}
	s.commit(notes...)
	s.tellState()
}

// partyResponse shows a party with the conflicts that its checks have found.
func (s *Session) partyResponse(p *intake.Party) *edge.Response {
	b := intake.AppendParty([]byte(`{"party":`), p)
	b = append(b, `,"conflicts":[`...)
	first := true
	for i := range s.conflicts {
		if s.conflicts[i].PartyID != p.PartyID {
			continue
		}
		if !first {
			b = append(b, ',')
		}
		first = false
		b = intake.AppendConflict(b, &s.conflicts[i])
	}
	return edge.JSONBytes(201, append(b, "]}"...))
}

// unresolved reports whether a party is pending that nobody is asking about,
// and that is not about to be erased.
func (s *Session) unresolved() bool { return s.nextUnresolved() >= 0 }

func (s *Session) nextUnresolved() int {
	if s.conv.Erasing {
		return -1
	}
	for i := range s.parties {
		if s.parties[i].Pending && !s.resolving[s.parties[i].PartyID] {
			return i
		}
	}
	return -1
}

// checkAgain is when the registry is to be asked again if the instance dies
// with a call of it under way.
func (s *Session) checkAgain() int64 {
	if len(s.resolving) == 0 || s.conv.Erasing {
		return 0
	}
	return s.now() + outbox.Watchdog.Milliseconds()
}

// resolveNext asks about one pending party whose caller is gone.
func (s *Session) resolveNext() (bool, error) {
	i := s.nextUnresolved()
	if i < 0 {
		return false, nil
	}
	return true, s.resolve(i, nil)
}
