package storage

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"

	"github.com/holdfast-run/holdfast/guest-sdk/abi"
	"github.com/holdfast-run/holdfast/runtime/store"
)

// The crash tests share a history: turn e of an object leaves kv "n" = e, a
// kv entry and a row for each of its last historyKept turns, a counter row of
// e and an alarm due at e. Some turns are aborted first and must leave
// nothing. So what is stored tells by itself which turn it is, and that kv,
// SQL, alarm and registry are of the same turn.
const historyKept = 40

func historyRef(n int) store.Ref {
	return store.Ref{Namespace: "app.History", Name: fmt.Sprintf("h%03d", n), ID: store.ID{byte(n), 0xaa}}
}

// judge is a *testing.T, or a witness that only notes what it sees.
type judge interface {
	Helper()
	Fatal(...any)
	Fatalf(string, ...any)
}

// witness ends the goroutine at the first fault, and keeps it.
type witness struct{ fault string }

func (w *witness) Helper()           {}
func (w *witness) Fatal(args ...any) { w.Fatalf("%s", fmt.Sprint(args...)) }
func (w *witness) Fatalf(f string, args ...any) {
	w.fault = fmt.Sprintf(f, args...)
	runtime.Goexit()
}

// findFault is what verifying finds, "" if all is well.
func findFault(e *Engine, acked []uint64) string {
	w := &witness{}
	done := make(chan struct{})
	go func() {
		defer close(done)
		verifyHistories(w, e, acked)
	}()
	<-done
	return w.fault
}

func abortedTurn(o store.Object) error {
	err := errors.Join(
		runSQL(o, "CREATE TABLE IF NOT EXISTS bad (x); INSERT INTO bad VALUES (1)"),
		o.Put("bad", []byte("x")), o.Put("n", nil), o.SetAlarm(store.Alarm{DueMs: -1}))
	return errors.Join(err, o.Abort())
}

func historyTurn(o store.Object, r *rand.Rand, durable func(error)) error {
	if r.IntN(7) == 0 {
		if err := abortedTurn(o); err != nil {
			return err
		}
	}
	e := o.Sequence() + 1
	if e == 1 {
		err := runSQL(o, "CREATE TABLE t (id INTEGER PRIMARY KEY, k TEXT, pad TEXT); CREATE INDEX i ON t (k); CREATE TABLE c (n); INSERT INTO c VALUES (0)")
		if err != nil {
			return err
		}
	}
	pad := strings.Repeat("x", r.IntN(700))
	err := errors.Join(
		runSQL(o, "INSERT INTO t VALUES (?, ?, ?)", abi.Integer(int64(e)), abi.Text(fmt.Sprint(r.Uint64())), abi.Text(pad)),
		runSQL(o, "UPDATE c SET n = ?", abi.Integer(int64(e))),
		o.Put("n", binary.BigEndian.AppendUint64(nil, e)),
		o.Put(historyKey(e), []byte(pad)),
		o.SetAlarm(store.Alarm{ScheduledMs: int64(e), DueMs: int64(e)}))
	if e > historyKept && err == nil {
		_, err = o.Delete(historyKey(e - historyKept))
		err = errors.Join(err, runSQL(o, "DELETE FROM t WHERE id = ?", abi.Integer(int64(e-historyKept))))
	}
	if err != nil {
		return err
	}
	_, err = o.Commit(durable)
	return err
}

func historyKey(e uint64) string { return fmt.Sprintf("e-%012d", e) }

// runHistories runs turns on objects, a goroutine each, with a few turns in
// flight, until stop or a failure. ack gets each durable turn.
func runHistories(e *Engine, seed uint64, objects, turns int, stop <-chan struct{}, ack func(object int, e uint64)) error {
	errs := make([]error, objects)
	var done sync.WaitGroup
	for i := range objects {
		done.Go(func() { errs[i] = runHistory(e, seed, i, turns, stop, ack) })
	}
	done.Wait()
	return errors.Join(errs...)
}

// acknowledgeEarly as a seed's flag makes turns count when they are applied,
// not when they are durable: the negative control of the crash tests.
const acknowledgeEarly = 1 << 63

func runHistory(e *Engine, seed uint64, i, turns int, stop <-chan struct{}, ack func(int, uint64)) (err error) {
	early := seed&acknowledgeEarly != 0
	o, err := e.Open(historyRef(i))
	if err != nil {
		return err
	}
	r := rand.New(rand.NewPCG(seed, uint64(i)))
	inFlight := make(chan struct{}, 4)
	for range turns {
		select {
		case <-stop:
			return nil // a crash: nothing is closed
		case inFlight <- struct{}{}:
		}
		turn := o.Sequence() + 1
		err := historyTurn(o, r, func(err error) {
			if err == nil && !early {
				ack(i, turn)
			}
			<-inFlight
		})
		if err != nil {
			return err
		}
		if early {
			ack(i, turn)
		}
	}
	for range cap(inFlight) {
		inFlight <- struct{}{}
	}
	return o.Close()
}

