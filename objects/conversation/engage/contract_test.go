package engage

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-run/holdfast/guest-sdk/edge/edgetest"
)

func TestContract_KeysOpenWhatTheyShould(t *testing.T) {
	both(t, func(t *testing.T, w *edgetest.World) {
		o := found(w, "acme")
		other := found(w, "other")
		o.begin("s1")
		for _, c := range []struct {
			method, path, token, body string
			status                    int
			code                      string
		}{
			{"POST", "/firms", "", `{"firmId":"x","name":"n"}`, 401, "unauthorized"},
			{"POST", "/firms", o.key, `{"firmId":"x","name":"n"}`, 403, "forbidden"},
			{"POST", "/firms", platformToken, `{"firmId":"acme","name":"n"}`, 409, "conflict"},
			{"POST", "/firms", platformToken, `{"firmId":"a/b","name":"n"}`, 400, "bad_request"},
			{"POST", "/firms", platformToken, `{"firmId":"` + strings.Repeat("x", 65) + `","name":"n"}`, 413, "too_large"},
			{"POST", "/firms", platformToken, `{"firmId":"x"}`, 400, "bad_request"},
			{"GET", "/firms", platformToken, ``, 405, "method_not_allowed"},
			{"GET", "/firms/acme/conversations", "", ``, 401, "unauthorized"},
			{"GET", "/firms/acme/conversations", other.key, ``, 403, "forbidden"},
			{"GET", "/firms/acme/conversations", platformToken, ``, 403, "forbidden"},
			{"GET", "/firms/acme/conversations/s1", "", ``, 401, "unauthorized"},
			{"GET", "/firms/acme/conversations/s1", other.key, ``, 403, "forbidden"},
			{"GET", "/firms/acme/conversations/s1/messages", platformToken, ``, 403, "forbidden"},
			{"GET", "/firms/acme/conversations/none", other.key, ``, 403, "forbidden"},
			{"GET", "/firms/acme/conversations/none", o.key, ``, 404, "not_found"},
			{"GET", "/firms/acme/conversations/none/messages", "", ``, 401, "unauthorized"},
			{"GET", "/firms/none/conversations", o.key, ``, 404, "not_found"},
			{"GET", "/firms/none/conversations/s1/messages", o.key, ``, 404, "not_found"},
			{"POST", "/firms/acme:reconcile", o.key, ``, 403, "forbidden"},
			{"POST", "/firms/acme:reconcile", "", ``, 401, "unauthorized"},
			{"POST", "/firms/acme:suspend", o.key, ``, 403, "forbidden"},
			{"POST", "/firms/acme/key:rotate", o.key, ``, 403, "forbidden"},
			{"POST", "/firms/acme:erase", o.key, `{"userId":"x"}`, 403, "forbidden"},
			{"POST", "/firms/none:reconcile", platformToken, ``, 404, "not_found"},
			{"POST", "/firms/acme/conversations", o.key, `{"sessionId":"s1","userId":"u"}`, 409, "conflict"},
			{"POST", "/firms/acme/conversations", o.key, `{"sessionId":"a b","userId":"u"}`, 400, "bad_request"},
			{"POST", "/firms/acme/conversations", o.key, `{"sessionId":"s2"}`, 400, "bad_request"},
			{"POST", "/firms/acme/conversations", o.key, `{"sessionId":"s2","userId":7}`, 400, "bad_request"},
			{"POST", "/firms/acme/conversations", o.key, `{`, 400, "bad_request"},
			{"POST", "/firms/acme/conversations/s1/messages", o.key, `{"role":"god","content":"x"}`, 400, "bad_request"},
			{"POST", "/firms/acme/conversations/s1/messages", o.key, `{"role":"client"}`, 400, "bad_request"},
			{"POST", "/firms/acme/conversations/s1/messages", o.key, `{"role":"client","content":"` + strings.Repeat("x", ContentBytesMax+1) + `"}`, 413, "too_large"},
			{"POST", "/firms/acme/conversations/s1/goals/none:complete", o.key, ``, 404, "not_found"},
			{"POST", "/firms/acme/conversations/s1/parties", o.key, `{"type":"judge","name":"x"}`, 400, "bad_request"},
			{"POST", "/firms/acme/conversations/s1/parties", o.key, `{"type":"client","name":"..."}`, 400, "bad_request"},
			{"POST", "/firms/acme/conversations/s1/assignments", o.key, `{"assignedTo":"u","assignedBy":"u","priority":"now"}`, 400, "bad_request"},
			{"POST", "/firms/acme/conversations/s1/assignments", o.key, `{"assignedTo":"u","assignedBy":"u","priority":"low","dueDate":"soon"}`, 400, "bad_request"},
			{"GET", "/firms/acme/conversations/s1/nothing", o.key, ``, 404, "not_found"},
			{"PATCH", "/firms/acme/conversations/s1", o.key, ``, 405, "method_not_allowed"},
			{"GET", "/firms/acme/conversations?status=open", o.key, ``, 400, "bad_request"},
			{"GET", "/firms/acme/conversations?conflictStatus=x", o.key, ``, 400, "bad_request"},
			{"GET", "/firms/acme/conversations?limit=201", o.key, ``, 400, "bad_request"},
			{"GET", "/firms/acme/users?status=gone&cursor=x", o.key, ``, 400, "bad_request"},
			{"PUT", "/firms/acme/users/u1", o.key, `{"email":"x","name":"n","role":"r","status":"active"}`, 400, "bad_request"},
			{"GET", "/firms/acme/reports/none", o.key, ``, 404, "not_found"},
			{"GET", "/firms/acme/reports/practice-areas?days=3651", o.key, ``, 400, "bad_request"},
			{"GET", "/firms/acme/reports/conflicts?to=x", o.key, ``, 400, "bad_request"},
			{"GET", "/firms/acme/nothing", o.key, ``, 404, "not_found"},
			{"GET", "/firms/acme/conversations/s1/ws", o.key, ``, 426, "upgrade_required"},
		} {
			r := w.Fetch(c.method, c.path, c.body, bearerOf(c.token))
			if c.token == "" {
				r = w.Fetch(c.method, c.path, c.body)
			}
			if got := code(r); r.Status != c.status || got != c.code {
				t.Errorf("%s %s: %d %s, want %d %s", c.method, c.path, r.Status, r.Text(), c.status, c.code)
			}
		}
	})
}

