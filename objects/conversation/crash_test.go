package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/holdfast-run/holdfast/guest-sdk/edge/rest"
	"github.com/holdfast-run/holdfast/internal/wasmtest"
)

const (
	crashRounds   = 8
	crashSessions = 8
	crashConns    = 16
	// chaosVar set makes 20 rounds.
	chaosVar = "HOLDFAST_TEST_CHAOS"
)

// acked is what clients were told.
type acked struct {
	mu          sync.Mutex
	messages    [crashSessions]map[int64]string
	parties     [crashSessions]map[string]bool
	conflicts   [crashSessions]map[string]bool
	assignments [crashSessions]map[string]bool
	ended       map[string]string // session of a round to its status
	twice       []string
}

func newAcked() *acked {
	a := &acked{ended: map[string]string{}}
	for i := range crashSessions {
		a.messages[i], a.parties[i], a.conflicts[i], a.assignments[i] = map[int64]string{}, map[string]bool{}, map[string]bool{}, map[string]bool{}
	}
	return a
}

// one makes one call about session i and notes what it was told.
func (a *acked) one(o *office, i int, serial int64) {
	session := fmt.Sprint("crash", i)
	try := func(path string, body, v any) bool {
		got, err := wasmtest.Try("POST", o.url+"/firms/"+o.id+path, o.key, body)
		return err == nil && got.Status < 300 && (v == nil || json.Unmarshal(got.Body, v) == nil)
	}
	switch serial % 16 {
	case 0:
		var out struct {
			Party     struct{ PartyID string }
			Conflicts []struct{ ConflictID string }
		}
		kind := []string{"client", "opposing_party"}[i%2]
		if try("/conversations/"+session+"/parties", map[string]any{"type": kind, "name": fmt.Sprint("Party ", serial/32)}, &out) {
			a.mu.Lock()
			a.parties[i][out.Party.PartyID] = true
			for _, c := range out.Conflicts {
				a.conflicts[i][c.ConflictID] = true
			}
			a.mu.Unlock()
		}
	case 1:
		var out struct{ AssignmentID string }
		if try("/conversations/"+session+"/assignments", map[string]any{"assignedTo": "u1", "assignedBy": "u2", "priority": "low"}, &out) {
			a.mu.Lock()
			a.assignments[i][out.AssignmentID] = true
			a.mu.Unlock()
		}
	case 2:
		id := fmt.Sprint("short", serial)
		if try("/conversations", map[string]any{"sessionId": id, "userId": "u1"}, nil) {
			status := "active"
			if try("/conversations/"+id+":complete", nil, nil) {
				status = "completed"
			}
			a.mu.Lock()
			a.ended[id] = status
			a.mu.Unlock()
		}
	default:
		var out struct{ Message struct{ Seq int64 } }
		content := fmt.Sprint("message ", serial)
		if try("/conversations/"+session+"/messages", map[string]any{"role": "client", "content": content}, &out) {
			a.mu.Lock()
			if old, ok := a.messages[i][out.Message.Seq]; ok {
				a.twice = append(a.twice, fmt.Sprintf("%s seq %d: %q and %q", session, out.Message.Seq, old, content))
			}
			a.messages[i][out.Message.Seq] = content
			a.mu.Unlock()
		}
	}
}

func (a *acked) hammer(o *office, serial *atomic.Int64, stop <-chan struct{}) *sync.WaitGroup {
	var wg sync.WaitGroup
	for c := range crashConns {
		wg.Go(func() {
			for i := c; ; i++ {
				select {
				case <-stop:
					return
				default:
					a.one(o, i%crashSessions, serial.Add(1))
				}
			}
		})
	}
	return &wg
}

// spawner starts the host on one directory, again and again.
func spawner(t *testing.T) func() *wasmtest.Process {
	dir := t.TempDir()
	return func() *wasmtest.Process {
		return wasmtest.Spawn(t, "dev", "--addr", "127.0.0.1:0", "--admin-addr", "127.0.0.1:0", "--data", dir, "--var", "PLATFORM_KEY="+rest.Hash(platformToken), "objects/conversation")
	}
}

// TestKill_AWalkAlongTheTrailGoesOn kills the host between two calls of one
// walk.
func TestKill_AWalkAlongTheTrailGoesOn(t *testing.T) {
	spawn := spawner(t)
	p := spawn()
	o := found(t, p.URL, p.Admin, "acme")
	o.fill(3)
	v, calls := verdict{}, 0
	for next := ""; ; calls++ {
		v = verdict{}
		o.do("GET", "/audit:verify?limit=4&cursor="+next, nil, &v)
		if next = v.Cursor; next == "" {
			break
		}
		o.say("s0", "client", "meanwhile")
		if calls == 1 {
			p.Kill()
			p = spawn()
			o.url, o.admin = p.URL, p.Admin
		}
	}
	if whole := v.Rows / 4; !v.OK || v.Rows < 10 || calls < whole || calls > whole+1 { // one may read only what came meanwhile
		t.Errorf("%+v after %d calls", v, calls)
	}
}

