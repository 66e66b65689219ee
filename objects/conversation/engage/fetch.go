package engage

import (
	"net/url"
	"strings"

	"github.com/holdfast-run/holdfast/guest-sdk/edge"
	"github.com/holdfast-run/holdfast/guest-sdk/edge/rest"
	"github.com/holdfast-run/holdfast/objects/conversation/intake"
)

// call is a request on its way through an object: who makes it, and what the
// audit trail says of it.
type call struct {
	req *edge.Request
	actor
	at           int64
	action       string
	resourceType string
	resourceID   string
	arg          string // the id of a goal or conflict in the path
	details      string // JSON, of a call that succeeds
}

// note is the call's row of the audit trail, by how it ended.
func (c *call) note(err error) note {
	outcome, details := outcomeOf(err)
	if err == nil {
		details = c.details
	}
	return note{actor: c.actor, At: c.at, Action: c.action, Outcome: outcome, ResourceType: c.resourceType, ResourceID: c.resourceID, Details: details}
}

// also is a further row of the same call.
func (c *call) also(action, details string) note {
	n := c.note(nil)
	n.Action, n.Details = action, details
	return n
}

// about is the details of a note that names a conflict, a party or a goal.
func about(what, id string) string {
	return `{"` + what + `":` + string(rest.AppendString(nil, id)) + "}"
}

// sessionCall is one row of the contract. do answers, and commits with the
// call's note unless it fails.
type sessionCall struct {
	method, path string // path below the session; ":" stands for an id
	action       string
	do           func(*Session, *call) (*edge.Response, error)
}

var sessionCalls = []sessionCall{
	{"GET", "", "access_conversation", (*Session).getState},
	{"DELETE", "", "conversation_deleted", (*Session).remove},
	{"GET", "messages", "access_messages", (*Session).getMessages},
	{"POST", "messages", "message_added", (*Session).postMessage},
	{"POST", ":secure", "conversation_secured", (*Session).secure},
	{"POST", ":complete", "conversation_completed", (*Session).complete},
	{"POST", ":terminate", "conversation_terminated", (*Session).terminate},
	{"POST", "goals/::complete", "goal_completed", (*Session).completeGoal},
	{"POST", "parties", "party_added", (*Session).postParty},
	{"POST", "assignments", "assignment_created", (*Session).postAssignment},
	{"GET", "ws", accessLive, nil},
	{"POST", "conflicts/::review", "conflict_reviewing", (*Session).reviewConflict},
	{"POST", "conflicts/::clear", "conflict_cleared", (*Session).clearConflict},
	{"POST", "conflicts/::confirm", "conflict_confirmed", (*Session).confirmConflict},
}

// match fits a path to a row's: a ":" in the row stands for an id.
func (sc *sessionCall) match(path string) (arg string, ok bool) {
	before, after, has := strings.Cut(sc.path, "/:")
	if !has {
		return "", sc.path == path
	}
	rest, ok := strings.CutPrefix(path, before+"/")
	if !ok {
		return "", false
	}
	arg, ok = strings.CutSuffix(rest, after)
	if !ok || arg == "" || strings.Contains(arg, "/") {
		return "", false
	}
	arg, err := url.PathUnescape(arg)
	return arg, err == nil
}

// find takes a path below the session apart. The action of what is no call is
// told to the audit trail too.
func find(method, path string) (sc *sessionCall, arg string, err error) {
	var other bool
	for i := range sessionCalls {
		arg, ok := sessionCalls[i].match(path)
		if ok && sessionCalls[i].method == method {
			return &sessionCalls[i], arg, nil
		}
		other = other || ok
	}
	unknown := &sessionCall{action: "unknown_call"}
	if other {
		return unknown, "", rest.Refuse(405, "method_not_allowed", method+" is not for this path")
	}
	return unknown, "", rest.NotFound("no such path")
}

// below is the part of a request's path below the session, with the verb of
// "{s}:verb" as ":verb". A conflict's path is one below its session.
func below(path string) string {
	path = strings.TrimPrefix(path, "/firms/")
	_, path, _ = strings.Cut(path, "/")
	if strings.HasPrefix(path, "conflicts/") {
		return path
	}
	path = strings.TrimPrefix(path, "conversations/")
	id, rest, _ := strings.Cut(path, "/")
	if i := strings.IndexByte(id, ':'); i >= 0 {
		return id[i:]
	}
	return rest
}

// Fetch answers a request about this conversation.
func (s *Session) Fetch(req *edge.Request) (*edge.Response, error) {
	if !s.valid {
		return rest.Failed(rest.NotFound("no such path"))
	}
	sc, arg, unknown := find(req.Method, below(req.Path()))
	c := &call{req: req, actor: actorOf(req), at: s.now(), action: sc.action, resourceType: resourceConversation, resourceID: s.id, arg: arg}
	if sc.action == accessLive {
		return s.upgrade(c)
	}
	resp, err := s.answer(c, sc, unknown, rest.Bearer(req))
	if err != nil {
		return rest.Failed(err)
	}
	return resp, nil
}

// answer admits the caller and runs the call. A call that fails is noted
// here; one that succeeds has noted itself with its change.
func (s *Session) answer(c *call, sc *sessionCall, unknown error, token string) (*edge.Response, error) {
	err := s.admit(c, token, unknown)
	if err == nil {
		var resp *edge.Response
		if resp, err = sc.do(s, c); err == nil {
			return resp, nil
		}
	}
	s.batch = s.batch[:0]
	if _, own := err.(*rest.Problem); own && s.conv != nil {
		s.commit(c.note(err))
	}
	return nil, err
}

// open refuses a change of an ended or deleted conversation.
func open(c *intake.Conversation) error { return transition(c.Open()) }

// transition is a refused transition as clients see it.
func transition(err error) error {
	if e, ok := err.(*intake.TransitionError); ok {
		return invalidTransition(e.Message)
	}
	return err
}

func (s *Session) getState(c *call) (*edge.Response, error) {
	s.commit(c.note(nil))
	return s.stateResponse(200), nil
}

func (s *Session) stateResponse(status int) *edge.Response {
	return edge.JSONBytes(status, s.appendState(nil))
}
