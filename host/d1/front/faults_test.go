package front

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-run/holdfast/host/d1"
)

// far is a host whose remote database is a server of our own, behind a proxy
// that does harm.
type far struct {
	*bench
	server *bench
	proxy  *proxy
	src    d1.Source
}

func newFar(t *testing.T) *far {
	t.Helper()
	server := newBench(t)
	p := newProxy(t, server.serve())
	f := &far{newBench(t), server, p, d1.Source{URL: p.url + "/d1/far"}}
	p.lost = f.abandon
	return f
}

// abandon ends what a client that has lost its stream leaves on the server: the
// transaction would last until it has taken too long.
func (f *far) abandon() {
	streams := f.server.front.streams
	streams.mu.Lock()
	var left []string
	for baton := range streams.byName {
		left = append(left, baton)
	}
	streams.mu.Unlock()
	for _, baton := range left {
		streams.expire(baton)
	}
}

// try runs statements on the remote database: several are a batch.
func (f *far) try(sql ...string) (string, error) {
	statements := make([]d1.Statement, len(sql))
	for i, text := range sql {
		statements[i].SQL = text
	}
	ctx, cancel := context.WithCancel(f.t.Context())
	defer cancel()
	f.proxy.mu.Lock()
	f.proxy.held = cancel
	f.proxy.mu.Unlock()
	results, _, err := f.front.host.Query(ctx, f.src, statements, len(sql) > 1, "")
	if err != nil {
		return "", err
	}
	text := ""
	for _, r := range results {
		for _, row := range r.Rows {
			text += fmt.Sprint(row[0].Int, " ")
		}
	}
	return strings.TrimSpace(text), nil
}

// must is try without an error.
func (f *far) must(sql ...string) string {
	f.t.Helper()
	text, err := f.try(sql...)
	if err != nil {
		f.t.Fatalf("%s: %v", sql, err)
	}
	return text
}

// lost checks that err says that the answer of a server did not come, and that
// trying again may help; or that nobody waited any more.
func lost(t *testing.T, h harm, err error) {
	t.Helper()
	want, retryable := d1.KindUnavailable, true
	if h == harmHold {
		want, retryable = d1.KindCanceled, false
	}
	var fault *d1.Error
	if !errors.As(err, &fault) || fault.Kind != want || fault.Retryable != retryable || fault.Message == "" {
		t.Errorf("%s: got %v (%+v), want one of kind %d that says that the server did not answer", h, err, fault, want)
	}
}

// TestFaults_ReadsAreTriedAgain: a read is answered whatever happens to its
// first try, as long as somebody waits.
func TestFaults_ReadsAreTriedAgain(t *testing.T) {
	f := newFar(t)
	f.must("CREATE TABLE t (a)")
	f.must("INSERT INTO t VALUES (7)")
	for _, h := range harms {
		f.proxy.arm(1, h)
		got, err := f.try("SELECT a FROM t")
		switch {
		case h == harmHold:
			lost(t, h, err)
		case err != nil || got != "7":
			t.Errorf("%s: %q, %v", h, got, err)
		}
		f.proxy.arm(0, harmNone)
		if got := f.must("SELECT count(*) FROM t"); got != "1" {
			t.Errorf("%s; behind it: %s", h, got)
		}
	}
	for n := 1; n <= 4; n++ { // BEGIN, two reads, COMMIT
		f.proxy.arm(n, harmCutAfter)
		if got, err := f.try("SELECT a FROM t", "SELECT count(*) FROM t"); err != nil || got != "7 1" {
			t.Errorf("a batch of reads, cut at %d: %q, %v", n, got, err)
		}
	}
}

// TestFaults_WritesAreSentOnce: whatever happens to a write, the server gets it
// once at most; an answer that was lost says so, and the next query goes on.
func TestFaults_WritesAreSentOnce(t *testing.T) {
	f := newFar(t)
	f.must("CREATE TABLE t (a)")
	rows := 0
	for i, h := range harms {
		for _, sql := range []string{"INSERT INTO t VALUES (%d)", "INSERT INTO t VALUES (%d) RETURNING a"} {
			f.proxy.arm(1, h)
			_, err := f.try(fmt.Sprintf(sql, i))
			lost(t, h, err)
			if h.heard() {
				rows++
			}
			if sent := f.proxy.tried("INSERT"); sent > 1 || (sent == 1) != h.heard() {
				t.Errorf("%s: the server got the write %d times", h, sent)
			}
			f.proxy.arm(0, harmNone)
			f.must("UPDATE t SET a = a") // which is not tried again
			if got := f.must("SELECT count(*) FROM t"); got != fmt.Sprint(rows) {
				t.Fatalf("%s: %s rows, want %d", h, got, rows)
			}
		}
	}
}

