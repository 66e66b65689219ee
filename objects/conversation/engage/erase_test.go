package engage

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/holdfast-run/holdfast/guest-sdk/edge/edgetest"
)

// Traces of the subject of an erasure, in lower case: no other text of the
// story has them.
var traces = []string{"zyxsubject", "xyzzy"}

// crowd is the objects of the firm of an erasure's story.
var crowd = [][2]string{
	{"ConversationSession", "acme/own"}, {"ConversationSession", "acme/other"}, {"ConversationSession", "acme/third"}, {"FirmRegistry", "acme"}, {"FirmLedger", "acme"},
}

func (o *office) object(i int) *edgetest.Handle { return o.w.Object(crowd[i][0], crowd[i][1]) }

// do1 calls a method of an object; its error ends the test.
func do1[Out, In any](t *testing.T, h *edgetest.Handle, method string, in In) Out {
	t.Helper()
	out, err := edgetest.Call[Out](h, method, in)
	if err != nil {
		t.Fatalf("%s: %v", method, err)
	}
	return out
}

// remains is where a trace of the subject is left.
func (o *office) remains(t *testing.T) (found []string) {
	t.Helper()
	look := func(where, text string) {
		for _, trace := range traces {
			if i := strings.Index(strings.ToLower(text), trace); i >= 0 {
				found = append(found, fmt.Sprintf("%s: …%q…", where, text[max(0, i-60):min(len(text), i+60)]))
			}
		}
	}
	for i := range crowd {
		kv := o.object(i).KV()
		for _, k := range slices.Sorted(maps.Keys(kv)) {
			look(crowd[i][1]+" "+k, k+" "+string(kv[k]))
		}
	}
	look("D1", do1[string](t, o.object(4), "testD1", ""))
	return found
}

// subject makes a firm with two people who are one: a user who works on a
// conversation, and the client of another one, with an address.
func subject(t *testing.T, w *edgetest.World) (*office, []person) {
	t.Helper()
	o := found(w, "acme")
	as := func(method, path string, body any) {
		w.Fetch(method, "/firms/acme"+path, body, bearerOf(o.key), "X-User-Id: zyxsubject", "User-Agent: xyzzy browser").Want(map[string]int{"PUT": 200, "GET": 200, "POST": 201}[method])
	}
	as("PUT", "/users/zyxsubject", map[string]string{"email": "xyzzy@example.com", "name": "Xyzzy Zyxsubject", "role": "attorney", "status": "active"})
	o.do("PUT", "/users/ann", map[string]string{"email": "ann@example.com", "name": "Ann", "role": "attorney", "status": "active"}).Want(200)
	o.begin("own", "userId", "zyxsubject", "clientName", "Xyzzy Zyxsubject", "clientEmail", "xyzzy@example.com", "goals", []map[string]string{{"id": "g", "title": "help Xyzzy"}})
	o.begin("other", "clientName", "Bob")
	o.begin("third")
	as("POST", "/conversations/own/messages", map[string]any{"role": "client", "content": "I am Xyzzy", "key": "xyzzy-1", "facts": map[string]string{"nick": "zyxsubject"}})
	o.party("other", "opposing_party", "Xyzzi Zyxsobject") // sounds alike
	as("POST", "/conversations/own/parties", map[string]any{"type": "client", "name": "Xyzzy Zyxsubject", "aliases": []string{"The Xyzzy"}})
	o.party("third", "opposing_party", "Xyzzi Zyxsobjekt")
	for _, s := range []string{"own", "other"} {
		as("POST", "/conversations/"+s+"/assignments", map[string]any{"assignedTo": "zyxsubject", "assignedBy": "zyxsubject", "priority": "low", "notes": "n"})
	}
	as("GET", "/conversations", nil)
	w.Settle()
	if s := o.state("third"); len(s.Conflicts) != 1 || s.Conflicts[0].Matched.SessionID != "own" {
		t.Fatalf("the story lacks a conflict with the subject: %+v", s.Conflicts)
	}
	if len(o.remains(t)) < 10 {
		t.Fatal("the story leaves too few traces of its subject")
	}
	return o, []person{{ClientEmail: "XYZZY@example.com"}, {UserID: "zyxsubject"}}
}

