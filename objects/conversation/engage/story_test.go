package engage

import (
	"strings"
	"testing"

	"github.com/holdfast-run/holdfast/guest-sdk/edge/edgetest"
)

func TestStory_AConversationFromItsBeginToItsEnd(t *testing.T) {
	both(t, func(t *testing.T, w *edgetest.World) {
		o := found(w, "acme")
		s := o.begin("s1", "clientName", "Ada Byron", "clientEmail", "ada@example.com", "practiceArea", "patents",
			"goals", []map[string]string{{"id": "g1", "title": "First"}, {"id": "g2", "title": "Second"}})
		if s.Status != "active" || s.Phase != "pre_login" || s.ConflictStatus != "pending" || s.DataQuality.Score != 40 || len(s.DataQuality.Parts) != 7 || s.FirmID != "acme" {
			t.Fatalf("new: %+v", s)
		}
		for i := int64(1); i <= 3; i++ {
			m, s := o.say("s1", "client", "hello")
			if m.Seq != i || m.ID == "" || s.MessageCount != i || len(s.Messages) != int(i) {
				t.Fatalf("message %+v of %+v", m, s)
			}
		}
		if s = o.state("s1"); s.DataQuality.Score != 50 || s.DataQuality.Parts["clientMessages"] != 10 {
			t.Fatalf("after three messages: %+v", s.DataQuality)
		}
		o.do("POST", "/conversations/s1:secure", nil).Want(200)
		o.do("POST", "/conversations/s1/goals/g1:complete", nil).Want(200).JSON(&s)
		if s.Phase != "secured" || s.DataQuality.Parts["goals"] != 13 || s.Goals[0].CompletedAt == "" || s.Goals[1].CompletedAt != "" {
			t.Fatalf("after a goal: %+v", s)
		}
		if _, found := o.party("s1", "client", "Ada Byron"); len(found) != 0 {
			t.Fatalf("conflicts: %+v", found)
		}
		if s = o.state("s1"); s.ConflictStatus != "clear" || s.DataQuality.Score != 73 || len(s.Parties) != 1 {
			t.Fatalf("checked: %+v", s)
		}
		w.Settle()
		rows, _ := o.list("")
		if len(rows) != 1 || rows[0].DataQualityScore != 73 || rows[0].ClientName != "Ada Byron" || rows[0].Phase != "secured" || !strings.HasSuffix(rows[0].LastActivity, "Z") {
			t.Fatalf("list: %+v", rows)
		}
		o.do("POST", "/conversations/s1:complete", map[string]string{"reason": "done"}).Want(200).JSON(&s)
		if s.Status != "completed" {
			t.Fatalf("%+v", s)
		}
		if r := o.do("POST", "/conversations/s1/messages", map[string]string{"role": "client", "content": "late"}).Want(409); code(r) != "invalid_transition" {
			t.Fatal(r.Text())
		}
		o.do("DELETE", "/conversations/s1", nil).Want(204)
		o.do("DELETE", "/conversations/s1", nil).Want(409)
		if s = o.state("s1"); !s.IsDeleted || s.Status != "completed" {
			t.Fatalf("deleted: %+v", s)
		}
		w.Settle()
		if rows, _ := o.list(""); len(rows) != 0 {
			t.Fatalf("list shows what is deleted: %+v", rows)
		}
		var v verdict
		o.do("GET", "/audit:verify", nil).Want(200).JSON(&v)
		if !v.OK || v.Rows < 15 {
			t.Fatalf("verify: %+v", v)
		}
	})
}

func TestStory_OppositeSidesConflict(t *testing.T) {
	both(t, func(t *testing.T, w *edgetest.World) {
		o := found(w, "acme")
		o.begin("a")
		o.begin("b")
		o.party("a", "client", "Müller GmbH", "The Miller Group")
		_, found := o.party("b", "opposing_party", "MULLER Inc.")
		if len(found) != 1 || found[0].MatchType != "exact" || found[0].Confidence != 1 || found[0].Status != "detected" || found[0].SessionID != "b" ||
			found[0].Matched.SessionID != "a" || found[0].Matched.Type != "client" || found[0].Matched.Name != "Müller GmbH" {
			t.Fatalf("%+v", found)
		}
		if a, b := o.state("a"), o.state("b"); a.ConflictStatus != "clear" || b.ConflictStatus != "conflict_detected" || len(b.Conflicts) != 1 {
			t.Fatalf("a %s, b %s", a.ConflictStatus, b.ConflictStatus)
		}
		id := found[0].ConflictID
		if r := o.do("POST", "/conflicts/"+id+":clear", map[string]string{"resolution": "waived"}).Want(409); code(r) != "invalid_transition" {
			t.Fatal(r.Text())
		}
		var x conflict
		o.do("POST", "/conflicts/"+id+":review", nil).Want(200).JSON(&x)
		if x.Status != "reviewing" {
			t.Fatalf("%+v", x)
		}
		o.do("POST", "/conflicts/"+id+":clear", map[string]string{"resolution": "perhaps"}).Want(400)
		o.do("POST", "/conflicts/"+id+":clear", map[string]string{"resolution": "waived", "notes": "signed"}).Want(200).JSON(&x)
		if x.Status != "cleared" || x.ResolvedBy != "ann" || x.Resolution != "waived" || x.ResolvedAt == "" {
			t.Fatalf("%+v", x)
		}
		if b := o.state("b"); b.ConflictStatus != "clear" {
			t.Fatalf("b is %s", b.ConflictStatus)
		}
		o.do("POST", "/conflicts/none.0:review", nil).Want(404)
		o.do("POST", "/conflicts/b.0:review", nil).Want(404)
		w.Settle()
		rows := o.report("conflicts")
		if len(rows) != 1 || rows[0]["conflictCount"] != 1.0 || rows[0]["clearedConflicts"] != 1.0 || rows[0]["openConflicts"] != 0.0 || rows[0]["conflictType"] != "opposing_party" {
			t.Fatalf("report: %v", rows)
		}
	})
}
