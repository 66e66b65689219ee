package main

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/holdfast-run/holdfast/host"
)

// fill gives a firm a little of everything.
func (o *office) fill(conversations int) {
	o.t.Helper()
	for i := range 5 {
		o.user(fmt.Sprint("u", i), fmt.Sprint("User ", i))
	}
	for i := range conversations {
		s := fmt.Sprint("s", i)
		o.begin(s, "practiceArea", []string{"tax", "family", "patents"}[i%3], "userId", fmt.Sprint("u", i%5), "clientName", fmt.Sprint("Client ", i),
			"goals", []map[string]string{{"id": "g", "title": "t"}})
		o.say(s, "client", "hello")
		if i%2 == 0 {
			o.assign(s, fmt.Sprint("u", i%4))
		}
		if i%3 == 0 {
			o.party(s, []string{"client", "opposing_party"}[i/3%2], "Someone Inc")
		}
		switch i % 7 {
		case 3:
			o.do("POST", "/conversations/"+s+":complete", nil, nil)
		case 5:
			o.do("DELETE", "/conversations/"+s, nil, nil)
		}
	}
	o.settled()
}

// harm is statements that damage an index, as somebody might by mistake.
var harm = []string{
	"UPDATE conversation_index SET clientName = 'damaged', version = version + 100 WHERE sessionId = '{s}'",
	"UPDATE conversation_index SET status = 'terminated', goalsCompleted = 9 WHERE sessionId = '{s}'",
	"UPDATE conversation_index SET lastActivity = lastActivity + 1 WHERE sessionId = '{s}'",
	"UPDATE conversation_index SET practiceArea = NULL, isDeleted = 1 - isDeleted, version = 0 WHERE sessionId = '{s}'",
	"UPDATE conversation_index SET assignedTo = 'u1', userId = 'u2' WHERE sessionId = '{s}'",
	"DELETE FROM conversation_index WHERE sessionId = '{s}'",
	"UPDATE OR REPLACE conversation_index SET sessionId = 'moved' WHERE sessionId = '{s}'",
	"INSERT OR REPLACE INTO conversation_index (firmId, sessionId, clientName) VALUES ('acme', '{s}', 'replaced')",
	"INSERT OR REPLACE INTO conversation_index (firmId, sessionId, isDeleted) VALUES ('acme', 'orphan{n}', 0)",
	"INSERT OR REPLACE INTO conversation_index (firmId, sessionId) VALUES ('other', '{s}')",
	"UPDATE case_assignment_index SET status = 'pending', estimatedHours = 99 WHERE sessionId = '{s}'",
	"UPDATE case_assignment_index SET sessionId = 's0' WHERE sessionId = '{s}'",
	"DELETE FROM case_assignment_index WHERE sessionId = '{s}'",
	"INSERT OR REPLACE INTO case_assignment_index (firmId, assignmentId, sessionId, assignedTo) VALUES ('acme', 'x{n}', '{s}', 'u0')",
	"UPDATE conflict_detection_index SET confidence = 0.5, notes = 'x' WHERE sessionId = '{s}'",
	"DELETE FROM conflict_detection_index WHERE sessionId = '{s}'",
	"INSERT OR REPLACE INTO conflict_detection_index (firmId, conflictId, sessionId) VALUES ('acme', 'y{n}', 'gone{n}')",
	"UPDATE user_index SET conversationCount = 77, name = 'x' WHERE userId = 'u{u}'",
	"UPDATE user_index SET assignedConversationCount = -1 WHERE userId = 'u{u}'",
	"DELETE FROM user_index WHERE userId = 'u{u}'",
	"INSERT OR REPLACE INTO user_index (firmId, userId) VALUES ('acme', 'ghost{n}')",
}

// reconciliation is the answer of :reconcile.
type reconciliation struct{ Checked, Repaired, OrphansRemoved int }

