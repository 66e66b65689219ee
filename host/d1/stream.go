package d1

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/holdfast-run/holdfast/host/storage"
	"github.com/holdfast-run/holdfast/host/storage/sqltext"
	"github.com/holdfast-run/holdfast/runtime/store"
)

// Codes of errors that only streams have.
const (
	CodeNoStatement        = "SQL_NO_STATEMENT"
	CodeManyStatements     = "SQL_MANY_STATEMENTS"
	CodeTransactionTimeout = "TRANSACTION_TIMEOUT"
)

// Stream is a connection to a local database as SQLite has it: statements one
// by one, each its own transaction unless BEGIN has opened one. An open
// transaction owns the database until COMMIT, ROLLBACK, Close or
// Config.TransactionTimeout, which rolls it back. Methods may be called from
// any goroutine; they run one after the other.
type Stream struct {
	host   *Host
	source Source

	mu       sync.Mutex
	tx       *transaction
	timedOut bool // the last transaction, and nobody was told
	closed   bool
}

// transaction is an interactive transaction: a use of the database, its place
// in the queue, and the object's turn.
type transaction struct {
	db       *database
	local    *local
	deadline time.Time
	timer    *time.Timer
	marks    []string // names of savepoints
	begun    bool     // by BEGIN; else by the first savepoint
}

// NewStream opens a stream. It does not look whether there is a database.
func (h *Host) NewStream(src Source) (*Stream, error) {
	if err := src.check(); err != nil {
		return nil, err
	}
	if src.URL != "" {
		return nil, fault(KindInvalid, "A stream needs a local database.")
	}
	return &Stream{host: h, source: src}, nil
}

// Autocommit reports whether no transaction is open.
func (s *Stream) Autocommit() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.tx == nil
}

// Close rolls an open transaction back. The stream is not used again.
func (s *Stream) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	if s.tx != nil {
		s.rollback()
	}
}

// Execute runs one statement. Result has the declared types of columns. An
// error leaves an open transaction as it is, unless SQLite or the timeout has
// ended it.
func (s *Stream) Execute(ctx context.Context, statement Statement) (Result, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.check(statement.SQL); err != nil {
		return Result{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, s.host.cfg.QueryTimeout)
	defer cancel()
	result, err := s.execute(ctx, statement)
	return result, s.host.describe(ctx, err)
}

func (s *Stream) check(sql string) error {
	if s.closed {
		return fault(KindInvalid, "The stream is closed.")
	}
	if s.timedOut {
		s.timedOut = false
		return &Error{Kind: KindTimeout, Code: CodeTransactionTimeout, Message: "The transaction took too long and was rolled back.", Retryable: true}
	}
	switch n := len(sqltext.Split(sql)); {
	case n == 0:
		return &Error{Kind: KindSQL, Code: CodeNoStatement, Message: textComment}
	case n > 1:
		return &Error{Kind: KindSQL, Code: CodeManyStatements, Message: "SQL string contains more than one statement."}
	}
	return nil
}

func (s *Stream) execute(ctx context.Context, statement Statement) (Result, error) {
	words := strings.Fields(strings.ToUpper(strings.Trim(statement.SQL, "; \t\r\n")))
	nothing := Result{Columns: []string{}}
	switch first := sqltext.FirstWord(statement.SQL); first {
	case "BEGIN":
		return nothing, s.begin(ctx, true)
	case "COMMIT", "END":
		return nothing, s.commit()
	case "SAVEPOINT", "RELEASE":
		return nothing, s.savepoint(ctx, first, lastWord(statement.SQL))
	case "ROLLBACK":
		if len(words) > 2 && (words[1] == "TO" || words[2] == "TO") {
			return nothing, s.savepoint(ctx, "TO", lastWord(statement.SQL))
		}
		if s.tx == nil {
			return nothing, fault(KindSQL, "cannot rollback - no transaction is active: SQLITE_ERROR")
		}
		return nothing, s.rollback()
	}
	if s.tx == nil {
		statement.Types = true
		results, _, err := s.host.run(ctx, s.source, []Statement{statement})
		if err != nil {
			return Result{}, err
		}
		return results[0], nil
	}
	return s.inside(ctx, statement)
}

// inside runs a statement of the open transaction.
func (s *Stream) inside(ctx context.Context, statement Statement) (Result, error) {
	ctx, cancel := context.WithDeadline(ctx, s.tx.deadline)
	defer cancel()
	local := s.tx.local
	defer local.limit(ctx)()
	budget := s.host.cfg.ResultBytesMax
	statement.Types = true
	size := local.object.DatabaseSize()
	result, err := local.statement(statement, &budget)
	if err == nil && s.source.ReadOnly && local.object.Dirty() {
		err = errReadOnly()
	}
	if errors.Is(err, store.ErrAborted) || err != nil && s.source.ReadOnly && local.object.Dirty() {
		return Result{}, errors.Join(err, s.rollback())
	}
	result.Meta.ChangedDB = result.Meta.ChangedDB || result.Meta.SizeAfter != size
	return result, err
}

// begin takes the database. What the transaction will read is durable before
// anybody hears of it.
func (s *Stream) begin(ctx context.Context, explicit bool) error {
	if s.tx != nil {
		return fault(KindSQL, "cannot start a transaction within a transaction: SQLITE_ERROR")
	}
	db, err := s.host.acquire(s.source)
	if err != nil {
		return err
	}
	if err := db.queue.enter(ctx); err != nil {
		s.host.release(db)
		return err
	}
	timeout := s.host.cfg.TransactionTimeout
	tx := &transaction{db: db, local: db.backend.(*local), deadline: time.Now().Add(timeout), begun: explicit}
	s.tx = tx
	db.held.Store(true)
	tx.timer = time.AfterFunc(timeout, func() { s.expire(tx) })
	err = tx.local.object.OpenSQL()
	if err == nil && tx.local.last != nil {
		err = tx.local.last.wait()
	}
	if err != nil {
		return errors.Join(err, s.rollback())
	}
	return nil
}

func (s *Stream) expire(tx *transaction) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.tx != tx {
		return
	}
	s.timedOut = true
	if err := s.rollback(); err != nil {
		s.host.cfg.Logger.Warn("d1: roll back a slow transaction", "name", s.source.Name, "error", err)
	}
}

