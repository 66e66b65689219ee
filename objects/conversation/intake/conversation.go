package intake

import (
	"encoding/json"
	"math"
	"strings"
)

// Status of a conversation.
const (
	Active     = "active"
	Completed  = "completed"
	Terminated = "terminated"
)

// Phase of a conversation; it says nothing of its status.
const (
	PreLogin = "pre_login"
	Secured  = "secured"
)

// What is known of a conversation's conflicts.
const (
	Pending          = "pending"           // nothing has been checked
	Clear            = "clear"             // checked, and every conflict cleared
	ConflictDetected = "conflict_detected" // one is not cleared
)

// Statuses, Phases and ConflictStatuses are what the words above may be.
var (
	Statuses         = []string{Active, Completed, Terminated}
	Phases           = []string{PreLogin, Secured}
	ConflictStatuses = []string{Pending, Clear, ConflictDetected}
)

// Goal is something that a conversation is to achieve.
type Goal struct {
	ID          string `json:"id"`
	Title       string `json:"title"`
	CompletedAt int64  `json:"completedAt,omitempty"`
}

// Conversation is what a session is beside its messages, parties, conflicts
// and assignments. Texts that are not known are empty.
type Conversation struct {
	FirmID            string                     `json:"firmId"`
	SessionID         string                     `json:"sessionId"`
	UserID            string                     `json:"userId"`
	ClientName        string                     `json:"clientName,omitempty"`
	ClientEmail       string                     `json:"clientEmail,omitempty"`
	PracticeArea      string                     `json:"practiceArea,omitempty"`
	Status            string                     `json:"status"`
	Phase             string                     `json:"phase"`
	AssignedTo        string                     `json:"assignedTo,omitempty"`
	Goals             []Goal                     `json:"goals,omitempty"`
	Facts             map[string]json.RawMessage `json:"facts,omitempty"`
	OpposingPartyNone bool                       `json:"opposingPartyNone,omitempty"`
	Checked           bool                       `json:"checked,omitempty"` // a conflict check has run
	IsDeleted         bool                       `json:"isDeleted,omitempty"`
	Erasing           bool                       `json:"erasing,omitempty"` // it is about to be emptied
	CreatedAt         int64                      `json:"createdAt"`
}

// TransitionError refuses a change that the state does not allow.
type TransitionError struct{ Message string }

func (e *TransitionError) Error() string { return e.Message }

// errErasing refuses what an erasure would miss.
var errErasing = &TransitionError{"the conversation is being erased"}

// Open refuses any change of a conversation that is ended, deleted or being
// erased.
func (c *Conversation) Open() error {
	switch {
	case c.Erasing:
		return errErasing
	case c.IsDeleted:
		return &TransitionError{"the conversation is deleted"}
	case c.Status != Active:
		return &TransitionError{"the conversation is " + c.Status}
	}
	return nil
}

// Secure moves from pre_login to secured.
func (c *Conversation) Secure() error {
	if err := c.Open(); err != nil {
		return err
	}
	if c.Phase != PreLogin {
		return &TransitionError{"the conversation is " + c.Phase + " already"}
	}
	c.Phase = Secured
	return nil
}

// End moves from active to completed or terminated.
func (c *Conversation) End(status string) error {
	if err := c.Open(); err != nil {
		return err
	}
	c.Status = status
	return nil
}

// Delete is soft, and allowed after the end too, but once.
func (c *Conversation) Delete() error {
	switch {
	case c.Erasing:
		return errErasing
	case c.IsDeleted:
		return &TransitionError{"the conversation is deleted already"}
	}
	c.IsDeleted = true
	return nil
}

// CompleteGoal completes a goal; known is false where there is none of that
// id, changed where it was completed before.
func (c *Conversation) CompleteGoal(id string, now int64) (known, changed bool) {
	for i := range c.Goals {
		if g := &c.Goals[i]; g.ID == id {
			if g.CompletedAt != 0 {
				return true, false
			}
			g.CompletedAt = now
			return true, true
		}
	}
	return false, false
}

// GoalsCompleted is how many goals are completed.
func (c *Conversation) GoalsCompleted() (n int) {
	for _, g := range c.Goals {
		if g.CompletedAt != 0 {
			n++
		}
	}
	return n
}

// ConflictStatus says what is known of the conversation's conflicts.
func (c *Conversation) ConflictStatus(conflicts []Conflict) string {
	if !c.Checked {
		return Pending
	}
	for i := range conflicts {
		if conflicts[i].Status != Cleared {
			return ConflictDetected
		}
	}
	return Clear
}

// Parts is how a data quality score comes about.
type Parts struct {
	Name           int `json:"name"`
	Email          int `json:"email"`
	PracticeArea   int `json:"practiceArea"`
	OpposingParty  int `json:"opposingParty"`
	Goals          int `json:"goals"`
	ClientMessages int `json:"clientMessages"`
	ConflictCheck  int `json:"conflictCheck"`
}

// The weights of the score; they sum to 100.
const (
	weightName           = 15
	weightEmail          = 15
	weightPracticeArea   = 10
	weightOpposingParty  = 15
	weightGoals          = 25
	weightClientMessages = 10
	weightConflictCheck  = 10
)

// ClientMessagesEnough is how many messages of the client the score wants.
const ClientMessagesEnough = 3

// Score is the sum, 0 to 100.
func (p *Parts) Score() int {
	return p.Name + p.Email + p.PracticeArea + p.OpposingParty + p.Goals + p.ClientMessages + p.ConflictCheck
}

// Quality scores the conversation. opposing is whether it has an opposing
// party; goals count by the share that is completed, rounded to a whole point.
func (c *Conversation) Quality(opposing bool, clientMessages int64) (p Parts) {
	if strings.TrimSpace(c.ClientName) != "" {
		p.Name = weightName
	}
	if ValidEmail(c.ClientEmail) {
		p.Email = weightEmail
	}
	if strings.TrimSpace(c.PracticeArea) != "" {
		p.PracticeArea = weightPracticeArea
	}
	if opposing || c.OpposingPartyNone {
		p.OpposingParty = weightOpposingParty
	}
	if n := len(c.Goals); n > 0 {
		p.Goals = int(math.Round(weightGoals * float64(c.GoalsCompleted()) / float64(n)))
	}
	if clientMessages >= ClientMessagesEnough {
		p.ClientMessages = weightClientMessages
	}
	if c.Checked {
		p.ConflictCheck = weightConflictCheck
	}
	return p
}

// ValidEmail reports whether s has the form of an address: one part, an @,
// and a domain of at least two labels.
func ValidEmail(s string) bool {
	local, domain, ok := strings.Cut(s, "@")
	if !ok || local == "" || len(local) > 64 || len(s) > 254 || strings.Contains(domain, "@") {
		return false
	}
	for _, r := range s {
		if r <= ' ' || r == 0x7f || strings.ContainsRune(`"(),:;<>[\]`, r) {
			return false
		}
	}
	if strings.HasPrefix(local, ".") || strings.HasSuffix(local, ".") || strings.Contains(local, "..") {
		return false
	}
	labels := strings.Split(domain, ".")
	if len(labels) < 2 {
		return false
	}
	for _, l := range labels {
		if l == "" || len(l) > 63 || l[0] == '-' || l[len(l)-1] == '-' {
			return false
		}
	}
	return true
}
