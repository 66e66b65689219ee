package edgetest_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/holdfast-run/holdfast/guest-sdk/edge"
	"github.com/holdfast-run/holdfast/guest-sdk/edge/edgetest"
)

func TestKV_OrderLimitsAndBounds(t *testing.T) {
	h := edgetest.New(t).Object("Probe", "a")
	must(t, h, func(p *probe) error {
		kv := p.state.Storage.KV
		for _, k := range []string{"b", "a", "c", "d"} {
			if err := kv.Put(k, []byte(k)); err != nil {
				return err
			}
		}
		for _, c := range []struct {
			o    edge.ListOptions
			want string
		}{
			{edge.ListOptions{}, "abcd"},
			{edge.ListOptions{Reverse: true}, "dcba"},
			{edge.ListOptions{Start: "b", End: "d"}, "bc"},
			{edge.ListOptions{StartAfter: "b", Limit: 1}, "c"},
			{edge.ListOptions{Prefix: "x"}, ""},
		} {
			got := ""
			entries, failed := kv.List(c.o)
			for k := range entries {
				got += k
			}
			if got != c.want || failed() != nil {
				return fmt.Errorf("%+v: %q, %v", c.o, got, failed())
			}
		}
		if had, err := kv.Delete("a"); !had || err != nil {
			return fmt.Errorf("delete: %v, %v", had, err)
		}
		if err := kv.Put("", nil); !errors.Is(err, edge.ErrInvalid) {
			return fmt.Errorf("empty key: %v", err)
		}
		if err := kv.Put(strings.Repeat("k", 2049), nil); !errors.Is(err, edge.ErrTooLarge) {
			return fmt.Errorf("long key: %v", err)
		}
		if err := kv.Put("k", make([]byte, 2<<20)); !errors.Is(err, edge.ErrTooLarge) {
			return fmt.Errorf("large value: %v", err)
		}
		if err := kv.PutMany(make([]edge.Entry, 129)...); !errors.Is(err, edge.ErrInvalid) {
			return fmt.Errorf("129 entries: %v", err)
		}
		return nil
	})
	if kv := h.KV(); len(kv) != 3 || string(kv["b"]) != "b" {
		t.Fatalf("kv %v", kv)
	}
}

func TestKV_ListsOverPages(t *testing.T) {
	h := edgetest.New(t).Object("Probe", "a")
	must(t, h, func(p *probe) error {
		for i := range 100 {
			if err := p.state.Storage.KV.Put(fmt.Sprintf("%03d", i), make([]byte, 3000)); err != nil {
				return err
			}
		}
		for _, o := range []edge.ListOptions{{}, {Reverse: true}, {Limit: 60}} {
			n := 0
			entries, failed := p.state.Storage.KV.List(o)
			for range entries {
				n++
			}
			if want := 100 - 40*(o.Limit/60); n != want || failed() != nil {
				return fmt.Errorf("%+v: %d entries, %v", o, n, failed())
			}
		}
		return nil
	})
}

func TestTransaction_NestsAndRollsBack(t *testing.T) {
	h := edgetest.New(t).Object("Probe", "a")
	must(t, h, func(p *probe) error {
		st := p.state.Storage
		if _, err := st.SQL.Exec("CREATE TABLE t (v)"); err != nil {
			return err
		}
		err := st.Transaction(func() error {
			_ = put(1)(p)
			if _, err := st.SQL.Exec("INSERT INTO t VALUES (1)"); err != nil {
				return err
			}
			inner := st.Transaction(func() error {
				_ = put(2)(p)
				_, err := st.SQL.Exec("INSERT INTO t VALUES (2)")
				return errors.Join(err, errors.New("inner"))
			})
			if inner == nil {
				return errors.New("no error of the inner one")
			}
			if err := st.DeleteAll(); !errors.Is(err, edge.ErrWrongPhase) {
				return fmt.Errorf("deleteAll inside: %v", err)
			}
			if err := st.Sync(); !errors.Is(err, edge.ErrWaitInTransaction) {
				return fmt.Errorf("wait inside: %v", err)
			}
			return nil
		})
		if err != nil {
			return err
		}
		c, err := st.SQL.Exec("SELECT group_concat(v) FROM t")
		if err != nil {
			return err
		}
		if v, err := edge.One[string](c); v != "1" || err != nil {
			return fmt.Errorf("t holds %s, %v", v, err)
		}
		return nil
	})
	if number(h) != "1" {
		t.Fatalf("n is %q", number(h))
	}
}

