package room

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-run/holdfast/guest-sdk/edge/edgetest"
)

func TestRotate_OpenSocketsStay(t *testing.T) {
	w := newWorld(t)
	l := makeIn(w, "r")
	c := l.connect("bob", "")
	want(t, c, "welcome")
	var fresh struct{ Secret string }
	w.Fetch("POST", "/logs/r/secret:rotate", nil, bearerOf(acmeKey)).Want(200).JSON(&fresh)
	w.Fetch("GET", "/logs/r", nil, l.auth()).Want(403)
	w.Fetch("GET", "/logs/r", nil, bearerOf(fresh.Secret)).Want(200)
	c.Send(map[string]any{"type": "append", "ref": "r", "content": "still here"})
	want(t, c, "event")
	want(t, c, "ack")
	w.Connect("/logs/r/ws?authorId=bob", l.auth()).ExpectClose(closeForbidden)
}

func TestServe_NamespacesNeedAKeyInServe(t *testing.T) {
	w := newWorld(t, edgetest.Mode("serve"))
	body := map[string]any{"name": "n", "ownerNamespace": "free"}
	w.Fetch("POST", "/logs", body).Want(403)
	bad := edgetest.New(t, edgetest.Config(app), edgetest.Var("OWNER_KEYS", `{"acme":"plain"}`))
	if r := bad.Fetch("POST", "/logs", body, bearerOf("x")).Want(500); !strings.Contains(r.Text(), "OWNER_KEYS: key of") {
		t.Fatal(r.Text())
	}
}

func TestList_PagesByCursor(t *testing.T) {
	w := newWorld(t)
	var l *logIn
	for i := range 7 {
		l = makeIn(w, fmt.Sprint("p", i))
		l.append("ann", "hit")
		w.Advance(time.Millisecond * time.Duration(i%2)) // some share a time
	}
	for path, key := range map[string]string{"/logs?ownerNamespace=acme": "id", "/search?ownerNamespace=acme&contentContains=hit": "logId"} {
		seen, cursor := map[string]bool{}, ""
		for pages := 1; ; pages++ {
			var p struct {
				Logs, Events []map[string]any
				Cursor       string
			}
			w.Fetch("GET", path+"&limit=2&cursor="+cursor, nil, bearerOf(acmeKey)).Want(200).JSON(&p)
			for _, item := range append(p.Logs, p.Events...) {
				id := item[key].(string)
				if seen[id] {
					t.Fatalf("%s: %s came twice", path, id)
				}
				seen[id] = true
			}
			if cursor = p.Cursor; cursor == "" {
				if pages != 4 || len(seen) != 7 {
					t.Fatalf("%s: %d on %d pages", path, len(seen), pages)
				}
				break
			}
		}
	}
}
