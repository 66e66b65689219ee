package main

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/holdfast-run/holdfast/host"
	"github.com/holdfast-run/holdfast/internal/wasmtest"
)

const ownerKey = "owner-key-of-acme"

const ownerHash = "3309bc3834db2984b81d974ce09a6bd4c91f1f8f12cbf2c0efa6500862d5352e"

// OWNER_KEYS of the tests: acme's key, hashed.
const ownerKeys = `{"acme":"sha256:` + ownerHash + `"}`

func start(t *testing.T, cfg host.Config) *wasmtest.Host {
	t.Helper()
	if cfg.Vars == nil {
		cfg.Vars = map[string]string{"OWNER_KEYS": ownerKeys}
	}
	return wasmtest.Start(t, cfg, "objects/logroom")
}

func createLog(t *testing.T, h *wasmtest.Host, id string) {
	t.Helper()
	a := wasmtest.Do(t, "POST", h.URL+"/logs", ownerKey, map[string]any{"id": id, "name": "Log " + id, "ownerNamespace": "acme", "secret": "s-" + id})
	if a.Status != 201 {
		t.Fatalf("create %s: %d %s", id, a.Status, a.Body)
	}
}

func appendTo(t *testing.T, h *wasmtest.Host, id, author, content string) map[string]any {
	t.Helper()
	a := wasmtest.Do(t, "POST", h.URL+"/logs/"+id+"/events", "s-"+id, map[string]any{"authorId": author, "content": content})
	if a.Status != 201 {
		t.Fatalf("append: %d %s", a.Status, a.Body)
	}
	return a.JSON(t)
}

func TestCreate_CredentialsAndConflict(t *testing.T) {
	h := start(t, host.Config{})
	for _, c := range []struct {
		name, token string
		body        string
		status      int
		code        string
	}{
		{"no credential in a declared namespace", "", `{"name":"n","ownerNamespace":"acme"}`, 401, "unauthorized"},
		{"a wrong one", "nope", `{"name":"n","ownerNamespace":"acme"}`, 403, "forbidden"},
		{"open namespace in dev", "", `{"name":"n","ownerNamespace":"free"}`, 201, ""},
		{"no name", ownerKey, `{"ownerNamespace":"acme"}`, 400, "bad_request"},
		{"name of a wrong type", ownerKey, `{"name":3,"ownerNamespace":"acme"}`, 400, "bad_request"},
		{"no JSON", ownerKey, `{`, 400, "bad_request"},
		{"not UTF-8", ownerKey, "{\"name\":\"\xff\",\"ownerNamespace\":\"acme\"}", 400, "bad_request"},
		{"bad id", ownerKey, `{"id":"a b","name":"n","ownerNamespace":"acme"}`, 400, "bad_request"},
		{"dots", ownerKey, `{"id":"..","name":"n","ownerNamespace":"acme"}`, 400, "bad_request"},
		{"retention of zero", ownerKey, `{"name":"n","ownerNamespace":"acme","retentionDays":0}`, 400, "bad_request"},
		{"retention of null", ownerKey, `{"id":"r0","name":"n","ownerNamespace":"acme","retentionDays":null}`, 201, ""},
		{"taken", ownerKey, `{"id":"r0","name":"n","ownerNamespace":"acme"}`, 409, "conflict"},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := wasmtest.Do(t, "POST", h.URL+"/logs", c.token, c.body)
			if a.Status != c.status || a.Code() != c.code {
				t.Fatalf("got %d %s, want %d %s", a.Status, a.Body, c.status, c.code)
			}
		})
	}
}

