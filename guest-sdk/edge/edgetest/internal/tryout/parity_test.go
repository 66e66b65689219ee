package tryout_test

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-run/holdfast/guest-sdk/edge/edgetest"
	_ "github.com/holdfast-run/holdfast/guest-sdk/edge/edgetest/internal/tryout" // registers
)

// parity runs fn in memory and against the compiled tryout guest.
func parity(t *testing.T, fn func(t *testing.T, w *edgetest.World)) {
	t.Helper()
	edgetest.Both(t, "testdata/app", fn)
}

func get(w *edgetest.World, path string) string {
	return w.Fetch("GET", path, nil).Want(200).Text()
}

// is ends the test unless a path answers a text.
func is(t *testing.T, w *edgetest.World, path, want string) {
	t.Helper()
	if got := get(w, path); got != want {
		t.Fatalf("%s: got %q, want %q", path, got, want)
	}
}

func TestParity_TurnsCommitOrDrop(t *testing.T) {
	parity(t, func(t *testing.T, w *edgetest.World) {
		is(t, w, "/greet", "hi dev dev")
		is(t, w, "/through", "1")
		w.Fetch("GET", "/one/a/fail?key=k&value=1", nil).Want(500)
		is(t, w, "/one/a/get?key=k", "1")
		is(t, w, "/one/a/cell", "1")
		for _, end := range []string{"panic", "abort"} {
			r := w.Fetch("GET", "/one/a/"+end+"?key=k&value=2", nil).Want(500)
			if !strings.Contains(r.Text(), `"code":"reset"`) {
				t.Fatalf("%s: %s", end, r.Text())
			}
			is(t, w, "/one/a/get?key=k", "1")
			is(t, w, "/one/a/cell", "1")
			is(t, w, "/one/a/cell", "2")
		}
		w.Fetch("GET", "/one/a/synced?key=k&value=3", nil).Want(500)
		is(t, w, "/one/a/get?key=k", "3")
		w.Fetch("GET", "/one/a/none", nil).Want(404)
		w.Object("One", "a").Evict()
		is(t, w, "/one/a/cell", "1")
		w.Object("One", "a").Crash()
		is(t, w, "/one/a/cell", "1")
	})
}

func TestParity_CountersCountAtOnce(t *testing.T) {
	parity(t, func(t *testing.T, w *edgetest.World) {
		if n := w.Counter("seen"); n != 0 {
			t.Fatalf("before: %d", n)
		}
		is(t, w, "/one/a/count?name=seen&n=2", "")
		is(t, w, "/one/b/count?name=seen&n=40", "")
		is(t, w, "/one/b/count?name=other&n=0", "")
		w.Fetch("GET", "/one/b/count?name=seen&n=1&panic", nil).Want(500)
		for _, wrong := range []string{"name=seen&n=-1", "name=Seen&n=1", "name=&n=1"} {
			is(t, w, "/one/a/count?"+wrong, "")
		}
		if n, o := w.Counter("seen"), w.Counter("other"); n != 43 || o != 0 {
			t.Errorf("seen %d, other %d", n, o)
		}
		log := strings.Join(w.Logs(), "\n")
		if !strings.Contains(log, "seen: the delta is -1, expected 0 or more") || strings.Contains(log, "Seen") {
			t.Errorf("one refusal an instance belongs in the log:\n%s", log)
		}
		for i := range 99 {
			is(t, w, "/one/a/count?n=1&name=n"+strconv.Itoa(i), "")
		}
		if n := w.Counter("n97"); n != 1 || w.Counter("n98") != 0 {
			t.Errorf("the hundredth is %d, the one behind it %d", n, w.Counter("n98"))
		}
	})
}

