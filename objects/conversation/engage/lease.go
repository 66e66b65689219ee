package engage

import (
	"errors"

	"github.com/holdfast-run/holdfast/guest-sdk/edge"
	"github.com/holdfast-run/holdfast/guest-sdk/edge/rest"
)

// lease is what a session remembers of its firm's credential, so that it need
// not ask the registry at each call. The registry takes leases back when the
// credential changes, before that change is answered.
type lease struct {
	Version   int64  `json:"version"` // rises with each change
	KeyHash   string `json:"keyHash"` // empty: there is no such firm
	Suspended bool   `json:"suspended,omitempty"`
}

// check is what a token may do with a lease.
func (l *lease) check(token string) error {
	switch {
	case l.KeyHash == "":
		return rest.NotFound("there is no such firm")
	case token == "":
		return rest.Unauthorized()
	case !rest.Matches(l.KeyHash, token):
		return rest.Forbidden("the token is not the firm's key")
	case l.Suspended:
		return suspended()
	}
	return nil
}

// admit checks the caller's token, and that there is such a conversation.
// unknown is what is wrong with the call itself, if anything. Of a session
// that was never created nothing is stored: the registry notes the call.
func (s *Session) admit(c *call, token string, unknown error) error {
	if s.conv == nil {
		if unknown == nil {
			unknown = rest.NotFound("there is no such conversation")
		}
		_, err := enter(s.env, s.firm, entrance{call: c, token: token, wrong: unknown})
		return err
	}
	if err := s.leased(); err != nil {
		return err
	}
	if err := s.lease.check(token); err != nil {
		return err
	}
	return unknown
}

// leased makes sure that there is a lease, and not one that was taken back
// while the registry's answer was on its way.
func (s *Session) leased() error {
	for s.lease == nil {
		l, err := edge.Call[lease](registryOf(s.env, s.firm), "lease", s.id)
		if err != nil {
			return busy(err)
		}
		if l.Version >= s.leaseMin && s.lease == nil {
			s.lease = &l
		}
	}
	return nil
}

// revocation takes a lease back.
type revocation struct {
	Version   int64 `json:"version"` // leases below it do not count
	Suspended bool  `json:"suspended,omitempty"`
}

// Revoke forgets the lease. Sockets of a suspended firm are closed.
func (s *Session) Revoke(r revocation) (bool, error) {
	s.leaseMin = max(s.leaseMin, r.Version)
	s.lease = nil
	if r.Suspended {
		for _, ws := range s.state.WebSockets() {
			if err := ws.Close(closeForbidden, "suspended"); err != nil {
				return false, err
			}
		}
		s.sockets = 0
	}
	return true, nil
}

// busy makes a failure of another object one that clients can act on.
func busy(err error) error {
	var e *edge.Error
	if errors.As(err, &e) && (e.Overloaded || e.Retryable) {
		return rest.Refuse(503, "overloaded", "the firm is busy: "+e.Message)
	}
	return err
}

func init() { edge.Method("revoke", (*Session).Revoke) }