func TestCreate_MadeSecretOpensTheLog(t *testing.T) {
	h := start(t, host.Config{})
	m := wasmtest.Do(t, "POST", h.URL+"/logs", ownerKey, map[string]any{"name": "n", "ownerNamespace": "acme"}).JSON(t)
	secret, id := m["secret"].(string), m["id"].(string)
	a := wasmtest.Do(t, "GET", h.URL+"/logs/"+id, secret, nil)
	got := a.JSON(t)
	if a.Status != 200 || got["secret"] != nil || got["headSeq"] != 0.0 || got["epoch"] == "" {
		t.Fatalf("got %d %s", a.Status, a.Body)
	}
	if a := wasmtest.Do(t, "GET", h.URL+"/logs/"+id, "", nil); a.Status != 401 {
		t.Fatalf("without a credential: %d", a.Status)
	}
	if a := wasmtest.Do(t, "GET", h.URL+"/logs/"+id, "wrong", nil); a.Status != 403 {
		t.Fatalf("with a wrong one: %d", a.Status)
	}
	if a := wasmtest.Do(t, "GET", h.URL+"/logs/none", secret, nil); a.Status != 404 || a.Code() != "not_found" {
		t.Fatalf("unknown: %d %s", a.Status, a.Body)
	}
}

func TestAppend_SeqKeysAndLimits(t *testing.T) {
	h := start(t, host.Config{})
	createLog(t, h, "a1")
	e := appendTo(t, h, "a1", "ann", "first")
	if e["seq"] != 1.0 || e["logId"] != "a1" || e["authorId"] != "ann" || e["content"] != "first" {
		t.Fatalf("event %v", e)
	}
	url := h.URL + "/logs/a1/events"
	one := wasmtest.Do(t, "POST", url, "s-a1", `{"authorId":"b","content":"x","key":"k"}`)
	two := wasmtest.Do(t, "POST", url, "s-a1", `{"authorId":"b","content":"other","key":"k"}`)
	if one.Status != 201 || two.Status != 200 || string(one.Body) != string(two.Body) {
		t.Fatalf("key: %d %s, then %d %s", one.Status, one.Body, two.Status, two.Body)
	}
	for _, c := range []struct {
		name, token, body string
		status            int
	}{
		{"owner may not append", ownerKey, `{"authorId":"b","content":"x"}`, 403},
		{"no content", "s-a1", `{"authorId":"b"}`, 400},
		{"empty content", "s-a1", `{"authorId":"b","content":""}`, 400},
		{"content too long", "s-a1", `{"authorId":"b","content":"` + strings.Repeat("x", 64<<10+1) + `"}`, 413},
		{"content just right", "s-a1", `{"authorId":"b","content":"` + strings.Repeat("x", 64<<10) + `"}`, 201},
	} {
		if a := wasmtest.Do(t, "POST", url, c.token, c.body); a.Status != c.status {
			t.Errorf("%s: %d %.200s", c.name, a.Status, a.Body)
		}
	}
	a := wasmtest.Do(t, "POST", url+":batch", "s-a1", `{"events":[{"authorId":"a","content":"1"},{"authorId":"a","content":"2"}]}`)
	if a.Status != 201 {
		t.Fatalf("batch: %d %s", a.Status, a.Body)
	}
	got := a.JSON(t)["events"].([]any)
	if got[0].(map[string]any)["seq"] != 4.0 || got[1].(map[string]any)["seq"] != 5.0 {
		t.Fatalf("batch: %s", a.Body)
	}
	if a := wasmtest.Do(t, "POST", url+":batch", "s-a1", `{"events":[{"authorId":"a","content":"1"},{"authorId":"a"}]}`); a.Status != 400 {
		t.Fatalf("bad batch: %d", a.Status)
	}
	if m := wasmtest.Do(t, "GET", h.URL+"/logs/a1", "s-a1", nil).JSON(t); m["headSeq"] != 5.0 {
		t.Fatalf("head %v", m["headSeq"])
	}
}

