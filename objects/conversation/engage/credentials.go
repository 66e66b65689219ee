package engage

import "github.com/holdfast-run/holdfast/guest-sdk/edge"

// rekey is a change of a firm's credential.
type rekey struct {
	KeyHash   string `json:"keyHash,omitempty"` // empty: the key stays
	Suspended *bool  `json:"suspended,omitempty"`
	Note      note   `json:"note"`
}

// Rekey changes the key, or suspends or resumes the firm. It answers when no
// session goes by the old credential any more.
func (r *Registry) Rekey(in rekey) (access, error) {
	f := *r.firm
	if in.KeyHash != "" {
		f.KeyHash = in.KeyHash
	}
	if in.Suspended != nil {
		f.Suspended = *in.Suspended
	}
	f.KeyVersion++
	if err := edge.Put(r.kv(), firmKey, f); err != nil {
		return access{}, err
	}
	r.firm = &f
	r.commit(in.Note)
	return access{Name: f.Name, Suspended: f.Suspended}, r.revoke(revocation{Version: f.KeyVersion, Suspended: f.Suspended})
}

// revoke takes all leases back.
func (r *Registry) revoke(rv revocation) error {
	sessions, err := r.leaseholders()
	if err != nil {
		return err
	}
	return each(len(sessions), func(i int) error {
		_, err := edge.Call[bool](sessionOf(r.env, r.firm.FirmID, sessions[i]), "revoke", rv)
		return err
	})
}

// leaseholders are the sessions that may have a lease. They hold none any
// more, as far as the registry knows, from now on.
func (r *Registry) leaseholders() (sessions []string, err error) {
	if r.strangers {
		entries, failed := r.kv().List(edge.ListOptions{Prefix: sessionPrefix})
		for k := range entries {
			r.holders[k[len(sessionPrefix):]] = true
		}
		if err := failed(); err != nil {
			return nil, err
		}
		r.strangers = false
	}
	for id := range r.holders {
		sessions = append(sessions, id)
	}
	r.holders = map[string]bool{}
	return sessions, nil
}

func init() { edge.Method("rekey", (*Registry).Rekey) }