// TestFaults_BatchesAreWholeOrNot does each harm to each request of a batch
// that writes: all of it is there, or nothing, and what was answered is.
func TestFaults_BatchesAreWholeOrNot(t *testing.T) {
	f := newFar(t)
	f.must("CREATE TABLE t (a)")
	rows := 0
	for _, h := range harms {
		for n := 1; ; n++ {
			f.proxy.arm(n, h)
			_, err := f.try("INSERT INTO t VALUES (1)", "INSERT INTO t VALUES (2)", "INSERT INTO t VALUES (3)")
			if sent := f.proxy.tried("VALUES (2)"); sent > 1 {
				t.Errorf("%s at %d: sent %d times", h, n, sent)
			}
			harmed := n <= 5 // BEGIN, three insertions, COMMIT
			if committed := !harmed || n == 5 && h.heard(); committed {
				rows += 3
			}
			if f.proxy.arm(0, harmNone); harmed {
				lost(t, h, err)
			} else if err != nil {
				t.Errorf("%s, not met: %v", h, err)
			}
			if got := f.must("SELECT count(*) FROM t"); got != fmt.Sprint(rows) {
				t.Fatalf("%s at %d: %s rows, want %d", h, n, got, rows)
			}
			if !harmed {
				break
			}
		}
	}
}

// TestFaults_AnErrorOfSQLCostsNoConnection: a statement that fails rolls its
// batch back on the server, also where the rollback is lost.
func TestFaults_AnErrorOfSQLCostsNoConnection(t *testing.T) {
	f := newFar(t)
	f.must("CREATE TABLE t (a PRIMARY KEY)")
	for n, h := range map[int]harm{0: harmNone, 4: harmCutBefore} { // BEGIN, two insertions, ROLLBACK
		f.proxy.arm(n, h)
		_, err := f.try("INSERT INTO t VALUES (1)", "INSERT INTO t VALUES (1)")
		if err == nil || !strings.HasPrefix(err.Error(), "UNIQUE constraint failed: t.a") {
			t.Errorf("harm at %d: %v", n, err)
		}
		if got := f.must("SELECT count(*) FROM t"); got != "0" {
			t.Errorf("harm at %d: %s rows", n, got)
		}
	}
}

// TestFaults_StreamsAndTransactionsEnd: a server that gives a transaction up
// says why, nothing of it stays, and the next query goes on.
func TestFaults_StreamsAndTransactionsEnd(t *testing.T) {
	for _, test := range []struct {
		name              string
		idle, transaction time.Duration
		message           string
		kind              d1.Kind
	}{
		{"stream", time.Millisecond, time.Minute, "The remote database ended the stream; what was not committed is lost.", d1.KindUnavailable},
		{"transaction", time.Minute, time.Millisecond, "The remote database ended the transaction: it took too long.", d1.KindTimeout},
	} {
		t.Run(test.name, func(t *testing.T) {
			server := newBenchWith(t, func(c *d1.Config) { c.TransactionTimeout = test.transaction }, func(c *Config) { c.StreamIdle = test.idle })
			f := &far{bench: newBench(t), proxy: newProxy(t, server.serve())}
			f.src = d1.Source{URL: f.proxy.url + "/d1/far"}
			f.must("CREATE TABLE t (a)")
			f.proxy.before(3, func() { // the transaction owns its database until it ends
				if _, _, err := server.front.host.Query(t.Context(), d1.Source{Name: "far"}, []d1.Statement{{SQL: "SELECT 1"}}, false, ""); err != nil {
					t.Error(err)
				}
			})
			_, err := f.try("INSERT INTO t VALUES (1)", "INSERT INTO t VALUES (2)")
			var fault *d1.Error
			if !errors.As(err, &fault) || fault.Message != test.message || fault.Kind != test.kind || !fault.Retryable {
				t.Fatalf("got %v (%+v)", err, fault)
			}
			if got := f.must("SELECT count(*) FROM t"); got != "0" {
				t.Errorf("%s rows are left", got)
			}
		})
	}
}

// TestFaults_ServerRestarts: before each request of a batch, and between two
// queries of one connection.
func TestFaults_ServerRestarts(t *testing.T) {
	f := newFar(t)
	f.must("CREATE TABLE t (a)")
	for n := 1; n <= 4; n++ { // BEGIN, two insertions, COMMIT
		f.proxy.before(n, f.server.restart)
		_, err := f.try("INSERT INTO t VALUES (1)", "INSERT INTO t VALUES (2)")
		want := "0"
		if n == 1 { // nothing was begun
			want = "2"
		}
		if f.proxy.arm(0, harmNone); n == 1 && err != nil {
			t.Errorf("before the batch: %v", err)
		} else if n > 1 {
			lost(t, harmNone, err)
		}
		if got := f.must("SELECT count(*) FROM t"); got != want {
			t.Errorf("before request %d: %s rows, want %s", n, got, want)
		}
		f.must("DELETE FROM t")
	}
	f.server.stop()
	_, err := f.try("SELECT count(*) FROM t")
	f.server.start()
	if err == nil {
		t.Error("a server that is closed answered")
	}
	if got := f.must("SELECT count(*) FROM t"); got != "0" {
		t.Errorf("%s rows", got)
	}
}
