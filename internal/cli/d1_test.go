package cli

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/holdfast-run/holdfast/host"
)

// d1Host is a host that runs, and a way to name the files of the test.
func d1Host(t *testing.T) (path func(string) string, h *host.Host) {
	t.Helper()
	dir := t.TempDir()
	path = func(name string) string { return filepath.Join(dir, name) }
	write := func(name, text string) {
		if err := os.MkdirAll(filepath.Dir(path(name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path(name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("app/wrangler.jsonc", `{"name":"t","compatibility_date":"2026-01-01","assets":{"directory":"public"}}`)
	write("app/public/index.html", "page")
	write("more.sql", "CREATE TABLE more (a); INSERT INTO more VALUES (7);")
	write("mig/0002_b.sql", "INSERT INTO m VALUES (2);")
	write("mig/0001_a.sql", "CREATE TABLE m (a);")
	h, err := host.New(t.Context(), host.Config{Dirs: []string{path("app")}, Addr: "127.0.0.1:0", AdminAddr: "127.0.0.1:0", DataDir: path("data"), CacheDir: path("cache")})
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- h.Serve(nil) }()
	t.Cleanup(func() {
		if err := h.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
		<-served
	})
	return path, h
}

// TestD1_AgainstAHost runs every verb of holdfast d1 against a host.
func TestD1_AgainstAHost(t *testing.T) {
	path, h := d1Host(t)
	d1 := func(args ...string) outcome {
		return run(append([]string{"d1", "--admin-addr", h.AdminAddr()}, args...))
	}
	mark := ""
	for _, c := range []struct{ args, out string }{
		{"create db", "* db\n"},
		{"execute db --command|CREATE TABLE t (a, b); INSERT INTO t VALUES (1, 'x'), (2, NULL); SELECT * FROM t", "a  b\n1  x\n2  NULL\n"},
		{"execute db --format csv --command|SELECT a, x'0f' AS c FROM t", "a,c\n1,0f\n2,0f\n"},
		{"time-travel info db", "*\n"},
		{"execute db --command|DELETE FROM t", ""},
		{"time-travel restore db --bookmark MARK", "restored to *\n"},
		{"time-travel fork db --to fork", "* fork\n"},
		{"export fork --no-schema", "PRAGMA defer_foreign_keys=TRUE;\nINSERT INTO \"t\" (\"a\",\"b\") VALUES(1,'x');\nINSERT INTO \"t\" (\"a\",\"b\") VALUES(2,NULL);\n"},
		{"export fork --format csv --table t", "a,b\n1,x\n2,\n"},
		{"export fork --output " + path("f.sqlite"), ""},
		{"import again --file " + path("f.sqlite"), ""},
		{"import again --file " + path("more.sql"), "2 queries\n"},
		{"execute again --command|SELECT count(*) AS n FROM t, more", "n\n2\n"},
		{"migrations list db --dir " + path("mig"), "0001_a.sql\n0002_b.sql\n"},
		{"migrations apply db --dir " + path("mig"), "0001_a.sql\n0002_b.sql\n"},
		{"migrations list db --dir " + path("mig"), ""},
		{"migrations create db next --dir " + path("mig"), path("mig/0003_next.sql") + "\n"},
		{"tokens create db --role read-write", "*  hfd1_*\n"},
		{"tokens list db", "*  read-write  *\n"},
		{"info db", "name     db\n*tables   3\n"},
		{"delete db", ""},
		{"list", "NAME *again*fork*\n"},
	} {
		words, sql, _ := strings.Cut(strings.ReplaceAll(c.args, "MARK", mark), "|")
		args := strings.Fields(words)
		if sql != "" {
			args = append(args, sql)
		}
		o := d1(args...)
		if c.args == "time-travel info db" {
			mark = strings.TrimSpace(o.out)
		}
		if ok, _ := filepath.Match(strings.ReplaceAll(c.out, "/", "|"), strings.ReplaceAll(o.out, "/", "|")); !ok || o.code != 0 {
			t.Errorf("%s: exit %d, %s, printed %q, want %q", c.args, o.code, o.err, o.out, c.out)
		}
	}
	for args, want := range map[string]string{
		"info none": "could not be found", "execute fork --command SELEC": "syntax error", "nonsense x": "expected list", "export": "name of a database",
		"time-travel restore fork": "--bookmark or --time", "time-travel fork fork": "--to NAME", "export fork --format csv": "--table", "migrations apply": "VERB NAME",
		"tokens create fork --role all": "role is", "execute fork --file /none": "--file", "import fork --file /none": "--file",
	} {
		if o := d1(strings.Fields(args)...); o.code == 0 || !strings.Contains(o.err, want) {
			t.Errorf("%s: exit %d, %q, want %q", args, o.code, o.err, want)
		}
	}
}
