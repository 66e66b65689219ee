package front

import (
	"encoding/json"
	"errors"
	"net"
	"reflect"
	"strings"
	"testing"

	"github.com/valyala/fasthttp"

	"github.com/holdfast-run/holdfast/host/d1"
)

// unlike are the cases that a remote database answers otherwise, because the
// client does not tell, or the server judges the text as a whole.
var unlike = map[string]string{
	`"INSERT INTO t (a, b) VALUES (1, 'dup')"`: "the extended code is lost; the message does not tell a primary key",
	`"INSERT INTO w VALUES ('a', 2)"`:          "the same",
	`"DELETE FROM seq"`:                        "the code of RAISE is lost",
	`"SELECT ?101"`:                            "refused before it is sent",
	`"VACUUM"`:                                 "the same",
}

// serve puts the front on a port.
func (b *bench) serve() (address string) {
	b.t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.t.Fatal(err)
	}
	server := &fasthttp.Server{Handler: func(ctx *fasthttp.RequestCtx) {
		b.mu.Lock()
		b.asked += string(ctx.PostBody())
		front := b.front
		b.mu.Unlock()
		if !front.Handle(ctx, true) {
			ctx.SetStatusCode(fasthttp.StatusNotFound)
		}
	}}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	b.t.Cleanup(func() {
		if err := errors.Join(server.Shutdown(), <-ended); err != nil {
			b.t.Error(err)
		}
	})
	return "http://" + listener.Addr().String()
}

// TestRemote_OwnServer runs the table over Hrana, with libSQL's Go client, and
// beside it on a local database.
func TestRemote_OwnServer(t *testing.T) {
	b := newBench(t)
	address := b.serve()
	equal := 0
	for _, c := range recordedCases(t) {
		statements, batch, err := wireStatements([]byte(wireBody(t, c.Given)))
		if err != nil {
			t.Fatal(err)
		}
		var shown [2]string
		var rows [2][][][]any
		for i, src := range []d1.Source{{Name: "local"}, {URL: address + "/d1/remote"}} {
			results, _, err := b.front.host.Query(t.Context(), src, statements, batch, "")
			if err != nil {
				shown[i] = err.Error()
			}
			for _, r := range results {
				var values [][]any
				text, err := json.Marshal(json.RawMessage(appendTable(nil, r)))
				var table struct{ Rows [][]any }
				if err == nil {
					err = json.Unmarshal(text, &table)
				}
				if err != nil {
					t.Fatal(err)
				}
				rows[i] = append(rows[i], append(values, table.Rows...))
			}
		}
		same := shown[0] == shown[1] && reflect.DeepEqual(rows[0], rows[1])
		_, known := unlike[string(c.Given)]
		if random := strings.Contains(string(c.Given), "random"); !random && same == known {
			t.Errorf("%s:\nlocal  %q %v\nremote %q %v", c.Given, shown[0], rows[0], shown[1], rows[1])
		}
		if same {
			equal++
		}
	}
	t.Logf("%d cases are equal, %d are not", equal, len(unlike))
}

// TestRemote_SessionsReadTheLatest: a session that has seen something asks the
// primary, which a transaction that may write is sent to.
func TestRemote_SessionsReadTheLatest(t *testing.T) {
	b := newBench(t)
	src := d1.Source{URL: b.serve() + "/d1/remote"}
	last := ""
	query := func(sql, session string) (asked string, err error) {
		b.asked = ""
		_, mark, err := b.front.host.Query(t.Context(), src, []d1.Statement{{SQL: sql}}, false, session)
		if err == nil && mark <= last {
			t.Errorf("%s: bookmark %s does not sort after %s", sql, mark, last)
		}
		last = max(last, mark)
		return b.asked, err
	}
	for _, test := range []struct {
		sql, session string
		latest       bool
	}{
		{"CREATE TABLE t (a)", "", false}, {"SELECT 1", "", false}, {"SELECT 1", "first-unconstrained", false},
		{"SELECT 1", "first-primary", true}, {"SELECT 1", "mark", true}, {"INSERT INTO t VALUES (1)", "mark", true},
	} {
		if test.session == "mark" {
			test.session = last
		}
		asked, err := query(test.sql, test.session)
		if err != nil || strings.Contains(asked, "BEGIN IMMEDIATE") != test.latest {
			t.Errorf("%s in %q: %v, sent %s", test.sql, test.session, err, asked)
		}
	}
	if _, err := query("SELECT 1", "nonsense"); err == nil || err.Error() != `invalid bookmark or constraint: "nonsense"` {
		t.Errorf("a session of nonsense: %v", err)
	}
}