// TestContract_AFirmThatThereIsNot tells only those who have a credential.
func TestContract_AFirmThatThereIsNot(t *testing.T) {
	w := newWorld(t)
	o := found(w, "acme")
	for _, c := range []struct {
		method, path, token string
		status              int
	}{
		{"POST", ":reconcile", platformToken, 404}, {"POST", ":erase", platformToken, 404}, {"POST", ":reconcile", o.key, 403}, {"POST", ":reconcile", "", 401},
		{"GET", "/conversations", o.key, 404}, {"GET", "/conversations", "", 401},
	} {
		var headers []string
		if c.token != "" {
			headers = []string{bearerOf(c.token)}
		}
		if r := w.Fetch(c.method, "/firms/none"+c.path, `{}`, headers...); r.Status != c.status {
			t.Errorf("%s with %q: %d %s, want %d", c.path, c.token, r.Status, r.Text(), c.status)
		}
	}
}

func TestContract_MessagesPageAndKeysRepeat(t *testing.T) {
	both(t, func(t *testing.T, w *edgetest.World) {
		o := found(w, "acme")
		o.begin("s1")
		var first, again struct{ Message message }
		body := map[string]any{"role": "staff", "content": "once", "key": "k", "facts": map[string]any{"clientName": "Ada", "budget": 7}}
		o.do("POST", "/conversations/s1/messages", body).Want(201).JSON(&first)
		o.do("POST", "/conversations/s1/messages", body).Want(200).JSON(&again)
		if first != again || first.Message.Seq != 1 {
			t.Fatalf("%+v, then %+v", first, again)
		}
		for i := range 120 {
			o.say("s1", "client", fmt.Sprint("message ", i+2))
		}
		s := o.state("s1")
		if s.MessageCount != 121 || len(s.Messages) != 100 || s.Messages[0].Seq != 22 || s.ClientName != "Ada" {
			t.Fatalf("%d messages, %d shown, %+v", s.MessageCount, len(s.Messages), s.ClientName)
		}
		for query, want := range map[string][3]int64{
			"": {1, 100, 1}, "afterSeq=100": {101, 121, 0}, "afterSeq=3&limit=2": {4, 5, 1}, "beforeSeq=4": {1, 3, 0}, "afterSeq=118&beforeSeq=121": {119, 120, 0},
		} {
			var page struct {
				Messages []message
				HasMore  bool
			}
			o.do("GET", "/conversations/s1/messages?"+query, nil).Want(200).JSON(&page)
			if n := len(page.Messages); n == 0 || page.Messages[0].Seq != want[0] || page.Messages[n-1].Seq != want[1] || page.HasMore != (want[2] == 1) {
				t.Errorf("%s: %d messages, more %v", query, n, page.HasMore)
			}
		}
		w.Object("ConversationSession", "acme/s1").Evict()
		if got := o.state("s1"); len(got.Messages) != 100 || got.Messages[99].Content != "message 121" || got.Version != s.Version {
			t.Fatalf("after an eviction: %d messages, version %d of %d", len(got.Messages), got.Version, s.Version)
		}
	})
}

