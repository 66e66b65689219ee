package memstore

import (
	"errors"
	"fmt"
	"testing"

	"github.com/holdfast-run/holdfast/runtime/store"
	"github.com/holdfast-run/holdfast/runtime/store/storetest"
)

func TestConformance(t *testing.T) {
	storetest.Run(t, storetest.Subject{New: func(t *testing.T) func() store.Engine {
		var last *Engine
		return func() store.Engine {
			if last == nil {
				last = New(Options{})
			} else {
				last = last.Reopen()
			}
			return last
		}
	}})
}

func openObject(t *testing.T, e *Engine) store.Object {
	t.Helper()
	o, err := e.Open(store.Ref{Namespace: "app.C", ID: store.ID{1}, Name: "one"})
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func put(t *testing.T, o store.Object, value string) {
	t.Helper()
	if err := o.Put("k", []byte(value)); err != nil {
		t.Fatal(err)
	}
}

func get(t *testing.T, o store.Object) string {
	t.Helper()
	value, _, err := o.Get("k")
	if err != nil {
		t.Fatal(err)
	}
	return string(value)
}

func TestCrashClone_HasWhatWasDurable(t *testing.T) {
	e := New(Options{HoldSyncs: true})
	defer e.Close()
	o := openObject(t, e)
	var durable []int
	for i := range 3 {
		put(t, o, fmt.Sprint(i))
		if _, err := o.Commit(func(error) { durable = append(durable, i) }); err != nil {
			t.Fatal(err)
		}
		if i == 1 && e.Flush() != 2 {
			t.Fatal("two commits were pending")
		}
	}
	clone := e.CrashClone()
	defer clone.Close()
	if got := get(t, openObject(t, clone)); got != "1" {
		t.Fatalf("the clone has %q, want 1", got)
	}
	if got := get(t, o); got != "2" || len(durable) != 2 || e.Pending() != 1 {
		t.Fatalf("the engine has %q, durable %v", got, durable)
	}
}

func TestFailCommit_DropsTheTurn(t *testing.T) {
	e := New(Options{FailCommit: 2})
	defer e.Close()
	o := openObject(t, e)
	for i, want := range []error{nil, ErrInjected, nil} {
		put(t, o, fmt.Sprint(i))
		if _, err := o.Commit(nil); !errors.Is(err, want) {
			t.Fatalf("commit %d: %v, want %v", i, err, want)
		}
		if want != nil && get(t, o) != "0" {
			t.Fatal("the failed turn is still seen")
		}
	}
}

func TestFailSync_IsSticky(t *testing.T) {
	e := New(Options{HoldSyncs: true, FailSync: 2})
	defer e.Close()
	o := openObject(t, e)
	var results []error
	for i := range 3 {
		put(t, o, fmt.Sprint(i))
		if _, err := o.Commit(func(err error) { results = append(results, err) }); err != nil {
			t.Fatal(err)
		}
	}
	e.Flush()
	for i, err := range results {
		if (err != nil) != (i > 0) {
			t.Fatalf("sync %d: %v", i, err)
		}
	}
	put(t, o, "4")
	if _, err := o.Commit(nil); !errors.Is(err, store.ErrReadOnly) || !errors.Is(e.Failed(), ErrInjected) {
		t.Fatalf("after a failed sync: %v", err)
	}
}
