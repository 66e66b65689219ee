package app

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestFind_SkipsAndStopsAtAnApp(t *testing.T) {
	dir := tree(t, map[string]string{
		"a/wrangler.jsonc": "{}", "a/nested/wrangler.toml": "", "b/c/wrangler.toml": "", "d/wrangler.json": "{}",
		"testdata/wrangler.json": "{}", "node_modules/x/wrangler.json": "{}", ".hidden/wrangler.json": "{}", "_off/wrangler.json": "{}", "e/readme": "",
	})
	files, err := Find([]string{dir, filepath.Join(dir, "a"), filepath.Join(dir, "d", "wrangler.json")})
	if err != nil {
		t.Fatal(err)
	}
	for i := range files {
		files[i], _ = filepath.Rel(dir, files[i])
	}
	if want := []string{"a/wrangler.jsonc", "b/c/wrangler.toml", "d/wrangler.json"}; !slices.Equal(files, want) {
		t.Errorf("found %q, want %q", files, want)
	}
	if files, err := Find([]string{filepath.Join(dir, "_off")}); err != nil || len(files) != 1 {
		t.Errorf("a named directory that begins with _: %q, %v", files, err)
	}
	for _, bad := range []string{"none", "e/readme"} {
		if _, err := Find([]string{filepath.Join(dir, bad)}); err == nil {
			t.Errorf("%s: no error", bad)
		}
	}
	write(t, filepath.Join(dir, "d", "wrangler.toml"), "")
	if _, err := Find([]string{dir}); err == nil || !strings.Contains(err.Error(), "wrangler.toml") {
		t.Errorf("two configurations in one directory: %v", err)
	}
}

func TestDiscover_StandaloneOnlyWhereItIsNamed(t *testing.T) {
	dir := tree(t, map[string]string{
		"a/wrangler.json": `{"name":"a","main":"."}`, "a/main.go": "package main",
		"b/wrangler.json": `{"name":"b","main":".","holdfast":{"standalone":true}}`, "b/main.go": "package main",
		"c/wrangler.json": `{"name":"c","main":"unbuilt.wasm","holdfast":{"standalone":true}}`,
	})
	names := func(dirs ...string) string {
		apps, err := Discover(dirs)
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, c := range apps {
			names = append(names, c.Name)
		}
		return strings.Join(names, " ")
	}
	b := filepath.Join(dir, "b")
	for want, dirs := range map[string][]string{"a": {dir}, "b": {b}, "a b": {dir, b + "/"}} {
		if got := names(dirs...); got != want {
			t.Errorf("%q gives %q, want %q", dirs, got, want)
		}
	}
	if got := names(filepath.Join(b, "wrangler.json")); got != "b" {
		t.Errorf("its file gives %q", got)
	}
}

func TestDiscover_FaultsBetweenApps(t *testing.T) {
	for name, test := range map[string]struct{ a, b, want string }{
		"one name twice": {`{"name":"x","main":"."}`, `{"name":"x","main":"."}`, "name: x is the name of the app in"},
		"unknown script": {`{"name":"x","main":"."}`, `{"name":"y","main":".","durable_objects":{"bindings":[{"name":"Z","class_name":"C","script_name":"w"}]}}`, "script_name: there is no app w"},
		"broken config":  {`{"name":"x","main":"."}`, `{`, "want JSON"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := tree(t, map[string]string{"a/wrangler.json": test.a, "a/main.go": "package main", "b/wrangler.json": test.b, "b/main.go": "package main"})
			if _, err := Discover([]string{dir}); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error is %v, want %q", err, test.want)
			}
		})
	}
}
