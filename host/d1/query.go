package d1

import (
	"context"
	"regexp"
	"strings"
	"time"

	"github.com/holdfast-run/holdfast/guest-sdk/abi"
	"github.com/holdfast-run/holdfast/host/storage/sqltext"
)

// Statement is SQL with its parameters. The text may hold several statements,
// of which the last takes the parameters and gives the result.
type Statement struct {
	SQL    string
	Params []abi.Value
	Types  bool // ask for Result.Types; local databases have them
}

// Meta is what D1 tells of a statement besides its rows.
type Meta struct {
	DurationMs  float64
	Changes     int64 // rows changed, by triggers too
	LastRowID   int64
	ChangedDB   bool
	SizeAfter   int64 // bytes; 0 if a remote server does not tell
	RowsRead    int64 // see storage's cursor; rows returned, for a remote one
	RowsWritten int64
}

// Result is the outcome of one statement. The caller owns it.
type Result struct {
	Columns []string // duplicates are kept
	Types   []string // with which the columns were declared; nil if not asked for
	Rows    [][]abi.Value
	Meta    Meta
}

// Query runs statements as one transaction and returns when it is durable: on
// an error nothing has happened. Without batch there is one statement.
//
// session is "", "first-unconstrained", "first-primary" or the bookmark of an
// earlier answer, all of which one copy, as a local database is, meets at
// once. A remote database is then asked for its latest state, unless session
// is one of the first two. The new bookmark sorts after those before it.
//
// Query may be called from any goroutine; queries of one database run one
// after the other.
func (h *Host) Query(ctx context.Context, src Source, statements []Statement, batch bool, session string) ([]Result, string, error) {
	if !batch && len(statements) != 1 {
		return nil, "", fault(KindInvalid, "a query that is no batch has one statement, not %d", len(statements))
	}
	latest, err := sessionNeeds(session)
	if err != nil {
		return nil, "", err
	}
	return h.runSession(ctx, src, statements, latest)
}

// sessionNeeds reports whether a session must see the latest state.
func sessionNeeds(session string) (latest bool, err error) {
	switch {
	case session == "", session == "first-unconstrained":
		return false, nil
	case session == "first-primary", bookmarkForm.MatchString(session):
		return true, nil
	}
	return false, fault(KindInvalid, "invalid bookmark or constraint: %.80q", session)
}

// Exec runs the lines of sql, each a query without parameters, as one
// transaction; blank lines and comments do not count.
func (h *Host) Exec(ctx context.Context, src Source, sql string) (count int, durationMs float64, err error) {
	var statements []Statement
	for _, line := range strings.Split(strings.TrimSpace(sql), "\n") {
		statements = append(statements, Statement{SQL: line})
	}
	results, _, err := h.run(ctx, src, statements)
	for _, r := range results {
		durationMs += r.Meta.DurationMs
	}
	return len(results), durationMs, err
}

func (h *Host) run(ctx context.Context, src Source, statements []Statement) ([]Result, string, error) {
	return h.runSession(ctx, src, statements, false)
}

// runSession is one turn of a database.
func (h *Host) runSession(ctx context.Context, src Source, statements []Statement, latest bool) ([]Result, string, error) {
	defer src.Place.Leave()
	statements, err := h.effective(statements)
	if err != nil {
		return nil, "", err
	}
	ctx, cancel := context.WithTimeout(ctx, h.cfg.QueryTimeout)
	defer cancel()
	db, err := h.acquire(src)
	if err != nil {
		return nil, "", err
	}
	defer h.release(db)
	if err := src.Place.reached(ctx); err != nil {
		return nil, "", err
	}
	turn, err := db.queue.join()
	src.Place.Leave()
	if err == nil {
		err = db.queue.wait(ctx, turn)
	}
	if err != nil {
		return nil, "", err
	}
	done := func() error { return nil }
	results, err := func() ([]Result, error) {
		defer db.queue.leave()
		results, durable, err := db.backend.transact(ctx, request{statements: statements, readOnly: src.ReadOnly, latest: latest})
		if durable != nil {
			done = durable
		}
		return results, err
	}()
	if err == nil {
		err = done()
	}
	if err != nil {
		return nil, "", h.describe(ctx, err)
	}
	return results, db.backend.bookmark(), nil
}

// indentedComment is what the service takes out of a query before it asks
// whether anything is left. A comment at the very start stays, and is then
// found to be no statement.
var indentedComment = regexp.MustCompile(`(?m)^\s+--.*`)

// effective leaves out statements without any SQL and checks the rest.
func (h *Host) effective(statements []Statement) ([]Statement, error) {
	if len(statements) > h.cfg.StatementsMax {
		return nil, fault(KindInvalid, "%d statements, at most %d are taken at once", len(statements), h.cfg.StatementsMax)
	}
	kept := make([]Statement, 0, len(statements))
	for _, s := range statements {
		if strings.TrimSpace(s.SQL) == "" {
			continue
		}
		if strings.Contains(s.SQL, "--") && strings.TrimSpace(indentedComment.ReplaceAllString(s.SQL, "")) == "" {
			continue
		}
		if sqltext.Blank(s.SQL) {
			return nil, fault(KindSQL, "%s", textComment)
		}
		kept = append(kept, s)
	}
	if len(kept) == 0 {
		return nil, fault(KindSQL, "%s", textNoStatement)
	}
	return kept, nil
}

// milliseconds since start.
func milliseconds(start time.Time) float64 {
	return float64(time.Since(start)) / float64(time.Millisecond)
}
