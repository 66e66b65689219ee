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
		if !b.front.Handle(ctx, true) {
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
