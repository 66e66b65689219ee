// Package storetest holds the tests that every store.Engine must pass. It
// owns what the interface's comments promise, as code; it refuses to know any
// engine.
package storetest

import (
	"errors"
	"fmt"
	"testing"

	"github.com/holdfast-run/holdfast/guest-sdk/abi"
	"github.com/holdfast-run/holdfast/runtime/store"
)

// Subject is an engine under test.
type Subject struct {
	// New returns a function that opens an engine over the same data each
	// time; it is called again only after the engine before was closed.
	New func(t *testing.T) (open func() store.Engine)
	// SQL says whether Exec is supported.
	SQL bool
}

// Eraser is what an engine offers beyond store.Engine to delete objects.
type Eraser interface{ Delete(ref store.Ref) error }

// Run runs the suite.
func Run(t *testing.T, s Subject) {
	tests := []struct {
		name string
		run  func(*testing.T, *bench)
	}{
		{"KV", testKV}, {"Limits", testLimits}, {"Turns", testTurns}, {"Transactions", testTransactions},
		{"TransactionErrors", testTransactionErrors}, {"DeleteAll", testDeleteAll},
		{"DurableOrder", testDurableOrder}, {"List", testList}, {"ListModel", testListModel},
		{"TurnModel", testTurnModel}, {"Alarm", testAlarm}, {"AlarmIndex", testAlarmIndex},
		{"AlarmBeforeWatermark", testAlarmBeforeWatermark}, {"DeadAlarms", testDeadAlarms},
		{"Registry", testRegistry}, {"RegistryPages", testRegistryPages}, {"Vanish", testVanish},
		{"Delete", testDelete}, {"OpenTwice", testOpenTwice}, {"Settings", testSettings},
		{"Epochs", testEpochs}, {"Bookmarks", testBookmarks}, {"Reopen", testReopen}, {"Closed", testClosed},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) { test.run(t, newBench(t, s)) })
	}
	if !s.SQL {
		t.Run("SQLUnsupported", func(t *testing.T) { testSQLUnsupported(t, newBench(t, s)) })
		return
	}
	for _, test := range sqlTests {
		t.Run(test.name, func(t *testing.T) { test.run(t, newBench(t, s)) })
	}
}

// bench is an engine with the shorthand of the tests.
type bench struct {
	t      *testing.T
	open   func() store.Engine
	engine store.Engine
}

func newBench(t *testing.T, s Subject) *bench {
	t.Helper()
	b := &bench{t: t, open: s.New(t)}
	b.engine = b.open()
	t.Cleanup(func() { b.check(b.engine.Close()) })
	return b
}

// restart closes the engine and opens it again.
func (b *bench) restart() {
	b.t.Helper()
	b.check(b.engine.Close())
	b.engine = b.open()
}

func (b *bench) check(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) want(err, target error) {
	b.t.Helper()
	if !errors.Is(err, target) {
		b.t.Fatalf("got error %v, want %v", err, target)
	}
}

func equal[T comparable](b *bench, what string, got, want T) {
	b.t.Helper()
	if got != want {
		b.t.Fatalf("%s: got %v, want %v", what, got, want)
	}
}

// ref names object n of a namespace.
func ref(namespace string, n int) store.Ref {
	r := store.Ref{Namespace: namespace, Name: fmt.Sprintf("object-%04d", n)}
	r.ID[0], r.ID[31], r.ID[30] = 0xee, byte(n), byte(n>>8)
	return r
}

// object opens an object that is closed with the test.
func (b *bench) object(r store.Ref) store.Object {
	b.t.Helper()
	o, err := b.engine.Open(r)
	b.check(err)
	b.t.Cleanup(func() { b.check(o.Close()) })
	return o
}

// with opens an object for one piece of work.
func (b *bench) with(r store.Ref, work func(o store.Object)) {
	b.t.Helper()
	o, err := b.engine.Open(r)
	b.check(err)
	work(o)
	b.check(o.Close())
}

// commit commits and waits until the turn is durable.
func (b *bench) commit(o store.Object) {
	b.t.Helper()
	equal(b, "commit changed something", b.tryCommit(o), true)
}

func (b *bench) tryCommit(o store.Object) bool {
	b.t.Helper()
	done := make(chan error, 1)
	changed, err := o.Commit(func(err error) { done <- err })
	b.check(err)
	if changed {
		b.check(<-done)
	}
	return changed
}

func (b *bench) put(o store.Object, key, value string) {
	b.t.Helper()
	b.check(o.Put(key, []byte(value)))
}

// get returns the value, "<none>" if there is none.
func (b *bench) get(o store.Object, key string) string {
	b.t.Helper()
	value, ok, err := o.Get(key)
	b.check(err)
	if !ok {
		return "<none>"
	}
	return string(value)
}

// list returns "key=value" in the order of the walk.
func (b *bench) list(o store.Object, options store.ListOptions) []string {
	b.t.Helper()
	var found []string
	b.check(o.List(options, func(key string, value []byte) bool {
		found = append(found, key+"="+string(value))
		return true
	}))
	return found
}

// rows runs a query and returns its rows as text.
func (b *bench) rows(o store.Object, query string, args ...abi.Value) []string {
	b.t.Helper()
	c, err := o.Exec(query, args)
	b.check(err)
	var rows []string
	var row []abi.Value
	for {
		var ok bool
		row, ok, err = c.Next(row[:0])
		b.check(err)
		if !ok {
			break
		}
		rows = append(rows, rowText(row))
	}
	b.check(c.Close())
	return rows
}

func rowText(row []abi.Value) string {
	text := ""
	for i, v := range row {
		if i > 0 {
			text += "|"
		}
		switch v.Kind {
		case abi.ValueNull:
			text += "NULL"
		case abi.ValueInteger:
			text += fmt.Sprint(v.Int)
		case abi.ValueFloat:
			text += fmt.Sprintf("%g!", v.Float)
		case abi.ValueText:
			text += string(v.Bytes)
		case abi.ValueBlob:
			text += fmt.Sprintf("x'%x'", v.Bytes)
		}
	}
	return text
}
