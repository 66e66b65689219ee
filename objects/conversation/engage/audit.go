package engage

import (
	"net"
	"strings"

	"github.com/holdfast-run/holdfast/guest-sdk/edge"
	"github.com/holdfast-run/holdfast/guest-sdk/edge/rest"
)

// Outcomes of a call.
const (
	outcomeSuccess = "success"
	outcomeFailure = "failure"
	outcomeBlocked = "blocked" // by a missing or wrong credential
)

// Kinds of resources in the audit trail.
const (
	resourceConversation = "conversation"
	resourceList         = "conversation_list"
	resourceUser         = "user"
	resourceFirm         = "firm_settings"
	resourceReport       = "report"
)

// accessLive is the action of the live view.
const accessLive = "access_live"

// accessPrefix begins the actions that only read.
const accessPrefix = "access_"

// unknownUser acts where a request does not say who does.
const unknownUser = "unknown"

// actor is who makes a call, and where from.
type actor struct {
	User  string `json:"u"`
	IP    string `json:"ip,omitempty"`
	Agent string `json:"ua,omitempty"`
}

func actorOf(r *edge.Request) actor {
	a := actor{User: r.Header.Get("X-User-Id"), Agent: strings.ToValidUTF8(r.Header.Get("User-Agent"), "?")}
	if a.User = strings.ToValidUTF8(strings.TrimSpace(a.User), "?"); a.User == "" || len(a.User) > UserIDBytesMax {
		a.User = unknownUser
	}
	if len(a.Agent) > AgentBytesMax {
		a.Agent = strings.ToValidUTF8(a.Agent[:AgentBytesMax], "")
	}
	a.IP = r.ClientAddr
	if host, _, err := net.SplitHostPort(r.ClientAddr); err == nil {
		a.IP = host
	}
	return a
}

// note is a row of the audit trail that has no place in the chain yet.
type note struct {
	actor
	At           int64  `json:"t"`
	Action       string `json:"a"`
	Outcome      string `json:"o"`
	ResourceType string `json:"rt"`
	ResourceID   string `json:"ri,omitempty"`
	Details      string `json:"d,omitempty"` // JSON, without any person's data
}

// outcomeOf is how a call ended, and what the audit trail says of it.
func outcomeOf(err error) (outcome, details string) {
	if err == nil {
		return outcomeSuccess, ""
	}
	p, ok := err.(*rest.Problem)
	if !ok {
		return outcomeFailure, `{"code":"internal_error"}`
	}
	outcome = outcomeFailure
	if problemOf(p).blocks() {
		outcome = outcomeBlocked
	}
	return outcome, `{"code":"` + p.Code + `"}`
}

// problem is a rest.Problem on its way between objects.
type problem struct {
	Status  int    `json:"status"`
	Code    string `json:"code"`
	Message string `json:"message"`
}

func (p *problem) err() error {
	if p == nil {
		return nil
	}
	return rest.Refuse(p.Status, p.Code, p.Message)
}

// blocks reports whether a credential was refused.
func (p *problem) blocks() bool { return p != nil && (p.Status == 401 || p.Status == 403) }

// problemOf is the problem that err is, or nil.
func problemOf(err error) *problem {
	if p, ok := err.(*rest.Problem); ok {
		return &problem{p.Status, p.Code, p.Message}
	}
	return nil
}

func suspended() error { return rest.Refuse(403, "suspended", "the firm is suspended") }

func invalidTransition(message string) error {
	return rest.Refuse(409, "invalid_transition", message)
}