// TestKill_AnErasureIsRunAgain kills the host amid an erasure: run again, it
// leaves nothing.
func TestKill_AnErasureIsRunAgain(t *testing.T) {
	spawn := spawner(t)
	p := spawn()
	o := found(t, p.URL, p.Admin, "acme")
	const conversations = 10
	left := 0
	for round := range 3 {
		client := fmt.Sprintf("zyx%d@example.com", round)
		for i := range conversations {
			s := fmt.Sprintf("s%d_%d", round, i)
			o.begin(s, "clientName", "Zyxo Zyxov", "clientEmail", client)
			o.say(s, "client", "I am Zyxo")
			o.party(s, []string{"client", "opposing_party"}[i%2], "Zyxo Zyxov")
		}
		died := make(chan struct{})
		go func() {
			defer close(died)
			_, _ = wasmtest.Try("POST", o.url+"/firms/acme:erase", platformToken, map[string]string{"clientEmail": client}) // the kill answers
		}()
		wasmtest.Eventually(t, "the erasure is under way", func() bool {
			var st struct{ IsDeleted bool }
			o.do("GET", fmt.Sprintf("/conversations/s%d_%d", round, 2*round), nil, &st) // they come in this order
			return st.IsDeleted
		})
		p.Kill()
		<-died
		p = spawn()
		o.url, o.admin = p.URL, p.Admin
		var out struct{ Conversations int }
		o.asPlatform("POST", ":erase", map[string]string{"clientEmail": client}, &out)
		t.Logf("round %d: %d conversations were left to the second run", round, out.Conversations)
		left += out.Conversations
	}
	if left == 0 {
		t.Error("no kill came in time: the test tested nothing")
	}
	o.settled()
	text := o.dump()
	for _, id := range o.sessions() {
		text += string(wasmtest.Do(t, "GET", o.url+"/firms/acme/conversations/"+id, o.key, nil).Body)
	}
	if i := strings.Index(strings.ToLower(text), "zyx"); i >= 0 {
		t.Errorf("left is %q", text[max(0, i-200):min(len(text), i+100)])
	}
	o.begin("new")
	var found struct{ Conflicts []any }
	if o.do("POST", "/conversations/new/parties", map[string]string{"type": "client", "name": "Zyxo Zyxov"}, &found); len(found.Conflicts) != 0 {
		t.Errorf("an erased party is found: %v", found.Conflicts)
	}
	if v := o.verify(); !v.OK {
		t.Errorf("the chain: %+v", v)
	}
}

// TestKill_NothingAcknowledgedIsLost kills the host again and again in the
// middle of messages, parties, assignments and transitions. Afterwards all
// that was acknowledged is there, and within 30 s the index equals the objects.
func TestKill_NothingAcknowledgedIsLost(t *testing.T) {
	rounds := crashRounds
	if os.Getenv(chaosVar) != "" {
		rounds = 20
	}
	spawn := spawner(t)
	p := spawn()
	o := found(t, p.URL, p.Admin, "acme")
	for i := range crashSessions {
		o.begin(fmt.Sprint("crash", i))
	}
	a := newAcked()
	var serial atomic.Int64
	for range rounds {
		stop := make(chan struct{})
		wg := a.hammer(o, &serial, stop)
		time.Sleep(time.Duration(100+rand.IntN(400)) * time.Millisecond) // the kill comes at any moment: that is the test
		p.Kill()
		close(stop)
		wg.Wait()
		p = spawn()
		o.url, o.admin = p.URL, p.Admin
	}
	a.check(t, o)
}

// shown is what a conversation's state says that the index says too.
type shown struct {
	SessionID, UserID, Status, Phase, ConflictStatus string
	MessageCount, Version                            int64
	Parties                                          []struct{ PartyID string }
	Conflicts                                        []struct{ ConflictID, Status string }
	Assignments                                      []struct{ AssignmentID, Status string }
	DataQuality                                      struct{ Score int }
}

