package engage

import (
	"sync"

	"github.com/holdfast-run/holdfast/guest-sdk/edge"
)

// revokersMax is how many sessions are asked at once to forget their lease.
const revokersMax = 16

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
	var (
		wg     sync.WaitGroup
		failed error
	)
	places := make(chan struct{}, revokersMax)
	for _, id := range sessions {
		places <- struct{}{}
		wg.Go(func() {
			defer func() { <-places }()
			if _, err := edge.Call[bool](sessionOf(r.env, r.firm.FirmID, id), "revoke", rv); err != nil && failed == nil {
				failed = err
			}
		})
	}
	wg.Wait()
	return failed
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