func TestRead_FiltersAndOrder(t *testing.T) {
	h := start(t, host.Config{})
	createLog(t, h, "r1")
	for i := range 10 {
		appendTo(t, h, "r1", []string{"ann", "bob"}[i%2], fmt.Sprintf("event %d at 100%%5", i))
	}
	for _, c := range []struct {
		query string
		want  string
		more  bool
	}{
		{"", "1 2 3 4 5 6 7 8 9 10", false},
		{"limit=3", "1 2 3", true},
		{"afterSeq=8", "9 10", false},
		{"afterSeq=2&beforeSeq=5", "3 4", false},
		{"order=desc&limit=2", "10 9", true},
		{"order=desc&beforeSeq=3", "2 1", false},
		{"authorId=bob&limit=2", "2 4", true},
		{"contentContains=100%25", "1 2 3 4 5 6 7 8 9 10", false},
		{"contentContains=1005", "", false},
		{"contentContains=event+3", "4", false},
		{"contentContains=EVENT", "", false},
		{"afterDate=2999-01-01T00:00:00Z", "", false},
		{"beforeDate=2999-01-01T00:00:00Z&limit=1", "1", true},
	} {
		a := wasmtest.Do(t, "GET", h.URL+"/logs/r1/events?"+c.query, "s-r1", nil)
		m := a.JSON(t)
		var seqs []string
		for _, e := range m["events"].([]any) {
			seqs = append(seqs, fmt.Sprint(e.(map[string]any)["seq"]))
		}
		if strings.Join(seqs, " ") != c.want || m["hasMore"] != c.more {
			t.Errorf("%s: got %v more %v, want %s %v", c.query, seqs, m["hasMore"], c.want, c.more)
		}
	}
	for _, bad := range []string{"limit=0", "limit=1001", "limit=x", "afterSeq=-1", "order=up", "afterDate=yesterday"} {
		if a := wasmtest.Do(t, "GET", h.URL+"/logs/r1/events?"+bad, "s-r1", nil); a.Status != 400 {
			t.Errorf("%s: %d", bad, a.Status)
		}
	}
}

func TestList_Search_AcrossLogs(t *testing.T) {
	h := start(t, host.Config{})
	for _, id := range []string{"s1", "s2", "s3"} {
		createLog(t, h, id)
		appendTo(t, h, id, "ann", "needle in "+id)
	}
	a := wasmtest.Do(t, "GET", h.URL+"/logs?ownerNamespace=acme&limit=2", ownerKey, nil)
	m := a.JSON(t)
	if len(m["logs"].([]any)) != 2 || m["cursor"] == nil {
		t.Fatalf("list: %d %s", a.Status, a.Body)
	}
	m = wasmtest.Do(t, "GET", h.URL+"/logs?ownerNamespace=acme&limit=2&cursor="+m["cursor"].(string), ownerKey, nil).JSON(t)
	if len(m["logs"].([]any)) != 1 || m["cursor"] != nil {
		t.Fatalf("second page: %v", m)
	}
	wasmtest.Eventually(t, "search finds all three", func() bool {
		m := wasmtest.Do(t, "GET", h.URL+"/search?ownerNamespace=acme&contentContains=needle", ownerKey, nil).JSON(t)
		return len(m["events"].([]any)) == 3 && m["events"].([]any)[0].(map[string]any)["logName"] == "Log s3"
	})
	if a := wasmtest.Do(t, "GET", h.URL+"/search?ownerNamespace=other", ownerKey, nil); a.Status != 403 {
		t.Fatalf("undeclared namespace: %d", a.Status)
	}
}

