package engage

import (
	"testing"
	"time"

	"github.com/holdfast-run/holdfast/guest-sdk/edge/edgetest"
	"github.com/holdfast-run/holdfast/guest-sdk/edge/rest"
)

// app is the directory of the app's configuration.
const app = ".."

// platformToken is the platform key of the tests.
const platformToken = "platform-key-of-the-tests"

func platformVar() edgetest.Option { return edgetest.Var(varPlatformKey, rest.Hash(platformToken)) }

func newWorld(t *testing.T, o ...edgetest.Option) *edgetest.World {
	return edgetest.New(t, append([]edgetest.Option{edgetest.Config(app), platformVar()}, o...)...)
}

// both runs a story in memory and against the compiled app.
func both(t *testing.T, fn func(t *testing.T, w *edgetest.World)) {
	t.Helper()
	edgetest.Both(t, app, fn, platformVar())
}

func bearerOf(token string) string { return "Authorization: Bearer " + token }

// office is a firm in a world.
type office struct {
	w       *edgetest.World
	id, key string
}

func found(w *edgetest.World, id string) *office {
	var made struct{ FirmID, Name, Key string }
	w.Fetch("POST", "/firms", map[string]string{"firmId": id, "name": "Firm " + id}, bearerOf(platformToken)).Want(201).JSON(&made)
	return &office{w, id, made.Key}
}

func (o *office) do(method, path string, body any) *edgetest.Response {
	return o.w.Fetch(method, "/firms/"+o.id+path, body, bearerOf(o.key), "X-User-Id: ann")
}

func (o *office) asPlatform(method, path string, body any) *edgetest.Response {
	return o.w.Fetch(method, "/firms/"+o.id+path, body, bearerOf(platformToken))
}

// state is a conversation as clients see it.
type state struct {
	SessionID, FirmID, UserID, ClientName, ClientEmail, PracticeArea, Status, Phase, AssignedTo, ConflictStatus string
	Goals                                                                                                       []struct{ ID, Title, CompletedAt string }
	Messages                                                                                                    []message
	MessageCount, Version                                                                                       int64
	Parties                                                                                                     []party
	Conflicts                                                                                                   []conflict
	Assignments                                                                                                 []assignment
	DataQuality                                                                                                 struct {
		Score int
		Parts map[string]int
	}
	CreatedAt, LastActivity string
	IsDeleted               bool
	OpposingPartyNone       bool
}

type message struct {
	ID, Role, Content, CreatedAt string
	Seq                          int64
}

type party struct {
	PartyID, Type, Name, CreatedAt string
	Aliases                        []string
}

type conflict struct {
	ConflictID, SessionID, ConflictType, ConflictEntity, MatchType, Status, DetectedAt, DetectedBy, ResolvedAt, ResolvedBy, Resolution, Notes string
	Confidence                                                                                                                                float64
	Matched                                                                                                                                   struct{ SessionID, Name, Type string }
}

type assignment struct {
	AssignmentID, SessionID, AssignedTo, AssignedBy, AssignedAt, Status, Priority, DueDate, Notes string
	EstimatedHours                                                                                float64
}

// begin makes a conversation; more are further fields of its body.
func (o *office) begin(session string, more ...any) (s state) {
	body := map[string]any{"sessionId": session, "userId": "u-" + session}
	for i := 0; i+1 < len(more); i += 2 {
		body[more[i].(string)] = more[i+1]
	}
	o.do("POST", "/conversations", body).Want(201).JSON(&s)
	return s
}

func (o *office) state(session string) (s state) {
	o.do("GET", "/conversations/"+session, nil).Want(200).JSON(&s)
	return s
}

func (o *office) say(session, role, content string) (m message, s state) {
	var out struct {
		Message message
		State   state
	}
	o.do("POST", "/conversations/"+session+"/messages", map[string]string{"role": role, "content": content}).Want(201).JSON(&out)
	return out.Message, out.State
}

func (o *office) party(session, kind, name string, aliases ...string) (p party, found []conflict) {
	var out struct {
		Party     party
		Conflicts []conflict
	}
	o.do("POST", "/conversations/"+session+"/parties", map[string]any{"type": kind, "name": name, "aliases": aliases}).Want(201).JSON(&out)
	return out.Party, out.Conflicts
}

// settled waits until D1 has all.
func (o *office) settled() {
	o.w.Settle()
	var l lag
	o.do("GET", ":lag", nil).Want(200).JSON(&l)
	o.w.Settle()
}

// row is a conversation as lists show it.
type listed struct {
	SessionID, UserID, ClientName, PracticeArea, Status, Phase, AssignedTo, ConflictStatus, CreatedAt, LastActivity string
	GoalsCompleted, GoalsTotal, DataQualityScore                                                                    int
}

func (o *office) list(query string) (rows []listed, cursor string) {
	var out struct {
		Conversations []listed
		Cursor        string
	}
	o.do("GET", "/conversations?"+query, nil).Want(200).JSON(&out)
	return out.Conversations, out.Cursor
}

func (o *office) report(name string) (rows []map[string]any) {
	var out struct{ Rows []map[string]any }
	o.do("GET", "/reports/"+name, nil).Want(200).JSON(&out)
	return out.Rows
}

func ids(rows []listed) string {
	s := ""
	for _, r := range rows {
		s += r.SessionID + " "
	}
	return s
}

// code is the code of an error's body.
func code(r *edgetest.Response) string {
	var out struct {
		Error struct{ Code, Message string }
	}
	r.JSON(&out)
	return out.Error.Code
}

// minute is long enough for every outbox.
const minute = time.Minute