// TestParity_WaitUntilKeepsItsOrder: queries that works of WaitUntil make of a
// database reach it in the order of the works, and so do those of one event
// before those of the next.
func TestParity_WaitUntilKeepsItsOrder(t *testing.T) {
	parity(t, func(t *testing.T, w *edgetest.World) {
		const events, works = 20, 50
		for range events {
			is(t, w, "/one/a/inserts?n="+strconv.Itoa(works), "")
		}
		w.Settle()
		want := ""
		for i := range events * works {
			want += "," + strconv.Itoa(i%works)
		}
		got := w.Fetch("POST", "/one/a/d1", "SELECT group_concat(text) FROM (SELECT text FROM notes ORDER BY id)").Want(200).Text()
		if got, _, _ = strings.Cut(got, " "); got != want[1:] {
			t.Errorf("the rows came as %s", got)
		}
	})
}

func TestParity_SQLAndD1Texts(t *testing.T) {
	parity(t, func(t *testing.T, w *edgetest.World) {
		for _, c := range []struct{ path, sql, want string }{
			{"/one/s/sql", "CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT UNIQUE); INSERT INTO t (v) VALUES ('x'), (NULL); SELECT * FROM t", "1,x;2,null"},
			{"/one/s/sql", "INSERT INTO t (v) VALUES ('x')", "sql_failed retryable=false remote=false: UNIQUE constraint failed: t.v: SQLITE_CONSTRAINT (extended: SQLITE_CONSTRAINT_UNIQUE)"},
			{"/one/s/sql", "SELEC 1", `sql_failed retryable=false remote=false: near "SELEC": syntax error at offset 0: SQLITE_ERROR`},
			{"/one/s/sql", "SELECT * FROM none", "sql_failed retryable=false remote=false: no such table: none: SQLITE_ERROR"},
			{"/one/s/sql", "BEGIN", "sql_failed retryable=false remote=false: To execute a transaction, please use the state.storage.transaction() or state.storage.transactionSync() APIs instead of the SQL BEGIN TRANSACTION or SAVEPOINT statements. The JavaScript API is safer because it will automatically roll back on exceptions, and because it interacts correctly with Durable Objects' automatic atomic write coalescing."},
			{"/one/s/sql", "ATTACH 'x' AS y", "sql_failed retryable=false remote=false: not authorized: SQLITE_AUTH"},
			{"/one/s/sql", "SELECT sqlite_version()", "sql_failed retryable=false remote=false: not authorized to use function: sqlite_version at offset 7: SQLITE_ERROR"},
			{"/one/s/sql", "CREATE VIRTUAL TABLE f USING fts5(b); INSERT INTO f VALUES ('kelp forest'); SELECT b FROM f WHERE f MATCH 'kelp'", "kelp forest"},
			{"/one/s/sql", "", "sql_failed retryable=false remote=false: SQL code did not contain a statement."},
			{"/one/s/d1", "INSERT INTO notes (text) VALUES ('a')", " changes=1 changed=true"},
			{"/one/s/d1", "SELECT * FROM notes", "1,a changes=0 changed=false"},
			{"/one/s/d1", "SELECT * FROM none", "d1_failed retryable=false remote=false: D1_ERROR: no such table: none: SQLITE_ERROR"},
			{"/one/s/d1", "", "d1_failed retryable=false remote=false: D1_ERROR: No SQL statements detected."},
			{"/one/s/d1?batch", "INSERT INTO notes (text) VALUES ('b')\nINSERT INTO notes (text) VALUES (NULL)", "d1_failed retryable=false remote=false: D1_ERROR: NOT NULL constraint failed: notes.text: SQLITE_CONSTRAINT (extended: SQLITE_CONSTRAINT_NOTNULL)"},
			{"/one/s/d1?batch", "INSERT INTO notes (text) VALUES ('c')\nDELETE FROM notes", "2"},
		} {
			if got := w.Fetch("POST", c.path, c.sql).Want(200).Text(); got != c.want {
				t.Errorf("%s %s:\n got %q\nwant %q", c.path, c.sql, got, c.want)
			}
		}
		w.Object("One", "s").Evict()
		if got := w.Fetch("POST", "/one/s/sql", "SELECT count(*) FROM t").Text(); got != "2" {
			t.Errorf("after an eviction: %s", got)
		}
	})
}

