package appconfig

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
)

func TestPlain_TakesOutCommentsAndTrailingCommas(t *testing.T) {
	for in, want := range map[string]string{
		`{"a": 1, // x` + "\n" + `"b": [1, 2,], /* , } */ }`: `{"a":1,"b":[1,2]}`,
		`{"url": "http://x/*no*/", "q": "\"//",}`:            `{"url":"http://x/*no*/","q":"\"//"}`,
		`[1, /* a */ /* b */]`:                               `[1]`,
		`{} // end`:                                          `{}`,
		"/* two\nlines */ []":                                `[]`,
	} {
		var v any
		text := plain([]byte(in))
		if err := json.Unmarshal(text, &v); err != nil || len(text) != len(in) {
			t.Errorf("%s: became %s: %v", in, text, err)
			continue
		}
		var w any
		_ = json.Unmarshal([]byte(want), &w)
		got, _ := json.Marshal(v)
		again, _ := json.Marshal(w)
		if string(got) != string(again) {
			t.Errorf("%s: got %s, want %s", in, got, again)
		}
	}
}

func TestRouter_TheMostTellingPatternWins(t *testing.T) {
	r := &Router{}
	r.add("/logs", "", "")
	r.add("/logs/*", "", "")
	r.add("/logs/:id", "ROOM", ":id")
	r.add("/logs/:id/*", "ROOM", "log-:id")
	r.add("/logs/:id/import", "IMPORT", ":id")
	r.add("example.com/files*", "FILES", "all")
	for path, want := range map[string]Match{
		"/logs":           {},
		"/logs/a":         {"ROOM", "a"},
		"/logs/a%20b":     {"ROOM", "a b"},
		"/logs/a/events":  {"ROOM", "log-a"},
		"/logs/a/b/c":     {"ROOM", "log-a"},
		"/logs/a/import":  {"IMPORT", "a"},
		"/logs/":          {},
		"/files-of-today": {"FILES", "all"},
	} {
		if m, ok := r.Match(path); !ok || m != want {
			t.Errorf("%s: got %+v %v, want %+v", path, m, ok, want)
		}
	}
	for _, path := range []string{"/", "/log", "/other/logs"} {
		if m, ok := r.Match(path); ok {
			t.Errorf("%s: got %+v", path, m)
		}
	}
}

func TestLoad_ReadsWhatAWorldNeeds(t *testing.T) {
	dir := t.TempDir()
	text := `{
		"name": "app", "main": ".", // the guest
		"vars": {"A": "x", "B": 3},
		"durable_objects": {"bindings": [{"name": "ROOM", "class_name": "Room"}]},
		"d1_databases": [{"binding": "DB", "database_name": "main", "migrations_dir": "sql"}],
		"triggers": {"crons": ["0 * * * *"]},
		"routes": ["/a/*", {"pattern": "/b"}],
		"holdfast": {"routes": [{"pattern": "/r/:id", "binding": "ROOM", "name": ":id"}]},
	}`
	if err := os.WriteFile(filepath.Join(dir, "wrangler.jsonc"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	m, _ := c.Routes.Match("/r/7")
	if c.Name != "app" || c.Vars["A"] != "x" || c.Vars["B"] != "3" || c.Class("ROOM") != "Room" || c.Class("X") != "" ||
		c.Databases[0].MigrationsDir != filepath.Join(dir, "sql") || len(c.Crons) != 1 || m.Name != "7" {
		t.Fatalf("%+v", c)
	}
	if err := os.WriteFile(filepath.Join(dir, "wrangler.jsonc"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(dir); err == nil {
		t.Fatal("half a file was read")
	}
}
