package host_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/holdfast-run/holdfast/host"
	"github.com/holdfast-run/holdfast/internal/wasmtest"
)

// notesConfig is roomConfig with a database that has migrations.
var notesConfig = strings.Replace(roomConfig, `"holdfast": {`, `"d1_databases": [{"binding": "DB", "database_name": "notes", "database_id": "notes", "migrations_dir": "migrations"}], "holdfast": {`, 1)

func newNotes(t *testing.T) *appDir {
	t.Helper()
	a := newApp(t, notesConfig)
	a.write("migrations/0001_notes.sql", "CREATE TABLE notes (id INTEGER PRIMARY KEY);\nINSERT INTO notes VALUES (1);\n")
	a.write("migrations/0002_more.sql", "INSERT INTO notes VALUES (2);\n")
	return a
}

// TestD1_MigrationsRunAgain: a database that was deleted, made anew, restored to
// before its migrations or replaced by another's file while the host runs has
// them before the guest's next statement, each once.
func TestD1_MigrationsRunAgain(t *testing.T) {
	h := wasmtest.Start(t, host.Config{}, newNotes(t).dir)
	const notes = "/notes"
	ask := func(method, path, body string) wasmtest.Answer {
		t.Helper()
		a := wasmtest.Do(t, method, h.Admin+"/client/v4/accounts/a/d1/database"+path, "", body)
		if a.Status != 200 {
			t.Fatalf("%s %s: %d %s", method, path, a.Status, a.Body)
		}
		return a
	}
	rows := func(want string) {
		t.Helper()
		expect(t, wasmtest.Do(t, "GET", h.URL+"/w/d1", "", nil), 200, want)
	}
	rows("2")
	ask("POST", notes+"/query", `{"sql": "INSERT INTO notes VALUES (3)"}`)
	rows("3")
	whole := string(ask("GET", notes+"/file", "").Body)

	ask("DELETE", notes, "")
	rows("2")

	ask("DELETE", notes, "")
	ask("POST", "", `{"name": "notes"}`)
	var empty struct{ Result struct{ Bookmark string } }
	if err := json.Unmarshal(ask("GET", notes+"/time_travel/bookmark", "").Body, &empty); err != nil {
		t.Fatal(err)
	}
	rows("2")
	ask("POST", notes+"/time_travel/restore?bookmark="+empty.Result.Bookmark, "")
	rows("2")

	ask("PUT", notes+"/file", whole) // has them already
	rows("3")
	ask("POST", notes+"/query", `{"sql": "DELETE FROM d1_migrations WHERE name LIKE '0002%'; DELETE FROM notes WHERE id = 2"}`)
	rows("2") // nobody has told of a change: they are not looked for at each query
	if n := strings.Count(h.Log.String(), "D1 migrations applied"); n != 4 {
		t.Errorf("migrations were applied %d times, want at the start and after each of three losses:\n%s", n, h.Log)
	}
}