// verifyHistories checks that every acknowledged turn is there, and that each
// object is wholly of one turn.
func verifyHistories(t judge, e *Engine, acked []uint64) {
	t.Helper()
	alarms := map[string]int64{}
	listed, err := e.Alarms(1<<40, 1<<20, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range listed {
		if _, twice := alarms[a.Ref.Name]; twice {
			t.Fatalf("%s has two alarms", a.Ref.Name)
		}
		alarms[a.Ref.Name] = a.Alarm.DueMs
	}
	existing := int64(0)
	for i := range acked {
		if verifyHistory(t, e, i, acked[i], alarms) {
			existing++
		}
	}
	if count, err := e.Count("app.History"); err != nil || count != existing {
		t.Fatalf("count is %d, %d objects exist (%v)", count, existing, err)
	}
}

func verifyHistory(t judge, e *Engine, i int, acked uint64, alarms map[string]int64) bool {
	t.Helper()
	ref := historyRef(i)
	o, err := e.Open(ref)
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	at := o.Sequence()
	if at < acked {
		t.Fatalf("%s: turn %d was acknowledged, stored is %d", ref.Name, acked, at)
	}
	_, listed, err := e.Lookup(ref.Namespace, ref.Name)
	if err != nil || listed != (at > 0) {
		t.Fatalf("%s: turn %d, listed %v (%v)", ref.Name, at, listed, err)
	}
	if at == 0 {
		return false
	}
	n, _, err := o.Get("n")
	if err != nil || len(n) != 8 || binary.BigEndian.Uint64(n) != at {
		t.Fatalf("%s: kv is %x, turn is %d (%v)", ref.Name, n, at, err)
	}
	entries := uint64(0)
	if err := o.List(store.ListOptions{Prefix: "e-"}, func(string, []byte) bool { entries++; return true }); err != nil {
		t.Fatal(err)
	}
	kept := min(at, historyKept)
	sql := oneRow(t, o, "SELECT (SELECT max(id) FROM t) || ' ' || (SELECT count(*) FROM t) || ' ' || (SELECT n FROM c)")
	want := fmt.Sprintf("%d %d %d", at, kept, at)
	if entries != kept || sql != want || alarms[ref.Name] != int64(at) {
		t.Fatalf("%s, turn %d: %d entries, SQL %q, alarm %d", ref.Name, at, entries, sql, alarms[ref.Name])
	}
	bad := oneRow(t, o, "SELECT count(*) || '' FROM sqlite_schema WHERE name = 'bad'")
	if _, found, err := o.Get("bad"); found || err != nil || bad != "0" {
		t.Fatalf("%s: an aborted turn left something (%v)", ref.Name, err)
	}
	if check := oneRow(t, o, "PRAGMA quick_check"); check != "ok" {
		t.Fatalf("%s: %s", ref.Name, check)
	}
	if e.History(ref.Namespace) > 0 && at > 1 {
		verifyPast(t, e, ref, bookmark{o.(*Object).Epoch(), at - min(at-1, 5)})
	}
	return true
}

// verifyPast checks a clone of the object as it was.
func verifyPast(t judge, e *Engine, ref store.Ref, mark bookmark) {
	t.Helper()
	o, err := e.OpenWith(store.Ref{Namespace: "app.Clone", Name: "clone", ID: store.ID{1, 0xcc}}, ObjectOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	if _, err := o.CopyFrom(ref, mark.String(), nil); err != nil {
		t.Fatalf("%s at %s: %v", ref.Name, mark, err)
	}
	n, _, err := o.Get("n")
	alarm, _ := o.Alarm()
	if err != nil || binary.BigEndian.Uint64(n) != mark.sequence || alarm.DueMs != int64(mark.sequence) {
		t.Fatalf("%s at %s: kv is %x, alarm %d (%v)", ref.Name, mark, n, alarm.DueMs, err)
	}
	want := fmt.Sprintf("%d %d", mark.sequence, mark.sequence)
	if got := oneRow(t, o, "SELECT (SELECT max(id) FROM t) || ' ' || (SELECT n FROM c)"); got != want {
		t.Fatalf("%s at %s: SQL says %s", ref.Name, mark, got)
	}
	if check := oneRow(t, o, "PRAGMA quick_check"); check != "ok" {
		t.Fatalf("%s at %s: %s", ref.Name, mark, check)
	}
	if err := o.DeleteAll(); err != nil {
		t.Fatal(err)
	}
	if _, err := o.Commit(nil); err != nil {
		t.Fatal(err)
	}
}

func oneRow(t judge, o store.Object, query string) string {
	t.Helper()
	c, err := o.Exec(query, nil)
	if err != nil {
		t.Fatal(err)
	}
	row, ok, err := c.Next(nil)
	if err != nil || !ok {
		t.Fatalf("%s: no row (%v)", query, err)
	}
	text := string(row[0].Bytes)
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	return text
}

// acks collects the acknowledged turns of objects.
type acks struct {
	mu    sync.Mutex
	turns []uint64
	total int
}

func newAcks(objects int) *acks { return &acks{turns: make([]uint64, objects)} }

func (a *acks) add(object int, e uint64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.turns[object] = max(a.turns[object], e)
	a.total++
}

func (a *acks) snapshot() []uint64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	return append([]uint64(nil), a.turns...)
}
