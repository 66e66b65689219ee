package edgetest_test

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-run/holdfast/guest-sdk/edge"
	"github.com/holdfast-run/holdfast/guest-sdk/edge/edgetest"
)

func world(t *testing.T, o ...edgetest.Option) *edgetest.World {
	return edgetest.New(t, append([]edgetest.Option{edgetest.Namespace("PROBE", "Probe"), edgetest.Namespace("OPEN", "Open")}, o...)...)
}

func TestCall_ResultsAndErrors(t *testing.T) {
	w := world(t)
	h := w.Object("Probe", "a")
	for _, want := range []int{2, 4} {
		if n, err := edgetest.Call[int](h, "add", 2); n != want || err != nil {
			t.Fatalf("%d, %v", n, err)
		}
	}
	_, err := edgetest.Call[int](h, "add", -1)
	var e *edge.Error
	if !errors.As(err, &e) || !e.Remote || e.Message != "negative" {
		t.Fatalf("%#v", err)
	}
	if _, err := edgetest.Call[int](h, "none", 1); !errors.Is(err, edge.ErrInvalid) {
		t.Fatal(err)
	}
}

func TestStubs_ReachObjectsByNameAndID(t *testing.T) {
	w := world(t, edgetest.Var("GREETING", "hi"))
	r := w.Fetch("GET", fetching(func(p *probe, _ *edge.Request) (*edge.Response, error) {
		ns := p.env.Namespace("PROBE")
		id, err := ns.IDFromName("bob")
		if err != nil {
			return nil, err
		}
		again, err := ns.IDFromString(id.String())
		if err != nil || !again.Equal(id) {
			return nil, fmt.Errorf("%v, %v", again, err)
		}
		if _, err := p.env.Namespace("OPEN").IDFromString(id.String()); !errors.Is(err, edge.ErrInvalid) {
			return nil, fmt.Errorf("an id of another class: %v", err)
		}
		if _, err := p.env.Namespace("NONE").IDFromName("x"); !errors.Is(err, edge.ErrNotFound) {
			return nil, fmt.Errorf("no such binding: %v", err)
		}
		name, err := edge.Call[string](ns.Get(id), "through", []string{})
		if err != nil {
			return nil, err
		}
		resp, err := ns.GetByName("carl").Fetch(edge.NewRequest("GET", "http://x/"+p.env.Var("GREETING"), nil))
		if err != nil {
			return nil, err
		}
		return edge.Text(resp.Status, name+" "+p.env.Var("HOLDFAST_MODE")+" "+string(resp.Body)), nil
	}), nil)
	if r.Text() != "bob dev ok" {
		t.Fatal(r.Text())
	}
}

func TestStubs_ACycleIsRefused(t *testing.T) {
	w := world(t)
	if name, err := edgetest.Call[string](w.Object("Probe", "a"), "through", []string{"b", "c"}); name != "c" || err != nil {
		t.Fatal(name, err)
	}
	_, err := edgetest.Call[string](w.Object("Probe", "a"), "through", []string{"b", "a"})
	if !errors.Is(err, edge.ErrCallCycle) {
		t.Fatal(err)
	}
}

func TestStubs_ACrashedObjectFailsItsCaller(t *testing.T) {
	w := world(t)
	b := w.Object("Probe", "b")
	var got error
	path := fetching(func(*probe, *edge.Request) (*edge.Response, error) {
		time.Sleep(time.Hour)
		return edge.Text(200, ""), nil
	})
	p := w.Object("Probe", "a").Begin("GET", fetching(func(p *probe, _ *edge.Request) (*edge.Response, error) {
		_, got = p.env.Namespace("PROBE").GetByName("b").Fetch(edge.NewRequest("GET", "http://x"+path, nil))
		return edge.Text(200, ""), nil
	}), nil)
	b.Crash()
	p.Response()
	var e *edge.Error
	if !errors.As(got, &e) || !errors.Is(got, edge.ErrReset) || !e.Retryable {
		t.Fatalf("%#v", got)
	}
}