func TestSocket_WelcomeHistoryLive(t *testing.T) {
	h := start(t, host.Config{})
	createLog(t, h, "w1")
	for i := range 5 {
		appendTo(t, h, "w1", "ann", fmt.Sprint("old ", i))
	}
	auth := http.Header{"Authorization": {"Bearer s-w1"}}
	s := wasmtest.Dial(t, h.URL+"/logs/w1/ws?authorId=bob&afterSeq=2", auth)
	if f := s.Frame(); f["type"] != "welcome" || f["headSeq"] != 5.0 || len(f["presence"].([]any)) != 1 {
		t.Fatalf("welcome: %v", f)
	}
	for want := 3.0; want <= 5; want++ {
		if f := s.Frame(); f["type"] != "event" || f["event"].(map[string]any)["seq"] != want {
			t.Fatalf("history: %v, want seq %v", f, want)
		}
	}
	other := wasmtest.Dial(t, h.URL+"/logs/w1/ws?authorId=cid", nil, "log.v1", "bearer."+base64.RawURLEncoding.EncodeToString([]byte("s-w1")))
	if other.Subprotocol() != "log.v1" {
		t.Fatalf("subprotocol %q", other.Subprotocol())
	}
	if f := other.Frame(); f["type"] != "welcome" || len(f["presence"].([]any)) != 2 {
		t.Fatalf("welcome: %v", f)
	}
	if f := s.Frame(); f["type"] != "presence" || f["authorId"] != "cid" || f["state"] != "online" {
		t.Fatalf("presence: %v", f)
	}
	other.Write(map[string]any{"type": "append", "ref": "r7", "content": "hi"})
	seen := map[string]float64{}
	for range 2 {
		f := other.Frame()
		switch f["type"] {
		case "ack":
			seen["ack"] = f["seq"].(float64)
		case "event":
			seen["event"] = f["event"].(map[string]any)["seq"].(float64)
		}
	}
	if seen["ack"] != 6 || seen["event"] != 6 {
		t.Fatalf("append over the socket: %v", seen)
	}
	if f := s.Frame(); f["event"].(map[string]any)["authorId"] != "cid" {
		t.Fatalf("live: %v", f)
	}
	other.Write("ping")
	if b := other.Text(); string(b) != "pong" {
		t.Fatalf("ping: %s", b)
	}
	other.Write(`{"type":"nonsense"}`)
	if f := other.Frame(); f["type"] != "error" || f["code"] != "bad_request" {
		t.Fatalf("error: %v", f)
	}
	_ = other.Close()
	if f := s.Frame(); f["type"] != "presence" || f["state"] != "offline" {
		t.Fatalf("offline: %v", f)
	}
	late := wasmtest.Dial(t, h.URL+"/logs/w1/ws?authorId=dee&afterSeq=1&epoch=other", auth)
	late.Frame()
	if f := late.Frame(); f["type"] != "reset" || f["headSeq"] != 6.0 {
		t.Fatalf("reset: %v", f)
	}
}

func TestSocket_RefusalsAreCloseCodes(t *testing.T) {
	h := start(t, host.Config{})
	createLog(t, h, "c1")
	for _, c := range []struct {
		path, token string
		code        int
	}{
		{"/logs/c1/ws?authorId=a", "", 4401},
		{"/logs/c1/ws?authorId=a", "wrong", 4403},
		{"/logs/none/ws?authorId=a", "s-c1", 4404},
		{"/logs/c1/ws", "s-c1", 4400},
		{"/logs/c1/ws?authorId=a&afterSeq=x", "s-c1", 4400},
	} {
		hd := http.Header{}
		if c.token != "" {
			hd.Set("Authorization", "Bearer "+c.token)
		}
		if got := wasmtest.Dial(t, h.URL+c.path, hd).Closed(); got != c.code {
			t.Errorf("%s with %q: closed with %d, want %d", c.path, c.token, got, c.code)
		}
	}
}

