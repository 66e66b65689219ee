package dashboard

import (
	"fmt"
	"strings"
	"testing"

	"github.com/holdfast-run/holdfast/host"
	"github.com/holdfast-run/holdfast/internal/browsertest"
)

// office is a firm about which every report has something to say.
func office(t *testing.T) *firm {
	t.Helper()
	f := found(t, start(t, host.Config{}), "acme")
	id := f.conflict()
	for i, area := range []string{"tax", "tax", "tax", "family"} {
		s := fmt.Sprint("s", i)
		f.begin(s, fmt.Sprint("Client ", i), area)
		f.do("POST", "/conversations/"+s+"/assignments", 201, object{"assignedTo": []string{"ann", "bob"}[i%2], "assignedBy": "ann", "priority": "high", "estimatedHours": 2})
	}
	f.do("POST", "/conversations/s0:complete", 200, nil)
	f.party("s1", "opposing_party", "Müller AG")
	f.do("POST", "/conflicts/"+id+":review", 200, nil)
	f.do("POST", "/conflicts/"+id+":clear", 200, object{"resolution": "waived"})
	f.indexed("status=completed", 1)
	f.indexed("conflictStatus=conflict_detected", 1)
	f.indexed("assignedTo=bob", 2)
	return f
}

// bars are what a chart's bars stand for, row by row, without zeroes.
const drawnBars = `[...document.querySelectorAll("#chart rect[data-value]")].map((e) => e.dataset.value).join(" ")`

func TestReports_DrawTheNumbersOfTheAPI(t *testing.T) {
	b := browsertest.Start(t)
	f := office(t)
	p := signedIn(t, b, f, "")
	p.zone("Asia/Kolkata")
	shown := func(report string, number func(r object) []any, columns ...string) {
		t.Helper()
		rows := f.rows(report)
		var values, cells []string
		for _, r := range rows {
			for _, v := range number(r) {
				if v != 0.0 {
					values = append(values, fmt.Sprint(v))
				}
			}
			for _, c := range columns {
				cells = append(cells, fmt.Sprint(r[c]))
			}
		}
		if len(values) == 0 {
			t.Fatalf("%s has nothing to draw: %v", report, rows)
		}
		p.goTo("#/reports/" + report)
		p.sees(drawnBars, strings.Join(values, " "))
		selector := strings.Repeat("td.number:nth-child(%d), ", len(columns))
		at := make([]any, len(columns))
		for i, c := range columns {
			at[i] = p.column(c)
		}
		p.sees(`[...document.querySelectorAll("tbody tr")].flatMap((r) => [...r.querySelectorAll(`+browsertest.Quote(strings.TrimSuffix(fmt.Sprintf(selector, at...), ", "))+`)].map((e) => e.textContent)).join(" ")`,
			strings.Join(cells, " "))
		p.Wait("the chart has its numbers as text", `document.querySelector("#chart svg[role=img] desc").textContent.includes(": ") && document.querySelector("#chart svg[role=img] title").textContent !== ""`)
	}
	shown("workload", func(r object) []any { return []any{r["activeConversations"]} }, "activeConversations", "assignedCases")
	shown("practice-areas?days=30", func(r object) []any {
		return []any{r["completedConversations"], r["totalConversations"].(float64) - r["completedConversations"].(float64)}
	}, "totalConversations", "completedConversations")
	shown("conflicts", func(r object) []any { return []any{r["clearedConflicts"], r["openConflicts"], r["confirmedConflicts"]} },
		"conflictCount", "openConflicts", "clearedConflicts", "confirmedConflicts")
	p.goTo("#/reports/conflicts?from=2001-01-01&to=2001-01-02")
	p.Wait("another time has none", `document.querySelector(".empty")?.textContent === "No conflict was found in this time." && !document.querySelector("#chart svg")`)
	for _, u := range p.Asked() {
		if strings.Contains(u, "reports/conflicts?") && !strings.Contains(u, "from=2000-12-31T18%3A30%3A00.000Z&to=2001-01-01T18%3A30%3A00.000Z") {
			t.Errorf("days do not begin where the reader is: %s", u)
		}
	}
	p.goTo("#/reports/practice-areas?days=0")
	p.Wait("what the host refuses is shown", `document.querySelector("#report-note .alert")?.textContent.includes("days")`)
}

// column is the place of a column by its name in the API.
func (p *page) column(name string) int {
	p.t.Helper()
	labels := map[string]string{
		"activeConversations": "Active conversations", "assignedCases": "Assigned cases", "totalConversations": "Conversations", "completedConversations": "Completed",
		"conflictCount": "Conflicts", "openConflicts": "Open", "clearedConflicts": "Cleared", "confirmedConflicts": "Confirmed",
	}
	var n int
	place := p.Str(`String(1 + [...document.querySelectorAll("th")].findIndex((e) => e.textContent === ` + browsertest.Quote(labels[name]) + `))`)
	if _, err := fmt.Sscan(place, &n); err != nil || n == 0 {
		p.t.Fatalf("there is no column %s", labels[name])
	}
	return n
}

func TestReports_TablesOfWhatIsRead(t *testing.T) {
	b := browsertest.Start(t)
	f := office(t)
	p := signedIn(t, b, f, "#/reports/attention")
	var want []string
	for _, r := range f.rows("attention") {
		want = append(want, r["clientName"].(string))
	}
	if got := p.clients(); len(want) == 0 || got != strings.Join(want, ", ") {
		t.Errorf("attention shows %s, want %v", got, want)
	}
	p.goTo("#/reports/access?userId=ann")
	p.Wait("what ann has read today", `document.querySelectorAll("tbody tr").length === 1 && document.querySelector("tbody").textContent.includes("Ann Attorney")`)
	p.goTo("#/reports/audit?sessionId=s1")
	p.sees(`[...document.querySelectorAll("tbody td:first-child")].map((e) => e.textContent).join(", ")`, trail(f, "s1"))
}

// trail is the actions of a conversation's audit trail, as the page writes
// them.
func trail(f *firm, session string) string {
	f.t.Helper()
	var actions []string
	for _, r := range f.rows("audit?sessionId=" + session) {
		actions = append(actions, strings.ReplaceAll(r["action"].(string), "_", " "))
	}
	return strings.Join(actions, ", ")
}

func TestAudit_TrailAndProof(t *testing.T) {
	b := browsertest.Start(t)
	f := office(t)
	p := signedIn(t, b, f, "#/audit")
	p.Wait("the firm's trail begins with the firm", `document.querySelector("tbody td").textContent === "firm created"`)
	p.Click("verify")
	p.Wait("the chain holds", `/^The chain is whole: \d+ rows, none changed or missing.$/.test(document.getElementById("verify-result").textContent)`)
	p.goTo("#/conversations/s1")
	p.Click("trail")
	p.Wait("the trail of a conversation", `location.hash === "#/audit?sessionId=s1" && document.querySelector("tbody td")?.textContent === "conversation created"`)
	got := p.Str(`[...document.querySelectorAll("tbody td:first-child")].map((e) => e.textContent).join(", ")`)
	if want := trail(f, "s1"); !strings.HasPrefix(want, got) || !strings.Contains(got, "party added, conflict detected") {
		t.Errorf("the trail shows %s, want %s", got, want)
	}
}