// eraseAll erases the subject by each of what names it, again until it ends;
// failures is how often it did not.
func (o *office) eraseAll(t *testing.T, who []person) (failures int) {
	t.Helper()
	for _, p := range who {
		for tries := 0; ; tries++ {
			r := o.asPlatform("POST", ":erase", p)
			if r.Status == 200 {
				break
			}
			if r.Status != 503 || !strings.Contains(r.Text(), "again") || tries > 5 {
				t.Fatalf("%d %s", r.Status, r.Text())
			}
			failures++
		}
	}
	return failures
}

// isGone checks that nothing of the subject is left, that the rest is, and
// that the audit trail says what was done.
func (o *office) isGone(t *testing.T, failures int) {
	t.Helper()
	o.w.Settle()
	for _, r := range o.remains(t) {
		t.Errorf("left in %s", r)
	}
	if s := o.state("own"); !s.IsDeleted || s.MessageCount != 1 || s.ClientName != "" {
		t.Errorf("the conversation is %+v", s)
	}
	if s := o.state("other"); s.ClientName != "Bob" || s.AssignedTo != "" || s.IsDeleted {
		t.Errorf("somebody else's conversation is %+v", s)
	}
	if _, found := o.party("third", "opposing_party", "Xyzzy Zyxsubject"); len(found) != 0 {
		t.Errorf("an erased party is found: %+v", found)
	}
	o.w.Settle()
	var v verdict
	if o.do("GET", "/audit:verify", nil).Want(200).JSON(&v); !v.OK {
		t.Errorf("the chain: %+v", v)
	}
	outcomes := map[string]int{}
	for _, r := range o.report("audit") {
		if r["action"] == "person_erased" {
			outcomes[r["outcome"].(string)]++
		}
	}
	if outcomes["success"] != 2 || outcomes["failure"] != failures {
		t.Errorf("the trail says of the erasures %v, with %d failures", outcomes, failures)
	}
	if l := o.behind(); l.DeadLetters != 0 {
		t.Errorf("%+v", l)
	}
	var r struct{ Repaired, OrphansRemoved int }
	if o.asPlatform("POST", ":reconcile", nil).Want(200).JSON(&r); r.Repaired+r.OrphansRemoved != 0 {
		t.Errorf("reconciliation: %+v", r)
	}
}

// TestErase_EndsAfterADeathAtEveryStep stops an erasure behind each of its
// steps, with every object dead, and runs it again.
func TestErase_EndsAfterADeathAtEveryStep(t *testing.T) {
	for after, ended := 0, false; !ended; after++ {
		w := newWorld(t)
		o, who := subject(t, w)
		steps := 0
		step := func(do func()) {
			if steps++; steps <= after {
				do()
			}
		}
		for _, p := range who {
			var out erasure
			var others map[string]string
			step(func() { out = do1[erasure](t, o.object(0), "prepareErase", p) })
			step(func() { others = do1[map[string]string](t, o.object(3), "forgetParties", out.Parties) })
			for _, id := range slices.Sorted(maps.Keys(others)) {
				step(func() { do1[bool](t, o.w.Object("ConversationSession", "acme/"+others[id]), "scrub", id) })
			}
			step(func() { do1[bool](t, o.object(0), "erase", p) })
			step(func() { do1[erasure](t, o.object(1), "prepareErase", p) })
			step(func() { do1[bool](t, o.object(3), "forgetUser", p.UserID) })
			step(func() { do1[int](t, o.object(4), "erase", p) })
		}
		ended = after >= steps
		for i := range crowd {
			o.object(i).Crash()
		}
		if o.isGone(t, o.eraseAll(t, who)); t.Failed() {
			t.Fatalf("it was stopped behind step %d of %d", after, steps)
		}
	}
}

