package engage

import (
	"encoding/binary"
	"errors"

	"github.com/holdfast-run/holdfast/guest-sdk/edge"
	"github.com/holdfast-run/holdfast/objects/conversation/intake"
)

// Keys of a session's storage. Parties, conflicts and assignments are kept one
// by one, in the order of their keys.
const (
	convKey          = "c"  // intake.Conversation
	headKey          = "h"  // head
	messagePrefix    = "m/" // + seq: a message as clients see it
	onceKey          = "k/" // + idempotency key: seq
	partyPrefix      = "p/" // + number: partyRecord
	conflictPrefix   = "f/" // + number: intake.Conflict
	assignmentPrefix = "a/" // + number: intake.Assignment
)

// head is the counters of a session, written with every change.
type head struct {
	Version        int64  // of the conversation; rises with every change
	Messages       int64  // the last message's seq
	ClientMessages int64  // of the role client
	LastActivity   int64  // ms; never falls
	Notes          uint64 // the last note's place
	Indexed        int64  // the version that the ledger has
}

const headBytes = 48

var errRecord = errors.New("a stored record is damaged")

func (h *head) record() []byte {
	b := make([]byte, 0, headBytes)
	for _, v := range []int64{h.Version, h.Messages, h.ClientMessages, h.LastActivity, int64(h.Notes), h.Indexed} {
		b = binary.LittleEndian.AppendUint64(b, uint64(v))
	}
	return b
}

func headOf(b []byte) (h head, err error) {
	if len(b) != headBytes {
		return h, errRecord
	}
	at := func(i int) int64 { return int64(binary.LittleEndian.Uint64(b[8*i:])) }
	return head{at(0), at(1), at(2), at(3), uint64(at(4)), at(5)}, nil
}

// partyRecord is a party and whether the registry has still to answer for it.
type partyRecord struct {
	intake.Party
	User    string `json:"user"` // who registered it
	Pending bool   `json:"pending,omitempty"`
	Refused bool   `json:"refused,omitempty"` // the registry could not take it
}

func (p *partyRecord) shown() bool { return !p.Pending && !p.Refused }

// Session is one conversation. It lets further events in while it waits for
// the registry or the ledger; between two waits a turn is atomic.
type Session struct {
	state    *edge.State
	env      *edge.Env
	firm, id string
	valid    bool // the object's name is one of a session

	conv        *intake.Conversation // nil: never created
	head        head
	parties     []partyRecord
	conflicts   []intake.Conflict
	assignments []intake.Assignment

	recent  recent // the last is head.Messages
	fixed   []byte // what of the state most messages do not change; nil after any other change
	score   int64  // the data quality, while fixed is not nil
	once    once
	batch   []edge.Entry
	sockets int
	reply   []byte // the buffer of the last answer to a message

	emit      emitter
	lease     *lease
	leaseMin  int64           // leases of an older version are not taken
	resolving map[string]bool // parties that the registry is being asked about
	checks    []chan struct{} // of those calls, each closed at its end
	scrubbed  map[string]bool // conflicts that are to come without the other's name
}

// NewSession brings a conversation back from its storage.
func NewSession(state *edge.State, env *edge.Env) (*Session, error) {
	s := &Session{state: state, env: env, resolving: map[string]bool{}, scrubbed: map[string]bool{}}
	s.firm, s.id, s.valid = splitName(state.ID.Name())
	if err := state.SetWebSocketAutoResponse("ping", "pong"); err != nil {
		return nil, err
	}
	conv, ok, err := edge.Get[intake.Conversation](s.kv(), convKey)
	if err != nil || !ok {
		return s, err
	}
	s.conv = &conv
	if s.firm == "" { // made by its id: the name is in what was stored
		s.firm, s.id, s.valid = conv.FirmID, conv.SessionID, true
	}
	s.sockets = len(state.WebSockets())
	return s, s.load()
}

func (s *Session) kv() *edge.KV { return s.state.Storage.KV }

func (s *Session) now() int64 { return s.state.Now().UnixMilli() }

func (s *Session) load() error {
	b, ok, err := s.kv().Get(headKey)
	if err != nil {
		return err
	}
	if ok {
		if s.head, err = headOf(b); err != nil {
			return err
		}
	}
	if s.parties, err = loadAll[partyRecord](s.kv(), partyPrefix); err != nil {
		return err
	}
	if s.conflicts, err = loadAll[intake.Conflict](s.kv(), conflictPrefix); err != nil {
		return err
	}
	if s.assignments, err = loadAll[intake.Assignment](s.kv(), assignmentPrefix); err != nil {
		return err
	}
	if err := s.remember(); err != nil {
		return err
	}
	return s.openEmitter()
}

func (s *Session) openEmitter() error {
	s.emit = emitter{
		state: s.state, env: s.env, firm: s.firm, source: s.id,
		dirty: func() bool { return s.head.Indexed < s.head.Version }, rows: s.owedRows,
		first: s.resolveNext, more: s.unresolved, wake: s.checkAgain,
	}
	return s.emit.open(s.head.Notes)
}

// loadAll reads the records under a prefix in order.
func loadAll[T any](kv *edge.KV, prefix string) (all []T, err error) {
	entries, failed := edge.List[T](kv, edge.ListOptions{Prefix: prefix})
	for _, v := range entries {
		all = append(all, v)
	}
	return all, failed()
}

// numberKey orders records under a prefix by number.
func numberKey(prefix string, n int64) string { return edge.NumberKey(prefix, uint64(n)) }

// view is what a state shows of the session beside its messages.
func (s *Session) view() *intake.View {
	v := &intake.View{Conversation: s.conv, Conflicts: s.conflicts, Assignments: s.assignments}
	for i := range s.parties {
		if s.parties[i].shown() {
			v.Parties = append(v.Parties, s.parties[i].Party)
		}
	}
	return v
}

// quality scores the conversation.
func (s *Session) quality() intake.Parts {
	opposing := false
	for i := range s.parties {
		opposing = opposing || s.parties[i].Type == intake.OpposingParty && s.parties[i].shown()
	}
	return s.conv.Quality(opposing, s.head.ClientMessages)
}

func init() {
	edge.Register("ConversationSession", NewSession, edge.Interleave())
}
