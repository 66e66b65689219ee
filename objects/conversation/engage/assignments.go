package engage

import (
	"strconv"

	"github.com/holdfast-run/holdfast/guest-sdk/edge"
	"github.com/holdfast-run/holdfast/guest-sdk/edge/rest"
	"github.com/holdfast-run/holdfast/objects/conversation/intake"
)

// postAssignment gives the conversation to somebody.
func (s *Session) postAssignment(c *call) (*edge.Response, error) {
	f, err := rest.Parse(c.req.Body)
	if err != nil {
		return nil, err
	}
	a := intake.Assignment{SessionID: s.id, Status: intake.AssignmentActive}
	if a.AssignedTo, err = f.Text("assignedTo", UserIDBytesMax, false); err != nil {
		return nil, err
	}
	if a.AssignedBy, err = f.Text("assignedBy", UserIDBytesMax, false); err != nil {
		return nil, err
	}
	if a.Priority, err = oneOf(f, "priority", intake.Priorities, false); err != nil {
		return nil, err
	}
	if a.DueDate, err = dateOf(f, "dueDate"); err != nil {
		return nil, err
	}
	if a.EstimatedHours, err = hoursOf(f, "estimatedHours"); err != nil {
		return nil, err
	}
	if a.Notes, err = f.Text("notes", NotesBytesMax, true); err != nil {
		return nil, err
	}
	if err := open(s.conv); err != nil {
		return nil, err
	}
	if len(s.assignments) >= AssignmentsMax {
		return nil, rest.TooLarge("the conversation has " + strconv.Itoa(AssignmentsMax) + " assignments, as many as it may have")
	}
	a.AssignedAt, a.Version = s.now(), s.head.Version+1
	a.AssignmentID = s.id + "." + strconv.Itoa(len(s.assignments)+1)
	var changed []int
	s.assignments, changed = intake.Assign(s.assignments, a)
	for _, i := range changed {
		s.putAssignment(i)
		s.tell("assignment", func(b []byte) []byte { return intake.AppendAssignment(b, &s.assignments[i]) })
	}
	s.conv.AssignedTo = a.AssignedTo
	c.details = about("assignmentId", a.AssignmentID)
	if _, err := s.changed(c); err != nil {
		return nil, err
	}
	return edge.JSONBytes(201, intake.AppendAssignment(nil, &a)), nil
}