func TestDelete_TellsAndForgets(t *testing.T) {
	h := start(t, host.Config{})
	createLog(t, h, "d1")
	appendTo(t, h, "d1", "ann", "x")
	s := wasmtest.Dial(t, h.URL+"/logs/d1/ws?authorId=bob", http.Header{"Authorization": {"Bearer s-d1"}})
	s.Frame()
	if a := wasmtest.Do(t, "DELETE", h.URL+"/logs/d1", "s-d1", nil); a.Status != 403 {
		t.Fatalf("delete with the secret: %d", a.Status)
	}
	if a := wasmtest.Do(t, "DELETE", h.URL+"/logs/d1", ownerKey, nil); a.Status != 204 {
		t.Fatalf("delete: %d %s", a.Status, a.Body)
	}
	if f := s.Frame(); f["type"] != "deleted" {
		t.Fatalf("frame: %v", f)
	}
	if code := s.Closed(); code != 4410 {
		t.Fatalf("closed with %d", code)
	}
	for _, m := range []string{"GET", "DELETE"} {
		if a := wasmtest.Do(t, m, h.URL+"/logs/d1", ownerKey, nil); a.Status != 404 {
			t.Fatalf("%s afterwards: %d", m, a.Status)
		}
	}
	a := wasmtest.Do(t, "POST", h.URL+"/logs", ownerKey, map[string]any{"id": "d1", "name": "n", "ownerNamespace": "acme"})
	if a.Status != 409 {
		t.Fatalf("create again: %d", a.Status)
	}
	if m := wasmtest.Do(t, "GET", h.URL+"/logs?ownerNamespace=acme", ownerKey, nil).JSON(t); len(m["logs"].([]any)) != 0 {
		t.Fatalf("list: %v", m)
	}
}

func TestRotate_OldSecretIsDead(t *testing.T) {
	h := start(t, host.Config{})
	createLog(t, h, "o1")
	a := wasmtest.Do(t, "POST", h.URL+"/logs/o1/secret:rotate", ownerKey, nil)
	secret := a.JSON(t)["secret"].(string)
	if a := wasmtest.Do(t, "GET", h.URL+"/logs/o1", "s-o1", nil); a.Status != 403 {
		t.Fatalf("old secret: %d", a.Status)
	}
	if a := wasmtest.Do(t, "GET", h.URL+"/logs/o1", secret, nil); a.Status != 200 {
		t.Fatalf("new secret: %d", a.Status)
	}
}

func TestImport_AllOrNone(t *testing.T) {
	h := start(t, host.Config{})
	createLog(t, h, "i1")
	url := h.URL + "/logs/i1/import"
	line := func(seq int, at string) string {
		return fmt.Sprintf(`{"seq":%d,"authorId":"a","content":"c%d","createdAt":%q}`+"\n", seq, seq, at)
	}
	bad := line(1, "2024-01-01T00:00:00Z") + line(3, "2024-01-01T00:00:00Z")
	if a := wasmtest.Do(t, "PUT", url, ownerKey, bad); a.Status != 400 || !strings.Contains(string(a.Body), "line 2") || !strings.Contains(string(a.Body), "seq") {
		t.Fatalf("gap: %d %s", a.Status, a.Body)
	}
	good := line(1, "2024-01-01T00:00:00Z") + line(2, "2024-01-02T00:00:00.5Z")
	a := wasmtest.Do(t, "PUT", url, ownerKey, good)
	if m := a.JSON(t); a.Status != 200 || m["imported"] != 2.0 || m["headSeq"] != 2.0 {
		t.Fatalf("import: %d %s", a.Status, a.Body)
	}
	if a := wasmtest.Do(t, "PUT", url, ownerKey, good); a.Status != 409 {
		t.Fatalf("again: %d", a.Status)
	}
	if e := appendTo(t, h, "i1", "b", "next"); e["seq"] != 3.0 {
		t.Fatalf("next: %v", e)
	}
	m := wasmtest.Do(t, "GET", h.URL+"/logs/i1/events?beforeDate=2024-01-02T00:00:00Z", ownerKey, nil).JSON(t)
	if len(m["events"].([]any)) != 1 {
		t.Fatalf("dates: %v", m)
	}
}

func TestSocket_TooBigIs1009(t *testing.T) {
	h := start(t, host.Config{})
	createLog(t, h, "b1")
	s := wasmtest.Dial(t, h.URL+"/logs/b1/ws?authorId=a", http.Header{"Authorization": {"Bearer s-b1"}})
	s.Write(map[string]any{"type": "append", "ref": 1, "content": strings.Repeat("x", 64<<10+1)})
	s.Frame()
	if f := s.Frame(); f["type"] != "error" || f["code"] != "too_large" || f["ref"] != 1.0 {
		t.Fatalf("content too long: %v", f)
	}
	s.Write(map[string]any{"type": "append", "ref": 2, "content": strings.Repeat("x", 2<<20)})
	if code := s.Closed(); code != 1009 {
		t.Fatalf("closed with %d", code)
	}
}