func TestContract_AssignmentsKeepHistory(t *testing.T) {
	both(t, func(t *testing.T, w *edgetest.World) {
		o := found(w, "acme")
		o.do("PUT", "/users/u1", map[string]string{"email": "a@b.co", "name": "U", "role": "attorney", "status": "active"}).Want(200)
		o.begin("s1")
		for i, to := range []string{"u1", "u2", "u1"} {
			var a assignment
			o.do("POST", "/conversations/s1/assignments", map[string]any{"assignedTo": to, "assignedBy": "boss", "priority": "urgent", "estimatedHours": 1.5, "notes": fmt.Sprint(i)}).Want(201).JSON(&a)
			if a.Status != "active" || a.AssignedTo != to || a.EstimatedHours != 1.5 {
				t.Fatalf("%+v", a)
			}
		}
		s := o.state("s1")
		if len(s.Assignments) != 3 || s.AssignedTo != "u1" || s.Assignments[0].Status != "reassigned" || s.Assignments[1].Status != "reassigned" || s.Assignments[2].Status != "active" {
			t.Fatalf("%+v", s.Assignments)
		}
		w.Settle()
		rows := o.report("workload")
		if len(rows) != 1 || rows[0]["activeConversations"] != 1.0 || rows[0]["assignedCases"] != 1.0 || rows[0]["avgEstimatedHours"] != 1.5 {
			t.Fatalf("workload: %v", rows)
		}
		var users struct {
			Users []struct {
				UserID                    string
				AssignedConversationCount int
			}
		}
		o.do("GET", "/users", nil).Want(200).JSON(&users)
		if len(users.Users) != 1 || users.Users[0].AssignedConversationCount != 1 {
			t.Fatalf("users: %+v", users)
		}
		if rows, _ := o.list("assignedTo=u1"); len(rows) != 1 {
			t.Fatalf("list: %+v", rows)
		}
		if rows, _ := o.list("assignedTo=u2"); len(rows) != 0 {
			t.Fatalf("list: %+v", rows)
		}
	})
}

func TestContract_TheLiveViewBringsWhatHappens(t *testing.T) {
	both(t, func(t *testing.T, w *edgetest.World) {
		o := found(w, "acme")
		o.begin("a")
		o.begin("s1")
		o.party("a", "client", "Acme Holdings")
		c := w.Connect("/firms/acme/conversations/s1/ws", bearerOf(o.key), "Sec-WebSocket-Protocol: engage.v1")
		type frame struct {
			Type       string
			State      state
			Message    message
			Conflict   conflict
			Assignment assignment
		}
		next := func(kind string) (f frame) {
			t.Helper()
			c.JSON(&f)
			if f.Type != kind {
				t.Fatalf("frame %+v, want %s", f, kind)
			}
			return f
		}
		if f := next("welcome"); f.State.SessionID != "s1" {
			t.Fatalf("%+v", f)
		}
		o.say("s1", "client", "hello")
		if f := next("message"); f.Message.Content != "hello" || f.Message.Seq != 1 {
			t.Fatalf("%+v", f)
		}
		if f := next("state"); f.State.MessageCount != 1 {
			t.Fatalf("%+v", f)
		}
		o.party("s1", "opposing_party", "Acme Holding")
		if f := next("conflict"); f.Conflict.MatchType != "fuzzy" || f.Conflict.Confidence < 0.92 {
			t.Fatalf("%+v", f)
		}
		if f := next("state"); f.State.ConflictStatus != "conflict_detected" {
			t.Fatalf("%+v", f)
		}
		o.do("POST", "/conversations/s1/assignments", map[string]any{"assignedTo": "u1", "assignedBy": "u1", "priority": "low"}).Want(201)
		if f := next("assignment"); f.Assignment.AssignedTo != "u1" {
			t.Fatalf("%+v", f)
		}
		next("state")
		c.Send("ping")
		c.Expect("pong")
		o.do("POST", "/conversations/s1:secure", nil).Want(200)
		if f := next("state"); f.State.Phase != "secured" {
			t.Fatalf("%+v", f)
		}
		w.Connect("/firms/acme/conversations/none/ws", bearerOf(o.key)).ExpectClose(4404)
		w.Connect("/firms/none/conversations/s1/ws", bearerOf(o.key)).ExpectClose(4404)
		w.Connect("/firms/acme/conversations/s1/ws", bearerOf("x")).ExpectClose(4403)
		w.Connect("/firms/acme/conversations/s1/ws").ExpectClose(4401)
	})
}

