package engage

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-run/holdfast/guest-sdk/edge/edgetest"
)

var errDown = errors.New("down")

// always is more D1 calls than a test makes.
const always = 1 << 20

// behind is the firm's lag.
func (o *office) behind() (l lag) {
	o.do("GET", ":lag", nil).Want(200).JSON(&l)
	return l
}

// TestIndex_ADownD1DelaysNothingButTheIndex lets D1 fail: conversations go on,
// the lag shows, and everything arrives later, in order.
func TestIndex_ADownD1DelaysNothingButTheIndex(t *testing.T) {
	w := newWorld(t)
	o := found(w, "acme")
	o.begin("s1")
	w.FailD1(always, errDown)
	for i := range 20 {
		o.say("s1", "client", fmt.Sprint("message ", i))
	}
	o.party("s1", "client", "Ada")
	w.Settle()
	if l := o.behind(); l.Pending < 20 || l.DeadLetters != 0 {
		t.Errorf("behind: %+v", l)
	}
	w.Advance(10 * time.Second)
	if l := o.behind(); l.OldestMs < 10_000 {
		t.Errorf("behind: %+v", l)
	}
	o.do("GET", "/conversations", nil).Want(503)
	o.do("GET", "/reports/workload", nil).Want(503)
	w.Object("FirmLedger", "acme").Crash()
	w.Object("ConversationSession", "acme/s1").Crash()
	w.FailD1(0, nil)
	w.Advance(10 * time.Minute)
	if l := o.behind(); l.Pending != 0 {
		t.Errorf("behind: %+v", l)
	}
	if rows, _ := o.list(""); len(rows) != 1 || rows[0].ConflictStatus != "clear" {
		t.Errorf("list: %+v", rows)
	}
	actions := ""
	for _, r := range o.report("audit?sessionId=s1") {
		actions += fmt.Sprint(r["action"], " ")
	}
	if want := "conversation_created " + strings.Repeat("message_added ", 20) + "party_added "; actions != want {
		t.Errorf("audit: %s", actions)
	}
	var v verdict
	if o.do("GET", "/audit:verify", nil).Want(200).JSON(&v); !v.OK {
		t.Errorf("%+v", v)
	}
}

// TestIndex_AFailureAfterEveryCall lets each D1 call of a story fail in turn.
func TestIndex_AFailureAfterEveryCall(t *testing.T) {
	for after := range 8 {
		w := newWorld(t)
		o := found(w, "acme")
		w.FailD1After(after, 1, errDown)
		o.begin("s1")
		for range 5 {
			o.say("s1", "client", "x")
			w.Settle()
		}
		w.Advance(minute)
		w.FailD1(0, nil)
		var r struct{ Checked, Repaired, OrphansRemoved int }
		o.asPlatform("POST", ":reconcile", nil).Want(200).JSON(&r)
		if r.Checked != 1 || r.Repaired != 0 || r.OrphansRemoved != 0 {
			t.Errorf("D1 failed after %d calls: %+v", after, r)
		}
		var v verdict
		if o.do("GET", "/audit:verify", nil).Want(200).JSON(&v); !v.OK {
			t.Errorf("D1 failed after %d calls: %+v", after, v)
		}
	}
}

// TestParty_TheRegistryAnswersTheSameAgain registers a party twice, as a
// session does that died before the registry's answer.
func TestParty_TheRegistryAnswersTheSameAgain(t *testing.T) {
	w := newWorld(t)
	o := found(w, "acme")
	o.begin("a")
	o.begin("b")
	o.party("a", "opposing_party", "Ada Byron")
	_, first := o.party("b", "client", "Ada Byron")
	_, again := o.party("b", "client", "Ada Byron", "The Countess")
	if len(first) != 1 || len(again) != 1 || first[0].ConflictID != again[0].ConflictID {
		t.Fatalf("%+v, then %+v", first, again)
	}
	if s := o.state("b"); len(s.Parties) != 1 || len(s.Conflicts) != 1 || len(s.Parties[0].Aliases) != 1 {
		t.Fatalf("%+v", s)
	}
	o.begin("c")
	if _, found := o.party("c", "entity", "Countess, The"); len(found) != 0 {
		t.Fatalf("%+v", found)
	}
	if _, found := o.party("c", "entity", "the countess"); len(found) != 1 || found[0].MatchType != "alias" || found[0].Confidence != 0.95 {
		t.Fatalf("%+v", found)
	}
}

