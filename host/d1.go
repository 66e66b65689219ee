package host

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/holdfast-run/holdfast/guest-sdk/abi"
	"github.com/holdfast-run/holdfast/host/d1"
	"github.com/holdfast-run/holdfast/runtime/object"
)

// database is one D1 binding of an app.
type database struct {
	name       string // or a pattern with one '*'
	url, token string
	migrations fs.FS  // nil: none
	table      string // of applied migrations
}

// d1App runs the D1 calls of one app. Migrations of a database run once,
// before its first statement.
type d1App struct {
	host     *d1.Host
	log      *slog.Logger
	bindings map[string]database

	faults d1Faults

	mu       sync.Mutex
	migrated map[string]*migration // by database name
}

// migration is the state of one database's migrations.
type migration struct {
	mu         sync.Mutex
	done       bool
	generation uint64 // of the databases, when it was done
}

// d1Config is the databases' part of the configuration.
func (h *Host) d1Config() d1.Config {
	c := h.cfg.D1
	out := d1.Config{
		Engine: h.storage, Logger: h.cfg.Log, Clock: h.now, Scratch: h.cfg.DataDir, Relaxed: c.Relaxed,
		QueryTimeout: seconds(h.cfg.Limits.D1Seconds), TransactionTimeout: seconds(c.TransactionSeconds), ImportTimeout: seconds(c.ImportSeconds),
		OpenMax: c.OpenDatabases, QueueMax: c.Queue, ResultBytesMax: c.ResultMiB << 20, StatementsMax: c.Statements,
	}
	if c.HistoryDays != nil {
		out.History, out.NoHistory = time.Duration(*c.HistoryDays)*24*time.Hour, *c.HistoryDays == 0
	}
	return out
}

func refusal(st abi.Status, flags uint8, format string, args ...any) error {
	return &object.Error{Status: st, Message: fmt.Sprintf(format, args...), Flags: flags}
}

// source finds the database that a call means.
func (a *d1App) source(binding, name string) (database, d1.Source, error) {
	db, ok := a.bindings[binding]
	if !ok {
		return db, d1.Source{}, refusal(abi.NotFound, 0, "the app has no D1 binding %q", binding)
	}
	prefix, suffix, pattern := strings.Cut(db.name, "*")
	switch {
	case !pattern && name != "" && name != db.name:
		return db, d1.Source{}, refusal(abi.Invalid, 0, "D1 binding %q is the database %q, not %q", binding, db.name, name)
	case pattern && (len(name) <= len(prefix)+len(suffix) || !strings.HasPrefix(name, prefix) || !strings.HasSuffix(name, suffix)):
		return db, d1.Source{}, refusal(abi.Invalid, 0, "D1 binding %q opens databases named %q, not %q", binding, db.name, name)
	case !pattern:
		name = db.name
	}
	return db, d1.Source{Name: name, URL: db.url, Token: db.token}, nil
}

// migrate brings a database up to date once, and again where it may have been
// deleted or restored since; a failure is tried again with the next statement.
func (a *d1App) migrate(ctx context.Context, db database, src d1.Source) error {
	if db.migrations == nil {
		return nil
	}
	a.mu.Lock()
	m := a.migrated[src.Name]
	if m == nil {
		m = &migration{}
		a.migrated[src.Name] = m
	}
	a.mu.Unlock()
	m.mu.Lock()
	defer m.mu.Unlock()
	generation := a.host.Generation()
	if m.done && m.generation == generation {
		return nil
	}
	applied, err := a.host.Migrate(ctx, src, db.migrations, db.table)
	if err != nil {
		return err
	}
	m.done, m.generation = true, generation
	if len(applied) > 0 {
		a.log.Info("D1 migrations applied", "database", src.Name, "migrations", strings.Join(applied, ", "))
	}
	return nil
}

// migrateNow migrates the local databases of the app, at start. A pattern's
// databases migrate as they are opened.
func (a *d1App) migrateNow(ctx context.Context) error {
	for binding, db := range a.bindings {
		if db.url != "" || strings.Contains(db.name, "*") {
			continue
		}
		if err := a.migrate(ctx, db, d1.Source{Name: db.name}); err != nil {
			return fmt.Errorf("D1 binding %s: migrations: %w", binding, err)
		}
	}
	return nil
}

