package engage

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"strings"
	"testing"

	"github.com/holdfast-run/holdfast/host"
	"github.com/holdfast-run/holdfast/internal/wasmtest"
)

const platformKey = "the-platform-key"

func start(t *testing.T) *wasmtest.Host {
	t.Helper()
	h := sha256.Sum256([]byte(platformKey))
	return wasmtest.Start(t, host.Config{Vars: map[string]string{"PLATFORM_KEY": "sha256:" + hex.EncodeToString(h[:])}}, "objects/conversation")
}

// rows are a report's.
func rows(t *testing.T, h *wasmtest.Host, firm, key, report string) []map[string]any {
	t.Helper()
	a := wasmtest.Do(t, "GET", h.URL+"/firms/"+firm+"/reports/"+report, key, nil)
	if a.Status != 200 {
		t.Fatalf("%s: %d %s", report, a.Status, a.Body)
	}
	var out []map[string]any
	for _, r := range a.JSON(t)["rows"].([]any) {
		out = append(out, r.(map[string]any))
	}
	return out
}

// sums adds up a number of rows by a text of theirs.
func sums(rows []map[string]any, by, of string) map[string]int {
	out := map[string]int{}
	for _, r := range rows {
		if n := int(r[of].(float64)); n > 0 {
			out[fmt.Sprint(r[by])] += n
		}
	}
	return out
}

func same(t *testing.T, what string, got, want any) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s: the host has %v, made were %v", what, got, want)
	}
}

func TestRun_ReportsCountWhatWasMade(t *testing.T) {
	h := start(t)
	cfg := Config{URL: h.URL, PlatformKey: platformKey, Firm: "small", Users: 5, Conversations: 60, Messages: 400, Conns: 8, Seed: 7}
	var out bytes.Buffer
	m, err := Run(t.Context(), cfg, &out)
	if err != nil {
		t.Fatalf("%v\n%s", err, &out)
	}
	if m.Users != 5 || m.Conversations != 60 || m.Messages != 400 || m.Conflicts == 0 || m.Assignments == 0 || m.Deleted == 0 || m.Status["terminated"] == 0 {
		t.Fatalf("made %+v", m)
	}
	areas := rows(t, h, "small", m.Key, "practice-areas")
	same(t, "practice areas", sums(areas, "practiceArea", "totalConversations"), m.Areas)
	completed := 0
	for _, n := range sums(areas, "practiceArea", "completedConversations") {
		completed += n
	}
	same(t, "completed", completed, m.Status["completed"])
	work := rows(t, h, "small", m.Key, "workload")
	same(t, "active users", len(work), m.ActiveUsers)
	assigned := maps.Clone(m.Assigned)
	maps.DeleteFunc(assigned, func(id string, _ int) bool {
		for _, r := range work {
			if r["userId"] == id {
				return false
			}
		}
		return true // inactive users are in no report
	})
	same(t, "workload", sums(work, "userId", "activeConversations"), assigned)
	conflicts := rows(t, h, "small", m.Key, "conflicts")
	same(t, "conflicts", sums(conflicts, "matchType", "conflictCount"), m.Matches)
	total := func(of string) (n int) {
		for _, v := range sums(conflicts, "matchType", of) {
			n += v
		}
		return n
	}
	same(t, "cleared", total("clearedConflicts"), m.Fates["cleared"])
	same(t, "confirmed", total("confirmedConflicts"), m.Fates["confirmed"])
	same(t, "open", total("openConflicts"), m.Fates["detected"]+m.Fates["reviewing"])
	unassigned := m.Status["active"]
	for _, n := range m.Assigned {
		unassigned -= n
	}
	same(t, "attention", len(rows(t, h, "small", m.Key, "attention?limit=1000")), unassigned)
	for _, want := range []string{"the audit chain of ", "say something ", "p99 ms", "key " + m.Key} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the output lacks %q:\n%s", want, &out)
		}
	}

	again := cfg
	again.Firm, again.Conns = "again", 1
	n, err := Run(t.Context(), again, &out)
	if err != nil {
		t.Fatal(err)
	}
	n.Key = m.Key
	same(t, "the same seed over one connection", n, m)
	if _, err := Run(t.Context(), cfg, &out); !errors.Is(err, ErrWrong) || !strings.Contains(err.Error(), "the firmId small is taken") {
		t.Errorf("a firm that is there: %v", err)
	}
	again.Firm, again.PlatformKey = "third", "guessed"
	if _, err := Run(t.Context(), again, &out); !errors.Is(err, ErrWrong) || !strings.Contains(err.Error(), "answered 403") {
		t.Errorf("a wrong platform key: %v", err)
	}
}

func TestRun_RefusesWrongConfigurations(t *testing.T) {
	good := Config{PlatformKey: "x", Firm: "f"}
	for want, change := range map[string]func(*Config){
		"users is -1":           func(c *Config) { c.Users = -1 },
		"conversations is -2":   func(c *Config) { c.Conversations = -2 },
		"messages is -3":        func(c *Config) { c.Messages = -3 },
		"conns is -4":           func(c *Config) { c.Conns = -4 },
		"platform-key is neede": func(c *Config) { c.PlatformKey = "" },
	} {
		c := good
		change(&c)
		if _, err := Run(t.Context(), c, &bytes.Buffer{}); !errors.Is(err, ErrConfig) || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

func TestPlan_IsDecidedBySeedAndNumber(t *testing.T) {
	a := Config{Seed: 1, Users: 10, Conversations: 1000, Messages: 15_000}
	b := a
	b.Seed = 2
	ends, talked, differ := map[int]int{}, 0, 0
	lengths := a.lengths()
	for n := range a.Conversations {
		p, q := a.planOf(n, lengths[n]), a.planOf(n, lengths[n])
		if !reflect.DeepEqual(p, q) {
			t.Fatalf("conversation %d is planned in two ways:\n%+v\n%+v", n, p, q)
		}
		if p.client != b.planOf(n, 0).client {
			differ++
		}
		if t1, t2 := talks["client"], talks["client"]; t1.sentence(p.rng, p) != t2.sentence(q.rng, q) {
			t.Fatalf("conversation %d says two things", n)
		}
		ends[p.end]++
		talked += lengths[n]
	}
	if talked != a.Messages || len(ends) != 4 || differ < a.Conversations*9/10 {
		t.Fatalf("%d messages, ends %v, %d clients differ by the seed", talked, ends, differ)
	}
}

func TestNames_MakeAddressesOfPlainLetters(t *testing.T) {
	c := Config{Seed: 3, Conversations: 2000}
	for n := range c.Conversations {
		name, email := c.clientOf(n)
		for _, letter := range email {
			if letter > 'z' || letter < '-' {
				t.Fatalf("%s has the address %s", name, email)
			}
		}
		if d := disguise(c.random(streamPlan, n), name); d == "" || strings.TrimSpace(d) != d {
			t.Fatalf("%s in disguise is %q", name, d)
		}
	}
}
