package main

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"

	"github.com/holdfast-run/holdfast/host"
)

// secret stands in every text of the firm that others must not see.
const secret = "only-for-victim"

// odd are pieces that paths are made of: firms, sessions, and what tries to
// get from one to another.
var odd = []string{
	"victim", "thief", "s1", "v1", "..", ".", "%2e%2e", "%2F", "victim%2Fv1", "thief%2F..%2Fvictim", "victim/v1", "/", "//", ":", "victim:lag", ":lag", "victim%00",
	"VICTIM", "victim ", "engage-victim", "*", "victim'--", "%27%20OR%201%3D1", "conversations", "messages", "conflicts", "reports", "attention", "users", "firms",
	"audit:verify", "v1.0000", "v1%2E0000:review", "\\victim", "victim;", "victim?x=", "victim#", "~registry", "platform",
}

// TestTenants_NoPathLeadsToAnotherFirm tries paths, keys and headers at random
// with one firm's key: no answer ever holds a word of another firm's.
func TestTenants_NoPathLeadsToAnotherFirm(t *testing.T) {
	h := start(t, host.Config{})
	victim, thief := found(t, h.URL, h.Admin, "victim"), found(t, h.URL, h.Admin, "thief")
	victim.user(secret, secret)
	victim.begin("v1", "clientName", secret, "practiceArea", secret, "userId", secret)
	victim.say("v1", "client", secret)
	victim.party("v1", "client", secret)
	thief.begin("s1")
	thief.party("s1", "opposing_party", secret) // the same name: no conflict crosses firms
	victim.settled()
	thief.settled()
	tries := 3000
	if testing.Short() {
		tries = 300
	}
	rnd := rand.New(rand.NewPCG(1, 2))
	reached := 0
	for i := range tries {
		parts := make([]string, 1+rnd.IntN(5))
		for j := range parts {
			parts[j] = odd[rnd.IntN(len(odd))]
		}
		path := "/firms/" + strings.Join(parts, "/")
		if rnd.IntN(3) == 0 {
			path = "/firms/" + []string{"victim", "thief"}[rnd.IntN(2)] + "/" + strings.Join(parts, "/")
		}
		if rnd.IntN(4) == 0 {
			path += "?cursor=" + odd[rnd.IntN(len(odd))] + "&assignedTo=" + secret[:4] + "&firmId=victim&sessionId=v1"
		}
		method := []string{"GET", "GET", "POST", "PUT", "DELETE"}[rnd.IntN(5)]
		status, body := thief.raw(method, path, odd[rnd.IntN(len(odd))])
		if status < 300 {
			reached++
		}
		if strings.Contains(body, secret) && !strings.Contains(path, secret) && !strings.HasPrefix(path, "/firms/thief/") {
			t.Fatalf("try %d: %s %s answered %d %s", i, method, path, status, body)
		}
		if strings.HasPrefix(path, "/firms/victim") && status < 300 {
			t.Fatalf("try %d: %s %s answered %d %s with another firm's key", i, method, path, status, body)
		}
		if status >= 500 {
			t.Fatalf("try %d: %s %s answered %d %s", i, method, path, status, body)
		}
	}
	if reached == 0 {
		t.Fatal("no try reached anything: the test tested nothing")
	}
	for _, firm := range []*office{victim, thief} {
		firm.settled()
		if n := fmt.Sprint(firm.sql("SELECT count(*) AS n FROM conversation_index WHERE firmId <> ?", firm.id)); n != "[map[n:0]]" {
			t.Errorf("%s has rows of another firm: %s", firm.id, n)
		}
	}
	for _, r := range thief.sql("SELECT * FROM conflict_detection_index") {
		t.Errorf("a conflict across firms: %v", r)
	}
	var state struct{ MessageCount int }
	if victim.do("GET", "/conversations/v1", nil, &state); state.MessageCount != 1 {
		t.Errorf("the victim's conversation has %d messages", state.MessageCount)
	}
}

// raw sends a path as it is.
func (o *office) raw(method, path, user string) (int, string) {
	o.t.Helper()
	req, err := http.NewRequest(method, o.url, strings.NewReader(`{"firmId":"victim","sessionId":"v1","userId":"victim","role":"client","content":"x","type":"client","name":"x","resolution":"waived"}`))
	if err != nil {
		o.t.Fatal(err)
	}
	req.URL.Opaque = path
	req.Header.Set("Authorization", "Bearer "+o.key)
	req.Header.Set("X-User-Id", user)
	req.Header.Set("X-Firm-Id", "victim")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, "" // the client itself refuses some
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		o.t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}
