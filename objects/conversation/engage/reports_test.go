package engage

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"sort"
	"testing"
	"time"

	"github.com/holdfast-run/holdfast/guest-sdk/edge/edgetest"
)

// ledgerOfTruth is a firm whose conversations a test makes up; what its
// reports must say is computed from the objects' states.
type ledgerOfTruth struct {
	*office
	rnd      *rand.Rand
	sessions []string
	users    []string
}

// stir does something to a few conversations.
func (l *ledgerOfTruth) stir() {
	for range 3 {
		s := fmt.Sprint("s", len(l.sessions))
		l.sessions = append(l.sessions, s)
		more := []any{"userId", l.users[l.rnd.IntN(len(l.users))]}
		if a := l.rnd.IntN(4); a > 0 {
			more = append(more, "practiceArea", []string{"", "tax", "family", "patents"}[a])
		}
		if l.rnd.IntN(2) == 0 {
			more = append(more, "clientName", "Client of "+s, "clientEmail", "c@example.com")
		}
		l.begin(s, more...)
	}
	for range 6 {
		l.disturb(l.sessions[l.rnd.IntN(len(l.sessions))])
	}
}

// disturb does one thing to a conversation, where it is allowed.
func (l *ledgerOfTruth) disturb(s string) {
	path := "/conversations/" + s
	switch l.rnd.IntN(8) {
	case 0, 1:
		l.do("POST", path+"/messages", map[string]string{"role": "client", "content": "x"})
	case 2, 3:
		l.do("POST", path+"/assignments", map[string]any{"assignedTo": l.users[l.rnd.IntN(len(l.users))], "assignedBy": "u0", "priority": "low", "estimatedHours": l.rnd.IntN(9)})
	case 4:
		l.do("POST", path+":complete", nil)
	case 5:
		l.do("DELETE", path, nil)
	case 6:
		kind := []string{"client", "opposing_party", "entity", "matter"}[l.rnd.IntN(4)]
		name := []string{"Catherine Smith", "Kathryn Smyth", "Muller AG", "Müller", "Jon Doe", "John Doe"}[l.rnd.IntN(6)]
		l.do("POST", path+"/parties", map[string]any{"type": kind, "name": name, "aliases": []string{"The Miller"}})
	case 7:
		st := l.state(s)
		for _, c := range st.Conflicts {
			verb := map[string]string{"detected": "review", "reviewing": []string{"clear", "confirm"}[l.rnd.IntN(2)]}[c.Status]
			if verb != "" {
				l.do("POST", "/conflicts/"+c.ConflictID+":"+verb, map[string]string{"resolution": "waived"})
			}
		}
	}
}

// mean is the mean, and nil of nothing.
type mean struct {
	sum float64
	n   int
}

func (m *mean) add(v float64) { m.sum, m.n = m.sum+v, m.n+1 }

func (m *mean) value() any {
	if m.n == 0 {
		return nil
	}
	return round(m.sum / float64(m.n))
}

func round(v any) any {
	if f, ok := v.(float64); ok {
		return math.Round(f*1e6) / 1e6
	}
	return v
}

func (l *ledgerOfTruth) states() (all []state) {
	for _, s := range l.sessions {
		all = append(all, l.state(s))
	}
	return all
}

func moment(t *testing.T, s string) time.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339, s)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// lines shows rows as comparable texts, sorted.
func lines(rows []map[string]any) []string {
	out := []string{}
	for _, r := range rows {
		for k, v := range r {
			r[k] = round(v)
		}
		b, _ := json.Marshal(r)
		out = append(out, string(b))
	}
	sort.Strings(out)
	return out
}

// wantAttention is the attention report computed from the objects.
func (l *ledgerOfTruth) wantAttention(t *testing.T, all []state) (rows []map[string]any) {
	for _, s := range all {
		idle := l.w.Now().Sub(moment(t, s.LastActivity)) > 24*time.Hour
		if s.IsDeleted || s.Status != "active" || s.AssignedTo != "" && !idle {
			continue
		}
		var name, to any
		if s.AssignedTo != "" {
			name, to = "Name of "+s.AssignedTo, s.AssignedTo
		}
		rows = append(rows, map[string]any{
			"sessionId": s.SessionID, "clientName": orNull(s.ClientName), "practiceArea": orNull(s.PracticeArea), "lastActivity": s.LastActivity,
			"goalsCompleted": 0.0, "goalsTotal": 0.0, "dataQualityScore": float64(s.DataQuality.Score), "assignedTo": to, "assignedToName": name,
		})
	}
	return rows
}

func (l *ledgerOfTruth) wantWorkload(all []state) (rows []map[string]any) {
	for _, u := range l.users {
		var conversations, cases int
		var quality, hours mean
		for _, s := range all {
			if !s.IsDeleted && s.Status == "active" && s.AssignedTo == u {
				conversations++
				quality.add(float64(s.DataQuality.Score))
			}
			for _, a := range s.Assignments {
				if a.Status == "active" && a.AssignedTo == u {
					cases++
					hours.add(a.EstimatedHours)
				}
			}
		}
		rows = append(rows, map[string]any{
			"userId": u, "name": "Name of " + u, "role": "attorney", "activeConversations": float64(conversations), "avgDataQuality": quality.value(),
			"assignedCases": float64(cases), "avgEstimatedHours": hours.value(),
		})
	}
	return rows
}

