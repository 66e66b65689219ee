package faultstore

import (
	"errors"
	"fmt"
	"testing"

	"github.com/holdfast-run/holdfast/runtime/store"
	"github.com/holdfast-run/holdfast/runtime/store/memstore"
	"github.com/holdfast-run/holdfast/runtime/store/storetest"
)

// TestConformance: without a failure the wrapper is not to be noticed.
func TestConformance(t *testing.T) {
	storetest.Run(t, storetest.Subject{New: func(t *testing.T) func() store.Engine {
		var last *memstore.Engine
		return func() store.Engine {
			if last == nil {
				last = memstore.New(memstore.Options{})
			} else {
				last = last.Reopen()
			}
			return New(last, 0)
		}
	}})
}

// history makes ten turns and returns how many were acknowledged as durable.
func history(e store.Engine) (acknowledged int, err error) {
	o, err := e.Open(store.Ref{Namespace: "app.C", ID: store.ID{1}})
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, o.Close()) }()
	for i := range 10 {
		if _, _, err := o.Get("n"); err != nil {
			return acknowledged, err
		}
		if err := o.Put("n", []byte(fmt.Sprint(i+1))); err != nil {
			return acknowledged, err
		}
		if err := o.SetAlarm(store.Alarm{DueMs: int64(i + 1)}); err != nil {
			return acknowledged, err
		}
		done := make(chan error, 1)
		if _, err := o.Commit(func(err error) { done <- err }); err != nil {
			return acknowledged, err
		}
		if err := <-done; err != nil {
			return acknowledged, err
		}
		acknowledged++
	}
	return acknowledged, nil
}

func TestEveryOperationCanFail(t *testing.T) {
	counting := New(memstore.New(memstore.Options{}), 0)
	if n, err := history(counting); n != 10 || err != nil {
		t.Fatal(n, err)
	}
	seen := map[string]bool{}
	for n := range counting.Operations() {
		inner := memstore.New(memstore.Options{})
		e := New(inner, n+1)
		acknowledged, err := history(e)
		if !errors.Is(err, ErrInjected) {
			t.Fatalf("operation %d: %v", n+1, err)
		}
		seen[e.FailedOperation()] = true
		info, ok, err := inner.Stat("app.C", store.ID{1})
		if err != nil || ok && info.Alarm.DueMs < int64(acknowledged) {
			t.Fatalf("operation %d: %d turns acknowledged, stored %+v, %v", n+1, acknowledged, info, err)
		}
	}
	for _, operation := range []string{"open", "get", "put", "set alarm", "commit", "sync"} {
		if !seen[operation] {
			t.Errorf("%q never failed", operation)
		}
	}
}

func TestFailedSyncForbidsWrites(t *testing.T) {
	counting := New(memstore.New(memstore.Options{}), 0)
	if _, err := history(counting); err != nil {
		t.Fatal(err)
	}
	e := New(memstore.New(memstore.Options{}), counting.Operations())
	if _, err := history(e); err == nil || e.FailedOperation() != "sync" {
		t.Fatal(err, e.FailedOperation())
	}
	if err := e.SetSetting("a", nil); !errors.Is(err, store.ErrReadOnly) || e.Failed() == nil {
		t.Fatalf("a write after a failed sync: %v", err)
	}
}
