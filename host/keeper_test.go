package host_test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/holdfast-run/holdfast/host"
	"github.com/holdfast-run/holdfast/internal/wasmtest"
)

// ask calls the admin API.
func ask(t *testing.T, h *wasmtest.Host, method, path string, body any) wasmtest.Answer {
	t.Helper()
	return wasmtest.Do(t, method, h.Admin+"/_holdfast/api/"+path, "", body)
}

func wantStatus(t *testing.T, a wasmtest.Answer, status int, holds string) {
	t.Helper()
	if a.Status != status || !strings.Contains(string(a.Body), holds) {
		t.Fatalf("got %d %s, want %d with %q", a.Status, a.Body, status, holds)
	}
}

// keepingConfig keeps a history of rooms.
var keepingConfig = strings.Replace(roomConfig, `"holdfast": {`, `"holdfast": {"history_days": 2, "classes": [{"class": "Room", "objects": 4}],`, 1)

// TestKeeper tells the story of one object: restored, cloned, deleted, with
// its instance alive.
func TestKeeper(t *testing.T) {
	app := newApp(t, keepingConfig)
	data := t.TempDir()
	h := wasmtest.Start(t, host.Config{Manual: true, DataDir: data}, app.dir)
	const a = "objects/rooms.Room/name:a"
	room(t, h, "a", "incr")
	first := ask(t, h, "GET", a+"/bookmark", nil).JSON(t)["bookmark"]
	now := ask(t, h, "GET", "clock", nil).JSON(t)["now"].(string)
	advance(t, h, "1h")
	expect(t, room(t, h, "a", "incr"), 200, "2")
	room(t, h, "a", "arm")
	timed := ask(t, h, "GET", a+"/bookmark?time="+url.QueryEscape(now), nil)
	if timed.JSON(t)["bookmark"] != first {
		t.Fatalf("at %s: %s, want %s", now, timed.Body, first)
	}

	restored := ask(t, h, "POST", a+"/restore", map[string]any{"time": now})
	wantStatus(t, restored, 200, first.(string))
	expect(t, room(t, h, "a", "incr"), 200, "2")
	if alarm := ask(t, h, "GET", a, nil).JSON(t)["alarm"]; alarm != nil {
		t.Fatalf("the alarm of later stands: %v", alarm)
	}
	wantStatus(t, ask(t, h, "POST", a+"/restore", map[string]any{"bookmark": restored.JSON(t)["undo"]}), 200, "undo")
	expect(t, room(t, h, "a", "incr"), 200, "3")
	if ask(t, h, "GET", a, nil).JSON(t)["alarm"] == nil {
		t.Fatal("the alarm did not come back")
	}
	wantStatus(t, ask(t, h, "POST", a+"/alarm", nil), 204, "")
	advance(t, h, "1ms")
	expect(t, room(t, h, "a", "rang"), 200, "one")

	wantStatus(t, ask(t, h, "POST", a+"/clone", map[string]any{"to": "b", "bookmark": first}), 201, `"name":"b"`)
	expect(t, room(t, h, "b", "incr"), 200, "2")
	wantStatus(t, ask(t, h, "POST", a+"/clone", map[string]any{"to": "b"}), 409, "already")
	wantStatus(t, ask(t, h, "POST", a+"/clone", map[string]any{"to": "b", "over": true}), 201, "b")
	expect(t, room(t, h, "b", "incr"), 200, "4")
	wantStatus(t, ask(t, h, "POST", a+"/vacuum", nil), 200, "before")
	room(t, h, "c", "incr")
	room(t, h, "d", "incr")
	if got := room(t, h, "e", "incr"); got.Status < 500 {
		t.Fatalf("a fifth object: %d %s", got.Status, got.Body)
	}
	wantStatus(t, ask(t, h, "DELETE", "objects/rooms.Room/name:d", nil), 204, "")
	wantStatus(t, ask(t, h, "GET", "objects/rooms.Room/name:d", nil), 404, "")
	expect(t, room(t, h, "e", "incr"), 200, "1")

	keeperFaults(t, h, data)
	backUpAndRestore(t, h, app, data)
}