func (a *acked) check(t *testing.T, o *office) {
	t.Helper()
	total := 0
	for i := range crashSessions {
		session := fmt.Sprint("crash", i)
		var st shown
		o.do("GET", "/conversations/"+session, nil, &st)
		total += a.checkMessages(t, o, i)
		has := map[string]bool{}
		for _, p := range st.Parties {
			has[p.PartyID] = true
		}
		for _, c := range st.Conflicts {
			has[c.ConflictID] = true
		}
		for _, x := range st.Assignments {
			has[x.AssignmentID] = true
		}
		for _, set := range []map[string]bool{a.parties[i], a.conflicts[i], a.assignments[i]} {
			total += len(set)
			for id := range set {
				if !has[id] {
					t.Errorf("%s: %s was acknowledged and is not there", session, id)
				}
			}
		}
	}
	for id, status := range a.ended {
		var st shown
		if o.do("GET", "/conversations/"+id, nil, &st); st.Status != status && status == "completed" {
			t.Errorf("%s was acknowledged as %s and is %s", id, status, st.Status)
		}
	}
	for _, s := range a.twice {
		t.Errorf("a seq was given twice: %s", s)
	}
	if total == 0 {
		t.Fatal("nothing was acknowledged: the test tested nothing")
	}
	began := time.Now()
	wasmtest.Eventually(t, "the index equals the objects", o.indexed)
	if took := time.Since(began); took > 30*time.Second {
		t.Errorf("the index took %s to equal the objects", took)
	}
	t.Logf("%d acknowledged changes; the index was equal after %s more", total, time.Since(began).Round(time.Millisecond))
	var v struct{ OK bool }
	if o.do("GET", "/audit:verify", nil, &v); !v.OK {
		t.Error("the audit chain is broken")
	}
	var r reconciliation
	if o.asPlatform("POST", ":reconcile", nil, &r); r.Repaired+r.OrphansRemoved != 0 {
		t.Errorf("reconciliation found something to do: %+v", r)
	}
}

func (a *acked) checkMessages(t *testing.T, o *office, i int) int {
	t.Helper()
	at := map[int64]string{}
	for last := int64(0); ; {
		var page struct {
			Messages []struct {
				Seq     int64
				Content string
			}
			HasMore bool
		}
		o.do("GET", fmt.Sprintf("/conversations/crash%d/messages?limit=1000&afterSeq=%d", i, last), nil, &page)
		for _, m := range page.Messages {
			if m.Seq != last+1 {
				t.Fatalf("crash%d: seq %d follows %d", i, m.Seq, last)
			}
			last = m.Seq
			at[m.Seq] = m.Content
		}
		if !page.HasMore {
			break
		}
	}
	for seq, content := range a.messages[i] {
		if at[seq] != content {
			t.Errorf("crash%d seq %d: %q was acknowledged, %q is there", i, seq, content, at[seq])
		}
	}
	return len(a.messages[i])
}

// sessions is every conversation that was made, whether or not the client was
// told, as the host lists objects.
func (o *office) sessions() (ids []string) {
	o.t.Helper()
	var page struct{ Items []struct{ Name string } }
	a := wasmtest.Do(o.t, "GET", o.admin+"/_holdfast/api/objects?namespace=engage.ConversationSession&limit=1000", "", nil)
	if err := json.Unmarshal(a.Body, &page); err != nil || len(page.Items) == 0 {
		o.t.Fatalf("objects: %d %.300s", a.Status, a.Body)
	}
	for _, it := range page.Items {
		ids = append(ids, strings.TrimPrefix(it.Name, o.id+"/"))
	}
	return ids
}

// indexed reports whether every conversation's rows are what its state says.
func (o *office) indexed() bool {
	o.t.Helper()
	versions, children := map[string]string{}, map[string]int{}
	for _, r := range o.sql("SELECT * FROM conversation_index") {
		versions[r["sessionId"].(string)] = fmt.Sprint(r["version"], r["status"], r["phase"], r["conflictStatus"], r["dataQualityScore"])
	}
	for _, r := range o.sql("SELECT sessionId, status FROM case_assignment_index UNION ALL SELECT sessionId, status FROM conflict_detection_index") {
		children[fmt.Sprint(r["sessionId"], r["status"])]++
	}
	for _, id := range o.sessions() {
		row := versions[id]
		var st shown
		o.do("GET", "/conversations/"+id, nil, &st)
		if row != fmt.Sprint(st.Version, st.Status, st.Phase, st.ConflictStatus, st.DataQuality.Score) {
			return false
		}
		want := map[string]int{}
		for _, x := range st.Assignments {
			want[id+x.Status]++
		}
		for _, x := range st.Conflicts {
			want[id+x.Status]++
		}
		for k, n := range want {
			if children[k] != n {
				return false
			}
		}
	}
	return len(versions) >= crashSessions
}
