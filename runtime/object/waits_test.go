package object

import (
	"runtime"
	"testing"
	"weak"
)

// TestWaits_LetGoOfEvents: what has ended is nobody's, however long the object
// or the caller that it stood in the way of lives on.
func TestWaits_LetGoOfEvents(t *testing.T) {
	var w waits
	o, caller := &Object{}, &Event{}
	callee := &Event{}
	kept := weak.Make(callee)
	if err := w.begin(caller, callee, o); err != nil {
		t.Fatal(err)
	}
	w.start(o, callee, true)
	if len(o.blockers) != 1 || len(caller.calls) != 1 {
		t.Fatalf("%d blockers, %d calls: the test tests nothing", len(o.blockers), len(caller.calls))
	}
	w.stop(o, callee)
	w.end(callee)
	callee = nil
	runtime.GC()
	if kept.Value() != nil {
		t.Error("an event that has ended is still held")
	}
	runtime.KeepAlive(o)
	runtime.KeepAlive(caller)
}