func TestContract_RotationAndSuspensionTakeEffectAtOnce(t *testing.T) {
	both(t, func(t *testing.T, w *edgetest.World) {
		o := found(w, "acme")
		o.begin("s1")
		o.say("s1", "client", "x")
		w.Object("FirmRegistry", "acme").Evict() // it does not know any more who holds a lease
		var rotated struct{ Key string }
		o.asPlatform("POST", "/key:rotate", nil).Want(200).JSON(&rotated)
		o.do("GET", "/conversations/s1/messages", nil).Want(403)
		o.do("GET", "/conversations", nil).Want(403)
		o.key = rotated.Key
		o.do("GET", "/conversations/s1/messages", nil).Want(200)
		c := w.Connect("/firms/acme/conversations/s1/ws", bearerOf(o.key))
		c.Receive()
		o.asPlatform("POST", ":suspend", nil).Want(200)
		c.ExpectClose(4403)
		for _, path := range []string{"/conversations/s1/messages", "/conversations/s1", "/conversations", "/users", "/reports/workload", ":lag"} {
			if r := o.do("GET", path, nil).Want(403); code(r) != "suspended" {
				t.Errorf("%s: %s", path, r.Text())
			}
		}
		o.asPlatform("POST", ":resume", nil).Want(200)
		o.say("s1", "client", "y")
	})
}

func TestContract_ListsFilterAndPage(t *testing.T) {
	both(t, func(t *testing.T, w *edgetest.World) {
		o := found(w, "acme")
		for i := range 7 {
			o.begin(fmt.Sprint("s", i), "practiceArea", []string{"tax", "family"}[i%2])
			w.Advance(time.Second)
		}
		o.do("POST", "/conversations/s3:complete", nil).Want(200)
		w.Settle()
		if rows, _ := o.list(""); ids(rows) != "s3 s6 s5 s4 s2 s1 s0 " {
			t.Errorf("newest activity first: %s", ids(rows))
		}
		if rows, _ := o.list("status=completed"); ids(rows) != "s3 " {
			t.Errorf("completed: %s", ids(rows))
		}
		if rows, _ := o.list("practiceArea=tax&status=active&conflictStatus=pending"); ids(rows) != "s6 s4 s2 s0 " {
			t.Errorf("tax: %s", ids(rows))
		}
		seen, cursor := "", ""
		for {
			rows, next := o.list("limit=3&cursor=" + cursor)
			seen += ids(rows)
			if cursor = next; next == "" {
				break
			}
		}
		if seen != "s3 s6 s5 s4 s2 s1 s0 " {
			t.Errorf("paged: %s", seen)
		}
	})
}

func TestContract_EveryCallLeavesAnAuditRow(t *testing.T) {
	both(t, func(t *testing.T, w *edgetest.World) {
		o := found(w, "acme")
		o.begin("s1")
		o.do("GET", "/conversations/s1", nil).Want(200)
		o.do("POST", "/conversations/s1/messages", map[string]string{"role": "client"}).Want(400)
		w.Fetch("GET", "/firms/acme/conversations/s1", nil, bearerOf("wrong"), "X-User-Id: eve").Want(403)
		o.do("GET", "/conversations/none", nil).Want(404)
		o.say("s1", "client", "hello")
		w.Settle()
		want := []string{"conversation_created success ann", "access_conversation success ann", "message_added failure ann", "access_conversation blocked eve", "message_added success ann"}
		rows := o.report("audit?sessionId=s1")
		if len(rows) != len(want) {
			t.Fatalf("%d rows: %v", len(rows), rows)
		}
		for i, r := range rows {
			if got := fmt.Sprint(r["action"], " ", r["outcome"], " ", r["userId"]); got != want[i] {
				t.Errorf("row %d: %s, want %s", i, got, want[i])
			}
		}
		if rows := o.report("audit?sessionId=none"); len(rows) != 1 || rows[0]["outcome"] != "failure" {
			t.Errorf("of a conversation that is not: %v", rows)
		}
		w.Settle()
		access := o.report("access?userId=eve")
		if len(access) != 1 || access[0]["blockedAttempts"] != 1.0 || access[0]["accessCount"] != 1.0 {
			t.Errorf("access: %v", access)
		}
	})
}

// TestContract_WithoutAPlatformKeyNobodyHasIt runs the app without one.
func TestContract_WithoutAPlatformKeyNobodyHasIt(t *testing.T) {
	w := edgetest.New(t, edgetest.Config(app), edgetest.Mode("serve"))
	for _, headers := range [][]string{nil, {bearerOf("")}, {bearerOf(platformToken)}} {
		for _, path := range []string{"/firms", "/firms/acme:reconcile", "/firms/acme/key:rotate"} {
			if r := w.Fetch("POST", path, `{"firmId":"acme","name":"n"}`, headers...); r.Status != 403 {
				t.Errorf("%s with %v: %d", path, headers, r.Status)
			}
		}
	}
}
