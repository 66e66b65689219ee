package intake

import (
	"encoding/json"
	"strconv"

	"github.com/holdfast-run/holdfast/guest-sdk/edge/rest"
)

// Message is one message of a conversation.
type Message struct {
	Seq       int64
	Role      string
	Content   string
	CreatedAt int64
}

// Roles is who may have written a message.
var Roles = []string{"client", "assistant", "staff"}

// AppendMessage appends the message as clients see it.
func AppendMessage(b []byte, session string, m *Message) []byte {
	b = rest.AppendString(append(b, `{"id":`...), session)
	b = strconv.AppendInt(append(b[:len(b)-1], ':'), m.Seq, 10) // within the quotes
	b = append(b, `","seq":`...)
	b = strconv.AppendInt(b, m.Seq, 10)
	b = append(append(append(b, `,"role":"`...), m.Role...), `","content":`...)
	b = rest.AppendString(b, m.Content)
	b = append(b, `,"createdAt":"`...)
	b = rest.AppendTime(b, m.CreatedAt)
	return append(b, '"', '}')
}

// text appends a field, null where it is empty.
func text(b []byte, name, value string) []byte {
	b = append(append(append(b, ',', '"'), name...), '"', ':')
	if value == "" {
		return append(b, "null"...)
	}
	return rest.AppendString(b, value)
}

// given appends a field unless it is empty.
func given(b []byte, name, value string) []byte {
	if value == "" {
		return b
	}
	return text(b, name, value)
}

// moment appends a time as a field unless it is 0.
func moment(b []byte, name string, ms int64) []byte {
	if ms == 0 {
		return b
	}
	b = append(append(append(b, ',', '"'), name...), '"', ':', '"')
	return append(rest.AppendTime(b, ms), '"')
}

// hours appends a number as a field unless there is none.
func hours(b []byte, name string, v *float64) []byte {
	if v == nil {
		return b
	}
	b = append(append(append(b, ',', '"'), name...), '"', ':')
	return AppendNumber(b, *v)
}

// AppendNumber appends a number as JSON.
func AppendNumber(b []byte, v float64) []byte { return strconv.AppendFloat(b, v, 'f', -1, 64) }

// AppendGoal appends a goal as clients see it.
func AppendGoal(b []byte, g *Goal) []byte {
	b = rest.AppendString(append(b, `{"id":`...), g.ID)
	b = rest.AppendString(append(b, `,"title":`...), g.Title)
	return append(moment(b, "completedAt", g.CompletedAt), '}')
}

// AppendParty appends a party as clients see it.
func AppendParty(b []byte, p *Party) []byte {
	b = rest.AppendString(append(b, `{"partyId":`...), p.PartyID)
	b = given(given(b, "type", p.Type), "name", p.Name)
	b = append(b, `,"aliases":[`...)
	for i, a := range p.Aliases {
		if i > 0 {
			b = append(b, ',')
		}
		b = rest.AppendString(b, a)
	}
	return append(moment(append(b, ']'), "createdAt", p.CreatedAt), '}')
}

// AppendConflict appends a conflict as clients see it.
func AppendConflict(b []byte, c *Conflict) []byte {
	b = rest.AppendString(append(b, `{"conflictId":`...), c.ConflictID)
	b = given(given(given(b, "sessionId", c.SessionID), "conflictType", c.ConflictType), "conflictEntity", c.ConflictEntity)
	b = append(given(b, "matchType", c.MatchType), `,"confidence":`...)
	b = given(AppendNumber(b, c.Confidence), "status", c.Status)
	b = given(moment(b, "detectedAt", c.DetectedAt), "detectedBy", c.DetectedBy)
	b = given(moment(b, "resolvedAt", c.ResolvedAt), "resolvedBy", c.ResolvedBy)
	b = given(given(b, "resolution", c.Resolution), "notes", c.Notes)
	b = rest.AppendString(append(b, `,"matched":{"sessionId":`...), c.Matched.SessionID)
	return append(given(given(b, "name", c.Matched.Name), "type", c.Matched.Type), '}', '}')
}

// AppendAssignment appends an assignment as clients see it.
func AppendAssignment(b []byte, a *Assignment) []byte {
	b = rest.AppendString(append(b, `{"assignmentId":`...), a.AssignmentID)
	b = given(given(given(b, "sessionId", a.SessionID), "assignedTo", a.AssignedTo), "assignedBy", a.AssignedBy)
	b = given(given(moment(b, "assignedAt", a.AssignedAt), "status", a.Status), "priority", a.Priority)
	b = hours(hours(moment(b, "dueDate", a.DueDate), "estimatedHours", a.EstimatedHours), "actualHours", a.ActualHours)
	return append(given(b, "notes", a.Notes), '}')
}

// appendList appends a field that is a list.
func appendList[T any](b []byte, name string, items []T, one func([]byte, *T) []byte) []byte {
	b = append(append(append(b, ',', '"'), name...), '"', ':', '[')
	for i := range items {
		if i > 0 {
			b = append(b, ',')
		}
		b = one(b, &items[i])
	}
	return append(b, ']')
}

// View is a conversation with all that its state shows but messages.
type View struct {
	Conversation *Conversation
	Parties      []Party
	Conflicts    []Conflict
	Assignments  []Assignment
}

// AppendFixed appends the fields of the state that no message changes, each
// with a comma before it.
func (v *View) AppendFixed(b []byte) []byte {
	c := v.Conversation
	b = text(text(text(b, "sessionId", c.SessionID), "firmId", c.FirmID), "userId", c.UserID)
	b = text(text(text(b, "clientName", c.ClientName), "clientEmail", c.ClientEmail), "practiceArea", c.PracticeArea)
	b = text(text(text(b, "status", c.Status), "phase", c.Phase), "assignedTo", c.AssignedTo)
	b = text(b, "conflictStatus", c.ConflictStatus(v.Conflicts))
	b = appendList(b, "goals", c.Goals, AppendGoal)
	b = appendList(b, "parties", v.Parties, AppendParty)
	b = appendList(b, "conflicts", v.Conflicts, AppendConflict)
	b = appendList(b, "assignments", v.Assignments, AppendAssignment)
	b = append(b, `,"opposingPartyNone":`...)
	b = strconv.AppendBool(b, c.OpposingPartyNone)
	if len(c.Facts) > 0 {
		facts, _ := json.Marshal(c.Facts) // of raw messages that were parsed: cannot fail
		b = append(append(b, `,"facts":`...), facts...)
	}
	b = append(b, `,"isDeleted":`...)
	b = strconv.AppendBool(b, c.IsDeleted)
	return moment(b, "createdAt", c.CreatedAt)
}

// AppendQuality appends dataQuality as a field.
func AppendQuality(b []byte, p Parts) []byte {
	b = strconv.AppendInt(append(b, `,"dataQuality":{"score":`...), int64(p.Score()), 10)
	for i, part := range []struct {
		name   string
		points int
	}{
		{"name", p.Name}, {"email", p.Email}, {"practiceArea", p.PracticeArea}, {"opposingParty", p.OpposingParty},
		{"goals", p.Goals}, {"clientMessages", p.ClientMessages}, {"conflictCheck", p.ConflictCheck},
	} {
		if i == 0 {
			b = append(b, `,"parts":{`...)
		} else {
			b = append(b, ',')
		}
		b = append(append(append(b, '"'), part.name...), '"', ':')
		b = strconv.AppendInt(b, int64(part.points), 10)
	}
	return append(b, '}', '}')
}