func TestRetention_DeletesOldKeepsSeq(t *testing.T) {
	h := start(t, host.Config{Manual: true})
	a := wasmtest.Do(t, "POST", h.URL+"/logs", ownerKey, map[string]any{"id": "t1", "name": "n", "ownerNamespace": "acme", "secret": "s-t1", "retentionDays": 2})
	if a.Status != 201 {
		t.Fatalf("create: %d %s", a.Status, a.Body)
	}
	clock := func(d string) {
		t.Helper()
		if a := wasmtest.Do(t, "POST", h.Admin+"/_holdfast/api/clock", "", map[string]string{"advance": d}); a.Status != 200 {
			t.Fatalf("advance: %d %s", a.Status, a.Body)
		}
	}
	count := func() int {
		return len(wasmtest.Do(t, "GET", h.URL+"/logs/t1/events", "s-t1", nil).JSON(t)["events"].([]any))
	}
	appendTo(t, h, "t1", "a", "old")
	clock("36h")
	appendTo(t, h, "t1", "a", "newer")
	clock("12h")
	if n := count(); n != 2 {
		t.Fatalf("%d events after two days", n)
	}
	clock("25h")
	if n := count(); n != 1 {
		t.Fatalf("%d events after three days", n)
	}
	m := wasmtest.Do(t, "GET", h.URL+"/search?ownerNamespace=acme", ownerKey, nil).JSON(t)
	if len(m["events"].([]any)) != 1 {
		t.Fatalf("D1 after three days: %v", m)
	}
	clock("96h")
	if n := count(); n != 0 {
		t.Fatalf("%d events after a week", n)
	}
	if e := appendTo(t, h, "t1", "a", "next"); e["seq"] != 3.0 {
		t.Fatalf("seq started again: %v", e)
	}
}

func TestEviction_SocketsAndStateStay(t *testing.T) {
	h := start(t, host.Config{})
	createLog(t, h, "v1")
	appendTo(t, h, "v1", "ann", "one")
	s := wasmtest.Dial(t, h.URL+"/logs/v1/ws?authorId=bob", http.Header{"Authorization": {"Bearer s-v1"}})
	s.Frame()
	object := h.Admin + "/_holdfast/api/objects/logs.LogRoom/name:v1"
	if a := wasmtest.Do(t, "POST", object+"/evict", "", nil); a.Status != 204 {
		t.Fatalf("evict: %d %s", a.Status, a.Body)
	}
	m := wasmtest.Do(t, "GET", object, "", nil).JSON(t)
	if m["tier"] != "cold" || m["sockets"] != 1.0 {
		t.Fatalf("after the eviction: %v", m)
	}
	s.Write("ping")
	if b := s.Text(); string(b) != "pong" {
		t.Fatalf("auto-response: %s", b)
	}
	if m := wasmtest.Do(t, "GET", object, "", nil).JSON(t); m["tier"] != "cold" {
		t.Fatalf("the ping woke the room: %v", m)
	}
	if e := appendTo(t, h, "v1", "ann", "two"); e["seq"] != 2.0 {
		t.Fatalf("after the eviction: %v", e)
	}
	if f := s.Frame(); f["type"] != "event" {
		t.Fatalf("frame: %v", f)
	}
	p := wasmtest.Do(t, "GET", h.URL+"/logs/v1/presence", "s-v1", nil).JSON(t)
	if a := p["authors"].([]any); len(a) != 1 || a[0].(map[string]any)["authorId"] != "bob" {
		t.Fatalf("presence: %v", p)
	}
	if a := wasmtest.Do(t, "GET", h.Admin+"/_holdfast/api/objects/logs.LogRoom/name:never", "", nil); a.Status != 404 {
		t.Fatalf("an object that never was: %d", a.Status)
	}
}