func (s *Stream) commit() error {
	tx := s.tx
	if tx == nil {
		return fault(KindSQL, "cannot commit - no transaction is active: SQLITE_ERROR")
	}
	for range tx.marks {
		if err := tx.local.object.Release(); err != nil {
			return errors.Join(err, s.rollback())
		}
	}
	err := tx.local.commit()
	last := tx.local.last
	s.end()
	if err == nil && last != nil {
		err = last.wait()
	}
	return err
}

func (s *Stream) rollback() error {
	err := s.tx.local.object.Abort()
	s.end()
	return err
}

// end gives the database to the next one.
func (s *Stream) end() {
	tx := s.tx
	s.tx = nil
	tx.timer.Stop()
	tx.db.held.Store(false)
	tx.db.queue.leave()
	s.host.release(tx.db)
}

// savepoint runs SAVEPOINT, RELEASE and ROLLBACK TO.
func (s *Stream) savepoint(ctx context.Context, verb, name string) error {
	if verb == "SAVEPOINT" {
		if s.tx == nil {
			if err := s.begin(ctx, false); err != nil {
				return err
			}
		}
		if err := s.tx.local.object.Begin(); err != nil {
			return err
		}
		s.tx.marks = append(s.tx.marks, name)
		return nil
	}
	at := -1
	if s.tx != nil {
		for i, mark := range s.tx.marks {
			if strings.EqualFold(mark, name) {
				at = i
			}
		}
	}
	if at < 0 {
		return fault(KindSQL, "no such savepoint: %s: SQLITE_ERROR", name)
	}
	object := s.tx.local.object
	end := object.Release
	if verb == "TO" {
		end = object.Rollback
	}
	for len(s.tx.marks) > at {
		if err := end(); err != nil {
			return errors.Join(err, s.rollback())
		}
		s.tx.marks = s.tx.marks[:len(s.tx.marks)-1]
	}
	if verb == "TO" {
		s.tx.marks = append(s.tx.marks, name)
		return object.Begin()
	}
	if at == 0 && !s.tx.begun {
		return s.commit()
	}
	return nil
}

// lastWord is the name at the end of a statement about savepoints.
func lastWord(sql string) string {
	words := strings.Fields(strings.TrimRight(sql, "; \t\r\n"))
	return strings.Trim(words[len(words)-1], "\"'`[]")
}

// Describe says what a statement takes and gives; nothing runs.
func (s *Stream) Describe(ctx context.Context, sql string) (d storage.Description, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.check(sql); err != nil {
		return d, err
	}
	if s.tx != nil {
		d, err = s.tx.local.object.Describe(sql)
		return d, s.host.describe(ctx, err)
	}
	err = s.host.alone(ctx, s.source.Name, func(l *local) (func() error, error) {
		d, err = l.object.Describe(sql)
		return nil, errors.Join(err, l.object.Abort())
	})
	return d, err
}
