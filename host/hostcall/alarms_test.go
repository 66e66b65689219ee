package hostcall_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/holdfast-run/holdfast/runtime/object"
	"github.com/holdfast-run/holdfast/runtime/store"
)

// TestAlarms_OfAppsThatDoNotRun, however many, do not keep another's from
// firing, and stay set.
func TestAlarms_OfAppsThatDoNotRun(t *testing.T) {
	s, e := pastStage(t)
	const orphans = 2*object.DefaultAlarmsAtOnce + 100
	set := func(r store.Ref) {
		o, err := e.Open(r)
		if err != nil {
			t.Fatal(err)
		}
		if err := o.SetAlarm(store.Alarm{ScheduledMs: 1, DueMs: 1}); err != nil {
			t.Fatal(err)
		}
		done := make(chan error, 1)
		if _, err := o.Commit(func(err error) { done <- err }); err != nil {
			t.Fatal(err)
		}
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		if err := o.Close(); err != nil {
			t.Fatal(err)
		}
	}
	for i := range orphans {
		set(store.Ref{Namespace: "gone.Class", Name: fmt.Sprint(i), ID: store.ID{byte(i), byte(i >> 8)}})
	}
	set(object.RefByName(s.kind.Namespace, "a"))
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	s.dir.Alarms().Start()
	for s.dir.Alarms().Fired() == 0 {
		if !s.dir.Alarms().Settle(ctx) || !s.dir.Quiet(ctx) {
			t.Fatal("the alarm did not fire")
		}
	}
	left, err := e.Alarms(1<<50, 2*orphans, nil)
	if err != nil || len(left) != orphans {
		t.Fatalf("%d alarms are left (%v), want %d", len(left), err, orphans)
	}
}
