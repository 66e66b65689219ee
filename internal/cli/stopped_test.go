package cli

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-run/holdfast/host"
)

// person runs the command line as somebody at a terminal does, who types in.
func person(in string, args ...string) outcome {
	var out, errs bytes.Buffer
	c := &call{
		name: args[0], args: args[1:], out: &out, err: &errs, in: strings.NewReader(in),
		getenv: func(string) (string, bool) { return "", false }, terminal: func(any) bool { return true }, patience: time.Hour,
	}
	return outcome{c.dispatch(), out.String(), errs.String()}
}

// stoppedHost is the data directory of a host that has run and ended, with the
// database db, of which it kept a history of so many days.
func stoppedHost(t *testing.T, days int) (data string, config host.Config) {
	t.Helper()
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "app/public"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "app/wrangler.jsonc"), []byte(`{"name":"t","assets":{"directory":"public"}}`), 0o644); err != nil {
		t.Fatal(err)
	}
	data = filepath.Join(dir, "data")
	config = host.Config{Dirs: []string{filepath.Join(dir, "app")}, Addr: "127.0.0.1:0", AdminAddr: "127.0.0.1:0", DataDir: data, CacheDir: filepath.Join(dir, "cache"), D1: host.D1Config{HistoryDays: &days}}
	whileItRuns(t, config, func(addr string) {
		wants(t, run([]string{"d1", "--admin-addr", addr, "create", "db"}), "")
		wants(t, run([]string{"d1", "--admin-addr", addr, "execute", "db", "--command", "CREATE TABLE t (a, b); INSERT INTO t VALUES (1, 'x')"}), "")
	})
	return data, config
}

// whileItRuns calls fn while a host serves at the admin address addr.
func whileItRuns(t *testing.T, config host.Config, fn func(addr string)) {
	t.Helper()
	h, err := host.New(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- h.Serve(nil) }()
	defer func() {
		if err := h.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
		<-served
	}()
	fn(h.AdminAddr())
}

func wants(t *testing.T, o outcome, out string) {
	t.Helper()
	if o.code != 0 || out != "" && o.out != out {
		t.Fatalf("exit %d, %q, printed %q, want %q", o.code, o.err, o.out, out)
	}
}

// TestD1_OfAStoppedHost: every verb works on the directory itself, a host that
// starts again finds what was done, and while it runs the directory is its own.
func TestD1_OfAStoppedHost(t *testing.T) {
	data, config := stoppedHost(t, 3)
	dump := filepath.Join(t.TempDir(), "dump.sql")
	d1 := func(args ...string) outcome { return run(append([]string{"d1", "--data", data}, args...)) }
	mark := strings.TrimSpace(d1("time-travel", "info", "db").out)
	wants(t, d1("execute", "db", "--command", "INSERT INTO t VALUES (2, NULL); SELECT * FROM t"), "a  b\n1  x\n2  NULL\n")
	wants(t, d1("export", "db", "--output", dump), "")
	wants(t, d1("create", "copy"), "")
	wants(t, d1("import", "copy", "--file", dump), "4 queries\n")
	wants(t, d1("export", "copy", "--format", "csv", "--table", "t"), "a,b\n1,x\n2,\n")
	wants(t, d1("execute", "db", "--command", "DELETE FROM t"), "")
	wants(t, d1("time-travel", "restore", "db", "--bookmark", mark), "")
	wants(t, d1("execute", "db", "--format", "csv", "--command", "SELECT * FROM t"), "a,b\n1,x\n")
	if o := d1("list"); !strings.Contains(o.out, "copy") || !strings.Contains(o.out, "db") {
		t.Errorf("list: %q %q", o.out, o.err)
	}
	if o := d1("info", "none"); o.code != exitFailed || !strings.Contains(o.err, "The database none could not be found") {
		t.Errorf("no such database: exit %d, %q", o.code, o.err)
	}
	whileItRuns(t, config, func(addr string) {
		expectUsage(t, d1("list"), "--data "+data, "a host has it open", "--admin-addr")
		wants(t, run([]string{"d1", "--admin-addr", addr, "execute", "copy", "--format", "csv", "--command", "SELECT count(*) AS n FROM t"}), "n\n2\n")
		o := run([]string{"d1", "--admin-addr", addr, "list"}, "HOLDFAST_DATA="+data) // is for serve, and chooses nothing here
		wants(t, o, "")
	})
	wants(t, d1("delete", "copy"), "")
	expectUsage(t, run([]string{"d1", "--data", t.TempDir(), "list"}), "--data", "no data directory", "LOCK")
	expectUsage(t, run([]string{"d1", "--data", data, "--admin-addr", "x:1", "list"}), "--data and --admin-addr")
}

// TestD1_OfAStoppedHostKeepsNoMoreHistory than the host did.
func TestD1_OfAStoppedHostKeepsNoMoreHistory(t *testing.T) {
	data, _ := stoppedHost(t, 0)
	d1 := func(args ...string) outcome { return run(append([]string{"d1", "--data", data}, args...)) }
	mark := strings.TrimSpace(d1("time-travel", "info", "db").out)
	wants(t, d1("execute", "db", "--command", "DELETE FROM t"), "")
	if o := d1("time-travel", "restore", "db", "--bookmark", mark); o.code != exitFailed || !strings.Contains(o.err, "history") {
		t.Errorf("exit %d, %q, %q", o.code, o.out, o.err)
	}
}

func TestD1_PromptRunsWhatIsTyped(t *testing.T) {
	data, _ := stoppedHost(t, 3)
	typed := `
-- a comment alone asks nothing
INSERT INTO t VALUES (2, 'a;b'); SELECT a
  FROM t
  WHERE b = 'a;b';
SELEC 1;
CREATE TRIGGER g AFTER INSERT ON t BEGIN
  DELETE FROM t WHERE a = 1;
  UPDATE t SET b = 'by g';
END;
INSERT INTO t VALUES (3, NULL);
SELECT * FROM t; .quit is no command here
;
.quit
SELECT 'not run';
`
	o := person(typed, "d1", "--data", data, "execute", "db")
	want := "a\n2\na  b\n2  by g\n3  by g\n"
	if o.code != 0 || o.out != want {
		t.Errorf("exit %d, printed %q, want %q\n%s", o.code, o.out, want, o.err)
	}
	for _, text := range []string{"db> ", "\n...> ", ".quit ends", "1 rows changed", `near "SELEC": syntax error`, `near ".": syntax error`} {
		if !strings.Contains(strings.ReplaceAll(o.err, "> ...", ">\n..."), text) {
			t.Errorf("the terminal lacks %q:\n%s", text, o.err)
		}
	}
	if o := person("SELECT 1", "d1", "--data", data, "execute", "db"); o.code != exitFailed || !strings.Contains(o.err, "no semicolon, and was not run: SELECT 1") || o.out != "" {
		t.Errorf("without a semicolon: exit %d, %q, %q", o.code, o.out, o.err)
	}
	if o := person("SELECT 1;", "d1", "--data", data, "execute", "none"); o.code != exitFailed || !strings.Contains(o.err, "The database none could not be found") || o.out != "" {
		t.Errorf("of no database: exit %d, %q, %q", o.code, o.out, o.err)
	}
	if o := person("nobody reads this", "d1", "--data", data, "execute", "db", "--command", "SELECT 7 AS n"); o.code != 0 || o.out != "n\n7\n" {
		t.Errorf("with --command: exit %d, %q, %q", o.code, o.out, o.err)
	}
}