func TestParity_CallsAndCycles(t *testing.T) {
	parity(t, func(t *testing.T, w *edgetest.World) {
		is(t, w, "/one/a/call?to=b+c", "c")
		is(t, w, "/one/a/call?to=b+a", "call_cycle retryable=false remote=true: call cycle: the object would wait for itself")
		is(t, w, "/one/a/call?to=a", "call_cycle retryable=false remote=false: call cycle: the object would wait for itself")
		is(t, w, "/many/m/call?to=b", "b")
	})
}

func TestParity_AlarmsRetryByTheRules(t *testing.T) {
	for _, how := range []string{"", "&crash"} {
		parity(t, func(t *testing.T, w *edgetest.World) {
			a := w.Object("One", "a")
			get(w, "/one/a/put?key=fails&value=3")
			if how != "" {
				get(w, "/one/a/put?key=crash&value=1")
			}
			get(w, "/one/a/alarm?in=1h")
			w.Advance(time.Hour - time.Millisecond)
			is(t, w, "/one/a/get?key=runs", "")
			began := w.Now()
			w.Advance(time.Millisecond)
			for try := range 3 {
				at, ok := a.Alarm()
				base := 2 * time.Second << try
				if d := at.Sub(began); !ok || d < base || d > base+base/4+2*time.Millisecond {
					t.Fatalf("retry %d after %s (set %v), want %s to %s", try+1, d, ok, base, base+base/4)
				}
				w.Advance(at.Sub(w.Now()))
				began = w.Now()
			}
			is(t, w, "/one/a/get?key=runs", "3 true false\n")
			if _, ok := a.Alarm(); ok {
				t.Fatal("the alarm is still set")
			}
			get(w, "/one/a/put?key=fails&value=100")
			get(w, "/one/a/alarm?in=-1h")
			w.Advance(2 * time.Hour)
			if at, ok := a.Alarm(); ok {
				t.Fatalf("an alarm out of retries is set for %s", at)
			}
			is(t, w, "/one/a/get?key=runs", "3 true false\n")
		})
	}
}

func TestParity_AFailingConstructor(t *testing.T) {
	parity(t, func(t *testing.T, w *edgetest.World) {
		get(w, "/one/a/put?key=birth&value=fail")
		w.Object("One", "a").Evict()
		for range 2 {
			if r := w.Fetch("GET", "/one/a/cell", nil).Want(500); !strings.Contains(r.Text(), "stillborn") {
				t.Fatal(r.Text())
			}
		}
	})
}

