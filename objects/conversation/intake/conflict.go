package intake

import "slices"

// Types of parties.
const (
	Client        = "client"
	OpposingParty = "opposing_party"
	Matter        = "matter"
	Entity        = "entity"
)

// PartyTypes is what a party may be.
var PartyTypes = []string{Client, OpposingParty, Matter, Entity}

// Against are the types that a party of a type conflicts with.
func Against(partyType string) []string {
	switch partyType {
	case Client:
		return []string{OpposingParty, Entity}
	case OpposingParty, Entity:
		return []string{Client}
	}
	return nil
}

// Party is somebody, or something, that a conversation is about.
type Party struct {
	PartyID   string   `json:"partyId"`
	Type      string   `json:"type"`
	Name      string   `json:"name"`
	Aliases   []string `json:"aliases"`
	CreatedAt int64    `json:"createdAt"`
}

// Status of a conflict.
const (
	Detected  = "detected"
	Reviewing = "reviewing"
	Cleared   = "cleared"
	Confirmed = "confirmed"
)

// Resolutions is how a conflict may be resolved.
var Resolutions = []string{"waived", "client_consented", "no_conflict", "cannot_represent"}

// Matched is the party on the other side of a conflict.
type Matched struct {
	SessionID string `json:"sessionId"`
	Name      string `json:"name"`
	Type      string `json:"type"`
}

// Conflict is what a check found. It belongs to the session whose check it
// was.
type Conflict struct {
	ConflictID     string  `json:"conflictId"`
	SessionID      string  `json:"sessionId"`
	PartyID        string  `json:"partyId"`
	ConflictType   string  `json:"conflictType"`   // of the party that was checked
	ConflictEntity string  `json:"conflictEntity"` // its name
	MatchType      string  `json:"matchType"`
	Confidence     float64 `json:"confidence"`
	Status         string  `json:"status"`
	DetectedAt     int64   `json:"detectedAt"`
	DetectedBy     string  `json:"detectedBy"`
	ResolvedAt     int64   `json:"resolvedAt,omitempty"`
	ResolvedBy     string  `json:"resolvedBy,omitempty"`
	Resolution     string  `json:"resolution,omitempty"`
	Notes          string  `json:"notes,omitempty"`
	Matched        Matched `json:"matched"`
	Version        int64   `json:"version"` // of the conversation at the last change
}

// Review moves from detected to reviewing.
func (c *Conflict) Review() error {
	if c.Status != Detected {
		return &TransitionError{"the conflict is " + c.Status + ", only a detected one can be reviewed"}
	}
	c.Status = Reviewing
	return nil
}

// Resolve moves from reviewing to cleared or confirmed.
func (c *Conflict) Resolve(status, resolution, notes, by string, now int64) error {
	if c.Status != Reviewing {
		return &TransitionError{"the conflict is " + c.Status + ", only one under review can be " + status}
	}
	c.Status, c.Resolution, c.Notes, c.ResolvedBy, c.ResolvedAt = status, resolution, notes, by, now
	return nil
}

// Status of an assignment.
const (
	AssignmentPending    = "pending"
	AssignmentActive     = "active"
	AssignmentCompleted  = "completed"
	AssignmentReassigned = "reassigned"
)

// Priorities is what an assignment's priority may be.
var Priorities = []string{"urgent", "high", "normal", "low"}

// Assignment is the work of a conversation given to somebody. History is
// kept: at most one is active.
type Assignment struct {
	AssignmentID   string   `json:"assignmentId"`
	SessionID      string   `json:"sessionId"`
	AssignedTo     string   `json:"assignedTo"`
	AssignedBy     string   `json:"assignedBy"`
	AssignedAt     int64    `json:"assignedAt"`
	Status         string   `json:"status"`
	Priority       string   `json:"priority"`
	DueDate        int64    `json:"dueDate,omitempty"`
	EstimatedHours *float64 `json:"estimatedHours,omitempty"`
	ActualHours    *float64 `json:"actualHours,omitempty"`
	Notes          string   `json:"notes,omitempty"`
	Version        int64    `json:"version"`
}

// Assign appends a to the history; an earlier active one becomes reassigned.
// The answer is the places of those that changed.
func Assign(history []Assignment, a Assignment) (_ []Assignment, changed []int) {
	for i := range history {
		if history[i].Status == AssignmentActive {
			history[i].Status, history[i].Version = AssignmentReassigned, a.Version
			changed = append(changed, i)
		}
	}
	return append(history, a), append(changed, len(history))
}

// Oneof reports whether word is one of words.
func Oneof(words []string, word string) bool { return slices.Contains(words, word) }
