package engage

import (
	"github.com/holdfast-run/holdfast/guest-sdk/edge"
	"github.com/holdfast-run/holdfast/guest-sdk/edge/rest"
	"github.com/holdfast-run/holdfast/objects/conversation/intake"
)

// conflictAt is where a conflict is; -1 where there is none of that id.
func (s *Session) conflictAt(id string) int {
	for i := range s.conflicts {
		if s.conflicts[i].ConflictID == id {
			return i
		}
	}
	return -1
}

// reviewConflict begins to review a conflict.
func (s *Session) reviewConflict(c *call) (*edge.Response, error) {
	return s.changeConflict(c, func(x *intake.Conflict) error { return x.Review() })
}

func (s *Session) clearConflict(c *call) (*edge.Response, error) {
	return s.resolveConflict(c, intake.Cleared)
}

func (s *Session) confirmConflict(c *call) (*edge.Response, error) {
	return s.resolveConflict(c, intake.Confirmed)
}

func (s *Session) resolveConflict(c *call, status string) (*edge.Response, error) {
	f, err := rest.Parse(c.req.Body)
	if err != nil {
		return nil, err
	}
	resolution, err := oneOf(f, "resolution", intake.Resolutions, false)
	if err != nil {
		return nil, err
	}
	notes, err := f.Text("notes", NotesBytesMax, true)
	if err != nil {
		return nil, err
	}
	return s.changeConflict(c, func(x *intake.Conflict) error { return x.Resolve(status, resolution, notes, c.User, s.now()) })
}

func (s *Session) changeConflict(c *call, change func(*intake.Conflict) error) (*edge.Response, error) {
	i := s.conflictAt(c.arg)
	if i < 0 {
		return nil, rest.NotFound("there is no such conflict")
	}
	c.details = about("conflictId", c.arg)
	if err := open(s.conv); err != nil {
		return nil, err
	}
	x := &s.conflicts[i]
	if err := transition(change(x)); err != nil {
		return nil, err
	}
	x.Version = s.head.Version + 1
	s.putConflict(i)
	s.tell("conflict", func(b []byte) []byte { return intake.AppendConflict(b, x) })
	if _, err := s.changed(c); err != nil {
		return nil, err
	}
	return edge.JSONBytes(200, intake.AppendConflict(nil, x)), nil
}
