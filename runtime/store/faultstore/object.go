package faultstore

import (
	"errors"
	"fmt"

	"github.com/holdfast-run/holdfast/guest-sdk/abi"
	"github.com/holdfast-run/holdfast/runtime/store"
)

// object counts the operations of a store.Object. What cannot fail is the
// embedded object's.
type object struct {
	store.Object
	engine *Engine
}

func (o *object) Get(key string) ([]byte, bool, error) {
	if err := o.engine.step("get"); err != nil {
		return nil, false, err
	}
	return o.Object.Get(key)
}

func (o *object) Put(key string, value []byte) error {
	if err := o.engine.step("put"); err != nil {
		return err
	}
	return o.Object.Put(key, value)
}

func (o *object) Delete(key string) (bool, error) {
	if err := o.engine.step("delete"); err != nil {
		return false, err
	}
	return o.Object.Delete(key)
}

func (o *object) List(options store.ListOptions, fn func(string, []byte) bool) error {
	if err := o.engine.step("list keys"); err != nil {
		return err
	}
	return o.Object.List(options, fn)
}

func (o *object) Exec(query string, args []abi.Value) (store.Cursor, error) {
	if err := o.engine.step("exec"); err != nil {
		return nil, err
	}
	c, err := o.Object.Exec(query, args)
	if err != nil {
		return nil, err
	}
	return &cursor{Cursor: c, engine: o.engine}, nil
}

func (o *object) DeleteAll() error {
	if err := o.engine.step("delete all"); err != nil {
		return err
	}
	return o.Object.DeleteAll()
}

func (o *object) Begin() error {
	if err := o.engine.step("begin"); err != nil {
		return err
	}
	return o.Object.Begin()
}

func (o *object) Release() error {
	if err := o.engine.step("release"); err != nil {
		return err
	}
	return o.Object.Release()
}

func (o *object) Rollback() error {
	if err := o.engine.step("rollback"); err != nil {
		return err
	}
	return o.Object.Rollback()
}

func (o *object) SetAlarm(a store.Alarm) error {
	if err := o.engine.step("set alarm"); err != nil {
		return err
	}
	return o.Object.SetAlarm(a)
}

func (o *object) ClearAlarm() error {
	if err := o.engine.step("clear alarm"); err != nil {
		return err
	}
	return o.Object.ClearAlarm()
}

// Commit fails before the inner commit, or its sync fails after.
func (o *object) Commit(durable func(error)) (bool, error) {
	if !o.Dirty() {
		return o.Object.Commit(durable)
	}
	if err := o.engine.write("commit"); err != nil {
		return false, errors.Join(err, o.Object.Abort())
	}
	fault := o.engine.step("sync")
	return o.Object.Commit(func(err error) {
		if err = o.engine.syncResult(fault, err); durable != nil {
			durable(err)
		}
	})
}

// syncResult is the outcome of a commit's sync; failures stick.
func (e *Engine) syncResult(fault, err error) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if fault != nil && e.failure == nil {
		e.failure = fmt.Errorf("sync: %w", fault)
	}
	if e.failure != nil {
		return e.failure
	}
	return err
}

func (o *object) Bookmark() (string, error) {
	if err := o.engine.step("bookmark"); err != nil {
		return "", err
	}
	return o.Object.Bookmark()
}

func (o *object) BookmarkForTime(ms int64) (string, error) {
	if err := o.engine.step("bookmark for time"); err != nil {
		return "", err
	}
	return o.Object.BookmarkForTime(ms)
}

func (o *object) RestoreNext(bookmark string) (string, error) {
	if err := o.engine.step("restore next"); err != nil {
		return "", err
	}
	return o.Object.RestoreNext(bookmark)
}

// cursor counts the rows asked for.
type cursor struct {
	store.Cursor
	engine *Engine
}

func (c *cursor) Next(dst []abi.Value) ([]abi.Value, bool, error) {
	if err := c.engine.step("next row"); err != nil {
		return dst, false, err
	}
	return c.Cursor.Next(dst)
}
