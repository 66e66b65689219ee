package cli

import (
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
)

// TestKeep_AsksTheHost: each command asks for one thing and says how it went.
func TestKeep_AsksTheHost(t *testing.T) {
	const all = `{"bookmark":"b1","undo":"b2","id":"01","name":"x","bytes":7,"copiedBytes":5,"files":3,"objects":4,"before":9,"after":8,"problems":[]}`
	for _, c := range []struct{ args, asked, body, out string }{
		{"objects restore a.B name:x --bookmark b1", "POST objects/a.B/name:x/restore", `{"bookmark":"b1"}`, "restored to b1; --bookmark b2 takes that back\n"},
		{"objects restore a.B name:x --time 2026-04-07T00:00:00Z", "POST objects/a.B/name:x/restore", `{"time":"2026-04-07T00:00:00Z"}`, "restored to b1; --bookmark b2 takes that back\n"},
		{"objects clone a.B name:x --to y", "POST objects/a.B/name:x/clone", `{"over":false,"to":"y"}`, "01 x, 7 bytes\n"},
		{"objects clone --over a.B name:x --to y --bookmark b", "POST objects/a.B/name:x/clone", `{"bookmark":"b","over":true,"to":"y"}`, "01 x, 7 bytes\n"},
		{"objects bookmark a.B name:x", "GET objects/a.B/name:x/bookmark?", "", "b1\n"},
		{"objects bookmark a.B name:x --time 2026-04-07T00:00:00Z", "GET objects/a.B/name:x/bookmark?time=2026-04-07T00%3A00%3A00Z", "", "b1\n"},
		{"objects vacuum a.B name:x", "POST objects/a.B/name:x/vacuum", "", "8 bytes, before 9\n"},
		{"objects delete a.B name:x/y", "DELETE objects/a.B/name:x%2Fy", "", ""},
		{"alarms run a.B name:x", "POST objects/a.B/name:x/alarm", "", ""},
		{"alarms run 64aa", "POST alarms/dead/64aa/run", "", ""},
		{"alarms forget 64aa", "DELETE alarms/dead/64aa", "", ""},
		{"backup --to dir", "POST backup", `{"to":"dir"}`, "x: 7 bytes in 3 files, 5 bytes copied\n"},
		{"backup --namespace a.B --to f", "POST namespaces/a.B/export", `{"to":"f"}`, "f: 4 objects\n"},
		{"restore --namespace a.B --from f", "POST namespaces/a.B/import", `{"from":"f"}`, "a.B: 4 objects\n"},
		{"verify", "POST verify", "", "4 objects, 7 bytes, 0 SQL databases, 0 alarms, 0 records of history\n"},
	} {
		var body string
		h := stub(t, func(w http.ResponseWriter, r *http.Request) {
			b, _ := io.ReadAll(r.Body)
			body = string(b)
			fmt.Fprint(w, all)
		})
		o := run(strings.Fields(c.args + " --admin-addr " + h.addr))
		asked := strings.Replace(strings.TrimSpace(strings.Join(h.asked, "|")), "/_holdfast/api/", "", 1)
		if o.code != 0 || o.err != "" || asked != c.asked || o.out != c.out {
			t.Errorf("%s: exit %d, %q, asked %q, printed %q", c.args, o.code, o.err, asked, o.out)
		}
		if body != c.body {
			t.Errorf("%s sent %s", c.args, body)
		}
	}
}

func TestKeep_Faults(t *testing.T) {
	for args, want := range map[string]string{
		"objects restore a.B x":                        "expected --bookmark or --time",
		"objects restore a.B x --bookmark b --time 1h": "at most one",
		"objects restore a.B x --time noon":            "expected a time",
		"objects restore a.B x --time -1h":             "expected a time",
		"objects clone a.B x":                          "--to NAME",
		"alarms":                                       "expected alarms list",
		"backup":                                       "--to DIR",
		"restore --from x":                             "--data DIR",
		"restore --namespace a.B":                      "--from FILE",
		"verify x":                                     "expected verify",
	} {
		if o := run(strings.Fields(args)); o.code != exitUsage || !strings.Contains(o.err, want) {
			t.Errorf("%s: exit %d, %q", args, o.code, o.err)
		}
	}
	none := filepath.Join(t.TempDir(), "none")
	for _, args := range [][]string{{"verify", "--data", none}, {"restore", "--from", none, "--data", none}} {
		if o := run(args); o.code != exitFailed || o.err == "" {
			t.Errorf("%s: exit %d, %q", args, o.code, o.err)
		}
	}
	h := stub(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"problems":["one thing"],"more":2}`) })
	if o := run([]string{"verify", "--admin-addr", h.addr}); o.code != exitFailed || !strings.Contains(o.out, "one thing") || !strings.Contains(o.err, "3 problems") {
		t.Errorf("exit %d, %q, %q", o.code, o.out, o.err)
	}
}

func TestAlarms_List(t *testing.T) {
	h := stub(t, func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, `{"items":[{"namespace":"a.B","name":"x","id":"01","scheduledAt":"s","dueAt":"d","retries":2},{"namespace":"a.B","id":"02","scheduledAt":"s","dueAt":"d","key":"64aa","reason":"why"}]}`)
	})
	o := run([]string{"alarms", "list", "--admin-addr", h.addr})
	want := "NAMESPACE  NAME OR ID  SCHEDULED  RETRIES  DUE\na.B        x           s          2        d\na.B        02          s          0        d\n"
	if o.code != 0 || o.out != want {
		t.Errorf("exit %d, %q", o.code, o.out)
	}
	o = run([]string{"alarms", "list", "--dead", "--admin-addr", h.addr})
	if o.code != 0 || !strings.Contains(o.out, "why") || !strings.Contains(o.out, "64aa") || !strings.Contains(h.asked[1], "alarms/dead") {
		t.Errorf("exit %d, %q, %q", o.code, o.out, h.asked)
	}
}
