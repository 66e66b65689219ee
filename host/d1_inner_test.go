package host

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/holdfast-run/holdfast/guest-sdk/abi"
	"github.com/holdfast-run/holdfast/host/d1"
	"github.com/holdfast-run/holdfast/host/storage"
)

// newTenants is an app with a database for each tenant, each with a migration,
// of which so many stay open (0: the default).
func newTenants(t testing.TB, open int) *d1App {
	t.Helper()
	engine, err := storage.Open(storage.Config{Dir: t.TempDir(), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	databases, err := d1.New(d1.Config{Engine: engine, OpenMax: open, Scratch: t.TempDir(), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(databases.Close(), engine.Close()); err != nil {
			t.Error(err)
		}
	})
	return &d1App{
		host: databases, log: slog.New(slog.DiscardHandler), migrated: map[string]*migration{},
		bindings: map[string]database{"DB": {
			name: "tenant-*", migrations: fstest.MapFS{"1.sql": {Data: []byte("CREATE TABLE t (id INTEGER PRIMARY KEY, n, owner TEXT, body TEXT); CREATE INDEX t_n ON t (n)")}},
		}},
	}
}

// TestD1App_QueriesKeepTheirPlaces: queries run in the order in which they took
// their places, whenever they are let go, also where the first of them finds
// the database without its tables; one that fails, or never had a database,
// holds nobody up.
func TestD1App_QueriesKeepTheirPlaces(t *testing.T) {
	a := newTenants(t, 0)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	const queries = 60
	var runs []func() error
	want := ""
	for i := range queries {
		name, sql := "tenant-a", fmt.Sprintf("INSERT INTO t (n) VALUES (%d)", i)
		switch {
		case i%10 == 3:
			sql = "INSERT INTO none VALUES (1)"
		case i%10 == 5:
			name = "stranger"
		case i%10 == 7:
			run := a.Exec(&abi.D1ExecRequest{Binding: "DB", Name: name, SQL: sql})
			runs = append(runs, func() error { _, err := run(ctx); return err })
			want += fmt.Sprint(",", i)
			continue
		default:
			want += fmt.Sprint(",", i)
		}
		run := a.Query(&abi.D1QueryRequest{Binding: "DB", Name: name, Statements: []abi.D1Statement{{SQL: sql}}})
		runs = append(runs, func() error { _, err := run(ctx); return err })
	}
	failed := make([]error, queries)
	var wg sync.WaitGroup
	for i := queries - 1; i >= 0; i-- {
		wg.Go(func() { failed[i] = runs[i]() })
	}
	wg.Wait()
	for i, err := range failed {
		if (err != nil) != (i%10 == 3 || i%10 == 5) {
			t.Errorf("query %d: %v", i, err)
		}
	}
	r, err := a.Query(&abi.D1QueryRequest{Binding: "DB", Name: "tenant-a", Statements: []abi.D1Statement{{SQL: "SELECT group_concat(n) FROM (SELECT n FROM t ORDER BY id)"}}})(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if got := string(r.Results[0].Values[0].Bytes); got != strings.TrimPrefix(want, ",") {
		t.Errorf("they ran as %s", got)
	}
}

// TestD1App_APlaceThatIsGivenUpHoldsNobody: a query that is cancelled while it
// waits lets those behind it go on, and nobody overtakes for that.
func TestD1App_APlaceThatIsGivenUpHoldsNobody(t *testing.T) {
	a := newTenants(t, 0)
	query := func(sql string) func(context.Context) (*abi.D1Results, error) {
		return a.Query(&abi.D1QueryRequest{Binding: "DB", Name: "tenant-a", Statements: []abi.D1Statement{{SQL: sql}}})
	}
	first, second, third := query("INSERT INTO t (n) VALUES (1)"), query("INSERT INTO t (n) VALUES (2)"), query("INSERT INTO t (n) VALUES (3)")
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := second(gone); err == nil {
		t.Error("a query that was cancelled is answered")
	}
	ended := make(chan error, 1)
	go func() { _, err := third(t.Context()); ended <- err }()
	for range 10_000 { // long enough to overtake
		runtime.Gosched()
	}
	if _, err := first(t.Context()); err != nil {
		t.Error(err)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
	r, err := query("SELECT group_concat(n) FROM (SELECT n FROM t ORDER BY id)")(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got := string(r.Results[0].Values[0].Bytes); got != "1,3" {
		t.Errorf("they ran as %s", got)
	}
}
