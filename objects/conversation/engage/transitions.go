package engage

import (
	"strconv"

	"github.com/holdfast-run/holdfast/guest-sdk/edge"
	"github.com/holdfast-run/holdfast/guest-sdk/edge/rest"
	"github.com/holdfast-run/holdfast/objects/conversation/intake"
)

// creation is what the worker asks a session to become.
type creation struct {
	Firm         string        `json:"firm"`
	Session      string        `json:"session"`
	UserID       string        `json:"userId"`
	ClientName   string        `json:"clientName,omitempty"`
	ClientEmail  string        `json:"clientEmail,omitempty"`
	PracticeArea string        `json:"practiceArea,omitempty"`
	Goals        []intake.Goal `json:"goals,omitempty"`
	OpposingNone bool          `json:"opposingNone,omitempty"`
	Note         note          `json:"note"`
}

// created is the session's answer.
type created struct {
	Taken bool   `json:"taken,omitempty"`
	State string `json:"state,omitempty"` // JSON
}

// Create makes the conversation, unless there is one.
func (s *Session) Create(in creation) (created, error) {
	if s.conv != nil {
		taken := rest.Conflict("taken")
		in.Note.Outcome, in.Note.Details = outcomeOf(taken)
		s.commit(in.Note)
		return created{Taken: true}, nil
	}
	s.conv = &intake.Conversation{
		FirmID: in.Firm, SessionID: in.Session, UserID: in.UserID, ClientName: in.ClientName, ClientEmail: in.ClientEmail, PracticeArea: in.PracticeArea,
		Status: intake.Active, Phase: intake.PreLogin, Goals: in.Goals, OpposingPartyNone: in.OpposingNone, CreatedAt: s.now(),
	}
	if err := s.openEmitter(); err != nil {
		return created{}, err
	}
	s.touch()
	s.putConv()
	s.commit(in.Note)
	return created{State: string(s.appendState(nil))}, nil
}

func (s *Session) secure(c *call) (*edge.Response, error) {
	if err := transition(s.conv.Secure()); err != nil {
		return nil, err
	}
	return s.changed(c)
}

// changed commits a change of the conversation, tells it and answers the
// state.
func (s *Session) changed(c *call, more ...note) (*edge.Response, error) {
	s.touch()
	s.putConv()
	s.commit(append([]note{c.note(nil)}, more...)...)
	s.tellState()
	return s.stateResponse(200), nil
}

func (s *Session) complete(c *call) (*edge.Response, error) {
	return s.end(c, intake.Completed)
}

func (s *Session) terminate(c *call) (*edge.Response, error) {
	return s.end(c, intake.Terminated)
}

// end completes or terminates; the active assignment is completed with it.
// The body is optional.
func (s *Session) end(c *call, status string) (*edge.Response, error) {
	if len(c.req.Body) > 0 {
		f, err := rest.Parse(c.req.Body)
		if err != nil {
			return nil, err
		}
		if _, err := f.Text("reason", NotesBytesMax, true); err != nil {
			return nil, err
		}
		if reason, ok := f["reason"]; ok && f.Has("reason") {
			if err := open(s.conv); err != nil {
				return nil, err
			}
			if _, err := s.learn(rest.Fields{"endReason": reason}); err != nil {
				return nil, err
			}
		}
	}
	if err := transition(s.conv.End(status)); err != nil {
		return nil, err
	}
	s.endAssignment()
	return s.changed(c)
}

// endAssignment completes the active assignment, as part of the change that
// touch makes next.
func (s *Session) endAssignment() {
	for i := range s.assignments {
		if a := &s.assignments[i]; a.Status == intake.AssignmentActive {
			a.Status, a.Version = intake.AssignmentCompleted, s.head.Version+1
			s.putAssignment(i)
		}
	}
}

// remove deletes softly: the conversation leaves all lists and can still be
// read. It is no activity.
func (s *Session) remove(c *call) (*edge.Response, error) {
	if err := transition(s.conv.Delete()); err != nil {
		return nil, err
	}
	s.endAssignment()
	s.bump()
	s.putConv()
	s.commit(c.note(nil))
	s.tellState()
	return &edge.Response{Status: 204}, nil
}

func (s *Session) completeGoal(c *call) (*edge.Response, error) {
	if err := open(s.conv); err != nil {
		return nil, err
	}
	c.details = about("goalId", c.arg)
	known, changed := s.conv.CompleteGoal(c.arg, s.now())
	switch {
	case !known:
		return nil, rest.NotFound("there is no goal " + strconv.Quote(c.arg))
	case !changed:
		s.commit(c.note(nil))
		return s.stateResponse(200), nil
	}
	return s.changed(c)
}

// Alarm takes up what is owed to the registry and the ledger.
func (s *Session) Alarm(edge.AlarmInfo) error {
	if s.conv == nil {
		return nil
	}
	return s.emit.pump.Alarm()
}

func init() { edge.Method("create", (*Session).Create) }