func TestParity_Sockets(t *testing.T) {
	parity(t, func(t *testing.T, w *edgetest.World) {
		a := w.Connect("/one/s/ws?as=ann&tags=red+big&protocol=v1", "Sec-WebSocket-Protocol: v1, v2")
		if a.Protocol() != "v1" {
			t.Fatalf("protocol %q", a.Protocol())
		}
		b := w.Connect("/one/s/ws?as=bob&tags=red")
		for c, as := range map[*edgetest.Client]string{a: "ann", b: "bob"} {
			c.Expect("welcome " + as)
			c.Expect("open")
		}
		if r := w.Refused("/one/s/ws?refuse"); r.Status != 403 || r.Text() != "refused" {
			t.Fatalf("refused with %d %s", r.Status, r.Text())
		}
		w.Fetch("GET", "/one/s/ws", nil).Want(426)
		w.Object("One", "s").Evict()
		a.Send("who")
		a.Expect("ann red,big")
		is(t, w, "/one/s/say?text=hi&tag=big", "1 of 2")
		is(t, w, "/one/s/say?text=all", "2 of 2")
		a.Expect("hi")
		a.Expect("all")
		b.Expect("all")
		b.Send("ping")
		b.Expect("pong")
		b.Send("panic")
		w.Settle()
		b.Send("who")
		b.Expect("bob red")
		b.Quiet()
		b.Send("close")
		b.Expect("closing")
		if reason := b.ExpectClose(4001); reason != "as you wish" {
			t.Fatalf("reason %q", reason)
		}
		for range 500 { // the client's answer is on its way to a real host
			if w.Settle(); w.Fetch("GET", "/one/s/get?key=closes", nil).Text() == "bob 4001  true\n" {
				break
			}
		}
		a.Close(4002, "bye")
		for range 500 {
			if w.Settle(); w.Fetch("GET", "/one/s/get?key=closes", nil).Text() != "bob 4001  true\n" {
				break
			}
		}
		is(t, w, "/one/s/get?key=closes", "bob 4001  true\nann 4002 bye true\n")
		is(t, w, "/one/s/say?text=x", "0 of 0")
		c := w.Connect("/one/s/ws?as=cid")
		c.Expect("welcome cid")
		c.Drop()
		for range 50 {
			if w.Settle(); get(w, "/one/s/say?text=x") == "0 of 0" {
				break
			}
		}
		is(t, w, "/one/s/get?key=closes", "bob 4001  true\nann 4002 bye true\ncid 1006 WebSocket disconnected without sending Close frame. false\n")
	})
}

func TestParity_AnAbortDropsAnAcceptedSocket(t *testing.T) {
	parity(t, func(t *testing.T, w *edgetest.World) {
		w.Refused("/one/s/ws?abort&as=x")
		is(t, w, "/one/s/say?text=x", "0 of 0")
	})
}

func TestParity_CronsFireByTheClock(t *testing.T) {
	parity(t, func(t *testing.T, w *edgetest.World) {
		w.Advance(time.Hour)
		got := get(w, "/ticks")
		if n := strings.Count(got, ";"); n != 1 || strings.Count(got, "*/30 * * * * 00:00.000")+strings.Count(got, "*/30 * * * * 30:00.000") != 2 {
			t.Fatalf("ticks %q", got)
		}
		if err := w.Scheduled("*/30 * * * *"); err != nil {
			t.Fatal(err)
		}
		if got := get(w, "/ticks"); strings.Count(got, ";") != 2 {
			t.Fatalf("ticks %q", got)
		}
	})
}

func TestParity_SocketsOfTheInstanceItself(t *testing.T) {
	parity(t, func(t *testing.T, w *edgetest.World) {
		for _, path := range []string{"/own", "/one/s/own", "/many/s/own"} {
			a, b, c, d := w.Connect(path), w.Connect(path), w.Connect(path), w.Connect(path)
			for _, k := range []*edgetest.Client{a, b, c, d} {
				k.Expect("welcome")
			}
			a.Send("one")
			b.Send("two")
			a.Send("three")
			a.Expect("one")
			b.Expect("two")
			a.Expect("three")
			a.Send("return")
			a.ExpectClose(1000)
			b.Send("fail")
			b.ExpectClose(1011)
			c.Send("close")
			if reason := c.ExpectClose(4001); reason != "as you wish" {
				t.Errorf("closed with %q", reason)
			}
			d.SendBinary([]byte{1, 2})
			if m := d.Receive(); !m.Binary || len(m.Data) != 2 {
				t.Errorf("received %+v", m)
			}
			d.Close(4002, "bye")
		}
	})
}

func TestParity_SocketsOfAnInstanceEndWithIt(t *testing.T) {
	parity(t, func(t *testing.T, w *edgetest.World) {
		c := w.Connect("/one/s/own")
		c.Expect("welcome")
		is(t, w, "/one/s/say?text=x", "0 of 0") // it is in no list
		w.Object("One", "s").Crash()
		c.ExpectClose(1012)
		is(t, w, "/one/s/cell", "1")
	})
}