func TestSQL_TurnsErrorsAndCursors(t *testing.T) {
	w := edgetest.New(t)
	h := w.Object("Probe", "a")
	must(t, h, func(p *probe) error {
		return p.state.Storage.SQL.Migrate("CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT UNIQUE)", "INSERT INTO t (v) VALUES ('x')")
	})
	for _, c := range []struct{ sql, want string }{
		{"SELECT * FROM none", "no such table: none: SQLITE_ERROR"},
		{"SELECT 1; SELEC 2", `near "SELEC": syntax error at offset 1: SQLITE_ERROR`},
		{"INSERT INTO t (v) VALUES ('x')", "UNIQUE constraint failed: t.v: SQLITE_CONSTRAINT (extended: SQLITE_CONSTRAINT_UNIQUE)"},
		{"BEGIN", "To execute a transaction, please use"},
		{"SAVEPOINT a", "To execute a transaction, please use"},
		{"CREATE TABLE _CF_x (a)", "not authorized"},
		{"SELECT sqlite_version()", "not authorized"},
		{"ATTACH 'x' AS y", "not authorized"},
		{"PRAGMA journal_mode=WAL", "not authorized"},
		{" -- nothing", "SQL code did not contain a statement."},
		{"SELECT ?", "Wrong number of parameter bindings"},
	} {
		got := do(h, func(p *probe) error { _, err := p.state.Storage.SQL.Exec(c.sql); return err })
		if !strings.Contains(got, c.want) {
			t.Errorf("%s: %s", c.sql, got)
		}
	}
	h.Fetch("GET", fetching(func(p *probe, _ *edge.Request) (*edge.Response, error) {
		_, err := p.state.Storage.SQL.Exec("INSERT INTO t (v) VALUES ('dropped')")
		p.state.Abort("enough")
		return nil, err
	}), nil).Want(500)
	must(t, h, func(p *probe) error {
		c, err := p.state.Storage.SQL.Exec("INSERT INTO t (v) VALUES ('y'); SELECT v FROM t WHERE v > ? ORDER BY v", "a")
		if err != nil {
			return err
		}
		rows, err := c.Raw()
		if len(rows) != 2 || err != nil {
			return fmt.Errorf("rows %v, %v", rows, err)
		}
		c, err = p.state.Storage.SQL.Exec("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i < 5000) SELECT i, 'some text to fill pages' FROM n")
		if err != nil {
			return err
		}
		if err := p.state.Storage.Sync(); err != nil {
			return err
		}
		if _, err := c.Raw(); !errors.Is(err, edge.ErrNotFound) {
			return fmt.Errorf("a cursor of an earlier turn: %v", err)
		}
		size, err := p.state.Storage.SQL.DatabaseSize()
		if size == 0 || err != nil {
			return fmt.Errorf("size %d, %v", size, err)
		}
		return nil
	})
}

func TestSQL_ARollbackOfItsOwnDropsTheTurn(t *testing.T) {
	h := edgetest.New(t).Object("Probe", "a")
	must(t, h, func(p *probe) error {
		return p.state.Storage.SQL.Migrate("CREATE TABLE t (v UNIQUE)", "INSERT INTO t VALUES (1)")
	})
	h.Fetch("GET", fetching(func(p *probe, _ *edge.Request) (*edge.Response, error) {
		_ = put(1)(p)
		_, err := p.state.Storage.SQL.Exec("INSERT OR ROLLBACK INTO t VALUES (1)")
		return edge.Text(200, fmt.Sprint(err)), nil
	}), nil).Want(500)
	if number(h) != "" {
		t.Fatalf("n is %q", number(h))
	}
}

func TestSQL_FullTextSearch(t *testing.T) {
	h := edgetest.New(t).Object("Probe", "a")
	must(t, h, func(p *probe) error {
		c, err := p.state.Storage.SQL.Exec(`CREATE VIRTUAL TABLE f USING fts5(body);
			INSERT INTO f VALUES ('kelp forest'), ('open sea');
			SELECT body FROM f WHERE f MATCH 'kelp'`)
		if err != nil {
			return err
		}
		if body, err := edge.One[string](c); body != "kelp forest" || err != nil {
			return fmt.Errorf("%s, %v", body, err)
		}
		return nil
	})
}

func TestDeleteAll_DropsAllOrNothing(t *testing.T) {
	h := edgetest.New(t).Object("Probe", "a")
	must(t, h, func(p *probe) error {
		_ = put(1)(p)
		_ = p.state.Storage.SetAlarm(p.state.Now().Add(1e9))
		_, err := p.state.Storage.SQL.Exec("CREATE TABLE t (v)")
		return err
	})
	h.Fetch("GET", fetching(func(p *probe, _ *edge.Request) (*edge.Response, error) {
		if err := p.state.Storage.DeleteAll(); err != nil {
			return nil, err
		}
		_, err := p.state.Storage.SQL.Exec("CREATE TABLE t (v)")
		p.state.Abort("no")
		return nil, err
	}), nil).Want(500)
	if _, ok := h.Alarm(); number(h) != "1" || !ok {
		t.Fatal("an aborted deleteAll deleted")
	}
	must(t, h, func(p *probe) error { _, err := p.state.Storage.SQL.Exec("INSERT INTO t VALUES (1)"); return err })
	must(t, h, func(p *probe) error { return p.state.Storage.DeleteAll() })
	if _, ok := h.Alarm(); len(h.KV()) != 0 || ok {
		t.Fatal("deleteAll left something")
	}
	if got := do(h, func(p *probe) error { _, err := p.state.Storage.SQL.Exec("SELECT * FROM t"); return err }); !strings.Contains(got, "no such table") {
		t.Fatal(got)
	}
}

func TestBookmark_RisesWithCommits(t *testing.T) {
	h := edgetest.New(t).Object("Probe", "a")
	must(t, h, func(p *probe) error {
		before, err := p.state.Storage.CurrentBookmark()
		if err != nil {
			return err
		}
		_ = put(1)(p)
		if err := p.state.Storage.Sync(); err != nil {
			return err
		}
		if after, err := p.state.Storage.CurrentBookmark(); after <= before || err != nil {
			return fmt.Errorf("%s, then %s, %v", before, after, err)
		}
		if _, err := p.state.Storage.BookmarkForTime(p.state.Now()); !errors.Is(err, edge.ErrUnsupported) {
			return fmt.Errorf("bookmark of a time: %v", err)
		}
		return nil
	})
}