// TestNight_WalksEveryActiveFirm runs the cron: every active firm's index is
// repaired, a suspended one's is left.
func TestNight_WalksEveryActiveFirm(t *testing.T) {
	both(t, func(t *testing.T, w *edgetest.World) {
		var firms []*office
		for i := range 4 {
			o := found(w, fmt.Sprint("firm", i))
			o.begin("s1")
			firms = append(firms, o)
		}
		w.Settle()
		firms[2].asPlatform("POST", ":suspend", nil).Want(200)
		before := w.Counter("engage_reconcile_checked")
		if err := w.Scheduled("0 2 * * *"); err != nil {
			t.Fatal(err)
		}
		w.Advance(minute)
		if n := w.Counter("engage_reconcile_checked") - before; n != 3 {
			t.Errorf("%d conversations were checked, want 3", n)
		}
	})
}

func TestErase_TakesAPersonOut(t *testing.T) {
	both(t, func(t *testing.T, w *edgetest.World) {
		o := found(w, "acme")
		o.do("PUT", "/users/ann", map[string]string{"email": "ann@example.com", "name": "Ann Secret", "role": "attorney", "status": "active"}).Want(200)
		o.begin("own", "clientName", "Eve Secret", "clientEmail", "eve@example.com")
		o.begin("other", "clientName", "Bob")
		o.say("own", "client", "my secret")
		o.say("other", "client", "hello")
		o.party("own", "client", "Eve Secret")
		o.party("other", "opposing_party", "Eve Secret")
		o.do("POST", "/conversations/other/assignments", map[string]any{"assignedTo": "ann", "assignedBy": "ann", "priority": "low"}).Want(201)
		w.Settle()
		var out struct{ Conversations, AuditRows int }
		o.asPlatform("POST", ":erase", map[string]string{"clientEmail": "EVE@example.com"}).Want(200).JSON(&out)
		if out.Conversations != 1 {
			t.Fatalf("%+v", out)
		}
		text := o.do("GET", "/conversations/own", nil).Want(200).Text() + o.do("GET", "/conversations/own/messages", nil).Want(200).Text()
		if strings.Contains(text, "ecret") || strings.Contains(text, "eve@") {
			t.Errorf("the conversation says %s", text)
		}
		if s := o.state("own"); !s.IsDeleted || s.MessageCount != 1 {
			t.Errorf("%+v", s)
		}
		if s := o.state("other"); len(s.Conflicts) != 1 || strings.Contains(s.Conflicts[0].Matched.Name, "Secret") {
			t.Errorf("%+v", s.Conflicts)
		}
		o.begin("new")
		if _, found := o.party("new", "opposing_party", "Eve Secret"); len(found) != 0 {
			t.Errorf("an erased party is found: %+v", found)
		}
		o.asPlatform("POST", ":erase", map[string]string{"userId": "ann"}).Want(200).JSON(&out)
		if out.AuditRows == 0 {
			t.Errorf("%+v", out)
		}
		if s := o.state("other"); s.AssignedTo != "" || s.Assignments[0].AssignedTo == "ann" {
			t.Errorf("%+v", s.Assignments)
		}
		w.Settle()
		if got := o.w.Fetch("GET", "/firms/acme/users", nil, bearerOf(o.key)).Want(200).Text(); strings.Contains(got, "ann") {
			t.Errorf("users: %s", got)
		}
		var v verdict
		o.w.Fetch("GET", "/firms/acme/audit:verify", nil, bearerOf(o.key)).Want(200).JSON(&v)
		if !v.OK {
			t.Errorf("the chain: %+v", v)
		}
		var r struct{ Repaired, OrphansRemoved int }
		o.asPlatform("POST", ":reconcile", nil).Want(200).JSON(&r)
		if r.Repaired+r.OrphansRemoved != 0 {
			t.Errorf("reconciliation: %+v", r)
		}
		for _, body := range []string{`{}`, `{"userId":"a","clientEmail":"b"}`, `{"userId":3}`} {
			o.asPlatform("POST", ":erase", body).Want(400)
		}
	})
}