// TestReconcile_RepairsAnyDamage damages the index at random, past the app:
// one reconciliation makes it what it was, and the next finds nothing to do.
func TestReconcile_RepairsAnyDamage(t *testing.T) {
	h := start(t, host.Config{})
	o := found(t, h.URL, h.Admin, "acme")
	const conversations = 40
	o.fill(conversations)
	var r reconciliation
	o.asPlatform("POST", ":reconcile", nil, &r)
	if r != (reconciliation{Checked: conversations}) {
		t.Fatalf("of a whole index: %+v", r)
	}
	o.settled()
	audit := "SELECT count(*) AS n, max(hash) AS h FROM audit_log_index WHERE seq <= 100"
	whole, trail := o.dump(), fmt.Sprint(o.sql(audit))
	for seed := range uint64(6) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		var done []string
		for range 12 {
			values := strings.NewReplacer("{s}", fmt.Sprint("s", rnd.IntN(conversations)), "{n}", fmt.Sprint(rnd.IntN(9)), "{u}", fmt.Sprint(rnd.IntN(5)))
			q := values.Replace(harm[rnd.IntN(len(harm))])
			done = append(done, q)
			o.sql(q)
		}
		if o.dump() == whole {
			t.Fatalf("seed %d damaged nothing: %s", seed, strings.Join(done, ";\n"))
		}
		o.asPlatform("POST", ":reconcile", nil, &r)
		if r.Checked != conversations || r.Repaired+r.OrphansRemoved == 0 {
			t.Errorf("seed %d: %+v", seed, r)
		}
		o.settled()
		if got := o.dump(); got != whole {
			t.Fatalf("seed %d: after\n%s\nthe index is\n%s\nand was\n%s", seed, strings.Join(done, ";\n"), got, whole)
		}
		o.asPlatform("POST", ":reconcile", nil, &r)
		if r.Repaired+r.OrphansRemoved != 0 {
			t.Errorf("seed %d, once more: %+v", seed, r)
		}
	}
	if got := fmt.Sprint(o.sql(audit)); got != trail {
		t.Errorf("the audit trail was %s and is %s", trail, got)
	}
}

// TestAudit_IsAppendOnlyAndItsChainShowsDamage tries to change the audit trail
// with SQL, first as it is and then with its triggers gone.
func TestAudit_IsAppendOnlyAndItsChainShowsDamage(t *testing.T) {
	h := start(t, host.Config{})
	o := found(t, h.URL, h.Admin, "acme")
	o.fill(4)
	for _, q := range []string{
		"UPDATE audit_log_index SET outcome = 'success'", "UPDATE audit_log_index SET userId = NULL", "DELETE FROM audit_log_index",
		"UPDATE OR REPLACE audit_log_index SET seq = 1 WHERE seq = 2",
		"INSERT OR REPLACE INTO audit_log_index SELECT * FROM (SELECT seq, firmId, auditId, userId, 'forged', resourceType, resourceId, timestamp, ipAddress, userAgent, outcome, details, nonce, digest, prevHash, hash FROM audit_log_index WHERE seq = 3)",
		"REPLACE INTO audit_log_index (firmId, auditId, action, resourceType, timestamp, outcome, digest, prevHash, hash) SELECT firmId, auditId, 'forged', '', 0, 'success', '', '', '' FROM audit_log_index WHERE seq = 3",
	} {
		if _, err := o.trySQL(q); err == nil {
			t.Errorf("%s: nothing refused it", q)
		}
	}
	if v := o.verify(); !v.OK || v.Rows < 10 {
		t.Fatalf("untouched: %+v", v)
	}
	o.settled()
	for _, name := range []string{"no_update", "no_delete", "no_replace"} {
		o.sql("DROP TRIGGER audit_log_index_" + name)
	}
	ids := map[float64]string{}
	for _, r := range o.sql("SELECT seq, auditId FROM audit_log_index") {
		ids[r["seq"].(float64)] = r["auditId"].(string)
	}
	for _, c := range []struct{ harm, heal, at string }{
		{"UPDATE audit_log_index SET outcome = 'failure' WHERE seq = 5", "UPDATE audit_log_index SET outcome = 'success' WHERE seq = 5", ids[5]},
		{"UPDATE audit_log_index SET userId = 'eve' WHERE seq = 7", "UPDATE audit_log_index SET userId = 'unknown' WHERE seq = 7", ids[7]},
		{forged, "DELETE FROM audit_log_index WHERE auditId = 'forged'", "forged"},
		{"UPDATE audit_log_index SET hash = 'x' WHERE seq = 9", "", ids[9]},
	} {
		o.sql(c.harm)
		if v := o.verify(); v.OK || v.BrokenAt != c.at {
			t.Errorf("%s: %+v, want it broken at %s", c.harm, v, c.at)
		}
		if c.heal != "" {
			o.sql(c.heal)
			if v := o.verify(); !v.OK {
				t.Errorf("%s: %+v", c.heal, v)
			}
		}
	}
}

// forged adds a row far behind the trail's end; nothing refuses that.
const forged = `INSERT INTO audit_log_index (seq, firmId, auditId, action, resourceType, timestamp, outcome, digest, prevHash, hash)
	SELECT 100000, firmId, 'forged', 'x', 'x', 0, 'success', digest, hash, hash FROM audit_log_index ORDER BY seq DESC LIMIT 1`

