package d1

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"time"

	"github.com/holdfast-run/holdfast/guest-sdk/abi"
	"github.com/holdfast-run/holdfast/host/storage/sqltext"
	"github.com/holdfast-run/holdfast/runtime/store"
)

// remote is a database on a libSQL server. What it sends is checked as far as
// the server does not do it as D1 would.
type remote struct {
	host *Host
	pool *sql.DB
}

// bookmark sorts after all before it, as long as the clock does not go back
// over a restart. What it stands for is not in it: a session that has one
// reads the latest state.
func (r *remote) bookmark() string {
	h := r.host
	now := uint64(h.cfg.Clock().UnixMilli())
	for {
		last := h.remoteMark.Load()
		next := max(now<<20, last+1)
		if h.remoteMark.CompareAndSwap(last, next) {
			return bookmarkText(next>>20, next&(1<<20-1))
		}
	}
}

func (r *remote) close() error { return r.pool.Close() }

// plan is a statement that has been checked. Where a Statement was several,
// only the last of them has show set.
type plan struct {
	sql    string
	params []abi.Value
	show   bool
}

// What only reads is tried again where the server does not answer, or its
// answer does not come whole. What writes is sent once: what has come of it is
// not known then.
const (
	remoteTries = 3
	remotePause = 50 * time.Millisecond // before the second try, and twice that before the third
)

// rollbackMax is how long a server may take to roll a failed transaction back.
const rollbackMax = 5 * time.Second

// transact sends a single statement as it is, and several between a BEGIN and
// a COMMIT. A transaction that may write is the primary's: reads that must see
// the latest state go into one.
func (r *remote) transact(ctx context.Context, q request) ([]Result, func() error, error) {
	plans, err := plansOf(q.statements)
	if err != nil {
		return nil, nil, err
	}
	tries := remoteTries
	for _, p := range plans {
		if kindOf(p.sql) != remoteReads {
			tries = 1
		}
	}
	for pause := remotePause; ; pause *= 2 {
		results, err := r.attempt(ctx, plans, q.latest)
		tries--
		var fault *Error
		if tries == 0 || !errors.As(err, &fault) || fault.Kind != KindUnavailable || !rest(ctx, pause) {
			return results, nil, err
		}
	}
}

// rest waits; false means that ctx has ended.
func rest(ctx context.Context, pause time.Duration) bool {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// attempt sends the statements once. A connection over which anything but the
// statements' own failures came is not used again: the client keeps one that
// the server has given up, and would refuse the next query for it.
func (r *remote) attempt(ctx context.Context, plans []plan, latest bool) (results []Result, err error) {
	conn, err := r.pool.Conn(ctx)
	if err != nil {
		return nil, remoteError(ctx, err)
	}
	defer func() {
		if panicked := recover(); panicked != nil { // the client, on an answer that it did not expect
			err = &Error{Kind: KindUnavailable, Message: textConnection, Retryable: true, Cause: fmt.Errorf("d1: %v", panicked)}
		}
		if err = remoteError(ctx, err); !fromServer(err) {
			_ = conn.Raw(func(any) error { return driver.ErrBadConn }) // drops it
		}
		if closing := conn.Close(); closing != nil && !errors.Is(closing, sql.ErrConnDone) {
			err = errors.Join(err, closing)
		}
	}()
	s := &session{conn: conn, budget: r.host.cfg.ResultBytesMax, limit: r.host.cfg.ResultBytesMax}
	if len(plans) == 1 && !latest {
		result, err := s.statement(ctx, plans[0])
		return []Result{result}, err
	}
	return s.transaction(ctx, plans)
}

// fromServer reports that err, which remoteError has made, is no failure of
// the way to the server.
func fromServer(err error) bool {
	var fault *Error
	return err == nil || errors.As(err, &fault) && fault.Kind == KindSQL
}

func plansOf(statements []Statement) ([]plan, error) {
	var plans []plan
	for _, s := range statements {
		pieces := sqltext.Split(s.SQL)
		for i, piece := range pieces {
			p := plan{show: i == len(pieces)-1}
			var params int
			p.sql, params = sqltext.Number(piece)
			if err := checkPlan(piece, params, p.show); err != nil {
				return nil, err
			}
			if p.show {
				p.params = s.Params
				if params != len(s.Params) {
					return nil, fault(KindSQL, "%s", textBindings)
				}
			}
			plans = append(plans, p)
		}
	}
	return plans, nil
}

// checkPlan refuses what a D1 database refuses and a libSQL server takes.
func checkPlan(piece string, params int, last bool) error {
	switch sqltext.FirstWord(piece) {
	case "BEGIN", "COMMIT", "END", "ROLLBACK", "SAVEPOINT", "RELEASE":
		return fault(KindSQL, "%s", store.ErrTransactionSQL)
	case "ATTACH", "DETACH", "VACUUM":
		return fault(KindSQL, "%s", textNoAuth)
	}
	switch {
	case len(piece) > sqlTextBytesMax:
		return fault(KindSQL, "%s", textTooLong)
	case params > parametersMax:
		return fault(KindSQL, "too many SQL variables: SQLITE_ERROR")
	case params > 0 && !last:
		return fault(KindSQL, "%s", textOnlyLast)
	}
	return nil
}

// session is one stream of the server, for one transaction.
type session struct {
	conn   *sql.Conn
	budget int
	limit  int
}

func (s *session) transaction(ctx context.Context, plans []plan) ([]Result, error) {
	if _, err := s.conn.ExecContext(ctx, "BEGIN IMMEDIATE"); err != nil {
		return nil, err
	}
	results, err := s.statements(ctx, plans)
	if err == nil {
		_, err = s.conn.ExecContext(ctx, "COMMIT")
	}
	if err == nil {
		return results, nil
	}
	if fromServer(remoteError(ctx, err)) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), rollbackMax)
		defer cancel()
		if _, failed := s.conn.ExecContext(ctx, "ROLLBACK"); failed != nil {
			// The server drops the transaction with its stream.
			_ = s.conn.Raw(func(any) error { return driver.ErrBadConn })
		}
	}
	return nil, err
}

