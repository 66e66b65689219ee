package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/holdfast-run/holdfast/guest-sdk/edge/rest"
	"github.com/holdfast-run/holdfast/host"
	"github.com/holdfast-run/holdfast/internal/wasmtest"
)

// platformToken is the platform key of the tests.
const platformToken = "platform-key-of-the-tests"

func start(t *testing.T, cfg host.Config) *wasmtest.Host {
	t.Helper()
	if cfg.Vars == nil {
		cfg.Vars = map[string]string{"PLATFORM_KEY": rest.Hash(platformToken)}
	}
	return wasmtest.Start(t, cfg, "objects/conversation")
}

// office is a firm on a host.
type office struct {
	t          testing.TB
	url, admin string
	id, key    string
}

func found(t testing.TB, url, admin, id string) *office {
	t.Helper()
	a := wasmtest.Do(t, "POST", url+"/firms", platformToken, map[string]string{"firmId": id, "name": "Firm " + id})
	if a.Status != 201 {
		t.Fatalf("found %s: %d %s", id, a.Status, a.Body)
	}
	return &office{t, url, admin, id, a.JSON(t)["key"].(string)}
}

// do makes a call that must succeed and decodes its answer into v, if any.
func (o *office) do(method, path string, body, v any) {
	o.t.Helper()
	a := wasmtest.Do(o.t, method, o.url+"/firms/"+o.id+path, o.key, body)
	if a.Status >= 300 {
		o.t.Fatalf("%s %s: %d %.300s", method, path, a.Status, a.Body)
	}
	if v != nil {
		if err := json.Unmarshal(a.Body, v); err != nil {
			o.t.Fatalf("%s %s: %v in %.300s", method, path, err, a.Body)
		}
	}
}

// asPlatform is do with the platform key.
func (o *office) asPlatform(method, path string, body, v any) {
	o.t.Helper()
	p := *o
	p.key = platformToken
	p.do(method, path, body, v)
}

func (o *office) begin(session string, more ...any) {
	o.t.Helper()
	body := map[string]any{"sessionId": session, "userId": "u-" + session}
	for i := 0; i+1 < len(more); i += 2 {
		body[more[i].(string)] = more[i+1]
	}
	o.do("POST", "/conversations", body, nil)
}

func (o *office) say(session, role, content string) {
	o.t.Helper()
	o.do("POST", "/conversations/"+session+"/messages", map[string]string{"role": role, "content": content}, nil)
}

func (o *office) assign(session, to string) {
	o.t.Helper()
	o.do("POST", "/conversations/"+session+"/assignments", map[string]any{"assignedTo": to, "assignedBy": "boss", "priority": "high", "estimatedHours": 2.5}, nil)
}

func (o *office) party(session, kind, name string) {
	o.t.Helper()
	o.do("POST", "/conversations/"+session+"/parties", map[string]any{"type": kind, "name": name}, nil)
}

func (o *office) user(id, name string) {
	o.t.Helper()
	o.do("PUT", "/users/"+id, map[string]string{"email": id + "@example.com", "name": name, "role": "attorney", "status": "active"}, nil)
}

// sql runs a statement on the firm's database, past the app.
func (o *office) sql(query string, params ...any) []map[string]any {
	o.t.Helper()
	rows, err := o.trySQL(query, params...)
	if err != nil {
		o.t.Fatalf("%s: %v", query, err)
	}
	return rows
}

func (o *office) trySQL(query string, params ...any) ([]map[string]any, error) {
	if params == nil {
		params = []any{}
	}
	body, err := json.Marshal(map[string]any{"sql": query, "params": params})
	if err != nil {
		return nil, err
	}
	resp, err := http.Post(o.admin+"/d1/engage-"+o.id+"/query", "application/json", strings.NewReader(string(body)))
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	var out []struct {
		Success bool
		Results []map[string]any
	}
	if json.Unmarshal(answer, &out) != nil || len(out) != 1 || !out[0].Success {
		return nil, fmt.Errorf("%d %.500s", resp.StatusCode, answer)
	}
	return out[0].Results, nil
}

// settled waits until D1 has all that it is owed.
func (o *office) settled() {
	o.t.Helper()
	wasmtest.Eventually(o.t, "the index of "+o.id+" has caught up", func() bool {
		var l struct{ Pending, DeadLetters int }
		o.do("GET", ":lag", nil, &l)
		return l.Pending == 0
	})
}

// dump is the index tables, row by row.
func (o *office) dump() string {
	o.t.Helper()
	var b strings.Builder
	for _, q := range []string{
		"SELECT * FROM conversation_index ORDER BY sessionId", "SELECT * FROM case_assignment_index ORDER BY assignmentId",
		"SELECT * FROM conflict_detection_index ORDER BY conflictId", "SELECT * FROM user_index ORDER BY userId",
	} {
		for _, r := range o.sql(q) {
			line, err := json.Marshal(r)
			if err != nil {
				o.t.Fatal(err)
			}
			b.Write(append(line, '\n'))
		}
	}
	return b.String()
}
