package intake

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
)

func fresh() *Conversation {
	return &Conversation{Status: Active, Phase: PreLogin, Goals: []Goal{{ID: "a"}, {ID: "b"}, {ID: "c"}}}
}

func TestTransitions(t *testing.T) {
	acts := map[string]func(c *Conversation) error{
		"secure": (*Conversation).Secure, "complete": func(c *Conversation) error { return c.End(Completed) },
		"terminate": func(c *Conversation) error { return c.End(Terminated) }, "delete": (*Conversation).Delete, "open": (*Conversation).Open,
	}
	for _, c := range []struct {
		path string
		good bool
	}{
		{"secure", true}, {"complete", true}, {"terminate", true}, {"delete", true},
		{"secure secure", false}, {"secure complete", true}, {"secure terminate", true}, {"complete secure", false}, {"complete complete", false},
		{"complete terminate", false}, {"terminate complete", false}, {"complete delete", true}, {"terminate delete", true}, {"delete delete", false},
		{"delete secure", false}, {"delete complete", false}, {"complete open", false}, {"delete open", false}, {"secure open", true},
	} {
		conv := fresh()
		var err error
		for _, act := range strings.Fields(c.path) {
			before := fmt.Sprint(*conv)
			if err = acts[act](conv); err != nil && fmt.Sprint(*conv) != before {
				t.Errorf("%s: refused, and changed all the same", c.path)
			}
		}
		var refused *TransitionError
		if (err == nil) != c.good || err != nil && !errors.As(err, &refused) {
			t.Errorf("%s: %v, want allowed %v", c.path, err, c.good)
		}
	}
}

func TestConflict_Workflow(t *testing.T) {
	clear := func(c *Conflict) error { return c.Resolve(Cleared, "waived", "n", "ann", 7) }
	confirm := func(c *Conflict) error { return c.Resolve(Confirmed, "cannot_represent", "", "ann", 7) }
	acts := map[string]func(*Conflict) error{"review": (*Conflict).Review, "clear": clear, "confirm": confirm}
	for path, want := range map[string]string{
		"review": Reviewing, "review clear": Cleared, "review confirm": Confirmed, "clear": "", "confirm": "", "review review": "",
		"review clear confirm": "", "review confirm clear": "", "review clear review": "",
	} {
		c := &Conflict{Status: Detected}
		var err error
		for _, act := range strings.Fields(path) {
			err = acts[act](c)
		}
		if want == "" && err == nil || want != "" && (err != nil || c.Status != want) {
			t.Errorf("%s: %s, %v, want %q", path, c.Status, err, want)
		}
	}
}

func TestQuality_Parts(t *testing.T) {
	full := func() *Conversation {
		return &Conversation{ClientName: "A", ClientEmail: "a@b.co", PracticeArea: "tax", Checked: true, Goals: []Goal{{CompletedAt: 1}}}
	}
	for name, c := range map[string]struct {
		change   func(c *Conversation)
		opposing bool
		messages int64
		want     int
	}{
		"everything":        {func(*Conversation) {}, true, 3, 100},
		"an explicit none":  {func(c *Conversation) { c.OpposingPartyNone = true }, false, 3, 100},
		"no opposing party": {func(*Conversation) {}, false, 3, 85},
		"two messages":      {func(*Conversation) {}, true, 2, 90},
		"no name":           {func(c *Conversation) { c.ClientName = "  " }, true, 3, 85},
		"a bad e-mail":      {func(c *Conversation) { c.ClientEmail = "a@b" }, true, 3, 85},
		"no practice area":  {func(c *Conversation) { c.PracticeArea = "" }, true, 3, 90},
		"not checked":       {func(c *Conversation) { c.Checked = false }, true, 3, 90},
		"no goals":          {func(c *Conversation) { c.Goals = nil }, true, 3, 75},
		"one of three":      {func(c *Conversation) { c.Goals = []Goal{{CompletedAt: 1}, {}, {}} }, true, 3, 83},
		"two of three":      {func(c *Conversation) { c.Goals = []Goal{{CompletedAt: 1}, {CompletedAt: 1}, {}} }, true, 3, 92},
		"none of two":       {func(c *Conversation) { c.Goals = []Goal{{}, {}} }, true, 3, 75},
		"nothing":           {func(c *Conversation) { *c = Conversation{} }, false, 0, 0},
	} {
		conv := full()
		c.change(conv)
		parts := conv.Quality(c.opposing, c.messages)
		if parts.Score() != c.want {
			t.Errorf("%s: %d of %+v, want %d", name, parts.Score(), parts, c.want)
		}
	}
}