// TestErase_EndsAfterAFailureOfEveryD1Call lets each D1 call of an erasure
// fail once, and all of them for a while.
func TestErase_EndsAfterAFailureOfEveryD1Call(t *testing.T) {
	failed := 0
	for after := range 14 {
		w := newWorld(t)
		o, who := subject(t, w)
		w.FailD1After(after, 1, errDown)
		failures := o.eraseAll(t, who)
		w.FailD1(0, nil)
		w.Advance(minute)
		if o.isGone(t, failures); t.Failed() {
			t.Fatalf("D1 failed after %d calls", after)
		}
		failed += failures
	}
	if failed == 0 {
		t.Error("no erasure failed: the test tested nothing")
	}
}

// TestErase_SaysSoWhileD1IsDown has what names the subject in every outbox:
// the erasure does not claim to be done, and is once D1 is back.
func TestErase_SaysSoWhileD1IsDown(t *testing.T) {
	w := newWorld(t)
	o, who := subject(t, w)
	w.FailD1(always, errDown)
	as := func(session string) {
		w.Fetch("POST", "/firms/acme/conversations/"+session+"/messages", map[string]string{"role": "staff", "content": "x"}, bearerOf(o.key), "X-User-Id: zyxsubject").Want(201)
	}
	as("other")
	do1[bool](t, o.object(2), "testCut", "")
	as("third")
	w.Settle()
	for _, p := range who {
		o.asPlatform("POST", ":erase", p).Want(503)
	}
	w.FailD1(0, nil)
	for _, p := range who { // a session still keeps notes
		o.asPlatform("POST", ":erase", p).Want(503)
	}
	do1[bool](t, o.object(2), "testCut", "acme")
	if n := o.eraseAll(t, who); n != 0 {
		t.Errorf("it failed %d times with nothing in its way", n)
	}
	o.isGone(t, 4)
}

// TestErase_TakesInNoPartyMeanwhile registers parties, and tries again to,
// between the steps of an erasure: none may stay in the registry.
func TestErase_TakesInNoPartyMeanwhile(t *testing.T) {
	w := newWorld(t)
	o, who := subject(t, w)
	do1[string](t, o.object(0), "testPend", "Xyzzy the Second")
	out := do1[erasure](t, o.object(0), "prepareErase", who[0])
	for conflict, session := range do1[map[string]string](t, o.object(3), "forgetParties", out.Parties) {
		do1[bool](t, w.Object("ConversationSession", "acme/"+session), "scrub", conflict)
	}
	if r := o.do("POST", "/conversations/own/parties", map[string]string{"type": "client", "name": "Xyzzy the Third"}); r.Status != 409 {
		t.Errorf("a party is taken in: %d %s", r.Status, r.Text())
	}
	for _, path := range []string{":complete", ":secure", "/goals/g:complete"} {
		o.do("POST", "/conversations/own"+path, nil).Want(409)
	}
	o.do("DELETE", "/conversations/own", nil).Want(409)
	do1[bool](t, o.object(0), "testRetry", "")
	w.Settle()
	do1[bool](t, o.object(0), "erase", who[0])
	w.Advance(minute)
	o.eraseAll(t, who)
	o.isGone(t, 0)
}

// TestErase_WaitsForACheckThatIsUnderWay begins an erasure while the registry
// has not answered for a party: what it is about to say names the subject.
func TestErase_WaitsForACheckThatIsUnderWay(t *testing.T) {
	w := newWorld(t)
	o, who := subject(t, w)
	do1[bool](t, o.object(3), "testHold", "")
	check := w.Begin("POST", "/firms/acme/conversations/own/parties", map[string]string{"type": "client", "name": "Xyzzy Zyxsubject II"}, bearerOf(o.key))
	do1[bool](t, o.object(0), "testPrepare", who[0])
	if do1[bool](t, o.object(0), "testPrepared", "") || check.Answered() {
		t.Fatal("an erasure goes on without the registry's answer")
	}
	do1[bool](t, o.object(0), "testRelease", "")
	check.Response().Want(201)
	if !do1[bool](t, o.object(0), "testPrepared", "") {
		t.Fatal("an erasure waits behind the registry's answer")
	}
	o.eraseAll(t, who)
	o.isGone(t, 0)
}

