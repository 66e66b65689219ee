package engage

import (
	"errors"
	"maps"
	"slices"

	"github.com/holdfast-run/holdfast/guest-sdk/edge"
	"github.com/holdfast-run/holdfast/guest-sdk/edge/rest"
)

// Erasure takes a person's data out of a firm. Every step can be repeated, so
// that one that was interrupted is run again as it was:
//
//  1. each session is asked, and brings what it owes to the ledger. Where the
//     person worked on a conversation, the name is taken out. A conversation
//     of the person takes no further change from then on, and waits until the
//     registry has answered for its parties;
//  2. the registry forgets those parties, and sessions whose conflicts name
//     them are told;
//  3. the session itself comes behind that, since it is not found again: it
//     loses its messages, names, facts and notes, and is deleted;
//  4. the registry forgets the user;
//  5. D1 gets all of this, and loses the user's row and the personal half of
//     the audit rows. Their digests stay, so the chain still holds.

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
	out, err := v.erase(checked.(*person))
	var p *rest.Problem
	if errors.As(err, &p) {
		return nil, p
	}
	if err != nil {
		return nil, rest.Unavailable("the erasure did not end, run it again: " + err.Error())
	}
	v.tell(v.note(nil))
	return edge.JSON(200, out), nil
}

// erasedCounts is what an erasure has done.
type erasedCounts struct {
	Conversations int `json:"conversations"`
	AuditRows     int `json:"auditRows"`
}

func (v *visit) erase(p *person) (out erasedCounts, err error) {
	registry := registryOf(v.env, v.firm)
	for after := ""; ; {
		ids, err := edge.Call[[]string](registry, "sessions", finding{After: after, Limit: erasePage})
		if err != nil {
			return out, busy(err)
		}
		for _, id := range ids {
			own, err := v.eraseIn(id, p)
			if err != nil {
				return out, busy(err)
			}
			if own {
				out.Conversations++
			}
		}
		if len(ids) < erasePage {
			break
		}
		after = ids[len(ids)-1]
	}
	if p.UserID != "" {
		if _, err := edge.Call[bool](registry, "forgetUser", p.UserID); err != nil {
			return out, busy(err)
		}
	}
	out.AuditRows, err = edge.Call[int](ledgerOf(v.env, v.firm), "erase", *p)
	return out, busy(err)
}

// eraseIn erases the person in one session; own is whether it was the
// person's conversation.
func (v *visit) eraseIn(session string, p *person) (own bool, err error) {
	stub := sessionOf(v.env, v.firm, session)
	out, err := edge.Call[erasure](stub, "prepareErase", *p)
	if err != nil || !out.Own {
		return false, err
	}
	others, err := edge.Call[map[string]string](registryOf(v.env, v.firm), "forgetParties", out.Parties)
	if err != nil {
		return false, err
	}
	for _, conflict := range slices.Sorted(maps.Keys(others)) {
		if _, err := edge.Call[bool](sessionOf(v.env, v.firm, others[conflict]), "scrub", conflict); err != nil {
			return false, err
		}
	}
	return edge.Call[bool](stub, "erase", *p)
}