func (s *session) statements(ctx context.Context, plans []plan) ([]Result, error) {
	var results []Result
	var changes int64
	for _, p := range plans {
		result, err := s.statement(ctx, p)
		if err != nil {
			return nil, err
		}
		changes += result.Meta.Changes
		if !p.show {
			continue
		}
		result.Meta.Changes, changes = changes, 0
		results = append(results, result)
	}
	return results, nil
}

func (s *session) statement(ctx context.Context, p plan) (result Result, err error) {
	start := time.Now()
	kind := kindOf(p.sql)
	if kind == remoteWrites {
		result, err = s.write(ctx, p)
	} else {
		result, err = s.read(ctx, p)
	}
	if err == nil && kind == remoteReturns {
		row := s.conn.QueryRowContext(ctx, "SELECT changes(), last_insert_rowid()")
		err = row.Scan(&result.Meta.Changes, &result.Meta.LastRowID)
	}
	result.Meta.DurationMs = milliseconds(start)
	result.Meta.RowsRead = int64(len(result.Rows))
	result.Meta.RowsWritten = result.Meta.Changes
	result.Meta.ChangedDB = kind == remoteWrites || result.Meta.Changes > 0
	return result, err
}

func (s *session) write(ctx context.Context, p plan) (Result, error) {
	done, err := s.conn.ExecContext(ctx, p.sql, remoteArgs(p.params)...)
	if err != nil {
		return Result{}, err
	}
	result := Result{Rows: [][]abi.Value{}}
	if result.Meta.Changes, err = done.RowsAffected(); err != nil {
		return Result{}, err
	}
	result.Meta.LastRowID, err = done.LastInsertId()
	return result, err
}

func (s *session) read(ctx context.Context, p plan) (_ Result, err error) {
	rows, err := s.conn.QueryContext(ctx, p.sql, remoteArgs(p.params)...)
	if err != nil {
		return Result{}, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	result := Result{Rows: [][]abi.Value{}}
	if result.Columns, err = rows.Columns(); err != nil {
		return Result{}, err
	}
	raw := make([]any, len(result.Columns))
	targets := make([]any, len(raw))
	for i := range raw {
		targets[i] = &raw[i]
	}
	for rows.Next() {
		if err := rows.Scan(targets...); err != nil {
			return Result{}, err
		}
		row := make([]abi.Value, len(raw))
		for i := range raw {
			if row[i], err = remoteValue(raw[i]); err != nil {
				return Result{}, err
			}
			s.budget -= len(row[i].Bytes)
		}
		if s.budget < 0 {
			return Result{}, tooLarge(s.limit)
		}
		result.Rows = append(result.Rows, row)
	}
	return result, rows.Err()
}
