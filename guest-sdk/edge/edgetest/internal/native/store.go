package native

import (
	"errors"
	"fmt"

	"github.com/holdfast-run/holdfast/guest-sdk/abi"
	"github.com/holdfast-run/holdfast/guest-sdk/edge/edgetest/internal/litesql"
)

// Limits of the storage API.
const (
	keyBytesMax      = 2048
	keyValueBytesMax = 2 << 20
	keysPerCallMax   = 128
	savepointsMax    = 64
)

// alarm is an object's one alarm.
type alarm struct {
	scheduled int64 // ms: what the guest asked for
	due       int64 // ms: when it runs next
	retries   int   // counted ones so far
	attempts  int
}

// store is an object's storage. What the turn has changed is undone by the
// functions in undo, last first.
type store struct {
	kv       map[string][]byte
	alarm    alarm
	hasAlarm bool
	db       *litesql.DB // nil until SQL is used
	dropped  []*litesql.DB
	undo     []func()
	marks    []int // where the open transactions began
	sequence uint64
	lost     error // SQL has ended the turn's transaction: only abort is left
}

func newStore() *store { return &store{kv: map[string][]byte{}} }

func (s *store) change(undo func()) { s.undo = append(s.undo, undo) }

// commit keeps the turn's writes.
func (s *store) commit() error {
	if s.lost != nil {
		return s.lost
	}
	if s.db != nil {
		if err := s.db.Commit(); err != nil {
			return fmt.Errorf("commit: %w", err)
		}
	}
	for _, db := range s.dropped {
		_ = db.Close() // it was dropped
	}
	if len(s.undo) > 0 {
		s.sequence++
	}
	s.dropped, s.undo, s.marks = nil, nil, nil
	return nil
}

// abort drops the turn's writes.
func (s *store) abort() {
	s.revert(0)
	s.marks, s.dropped, s.lost = nil, nil, nil
	if s.db != nil {
		_ = s.db.Rollback() // in memory: nothing can fail
	}
}

func (s *store) revert(mark int) {
	for i := len(s.undo) - 1; i >= mark; i-- {
		s.undo[i]()
	}
	s.undo = s.undo[:mark]
}

func (s *store) close() {
	if s.db != nil {
		_ = s.db.Close() // the world ends
	}
}

// set puts a value, or deletes it for nil.
func (s *store) set(key string, value []byte) {
	old, had := s.kv[key]
	s.change(func() {
		if had {
			s.kv[key] = old
		} else {
			delete(s.kv, key)
		}
	})
	if value == nil {
		delete(s.kv, key)
	} else {
		s.kv[key] = value
	}
}

func (s *store) setAlarm(a alarm, has bool) {
	old, had := s.alarm, s.hasAlarm
	s.change(func() { s.alarm, s.hasAlarm = old, had })
	s.alarm, s.hasAlarm = a, has
}

// write begins the turn's SQL transaction, so that it ends with the turn.
func (s *store) write() error {
	s.change(func() {})
	return s.db.Begin(len(s.marks))
}

// stands keeps that SQL such as INSERT OR ROLLBACK has ended the transaction:
// what kv and alarm did in the turn must go too.
func (s *store) stands(cause error) error {
	if s.db.Lost() {
		s.lost = errors.New("the turn's transaction was rolled back by its own SQL")
		if cause != nil {
			s.lost = fmt.Errorf("%w (%w)", s.lost, cause)
		}
	}
	return cause
}

func txBegin(o *object) error {
	s := o.store
	if len(s.marks) == savepointsMax {
		return refuse(abi.TooLarge, "transactions nested too deep")
	}
	if s.db != nil {
		if err := s.db.Savepoint(); err != nil {
			return s.stands(err)
		}
	}
	s.marks = append(s.marks, len(s.undo))
	o.tx++
	return nil
}

func txCommit(o *object) error {
	s := o.store
	if len(s.marks) == 0 {
		return refuse(abi.Invalid, "no explicit transaction is open")
	}
	if s.db != nil {
		if err := s.db.Release(); err != nil {
			return s.stands(err)
		}
	}
	s.marks = s.marks[:len(s.marks)-1]
	o.tx--
	return nil
}

func txRollback(o *object) error {
	s := o.store
	if len(s.marks) == 0 {
		return refuse(abi.Invalid, "no explicit transaction is open")
	}
	s.revert(s.marks[len(s.marks)-1])
	s.marks = s.marks[:len(s.marks)-1]
	o.tx--
	if s.db != nil {
		return s.stands(s.db.RollbackTo())
	}
	return nil
}

func deleteAll(o *object) error {
	s := o.store
	if len(s.marks) > 0 {
		return refuse(abi.WrongPhase, "not inside an explicit transaction")
	}
	for key := range s.kv {
		s.set(key, nil)
	}
	s.setAlarm(alarm{}, false)
	o.touchAlarm()
	if old := s.db; old != nil {
		s.db, s.dropped = nil, append(s.dropped, old)
		o.cursors = nil
		s.change(func() {
			s.close()
			s.db = old
		})
	}
	return nil
}

func bookmark(o *object) (message, error) {
	return raw(fmt.Sprintf("%016x-%016x", 1, o.store.sequence)), nil
}
