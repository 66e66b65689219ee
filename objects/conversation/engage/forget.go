package engage

import (
	"github.com/holdfast-run/holdfast/guest-sdk/edge"
	"github.com/holdfast-run/holdfast/objects/conversation/intake"
)

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

// ForgetUser takes a user out of the registry. Notes and a row that name the
// person are the ledger's to erase, so the ledger gets what is left of them.
func (r *Registry) ForgetUser(id string) (bool, error) {
	delete(r.dirty, id)
	delete(r.seen, id)
	if _, err := r.kv().DeleteMany(userPrefix+id, dirtyPrefix+id); err != nil {
		return false, err
	}
	return true, r.emit.flush()
}

func init() {
	edge.Method("forgetParties", (*Registry).ForgetParties)
	edge.Method("forgetUser", (*Registry).ForgetUser)
}
