package edge

import (
	"time"

	"github.com/holdfast-run/holdfast/guest-sdk/abi"
	"github.com/holdfast-run/holdfast/guest-sdk/edge/internal/bridge"
)

// Storage is an object's durable storage. Writes with no waiting call between
// them commit as one; nothing that the object sends leaves before they are
// durable.
type Storage struct {
	KV  *KV
	SQL *SQL
	in  *instance
}

// Transaction runs fn over kv, SQL and alarm: an error or panic rolls back
// what fn wrote. Transactions nest. Nothing may wait inside.
func (s *Storage) Transaction(fn func() error) (err error) {
	if err := s.in.post(bridge.TxBegin, nil); err != nil {
		return err
	}
	s.in.tx++
	finished := false
	defer func() {
		s.in.tx--
		if !finished {
			_ = s.in.post(bridge.TxRollback, nil)
		}
	}()
	err = fn()
	finished = true
	if err != nil {
		if rerr := s.in.post(bridge.TxRollback, nil); rerr != nil {
			return rerr
		}
		return err
	}
	return s.in.post(bridge.TxCommit, nil)
}

// SetAlarm sets the object's one alarm; a past time counts as now.
func (s *Storage) SetAlarm(t time.Time) error {
	return s.in.post(bridge.AlarmSet, &abi.TimeRequest{TimeMs: t.UnixMilli()})
}

// GetAlarm is the alarm that is set; ok is false without one, and while its
// handler runs unless it was set anew.
func (s *Storage) GetAlarm() (t time.Time, ok bool, err error) {
	out, err := s.in.sync(bridge.AlarmGet, nil)
	if err != nil {
		return t, false, err
	}
	var m abi.AlarmState
	if err := m.Decode(out); err != nil {
		return t, false, err
	}
	return time.UnixMilli(m.TimeMs), m.Set, nil
}

// DeleteAlarm deletes the alarm; a handler that runs goes on.
func (s *Storage) DeleteAlarm() error { return s.in.post(bridge.AlarmDelete, nil) }

// DeleteAll drops kv, SQL database and alarm as one. Not in a Transaction.
func (s *Storage) DeleteAll() error { return s.in.post(bridge.DeleteAll, nil) }

// Sync returns when every write so far is durable.
func (s *Storage) Sync() error {
	_, err := s.in.await(bridge.Sync, &abi.EventRequest{Event: s.in.current})
	return err
}

// CurrentBookmark is this point in the object's history. Bookmarks of one
// object compare as texts.
func (s *Storage) CurrentBookmark() (string, error) {
	out, err := s.in.sync(bridge.BookmarkCurrent, nil)
	return string(out), err
}

// BookmarkForTime is the bookmark of the latest state that is not younger
// than a time. ErrNotFound before what the class's history keeps
// (holdfast.history in the app's configuration).
func (s *Storage) BookmarkForTime(t time.Time) (string, error) {
	out, err := s.in.sync(bridge.BookmarkForTime, &abi.TimeRequest{TimeMs: t.UnixMilli()})
	return string(out), err
}

// OnNextSessionRestoreBookmark restores kv, SQL and alarm when the object is
// next activated (State.Abort makes that soon) and answers the bookmark that
// undoes it. It waits until that is durable, with all writes so far; an
// empty bookmark takes the wish back.
func (s *Storage) OnNextSessionRestoreBookmark(bookmark string) (undo string, err error) {
	out, err := s.in.sync(bridge.BookmarkRestore, &abi.StringRequest{Text: bookmark})
	if err != nil {
		return "", err
	}
	undo = string(out) // the buffer is used again
	return undo, s.Sync()
}
