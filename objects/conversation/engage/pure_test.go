package engage

import (
	"math"
	"reflect"
	"strings"
	"testing"

	"github.com/holdfast-run/holdfast/guest-sdk/edge/outbox"
	"github.com/holdfast-run/holdfast/objects/conversation/chain"
)

func TestWire_RoundTrips(t *testing.T) {
	n := note{actor{"u\x00", "127.0.0.1", strings.Repeat("a", 300)}, -5, "act", "success", "kind", "", `{"a":1}`}
	r := wireReader{rest: string(n.appendTo(nil))}
	if got := r.note(); got != n || r.err != nil || r.rest != "" {
		t.Errorf("note %+v, %v, %q", got, r.err, r.rest)
	}
	w := row{Kind: rowAssignment, Key: "k", Version: math.MaxInt64, At: -1, Values: []any{"f", "", nil, int64(math.MinInt64), int64(0), 1.5, math.Inf(1), "x", nil, nil, int64(7), "ä", int64(3)}}
	r = wireReader{rest: string(w.appendTo(nil))}
	if got := r.row(); !reflect.DeepEqual(got, w) || r.err != nil || r.rest != "" {
		t.Errorf("row %+v, %v", got, r.err)
	}
	a := auditRow{Row: chain.Row{Entry: chain.Entry{Seq: 9, AuditID: "i", Timestamp: 8, Action: "a", Outcome: "o", ResourceType: "t", UserID: "u", ResourceID: "r", IPAddress: "ip", UserAgent: "ua", Details: "d"}, Nonce: "n", Digest: "g", PrevHash: "p", Hash: "h"}, At: 7}
	if got, err := auditRowOf(a.appendTo(nil)); got != a || err != nil {
		t.Errorf("audit row %+v, %v", got, err)
	}
	h := head{1, 2, 3, 4, 5, -6}
	if got, err := headOf(h.record()); got != h || err != nil {
		t.Errorf("head %+v, %v", got, err)
	}
}

// FuzzWire reads anything as what objects tell each other: it ends, and never
// in a panic.
func FuzzWire(f *testing.F) {
	n := note{Action: "a"}
	w := row{Kind: rowUser, Key: "k", Values: make([]any, len(tables[rowUser].Columns))}
	sub := submission{Source: "s", Notes: []outbox.Item{{Seq: 1, Value: n.appendTo(nil)}}, Rows: []row{w}}
	f.Add(string(sub.appendTo(nil)))
	f.Add("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff")
	f.Fuzz(func(t *testing.T, s string) {
		r := wireReader{rest: s}
		r.text()
		for i := r.number(); i > 0 && r.err == nil; i-- {
			r.number()
			r.note()
		}
		for i := r.number(); i > 0 && r.err == nil; i-- {
			r.row()
		}
		if r.err != nil && r.rest != "" {
			t.Fatalf("%v with %q left", r.err, r.rest)
		}
		if a, err := auditRowOf([]byte(s)); err == nil {
			if again, err := auditRowOf(a.appendTo(nil)); err != nil || again != a {
				t.Fatalf("%+v, %v", again, err)
			}
		}
		_, _, _ = partyEntryOf("id", []byte(s))
		_, _ = headOf([]byte(s))
	})
}

// FuzzPaths takes any path apart: the session that it leads to is one that
// may be, and the call below it is one of the table.
func FuzzPaths(f *testing.F) {
	for _, p := range []string{"/firms/acme/conversations/s1:secure", "/firms/acme/conversations/s1/goals/g:complete", "/firms/acme/conflicts/s1.0a:review", "/firms/a/b", "/firms//"} {
		f.Add("POST", p)
	}
	f.Fuzz(func(t *testing.T, method, path string) {
		firm, rest := splitFirm(strings.TrimPrefix(path, "/firms/"))
		if session, ok := sessionIn(rest); ok && validID(firm) && validID(session) {
			if f, s, ok := splitName(sessionName(firm, session)); !ok || f != firm || s != session {
				t.Fatalf("%q leads to %q of %q, whose name is %q of %q", path, session, firm, s, f)
			}
		}
		sc, arg, err := find(method, below(path))
		if err == nil && (sc.method != method || strings.Contains(sc.path, "/:") != (arg != "" || strings.Contains(path, "%"))) {
			t.Fatalf("%s %q is %s with %q", method, path, sc.action, arg)
		}
	})
}

func TestFind_EveryCallOfTheTable(t *testing.T) {
	for path, want := range map[string]string{
		"GET /firms/f/conversations/s": "access_conversation", "DELETE /firms/f/conversations/s": "conversation_deleted", "POST /firms/f/conversations/s:secure": "conversation_secured",
		"POST /firms/f/conversations/s/goals/g1:complete": "goal_completed", "POST /firms/f/conflicts/s.1:review": "conflict_reviewing", "POST /firms/f/conflicts/s.1:clear": "conflict_cleared",
		"POST /firms/f/conversations/s/goals/a:b:complete": "goal_completed", "GET /firms/f/conversations/s/ws": accessLive, "POST /firms/f/conversations/s:open": "unknown_call",
		"POST /firms/f/conversations/s/goals/:complete": "unknown_call", "PUT /firms/f/conversations/s/messages": "unknown_call",
	} {
		method, path, _ := strings.Cut(path, " ")
		if sc, _, _ := find(method, below(path)); sc.action != want {
			t.Errorf("%s %s is %s, want %s", method, path, sc.action, want)
		}
	}
}