// TestErase_ReachesAConflictThatIsOnItsWay erases a party whose conflict with
// another one the registry has found and the other's session not yet heard of.
func TestErase_ReachesAConflictThatIsOnItsWay(t *testing.T) {
	for _, dies := range []bool{false, true} {
		w := newWorld(t)
		o, who := subject(t, w)
		o.begin("late")
		late := w.Object("ConversationSession", "acme/late")
		party := do1[string](t, late, "testPend", "Ann of the other side")
		do1[bool](t, late, "testAnswer", party)
		o.party("own", "opposing_party", "Ann of the other side", "Xyzzy")
		again := do1[bool](t, late, "testAnswer", party)
		o.eraseAll(t, who)
		if dies {
			late.Crash()
			w.Advance(minute)
		} else if again {
			do1[bool](t, late, "testSettle", party)
		}
		w.Settle()
		s := o.state("late")
		if len(s.Conflicts) != 1 || s.Conflicts[0].Matched.Name != erased {
			t.Errorf("died %v: %+v", dies, s.Conflicts)
		}
		o.isGone(t, 0)
	}
}

// TestErase_ReachesDeadLetters lets D1 refuse what names the subject.
func TestErase_ReachesDeadLetters(t *testing.T) {
	w := newWorld(t)
	o, who := subject(t, w)
	for _, table := range []string{"audit_log_index", "user_index"} {
		do1[bool](t, o.object(4), "testRun", "CREATE TRIGGER poison_"+table+" BEFORE INSERT ON "+table+" WHEN NEW.userId = 'zyxsubject' BEGIN SELECT RAISE(ABORT, 'poison'); END")
	}
	w.Advance(minute)
	w.Fetch("POST", "/firms/acme/conversations/other/messages", map[string]string{"role": "staff", "content": "x"}, bearerOf(o.key), "X-User-Id: zyxsubject").Want(201)
	w.Fetch("GET", "/firms/acme/users", nil, bearerOf(o.key), "X-User-Id: zyxsubject").Want(200)
	w.Settle()
	if l := o.behind(); l.DeadLetters != 3 {
		t.Fatalf("%+v", l)
	}
	o.eraseAll(t, who)
	if l := o.behind(); l.DeadLetters != 2 {
		t.Errorf("%+v", l)
	}
	for _, r := range o.remains(t) {
		t.Errorf("left in %s", r)
	}
	var r struct{ Repaired int }
	if o.asPlatform("POST", ":reconcile", nil).Want(200).JSON(&r); r.Repaired != 2 {
		t.Errorf("reconciliation: %+v", r)
	}
	o.isGone(t, 0)
}

// TestMessages_ALargeAnswerIsNotKept lets a state with a hundred long messages
// be answered.
func TestMessages_ALargeAnswerIsNotKept(t *testing.T) {
	w := newWorld(t)
	o := found(w, "acme")
	o.begin("s1")
	h := w.Object("ConversationSession", "acme/s1")
	for i, size := range []int{1, 1 << 10, ContentBytesMax, ContentBytesMax, ContentBytesMax, ContentBytesMax, ContentBytesMax} {
		o.say("s1", "client", strings.Repeat("x", size))
		if kept := do1[int](t, h, "testReply", ""); kept > replyKeptMax || i < 2 && kept == 0 {
			t.Errorf("message %d: a buffer of %d bytes is kept", i+1, kept)
		}
	}
}
