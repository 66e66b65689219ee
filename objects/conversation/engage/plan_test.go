package engage

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/holdfast-run/holdfast/guest-sdk/edge"
	"github.com/holdfast-run/holdfast/guest-sdk/edge/rest"
	"github.com/holdfast-run/holdfast/host"
	"github.com/holdfast-run/holdfast/internal/wasmtest"
)

// bigFirm is a firm with an index of its own size, written past the app.
type bigFirm struct {
	*wasmtest.Host
	t   testing.TB
	key string
}

const bigRows = 100_000

func newBigFirm(t testing.TB) *bigFirm {
	t.Helper()
	h := wasmtest.Start(t, host.Config{Vars: map[string]string{varPlatformKey: rest.Hash(platformToken)}}, "objects/conversation")
	a := wasmtest.Do(t, "POST", h.URL+"/firms", platformToken, map[string]string{"firmId": "big", "name": "Big"})
	if a.Status != 201 {
		t.Fatalf("%d %s", a.Status, a.Body)
	}
	f := &bigFirm{h, t, a.JSON(t)["key"].(string)}
	for from := 0; from < bigRows; from += bigRows / 10 {
		f.sql(fmt.Sprintf(`WITH RECURSIVE n(i) AS (SELECT %d UNION ALL SELECT i + 1 FROM n WHERE i < %d)
			INSERT INTO conversation_index (firmId, sessionId, userId, clientName, clientEmail, practiceArea, status, phase, assignedTo, conflictStatus,
				goalsCompleted, goalsTotal, dataQualityScore, createdAt, lastActivity, isDeleted, version)
			SELECT 'big', 's' || i, 'u' || (i %% 500), 'Client ' || i, 'c' || i || '@example.com', 'area ' || (i %% 20), CASE i %% 4 WHEN 0 THEN 'completed' WHEN 1 THEN 'terminated' ELSE 'active' END,
				'secured', CASE WHEN i %% 3 THEN 'u' || (i %% 200) END, CASE i %% 5 WHEN 0 THEN 'pending' WHEN 1 THEN 'conflict_detected' ELSE 'clear' END,
				1, 3, i %% 101, 1700000000000 + i * 60000, 1700000000000 + i * 60500, i %% 50 = 0, 1 FROM n`, from+1, from+bigRows/10))
	}
	f.sql(`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200) INSERT INTO user_index (firmId, userId, name, role, status) SELECT 'big', 'u' || i, 'User ' || i, 'attorney', 'active' FROM n`)
	return f
}

func (f *bigFirm) sql(query string, params ...any) [][]any {
	f.t.Helper()
	if params == nil {
		params = []any{}
	}
	a := wasmtest.Do(f.t, "POST", f.Admin+"/d1/engage-big/query", "", map[string]any{"sql": query, "params": params})
	var out []struct {
		Success bool
		Results []map[string]any
	}
	if err := json.Unmarshal(a.Body, &out); err != nil || len(out) != 1 || !out[0].Success {
		f.t.Fatalf("%s: %d %.500s", query, a.Status, a.Body)
	}
	var rows [][]any
	for _, r := range out[0].Results {
		rows = append(rows, []any{r["detail"]})
	}
	return rows
}

// listQueries are the queries of the list, by filter.
func listQueries(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, query := range []string{
		"", "status=active", "assignedTo=u1", "practiceArea=area+1", "conflictStatus=clear", "status=active&assignedTo=u1", "practiceArea=area+1&conflictStatus=clear",
		"status=active&assignedTo=u1&practiceArea=area+1&conflictStatus=clear", "cursor=" + rest.Cursor{At: 5, ID: "s5"}.String(), "status=active&cursor=" + rest.Cursor{At: 5, ID: "s5"}.String(),
	} {
		checked, err := checkList(&visit{call: call{req: &edge.Request{URL: "http://h/x?" + query}}})
		if err != nil {
			t.Fatal(err)
		}
		l := checked.(*listing)
		text := l.text()
		for range l.args {
			text = strings.Replace(text, "?", "'x'", 1)
		}
		out["list "+query] = strings.Replace(text, "?", "50", 1)
	}
	return out
}

// covered are the queries that read no row of a table but a user's.
var covered = map[string]bool{
	"attention, idle": true, "attention, unassigned": true, "workload": true, "practice areas": true, "practice area": true, "conflicts": true, "access": true, "access of one": true,
}

// TestPlans_NoScanAndNoSort asks the planner about every query of lists and
// reports: each searches an index, in the order that it answers in.
func TestPlans_NoScanAndNoSort(t *testing.T) {
	f := newBigFirm(t)
	queries := listQueries(t)
	for name, text := range map[string]string{
		"attention, idle": attentionStaleSQL, "attention, unassigned": attentionFreshSQL, "workload": workloadSQL, "practice areas": areasSQL, "practice area": areaSQL,
		"conflicts": conflictReportSQL, "audit of one": auditTrailSQL, "audit of all": auditAllSQL, "access": accessColumnsSQL + accessGroupSQL,
		"access of one": accessColumnsSQL + " AND a.userId = ?5" + accessGroupSQL,
	} {
		for i := range 6 {
			text = strings.ReplaceAll(text, fmt.Sprint("?", i), "'1'")
		}
		queries[name] = strings.ReplaceAll(text, "?", "'1'")
	}
	for name, text := range queries {
		plan := ""
		for _, r := range f.sql("EXPLAIN QUERY PLAN " + text) {
			plan += fmt.Sprintln(r[0])
		}
		for line := range strings.Lines(plan) {
			scan := strings.HasPrefix(line, "SCAN ") && !strings.Contains(line, "areas") && !strings.Contains(line, "(subquery") && !strings.Contains(line, "CONSTANT ROW")
			if scan && !strings.Contains(line, "USING INDEX idx_conversation_index_lastActivity") || strings.Contains(line, "TEMP B-TREE") {
				t.Errorf("%s: %splan:\n%s", name, line, plan)
			}
		}
		if covered[name] && (!strings.Contains(plan, "COVERING INDEX idx_") || strings.Contains(plan, "USING INDEX idx_")) {
			t.Errorf("%s is not answered from an index alone:\n%s", name, plan)
		}
	}
}

// BenchmarkGrid asks for a page of a list of 100,000 conversations over HTTP.
func BenchmarkGrid(b *testing.B) {
	f := newBigFirm(b)
	for _, query := range []string{"", "status=active", "assignedTo=u7&status=active", "practiceArea=area+3&conflictStatus=clear"} {
		b.Run(url.QueryEscape(query), func(b *testing.B) {
			for b.Loop() {
				if a := wasmtest.Do(b, "GET", f.URL+"/firms/big/conversations?"+query, f.key, nil); a.Status != 200 {
					b.Fatalf("%d %s", a.Status, a.Body)
				}
			}
		})
	}
	for _, report := range []string{"attention?limit=20", "workload", "practice-areas?days=3650", "conflicts"} {
		b.Run(url.QueryEscape(report), func(b *testing.B) {
			for b.Loop() {
				if a := wasmtest.Do(b, "GET", f.URL+"/firms/big/reports/"+report, f.key, nil); a.Status != 200 {
					b.Fatalf("%d %s", a.Status, a.Body)
				}
			}
		})
	}
}
