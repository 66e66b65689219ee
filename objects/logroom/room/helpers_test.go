package room

import (
	"fmt"
	"strings"
	"testing"

	"github.com/holdfast-run/holdfast/guest-sdk/edge/edgetest"

	"github.com/holdfast-run/holdfast/guest-sdk/edge/rest"
)

// app is the directory of the app's configuration.
const app = ".."

// acmeKey is the owner key of the namespace acme.
const acmeKey = "owner-key-of-acme"

func ownerKeys() edgetest.Option {
	return edgetest.Var("OWNER_KEYS", `{"acme":"`+rest.Hash(acmeKey)+`"}`)
}

func newWorld(t *testing.T, o ...edgetest.Option) *edgetest.World {
	return edgetest.New(t, append([]edgetest.Option{edgetest.Config(app), ownerKeys()}, o...)...)
}

// both runs a story in memory and against the compiled room.
func both(t *testing.T, fn func(t *testing.T, w *edgetest.World)) {
	t.Helper()
	edgetest.Both(t, app, fn, ownerKeys())
}

func bearerOf(token string) string { return "Authorization: Bearer " + token }

// logIn is a log of acme in a world; its secret is "s-" and its id.
type logIn struct {
	w  *edgetest.World
	id string
}

// shown is an event as clients see it.
type shown struct {
	ID, LogID, AuthorID, Content, CreatedAt, LogName string
	Seq                                              int64
}

type page struct {
	Events  []shown
	HeadSeq int64
	Epoch   string
	HasMore bool
	Cursor  string
}

func makeIn(w *edgetest.World, id string, more ...any) *logIn {
	body := map[string]any{"id": id, "name": "Log " + id, "ownerNamespace": "acme", "secret": "s-" + id}
	for i := 0; i+1 < len(more); i += 2 {
		body[more[i].(string)] = more[i+1]
	}
	w.Fetch("POST", "/logs", body, bearerOf(acmeKey)).Want(201)
	return &logIn{w, id}
}

func (l *logIn) auth() string { return bearerOf("s-" + l.id) }

func (l *logIn) object() *edgetest.Handle { return l.w.Object("LogRoom", l.id) }

func (l *logIn) append(author, content string) (e shown) {
	l.w.Fetch("POST", "/logs/"+l.id+"/events", map[string]any{"authorId": author, "content": content}, l.auth()).Want(201).JSON(&e)
	return e
}

// fill appends n events in batches.
func (l *logIn) fill(n int, content string) {
	for n > 0 {
		var events []map[string]string
		for range min(n, BatchMax) {
			events = append(events, map[string]string{"authorId": "filler", "content": content})
		}
		l.w.Fetch("POST", "/logs/"+l.id+"/events:batch", map[string]any{"events": events}, l.auth()).Want(201)
		n -= len(events)
	}
}

func (l *logIn) read(query string) (p page) {
	l.w.Fetch("GET", "/logs/"+l.id+"/events?"+query, nil, l.auth()).Want(200).JSON(&p)
	return p
}

// indexed is what D1 has of all logs of acme, oldest first.
func (l *logIn) indexed(query string) []shown {
	var p page
	l.w.Fetch("GET", "/search?ownerNamespace=acme&limit=1000&"+query, nil, bearerOf(acmeKey)).Want(200).JSON(&p)
	for i, j := 0, len(p.Events)-1; i < j; i, j = i+1, j-1 {
		p.Events[i], p.Events[j] = p.Events[j], p.Events[i]
	}
	return p.Events
}

func (l *logIn) connect(author, query string) *edgetest.Client {
	return l.w.Connect("/logs/"+l.id+"/ws?authorId="+author+query, l.auth())
}

// frame is what a socket of the room brings.
type frame struct {
	Type, LogID, Epoch, AuthorID, State, Code, Message string
	HeadSeq, Seq                                       int64
	Ref                                                any
	Event                                              shown
	Presence                                           []struct {
		AuthorID    string
		Connections int
	}
}

func next(c *edgetest.Client) (f frame) {
	c.JSON(&f)
	return f
}

// want ends the test unless the next frame is of a type.
func want(t *testing.T, c *edgetest.Client, kind string) frame {
	t.Helper()
	f := next(c)
	if f.Type != kind {
		t.Fatalf("frame %+v, want %s", f, kind)
	}
	return f
}

// seqs shows the seqs of events, as "1 2 3".
func seqs(events []shown) string {
	var b strings.Builder
	for _, e := range events {
		fmt.Fprintf(&b, "%d ", e.Seq)
	}
	return strings.TrimSpace(b.String())
}