func TestStubs_HandOnAnUpgrade(t *testing.T) {
	w := world(t)
	inner := fetching(sockets())
	c := w.Connect(fetching(func(p *probe, r *edge.Request) (*edge.Response, error) {
		r.URL = "http://x" + inner
		return p.env.Namespace("PROBE").GetByName("echo").Fetch(r)
	}))
	c.Send("hello")
	c.Expect("hello")
}

func TestWorker_OneRequestAnInstance(t *testing.T) {
	w := world(t)
	slow := w.Begin("GET", fetching(func(*probe, *edge.Request) (*edge.Response, error) {
		time.Sleep(time.Second)
		return edge.Text(200, "slow"), nil
	}), nil)
	w.Fetch("GET", "/ok", nil).Want(200)
	w.Advance(time.Second)
	slow.Response().Want(200)
	r := w.Fetch("GET", fetching(func(p *probe, _ *edge.Request) (*edge.Response, error) {
		p.env.WaitUntil("later", func() error { p.env.Log.Info("done", "by", "waitUntil"); return nil })
		return edge.Text(200, ""), nil
	}), nil)
	r.Want(200)
	if logs := strings.Join(w.Logs(), "\n"); !strings.Contains(logs, `INFO done [worker] by="waitUntil"`) {
		t.Fatal(logs)
	}
}