func keeperFaults(t *testing.T, h *wasmtest.Host, data string) {
	t.Helper()
	const a = "objects/rooms.Room/name:a"
	for _, wrong := range []struct {
		method, path string
		body         any
		status       int
	}{
		{"POST", a + "/restore", nil, 400},
		{"POST", a + "/restore", map[string]any{"time": "noon"}, 400},
		{"POST", a + "/restore", map[string]any{"time": "2001-01-01T00:00:00Z"}, 409},
		{"POST", a + "/restore", map[string]any{"bookmark": "x"}, 409},
		{"GET", a + "/bookmark?time=noon", nil, 400},
		{"GET", "objects/rooms.Room/name:none/bookmark", nil, 404},
		{"POST", a + "/clone", map[string]any{}, 400},
		{"POST", a + "/clone", map[string]any{"to": "a", "over": true}, 409},
		{"POST", "objects/rooms.Room/name:none/clone", map[string]any{"to": "x"}, 404},
		{"POST", "objects/rooms.Room/name:none/alarm", nil, 404},
		{"POST", "objects/none.None/name:none/vacuum", nil, 404},
		{"POST", "alarms/dead/00/run", nil, 404},
		{"DELETE", "alarms/dead/00", nil, 404},
		{"POST", "backup", nil, 400},
		{"POST", "backup", map[string]any{"to": filepath.Join(data, "x")}, 409},
		{"POST", "namespaces/none/export", map[string]any{"to": filepath.Join(t.TempDir(), "x")}, 404},
		{"POST", "namespaces/rooms.Room/import", map[string]any{"from": filepath.Join(t.TempDir(), "x")}, 404},
	} {
		if got := ask(t, h, wrong.method, wrong.path, wrong.body); got.Status != wrong.status {
			t.Errorf("%s %s %v: %d %s, want %d", wrong.method, wrong.path, wrong.body, got.Status, got.Body, wrong.status)
		}
	}
}

// backUpAndRestore goes on with the objects a, b, c and e.
func backUpAndRestore(t *testing.T, h *wasmtest.Host, app *appDir, data string) {
	t.Helper()
	dir := t.TempDir()
	export := filepath.Join(dir, "rooms")
	wantStatus(t, ask(t, h, "POST", "namespaces/rooms.Room/export", map[string]any{"to": export}), 201, `"objects":4`)
	wantStatus(t, ask(t, h, "POST", "namespaces/rooms.Room/export", map[string]any{"to": export}), 409, "exists")
	wantStatus(t, ask(t, h, "POST", "backup", map[string]any{"to": filepath.Join(dir, "backups")}), 201, "copiedBytes")
	expect(t, room(t, h, "a", "incr"), 200, "4")
	wantStatus(t, ask(t, h, "POST", "namespaces/rooms.Room/import", map[string]any{"from": export}), 200, `"objects":4`)
	expect(t, room(t, h, "a", "incr"), 200, "4")
	wantStatus(t, ask(t, h, "POST", "verify", nil), 200, `"problems":[]`)
	bad, err := os.ReadFile(export)
	if err != nil {
		t.Fatal(err)
	}
	bad[len(bad)-40] ^= 1
	if err := os.WriteFile(export, bad, 0o600); err != nil {
		t.Fatal(err)
	}
	wantStatus(t, ask(t, h, "POST", "namespaces/rooms.Room/import", map[string]any{"from": export}), 409, "not a whole export")
	h.Stop()
	restored := filepath.Join(dir, "restored")
	if _, err := host.RestoreBackup(filepath.Join(dir, "backups"), "", restored); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{data, restored} {
		v, err := host.VerifyData(t.Context(), dir)
		if err != nil || len(v.Problems) > 0 || v.Objects != 4 {
			t.Fatalf("%s: %+v, %v", dir, v, err)
		}
	}
	h = wasmtest.Start(t, host.Config{Manual: true, DataDir: restored}, app.dir)
	expect(t, room(t, h, "a", "incr"), 200, "4")
	if _, err := host.VerifyData(t.Context(), t.TempDir()); err == nil {
		t.Fatal("an empty directory was verified")
	}
}