func TestValidEmail(t *testing.T) {
	for s, want := range map[string]bool{
		"a@b.co": true, "first.last+tag@sub.example.com": true, "ä@bücher.example": true, "a_b@x-y.org": true,
		"": false, "a": false, "@b.co": false, "a@": false, "a@b": false, "a@b..co": false, "a@.co": false, "a b@c.de": false, "a@b@c.de": false, ".a@b.co": false,
		"a..b@c.de": false, "a@-b.co": false, "<a@b.co>": false, "a@b.co\n": false, strings.Repeat("a", 65) + "@b.co": false,
	} {
		if ValidEmail(s) != want {
			t.Errorf("%q: %v, want %v", s, !want, want)
		}
	}
}

func TestConflictStatus(t *testing.T) {
	c := &Conversation{}
	if got := c.ConflictStatus(nil); got != Pending {
		t.Errorf("before a check: %s", got)
	}
	c.Checked = true
	for statuses, want := range map[string]string{
		"": Clear, Detected: ConflictDetected, Reviewing: ConflictDetected, Confirmed: ConflictDetected, Cleared: Clear, Cleared + " " + Cleared: Clear, Cleared + " " + Confirmed: ConflictDetected,
	} {
		var conflicts []Conflict
		for _, s := range strings.Fields(statuses) {
			conflicts = append(conflicts, Conflict{Status: s})
		}
		if got := c.ConflictStatus(conflicts); got != want {
			t.Errorf("%q: %s, want %s", statuses, got, want)
		}
	}
}

func TestAssign_OneIsActive(t *testing.T) {
	var history []Assignment
	for i := range 4 {
		var changed []int
		history, changed = Assign(history, Assignment{AssignmentID: fmt.Sprint(i), Status: AssignmentActive, Version: int64(i + 5)})
		if want := min(2, i+1); len(changed) != want {
			t.Fatalf("assignment %d changed %v", i, changed)
		}
	}
	for i, a := range history {
		if (a.Status == AssignmentActive) != (i == 3) || i < 3 && a.Version != int64(i+6) {
			t.Errorf("%d: %+v", i, a)
		}
	}
}

func TestAgainst_IsMutual(t *testing.T) {
	for _, a := range PartyTypes {
		for _, b := range PartyTypes {
			if Oneof(Against(a), b) != Oneof(Against(b), a) {
				t.Errorf("%s and %s", a, b)
			}
		}
	}
	if len(Against(Matter)) != 0 || !Oneof(Against(Client), Entity) || Oneof(Against(OpposingParty), Entity) {
		t.Error("sides")
	}
}

// TestShapes_AreJSON decodes everything that clients see, full and empty.
func TestShapes_AreJSON(t *testing.T) {
	odd := "quote \" back \\ line \n ä \u2028"
	hours := 1.5
	full := &View{
		Conversation: &Conversation{FirmID: odd, SessionID: odd, UserID: odd, ClientName: odd, Goals: []Goal{{odd, odd, 5}, {ID: "b"}}, Facts: map[string]json.RawMessage{odd: []byte(`{"a":1}`)}, CreatedAt: 1},
		Parties:      []Party{{odd, Client, odd, []string{odd, "b"}, 4}, {}},
		Conflicts:    []Conflict{{ConflictID: odd, Confidence: 0.925, ResolvedAt: 3, Notes: odd, Matched: Matched{odd, odd, Entity}}, {}},
		Assignments:  []Assignment{{AssignmentID: odd, DueDate: 5, EstimatedHours: &hours, Notes: odd}, {}},
	}
	for name, v := range map[string]*View{"full": full, "empty": {Conversation: &Conversation{}}} {
		b := AppendQuality(append([]byte(`{"x":1`), v.AppendFixed(nil)...), v.Conversation.Quality(true, 3))
		b = append(AppendMessage(append(b, `,"m":`...), odd, &Message{1, "client", odd, 7}), '}')
		var got map[string]any
		if err := json.Unmarshal(b, &got); err != nil {
			t.Fatalf("%s: %v in %s", name, err, b)
		}
		if name == "full" && (got["firmId"] != odd || got["m"].(map[string]any)["content"] != odd || got["parties"].([]any)[0].(map[string]any)["aliases"].([]any)[0] != odd) {
			t.Errorf("%s", b)
		}
		if name == "empty" && (got["clientName"] != nil || got["assignedTo"] != nil) {
			t.Errorf("%s", b)
		}
	}
}
