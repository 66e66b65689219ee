package engage

import (
	"github.com/holdfast-run/holdfast/guest-sdk/abi"
	"github.com/holdfast-run/holdfast/guest-sdk/edge/outbox"
	"github.com/holdfast-run/holdfast/objects/conversation/intake"
)

// Kinds of index rows.
const (
	rowConversation = "c"
	rowAssignment   = "a"
	rowConflict     = "f"
	rowUser         = "u"
)

// row is an index row on its way to D1: the values of its table's columns, of
// nil, int64, float64 and string. JSON between objects makes float64 of whole
// numbers; bind makes them whole again.
type row struct {
	Kind    string `json:"k"`
	Key     string `json:"i"` // unique within the kind
	Version int64  `json:"v"`
	Values  []any  `json:"d"`
	At      int64  `json:"t,omitempty"` // when the ledger took it
}

// indexTable is one of the index tables.
type indexTable struct {
	outbox.Table
	reals map[string]bool // columns that are not whole numbers
	owner string          // the column of the session that a row belongs to
}

var tables = map[string]*indexTable{
	rowConversation: {
		Table: outbox.Table{
			Name: "conversation_index", Key: []string{"firmId", "sessionId"}, Version: "version",
			Columns: []string{"firmId", "sessionId", "userId", "clientName", "clientEmail", "practiceArea", "status", "phase", "assignedTo", "conflictStatus",
				"goalsCompleted", "goalsTotal", "dataQualityScore", "createdAt", "lastActivity", "isDeleted", "version"},
		},
		owner: "sessionId",
	},
	rowAssignment: {
		Table: outbox.Table{
			Name: "case_assignment_index", Key: []string{"firmId", "assignmentId"}, Version: "version",
			Columns: []string{"firmId", "assignmentId", "sessionId", "assignedTo", "assignedBy", "assignedAt", "status", "priority", "dueDate",
				"estimatedHours", "actualHours", "notes", "version"},
		},
		reals: map[string]bool{"estimatedHours": true, "actualHours": true},
		owner: "sessionId",
	},
	rowConflict: {
		Table: outbox.Table{
			Name: "conflict_detection_index", Key: []string{"firmId", "conflictId"}, Version: "version",
			Columns: []string{"firmId", "conflictId", "sessionId", "conflictType", "conflictEntity", "matchType", "confidence", "detectedAt", "detectedBy",
				"status", "resolvedAt", "resolvedBy", "resolution", "notes", "version"},
		},
		reals: map[string]bool{"confidence": true},
		owner: "sessionId",
	},
	rowUser: {
		Table: outbox.Table{
			Name: "user_index", Key: []string{"firmId", "userId"}, Version: "version",
			Columns: []string{"firmId", "userId", "auth0UserId", "email", "name", "role", "status", "lastLogin", "createdAt", "version"},
		},
	},
}

// kinds is the order in which a batch writes: users last, so that their
// counters see what came before.
var kinds = []string{rowConversation, rowAssignment, rowConflict, rowUser}

// bind makes a row's values what D1 takes.
func (t *indexTable) bind(values []any) []any {
	out := make([]any, len(values))
	for i, v := range values {
		if f, ok := v.(float64); ok && !t.reals[t.Columns[i]] {
			v = int64(f)
		}
		out[i] = v
	}
	return out
}

// same reports whether a row of D1 is what values say, column by column.
func (t *indexTable) same(values []any, found []abi.Value) bool {
	for i, v := range t.bind(values) {
		if !sameValue(v, found[i]) {
			return false
		}
	}
	return true
}

func sameValue(v any, found abi.Value) bool {
	switch v := v.(type) {
	case nil:
		return found.Kind == abi.ValueNull
	case int64:
		return found.Kind == abi.ValueInteger && found.Int == v
	case float64:
		return found.Kind == abi.ValueFloat && found.Float == v || found.Kind == abi.ValueInteger && float64(found.Int) == v
	case string:
		return found.Kind == abi.ValueText && string(found.Bytes) == v
	}
	return false
}

// orNull is nil for an empty text.
func orNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// momentOrNull is nil for no time.
func momentOrNull(ms int64) any {
	if ms == 0 {
		return nil
	}
	return ms
}

func hoursOrNull(h *float64) any {
	if h == nil {
		return nil
	}
	return *h
}

func assignmentRow(firm string, a *intake.Assignment) row {
	return row{Kind: rowAssignment, Key: a.AssignmentID, Version: a.Version, Values: []any{
		firm, a.AssignmentID, a.SessionID, a.AssignedTo, orNull(a.AssignedBy), a.AssignedAt, a.Status, a.Priority, momentOrNull(a.DueDate),
		hoursOrNull(a.EstimatedHours), hoursOrNull(a.ActualHours), orNull(a.Notes), a.Version,
	}}
}

func conflictRow(firm string, c *intake.Conflict) row {
	return row{Kind: rowConflict, Key: c.ConflictID, Version: c.Version, Values: []any{
		firm, c.ConflictID, c.SessionID, c.ConflictType, c.ConflictEntity, c.MatchType, c.Confidence, c.DetectedAt, c.DetectedBy,
		c.Status, momentOrNull(c.ResolvedAt), orNull(c.ResolvedBy), orNull(c.Resolution), orNull(c.Notes), c.Version,
	}}
}