func (l *ledgerOfTruth) wantAreas(t *testing.T, all []state, days int) (rows []map[string]any) {
	type area struct {
		total, completed int
		quality, hours   mean
	}
	areas := map[string]*area{}
	for _, s := range all {
		if s.IsDeleted || l.w.Now().Sub(moment(t, s.CreatedAt)) > time.Duration(days)*24*time.Hour {
			continue
		}
		a := areas[s.PracticeArea]
		if a == nil {
			a = &area{}
			areas[s.PracticeArea] = a
		}
		a.total++
		a.quality.add(float64(s.DataQuality.Score))
		if s.Status == "completed" {
			a.completed++
			a.hours.add(moment(t, s.LastActivity).Sub(moment(t, s.CreatedAt)).Hours())
		}
	}
	for name, a := range areas {
		rows = append(rows, map[string]any{
			"practiceArea": orNull(name), "totalConversations": float64(a.total), "completedConversations": float64(a.completed),
			"avgDataQuality": a.quality.value(), "avgCompletionHours": a.hours.value(),
		})
	}
	return rows
}

func (l *ledgerOfTruth) wantConflicts(t *testing.T, all []state, from, to time.Time) (rows []map[string]any) {
	type group struct {
		n, confirmed, cleared, open int
		confidence                  mean
	}
	groups := map[[2]string]*group{}
	for _, s := range all {
		for _, c := range s.Conflicts {
			if at := moment(t, c.DetectedAt); at.Before(from) || !at.Before(to) {
				continue
			}
			k := [2]string{c.ConflictType, c.MatchType}
			if groups[k] == nil {
				groups[k] = &group{}
			}
			g := groups[k]
			g.n++
			g.confidence.add(c.Confidence)
			switch c.Status {
			case "confirmed":
				g.confirmed++
			case "cleared":
				g.cleared++
			default:
				g.open++
			}
		}
	}
	for k, g := range groups {
		rows = append(rows, map[string]any{
			"conflictType": k[0], "matchType": k[1], "conflictCount": float64(g.n), "confirmedConflicts": float64(g.confirmed),
			"clearedConflicts": float64(g.cleared), "openConflicts": float64(g.open), "avgConfidence": g.confidence.value(),
		})
	}
	return rows
}

// TestReports_SayWhatTheObjectsSay compares four reports with the objects at
// every hour, at the least, over the end of a month: at every distance from midnight.
func TestReports_SayWhatTheObjectsSay(t *testing.T) {
	begin := time.Date(2028, 2, 28, 22, 30, 0, 0, time.UTC) // a leap year's
	edgetest.Both(t, app, func(t *testing.T, w *edgetest.World) {
		l := &ledgerOfTruth{office: found(w, "acme"), rnd: rand.New(rand.NewPCG(7, 7))}
		for i := range 4 {
			u := fmt.Sprint("u", i)
			l.users = append(l.users, u)
			l.do("PUT", "/users/"+u, map[string]string{"email": u + "@example.com", "name": "Name of " + u, "role": "attorney", "status": "active"}).Want(200)
		}
		from := w.Now()
		for step := range 42 {
			l.stir()
			w.Advance(47 * time.Minute) // so that nothing falls on a whole hour
			l.settled()
			all := l.states()
			to := w.Now().Add(-7 * time.Hour)
			for name, want := range map[string][]map[string]any{
				"attention": l.wantAttention(t, all), "workload": l.wantWorkload(all), "practice-areas?days=1": l.wantAreas(t, all, 1), "practice-areas?days=3650": l.wantAreas(t, all, 3650),
				"conflicts": l.wantConflicts(t, all, from.Add(-time.Hour), w.Now()),
				fmt.Sprintf("conflicts?from=%s&to=%s", from.Add(time.Hour).Format(time.RFC3339), to.Format(time.RFC3339)): l.wantConflicts(t, all, from.Add(time.Hour), to),
			} {
				if to.Before(from.Add(time.Hour)) && len(name) > len("conflicts") && name[:10] == "conflicts?" {
					continue
				}
				if got, want := lines(l.report(name)), lines(want); fmt.Sprint(got) != fmt.Sprint(want) {
					t.Fatalf("step %d, %s, %s:\n got %v\nwant %v", step, w.Now(), name, got, want)
				}
			}
		}
		rows := l.report("attention")
		for i := 1; i < len(rows); i++ {
			if rows[i-1]["lastActivity"].(string) > rows[i]["lastActivity"].(string) {
				t.Errorf("attention is not oldest first at row %d", i)
			}
		}
	}, platformVar(), edgetest.Start(begin))
}