func migrations(t *testing.T) string {
	dir := t.TempDir()
	for name, sql := range map[string]string{
		"0001_first.sql": "CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT NOT NULL); -- one\nCREATE INDEX i ON t (v);",
		"0002_next.sql":  "INSERT INTO t (v) VALUES ('migrated')",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(sql), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestD1_QueriesBatchesAndErrors(t *testing.T) {
	w := world(t, edgetest.D1("DB", "main", migrations(t)), edgetest.D1("TENANT", "tenant-*", migrations(t)))
	must(t, w.Object("Probe", "a"), func(p *probe) error {
		db := p.env.D1("DB")
		r, err := db.Prepare("INSERT INTO t (v) VALUES (?)").Bind("x").Run()
		if err != nil || r.Meta.Changes != 1 || r.Meta.LastRowID != 2 || !r.Meta.ChangedDB {
			return fmt.Errorf("insert: %+v, %v", r, err)
		}
		_, err = db.Batch(db.Prepare("INSERT INTO t (v) VALUES ('dropped')"), db.Prepare("INSERT INTO t (v) VALUES (NULL)"))
		if !errors.Is(err, edge.ErrD1) || err.Error() != "D1_ERROR: NOT NULL constraint failed: t.v: SQLITE_CONSTRAINT (extended: SQLITE_CONSTRAINT_NOTNULL)" {
			return fmt.Errorf("batch: %v", err)
		}
		var n int
		if ok, err := db.Prepare("SELECT count(*) FROM t").First(&n); !ok || err != nil || n != 2 {
			return fmt.Errorf("count %d, %v, %v", n, ok, err)
		}
		if x, err := db.Exec("INSERT INTO t (v) VALUES ('1')\nINSERT INTO t (v) VALUES ('2')\n"); err != nil || x.Count != 2 {
			return fmt.Errorf("exec: %+v, %v", x, err)
		}
		if _, err := db.Prepare("").Run(); err == nil || err.Error() != "D1_ERROR: No SQL statements detected." {
			return fmt.Errorf("nothing: %v", err)
		}
		if _, err := p.env.D1("NONE").Prepare("SELECT 1").Run(); !errors.Is(err, edge.ErrNotFound) {
			return fmt.Errorf("no binding: %v", err)
		}
		one, two := p.env.D1Named("TENANT", "tenant-1"), p.env.D1Named("TENANT", "tenant-2")
		if _, err := one.Prepare("DELETE FROM t").Run(); err != nil {
			return err
		}
		if ok, err := two.Prepare("SELECT id FROM t").First(&n); !ok || err != nil {
			return fmt.Errorf("tenants share rows: %v", err)
		}
		if _, err := p.env.D1Named("TENANT", "other").Prepare("SELECT 1").Run(); !errors.Is(err, edge.ErrInvalid) {
			return fmt.Errorf("outside of the pattern: %v", err)
		}
		s := db.WithSession("first-primary")
		if _, err := s.Prepare("SELECT 1").Run(); err != nil || s.Bookmark() == "" {
			return fmt.Errorf("session: %q, %v", s.Bookmark(), err)
		}
		return nil
	})
}

func TestD1_NamedParameters(t *testing.T) {
	w := world(t, edgetest.D1("DB", "main", migrations(t)))
	must(t, w.Object("Probe", "a"), func(p *probe) error {
		db := p.env.D1("DB")
		var row struct{ A, B, C string }
		stmt := db.Prepare("SELECT :a AS a, ':no' || @b AS b, :a || $c AS c -- :not\n/* @not */")
		if _, err := stmt.BindNamed(map[string]any{"a": "1", "b": "2", "c": "3"}).First(&row); err != nil || row.A != "1" || row.B != ":no2" || row.C != "13" {
			return fmt.Errorf("got %+v, %v", row, err)
		}
		for want, bad := range map[string]*edge.Stmt{
			`no value for the parameter "b"`: stmt.BindNamed(map[string]any{"a": 1, "c": 1}),
			`has no parameter "d"`:           stmt.BindNamed(map[string]any{"a": 1, "b": 1, "c": 1, "d": 1}),
			`has a parameter without a name`: db.Prepare("SELECT :a, ?").BindNamed(map[string]any{"a": 1}),
		} {
			if _, err := db.Batch(bad); !errors.Is(err, edge.ErrInvalid) || !strings.Contains(err.Error(), want) {
				return fmt.Errorf("want %s, got %v", want, err)
			}
		}
		return nil
	})
}

func TestFailD1_FailsTheNextCalls(t *testing.T) {
	w := world(t, edgetest.D1("DB", "main", ""))
	query := func(p *probe) error { _, err := p.env.D1("DB").Prepare("SELECT 1").Run(); return err }
	h := w.Object("Probe", "a")
	w.FailD1(1, errors.New("down"))
	if got := do(h, query); got != "D1_ERROR: down" {
		t.Fatal(got)
	}
	must(t, h, query)
	w.FailD1(2, &edge.Error{Code: "overloaded", Message: "D1 DB is overloaded.", Overloaded: true})
	must(t, h, func(p *probe) error {
		err := query(p)
		var e *edge.Error
		if !errors.As(err, &e) || !errors.Is(err, edge.ErrOverloaded) || !e.Overloaded {
			return fmt.Errorf("%#v", err)
		}
		return nil
	})
	w.FailD1(0, nil)
	must(t, h, query)
}

func TestFetch_GoesToAllowedHosts(t *testing.T) {
	w := world(t, edgetest.Outbound("api.test", http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("X-Seen", r.Header.Get("X-Sent"))
		rw.WriteHeader(http.StatusTeapot)
	})))
	must(t, w.Object("Probe", "a"), func(p *probe) error {
		r := edge.NewRequest("GET", "https://api.test/x", nil)
		r.Header.Add("X-Sent", "yes")
		resp, err := p.env.Fetch(r)
		if err != nil || resp.Status != 418 || resp.Header.Get("X-Seen") != "yes" {
			return fmt.Errorf("%+v, %v", resp, err)
		}
		if _, err := p.env.Fetch(edge.NewRequest("GET", "https://other.test/", nil)); !errors.Is(err, edge.ErrDenied) {
			return fmt.Errorf("other host: %v", err)
		}
		return nil
	})
}
