// Package faultstore wraps a store.Engine and lets its n-th operation fail,
// so that a test can try every failure of a history. It owns the count; it
// refuses to choose: n is the caller's.
package faultstore

import (
	"errors"
	"fmt"
	"sync"

	"github.com/holdfast-run/holdfast/runtime/store"
)

// ErrInjected is the failure.
var ErrInjected = errors.New("faultstore: injected failure")

// Engine is a store.Engine whose n-th operation fails. Operations are counted
// over the engine and its objects, in the order of their calls: all that can
// return an error, and the sync of each commit. A sync that fails does so for
// good, as on a disk: commits after it answer store.ErrReadOnly.
type Engine struct {
	inner store.Engine

	mu      sync.Mutex
	failAt  int
	count   int
	failed  string // the operation that failed
	failure error  // a failed sync
}

var _ store.Engine = (*Engine)(nil)

// New wraps inner; operation failAt fails, counted from 1. With 0 none does,
// and Operations tells how many there were.
func New(inner store.Engine, failAt int) *Engine { return &Engine{inner: inner, failAt: failAt} }

// Operations is the number of operations so far.
func (e *Engine) Operations() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.count
}

// FailedOperation names the operation that failed; "" if none has.
func (e *Engine) FailedOperation() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.failed
}

// step counts an operation.
func (e *Engine) step(operation string) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.count++; e.count != e.failAt {
		return nil
	}
	e.failed = operation
	return fmt.Errorf("%s, operation %d: %w", operation, e.count, ErrInjected)
}

// write counts an operation that a failed sync forbids.
func (e *Engine) write(operation string) error {
	if err := e.Failed(); err != nil {
		return fmt.Errorf("%s: %w: %w", operation, store.ErrReadOnly, err)
	}
	return e.step(operation)
}

// Failed reports a failed sync, injected or not.
func (e *Engine) Failed() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.failure != nil {
		return e.failure
	}
	return e.inner.Failed()
}

// Close closes the engine below.
func (e *Engine) Close() error { return e.inner.Close() }

// Open wraps the object.
func (e *Engine) Open(ref store.Ref) (store.Object, error) {
	if err := e.step("open"); err != nil {
		return nil, err
	}
	o, err := e.inner.Open(ref)
	if err != nil {
		return nil, err
	}
	return &object{Object: o, engine: e}, nil
}

// Stat passes on.
func (e *Engine) Stat(namespace string, id store.ID) (store.Info, bool, error) {
	if err := e.step("stat"); err != nil {
		return store.Info{}, false, err
	}
	return e.inner.Stat(namespace, id)
}

// Lookup passes on.
func (e *Engine) Lookup(namespace, name string) (store.ID, bool, error) {
	if err := e.step("lookup"); err != nil {
		return store.ID{}, false, err
	}
	return e.inner.Lookup(namespace, name)
}

// List passes on.
func (e *Engine) List(namespace, prefix, cursor string, limit int) ([]store.Info, string, error) {
	if err := e.step("list"); err != nil {
		return nil, "", err
	}
	return e.inner.List(namespace, prefix, cursor, limit)
}

// Count passes on.
func (e *Engine) Count(namespace string) (int64, error) {
	if err := e.step("count"); err != nil {
		return 0, err
	}
	return e.inner.Count(namespace)
}

// Alarms passes on.
func (e *Engine) Alarms(untilMs int64, limit int, wanted func(store.Ref) bool) ([]store.DueAlarm, error) {
	if err := e.step("alarms"); err != nil {
		return nil, err
	}
	return e.inner.Alarms(untilMs, limit, wanted)
}

// NextAlarm passes on.
func (e *Engine) NextAlarm() (store.DueAlarm, bool, error) {
	if err := e.step("next alarm"); err != nil {
		return store.DueAlarm{}, false, err
	}
	return e.inner.NextAlarm()
}

// ListAlarms passes on.
func (e *Engine) ListAlarms(cursor string, limit int) ([]store.DueAlarm, string, error) {
	if err := e.step("list alarms"); err != nil {
		return nil, "", err
	}
	return e.inner.ListAlarms(cursor, limit)
}

// Bury passes on.
func (e *Engine) Bury(d store.DeadAlarm) error {
	if err := e.write("bury"); err != nil {
		return err
	}
	return e.inner.Bury(d)
}

// DeadAlarms passes on.
func (e *Engine) DeadAlarms(cursor string, limit int) ([]store.DeadAlarm, string, error) {
	if err := e.step("dead alarms"); err != nil {
		return nil, "", err
	}
	return e.inner.DeadAlarms(cursor, limit)
}

// ForgetDead passes on.
func (e *Engine) ForgetDead(key string) error {
	if err := e.write("forget dead"); err != nil {
		return err
	}
	return e.inner.ForgetDead(key)
}

// Setting passes on.
func (e *Engine) Setting(name string) ([]byte, bool, error) {
	if err := e.step("setting"); err != nil {
		return nil, false, err
	}
	return e.inner.Setting(name)
}

// SetSetting passes on.
func (e *Engine) SetSetting(name string, value []byte) error {
	if err := e.write("set setting"); err != nil {
		return err
	}
	return e.inner.SetSetting(name, value)
}

// NextEpoch passes on.
func (e *Engine) NextEpoch() (uint64, error) {
	if err := e.write("next epoch"); err != nil {
		return 0, err
	}
	return e.inner.NextEpoch()
}