// prepare takes a place before a call's database, and answers what must run
// before the call's statements; Leave of the source's place follows.
func (a *d1App) prepare(binding, name string) (d1.Source, func(context.Context) error) {
	if err := a.faults.next(); err != nil {
		return d1.Source{}, func(context.Context) error { return err }
	}
	db, src, err := a.source(binding, name)
	if err != nil {
		return src, func(context.Context) error { return err }
	}
	plain := src // migrations stand in no line
	src.Place = a.host.Join(src)
	return src, func(ctx context.Context) error {
		if err := a.migrate(ctx, db, plain); err != nil {
			return d1Failure(err)
		}
		return nil
	}
}

// Query runs statements; hostcall.D1.
func (a *d1App) Query(m *abi.D1QueryRequest) func(context.Context) (*abi.D1Results, error) {
	src, ready := a.prepare(m.Binding, m.Name)
	return func(ctx context.Context) (*abi.D1Results, error) {
		defer src.Place.Leave()
		if err := ready(ctx); err != nil {
			return nil, err
		}
		return a.query(ctx, src, m)
	}
}

func (a *d1App) query(ctx context.Context, src d1.Source, m *abi.D1QueryRequest) (*abi.D1Results, error) {
	stmts := make([]d1.Statement, len(m.Statements))
	for i, s := range m.Statements {
		stmts[i] = d1.Statement{SQL: s.SQL, Params: s.Params}
	}
	results, bookmark, err := a.host.Query(ctx, src, stmts, m.Batch, m.Session)
	if err != nil {
		return nil, d1Failure(err)
	}
	out := &abi.D1Results{Bookmark: bookmark, Results: make([]abi.D1Result, len(results))}
	for i := range results {
		r := &results[i]
		out.Results[i] = abi.D1Result{
			Columns: r.Columns, DurationMs: r.Meta.DurationMs, Changes: r.Meta.Changes, LastRowID: r.Meta.LastRowID, ChangedDB: r.Meta.ChangedDB,
			SizeAfter: r.Meta.SizeAfter, RowsRead: r.Meta.RowsRead, RowsWritten: r.Meta.RowsWritten,
		}
		for _, row := range r.Rows {
			out.Results[i].Values = append(out.Results[i].Values, row...)
		}
	}
	return out, nil
}

// Exec runs a text of statements; hostcall.D1.
func (a *d1App) Exec(m *abi.D1ExecRequest) func(context.Context) (*abi.D1ExecResult, error) {
	src, ready := a.prepare(m.Binding, m.Name)
	return func(ctx context.Context) (*abi.D1ExecResult, error) {
		defer src.Place.Leave()
		if err := ready(ctx); err != nil {
			return nil, err
		}
		n, ms, err := a.host.Exec(ctx, src, m.SQL)
		if err != nil {
			return nil, d1Failure(err)
		}
		return &abi.D1ExecResult{Count: uint32(n), DurationMs: ms}, nil
	}
}

// d1Failure is a D1 error as it crosses to the guest.
func d1Failure(err error) error {
	var e *d1.Error
	if !errors.As(err, &e) {
		return refusal(abi.D1Failed, 0, "%v", err)
	}
	flags := uint8(0)
	if e.Retryable {
		flags |= abi.FailureRetryable
	}
	switch e.Kind {
	case d1.KindOverloaded:
		return refusal(abi.Overloaded, flags|abi.FailureOverloaded, "%s", e.Message)
	case d1.KindTimeout:
		return refusal(abi.Timeout, flags, "%s", e.Message)
	case d1.KindUnavailable:
		return refusal(abi.Unavailable, flags, "%s", e.Message)
	case d1.KindStorage:
		return refusal(abi.StorageFault, flags, "%s", e.Message)
	case d1.KindCanceled:
		return refusal(abi.Cancelled, flags, "%s", e.Message)
	}
	return refusal(abi.D1Failed, flags, "%s", e.Message)
}