// TestPeek looks into an object and writes to it: reading leaves the instance,
// writing does not.
func TestPeek(t *testing.T) {
	app := newApp(t, roomConfig)
	app.change("main.go", `case "incr":`, `case "memory":
		o.seen++
		return edge.Text(200, fmt.Sprint(o.seen)), nil
	case "incr":`)
	app.change("main.go", "type room struct {", "type room struct {\n\tseen int")
	app.change("main.go", "&room{s, env}", "&room{0, s, env}")
	h := wasmtest.Start(t, host.Config{Manual: true}, app.dir)
	const a = "objects/rooms.Room/name:a"
	wantStatus(t, ask(t, h, "GET", a+"/kv", nil), 404, "no object")
	expect(t, room(t, h, "a", "incr"), 200, "1")
	expect(t, room(t, h, "a", "memory"), 200, "1")
	wantStatus(t, ask(t, h, "GET", a+"/kv?prefix=n&limit=1", nil), 200, `{"items":[{"key":"n","value":"MQ=="}]}`)
	wantStatus(t, ask(t, h, "GET", a+"/kv?cursor=n", nil), 200, `{"items":[]}`)
	wantStatus(t, ask(t, h, "POST", a+"/sql", map[string]any{"sql": "SELECT ? AS n, ? AS f, ? AS t, ? AS b, NULL AS z", "params": []any{7, 1.5, "x", map[string]string{"base64": "AQI="}}}),
		200, `{"columns":["n","f","t","b","z"],"rows":[[7,1.5,"x",{"base64":"AQI="},null]]`)
	expect(t, room(t, h, "a", "memory"), 200, "2")
	wantStatus(t, ask(t, h, "POST", a+"/sql", map[string]any{"sql": "CREATE TABLE t (a); INSERT INTO t VALUES (?) RETURNING a", "params": []any{5}}), 200, `"rows":[[5]]`)
	expect(t, room(t, h, "a", "memory"), 200, "1")
	wantStatus(t, ask(t, h, "POST", a+"/sql", map[string]any{"sql": "SELECT count(*) FROM t"}), 200, `"rows":[[1]]`)
	for body, status := range map[string]int{`{}`: 400, `{"sql":"SELECT nonsense"}`: 409, `{"sql":"BEGIN"}`: 409, `{"sql":"SELECT ?","params":[[1]]}`: 409} {
		if got := ask(t, h, "POST", a+"/sql", json.RawMessage(body)); got.Status != status {
			t.Errorf("%s: %d %s, want %d", body, got.Status, got.Body, status)
		}
	}
	wantStatus(t, ask(t, h, "POST", "objects/rooms.Room/name:none/sql", map[string]any{"sql": "SELECT 1"}), 404, "no object")
}

// TestMigrations_RenameKeepsAndDeleteErases, each step once.
func TestMigrations_RenameKeepsAndDeleteErases(t *testing.T) {
	app := newApp(t, roomConfig)
	cfg := host.Config{Manual: true, DataDir: t.TempDir()}
	h := wasmtest.Start(t, cfg, app.dir)
	expect(t, room(t, h, "a", "incr"), 200, "1")
	id := ask(t, h, "GET", "objects/rooms.Room/name:a", nil).JSON(t)["id"]
	h.Stop()

	app.change("main.go", `edge.Register("Room"`, `edge.Register("Hall"`)
	app.change("wrangler.jsonc", `"class_name": "Room"`, `"class_name": "Hall"`)
	app.change("wrangler.jsonc", `["Room"]}`, `["Room"]}, {"tag": "v2", "renamed_classes": [{"from": "Room", "to": "Hall"}]}`)
	for n := 2; n <= 3; n++ {
		h = wasmtest.Start(t, cfg, app.dir)
		expect(t, room(t, h, "a", "incr"), 200, fmt.Sprint(n))
		d := ask(t, h, "GET", "objects/rooms.Hall/name:a", nil)
		if d.Status != 200 || d.JSON(t)["id"] != id {
			t.Fatalf("%d %s, want the id %s", d.Status, d.Body, id)
		}
		h.Stop()
	}

	app.change("main.go", `edge.Register("Hall"`, `edge.Register("Room"`)
	app.change("wrangler.jsonc", `"class_name": "Hall"`, `"class_name": "Room"`)
	app.change("wrangler.jsonc", `"to": "Hall"}]}`, `"to": "Hall"}]}, {"tag": "v3", "deleted_classes": ["Hall"], "new_sqlite_classes": ["Room"]}`)
	h = wasmtest.Start(t, cfg, app.dir)
	expect(t, room(t, h, "a", "incr"), 200, "1")
	if objects := ask(t, h, "GET", "objects?namespace=rooms.Hall", nil); !strings.Contains(string(objects.Body), `"items":[]`) {
		t.Fatalf("%s", objects.Body)
	}
	h.Stop()
}