// verdict is the answer of audit:verify, and where to go on before its end.
type verdict struct {
	OK               bool
	Rows             int
	BrokenAt, Cursor string
}

// verify walks along the trail in one call and in small ones; both must find
// the same.
func (o *office) verify() verdict {
	o.t.Helper()
	var whole verdict
	o.do("GET", "/audit:verify", nil, &whole)
	for cursor := ""; ; {
		var v verdict
		o.do("GET", "/audit:verify?limit=5&cursor="+cursor, nil, &v)
		if cursor = v.Cursor; cursor == "" {
			if v.OK != whole.OK || v.BrokenAt != whole.BrokenAt || v.Rows < whole.Rows {
				o.t.Errorf("in one call %+v, in small ones %+v", whole, v)
			}
			return v
		}
	}
}

func TestAudit_ATrailThatWasCutOffShows(t *testing.T) {
	h := start(t, host.Config{})
	o := found(t, h.URL, h.Admin, "acme")
	o.fill(2)
	o.sql("DROP TRIGGER audit_log_index_no_delete")
	o.sql("DELETE FROM audit_log_index WHERE seq > 5")
	if v := o.verify(); v.OK {
		t.Error("nothing shows that the end of the trail is gone")
	}
}

// lagging is the answer of :lag.
type lagging struct{ Pending, OldestMs, DeadLetters int }

// TestIndex_ARowThatD1RefusesHoldsUpNoOther lets D1 refuse one conversation's
// row, and a row of the audit trail: they become dead letters, everything else
// arrives, and reconciliation revives what it can once D1 takes it.
func TestIndex_ARowThatD1RefusesHoldsUpNoOther(t *testing.T) {
	h := start(t, host.Config{})
	o := found(t, h.URL, h.Admin, "acme")
	o.begin("good0")
	o.settled()
	o.sql("CREATE TRIGGER poison BEFORE INSERT ON conversation_index WHEN NEW.sessionId = 'bad' BEGIN SELECT RAISE(ABORT, 'poison'); END")
	o.begin("bad")
	for i := range 5 {
		o.begin(fmt.Sprint("good", i+1))
		o.say("good0", "client", "hello")
	}
	o.settled()
	var l lagging
	if o.do("GET", ":lag", nil, &l); l.DeadLetters != 1 {
		t.Errorf("%+v, want one dead letter", l)
	}
	var list struct{ Conversations []struct{ SessionID string } }
	if o.do("GET", "/conversations", nil, &list); len(list.Conversations) != 6 {
		t.Errorf("the list shows %+v", list)
	}
	o.say("bad", "client", "x") // refused again, and counted once
	o.settled()
	if o.do("GET", ":lag", nil, &l); l.DeadLetters != 1 {
		t.Errorf("%+v, want one dead letter", l)
	}
	o.sql("DROP TRIGGER poison")
	var r reconciliation
	if o.asPlatform("POST", ":reconcile", nil, &r); r.Repaired != 1 {
		t.Errorf("%+v", r)
	}
	if o.do("GET", ":lag", nil, &l); l.DeadLetters != 0 {
		t.Errorf("%+v after a reconciliation", l)
	}
	var v struct{ OK bool }
	if o.do("GET", "/audit:verify", nil, &v); !v.OK {
		t.Error("the audit chain is broken")
	}
}

// TestReconcile_LosesNoSessionThatIsMadeMeanwhile makes conversations while
// the index is reconciled again and again.
func TestReconcile_LosesNoSessionThatIsMadeMeanwhile(t *testing.T) {
	h := start(t, host.Config{})
	o := found(t, h.URL, h.Admin, "acme")
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := range 150 {
			o.begin(fmt.Sprint("s", i))
			o.say(fmt.Sprint("s", i/2), "client", "hello")
		}
	}()
	for runs := 0; ; runs++ {
		var r reconciliation
		o.asPlatform("POST", ":reconcile", nil, &r)
		if r.OrphansRemoved != 0 {
			t.Fatalf("run %d removed what was being made: %+v", runs, r)
		}
		select {
		case <-done:
			o.settled()
			if o.asPlatform("POST", ":reconcile", nil, &r); r != (reconciliation{Checked: 150}) {
				t.Errorf("in the end: %+v", r)
			}
			t.Logf("%d runs", runs)
			return
		default:
		}
	}
}
