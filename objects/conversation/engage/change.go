package engage

import (
	"encoding/json"
	"strconv"

	"github.com/holdfast-run/holdfast/guest-sdk/edge"
	"github.com/holdfast-run/holdfast/guest-sdk/edge/rest"
	"github.com/holdfast-run/holdfast/objects/conversation/intake"
)

// A change of a session is gathered in batch, written at once with its note by
// commit, and told to sockets. Nothing waits in between, so it is there whole
// or not at all, and nobody hears of it before it is durable.

// put adds a value to the change.
func (s *Session) put(key string, value []byte) {
	s.batch = append(s.batch, edge.Entry{Key: key, Value: value})
}

// putJSON adds a record to the change. Records are structs of texts and
// numbers, which can always be encoded.
func putJSON[T any](s *Session, key string, v T) {
	b, err := json.Marshal(v)
	if err != nil {
		s.state.Abort("encode " + key + ": " + err.Error())
	}
	s.put(key, b)
}

// touch makes the next version of the conversation, now.
func (s *Session) touch() int64 {
	s.bump()
	s.head.LastActivity = max(s.head.LastActivity, s.now())
	return s.head.LastActivity
}

// bump makes the next version by what is no activity: deleting and erasing.
func (s *Session) bump() {
	s.head.Version++
	s.fixed = nil
}

// commit writes the change and the notes of who made it. Where storage does
// not take it, the instance is discarded: what it has in memory is not true.
func (s *Session) commit(notes ...note) {
	if err := s.write(notes); err != nil {
		s.state.Abort("storage does not take a change: " + err.Error())
	}
	s.emit.pump.Kick()
}

func (s *Session) write(notes []note) error {
	for i := range notes {
		s.batch = append(s.batch, s.emit.note(&notes[i]))
	}
	s.head.Notes = s.emit.queue.Last()
	s.put(headKey, s.head.record())
	err := putAll(s.kv(), s.batch)
	s.batch = s.batch[:0]
	if err != nil {
		return err
	}
	return s.emit.pump.Due()
}

// entriesMax is how many entries one put takes.
const entriesMax = 128

func putAll(kv *edge.KV, entries []edge.Entry) error {
	for len(entries) > 0 {
		n := min(len(entries), entriesMax)
		if err := kv.PutMany(entries[:n]...); err != nil {
			return err
		}
		entries = entries[n:]
	}
	return nil
}

// deleteAll deletes any number of keys.
func deleteAll(kv *edge.KV, keys []string) error {
	for len(keys) > 0 {
		n := min(len(keys), entriesMax)
		if _, err := kv.DeleteMany(keys[:n]...); err != nil {
			return err
		}
		keys = keys[n:]
	}
	return nil
}

// putConv adds the conversation itself to the change.
func (s *Session) putConv() { putJSON(s, convKey, s.conv) }

func (s *Session) putConflict(i int) {
	putJSON(s, numberKey(conflictPrefix, int64(i)), s.conflicts[i])
}

func (s *Session) putAssignment(i int) {
	putJSON(s, numberKey(assignmentPrefix, int64(i)), s.assignments[i])
}

func (s *Session) putParty(i int) {
	putJSON(s, numberKey(partyPrefix, int64(i)), s.parties[i])
}

// fix sees to it that fixed and score are what the session is now.
func (s *Session) fix() {
	if s.fixed != nil {
		return
	}
	quality := s.quality()
	s.fixed = intake.AppendQuality(s.view().AppendFixed(nil), quality)
	s.score = int64(quality.Score())
}

// appendState appends the state as clients see it.
func (s *Session) appendState(b []byte) []byte {
	s.fix()
	b = append(append(b, '{'), s.fixed[1:]...) // without its first comma
	b = s.recent.appendTo(append(b, `,"messages":[`...))
	b = strconv.AppendInt(append(b, `],"messageCount":`...), s.head.Messages, 10)
	b = strconv.AppendInt(append(b, `,"version":`...), s.head.Version, 10)
	b = rest.AppendTime(append(b, `,"lastActivity":"`...), s.head.LastActivity)
	return append(b, '"', '}')
}

// tell sends a frame to the session's sockets: {"type":kind,kind:content}.
func (s *Session) tell(kind string, content func(b []byte) []byte) {
	if s.sockets > 0 {
		s.state.Broadcast(edge.Message{Data: frame(kind, kind, content)})
	}
}

func frame(kind, field string, content func(b []byte) []byte) []byte {
	b := append(append([]byte(`{"type":"`), kind...), `","`...)
	b = append(append(b, field...), `":`...)
	return append(content(b), '}')
}

// tellState sends the state as it is now.
func (s *Session) tellState() { s.tell("state", s.appendState) }

// conversationRow is the session's row of conversation_index.
func (s *Session) conversationRow() row {
	s.fix()
	c, deleted := s.conv, int64(0)
	if c.IsDeleted {
		deleted = 1
	}
	return row{Kind: rowConversation, Key: s.id, Version: s.head.Version, Values: []any{
		s.firm, s.id, orNull(c.UserID), orNull(c.ClientName), orNull(c.ClientEmail), orNull(c.PracticeArea), c.Status, c.Phase, orNull(c.AssignedTo),
		c.ConflictStatus(s.conflicts), int64(c.GoalsCompleted()), int64(len(c.Goals)), s.score, c.CreatedAt, s.head.LastActivity,
		deleted, s.head.Version,
	}}
}

// rowsSince are the rows that have changed after a version.
func (s *Session) rowsSince(version int64) []row {
	rows := []row{s.conversationRow()}
	for i := range s.assignments {
		if s.assignments[i].Version > version {
			rows = append(rows, assignmentRow(s.firm, &s.assignments[i]))
		}
	}
	for i := range s.conflicts {
		if s.conflicts[i].Version > version {
			rows = append(rows, conflictRow(s.firm, &s.conflicts[i]))
		}
	}
	return rows
}

// owedRows are the rows that the ledger lacks: all at once, since a session
// has few.
func (s *Session) owedRows(int) ([]row, func() error) {
	if s.head.Indexed >= s.head.Version {
		return nil, func() error { return nil }
	}
	through := s.head.Version
	return s.rowsSince(s.head.Indexed), func() error {
		s.head.Indexed = max(s.head.Indexed, through)
		return s.kv().Put(headKey, s.head.record())
	}
}
