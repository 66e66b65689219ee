package engage

import (
	"fmt"
	"net/url"
	"testing"

	"github.com/holdfast-run/holdfast/guest-sdk/edge/edgetest"
)

// walkAlong verifies the trail in calls of so many rows; between is run after
// each call that did not reach the end.
func (o *office) walkAlong(t *testing.T, limit int, between func(call int)) (v verdict, calls int) {
	t.Helper()
	for cursor := ""; ; {
		r := o.do("GET", fmt.Sprintf("/audit:verify?limit=%d&cursor=%s", limit, url.QueryEscape(cursor)), nil)
		if calls++; r.Status != 202 {
			r.Want(200).JSON(&v)
			return v, calls
		}
		var u unfinished
		if r.JSON(&u); u.Cursor == "" || u.Rows < v.Rows {
			t.Fatalf("after %d rows: %s", v.Rows, r.Text())
		}
		v.Rows, cursor = u.Rows, u.Cursor
		between(calls)
	}
}

// TestVerify_GoesOnInPiecesAmongAppendsAndCrashes walks in small pieces while
// the trail grows and the ledger dies: the end is the one of the beginning.
func TestVerify_GoesOnInPiecesAmongAppendsAndCrashes(t *testing.T) {
	w := newWorld(t)
	o := found(w, "acme")
	o.begin("s1")
	for range 30 {
		o.say("s1", "client", "x")
	}
	w.Settle()
	for _, limit := range []int{1, 2, 7, 32, 33, 1000} {
		var before verdict
		o.do("GET", "/audit:verify", nil).Want(200).JSON(&before)
		v, calls := o.walkAlong(t, limit, func(call int) {
			for range 3 {
				o.say("s1", "client", "meanwhile")
			}
			if call%3 == 0 {
				w.Object("FirmLedger", "acme").Crash()
			}
		})
		if !v.OK || v.Rows < before.Rows || v.Rows > before.Rows+2 {
			t.Errorf("in pieces of %d: %+v, and %+v before", limit, v, before)
		}
		if want := int(v.Rows)/limit + 1; calls < want || calls > want+1 {
			t.Errorf("%d rows in pieces of %d took %d calls", v.Rows, limit, calls)
		}
	}
}

func TestVerify_RefusesWhatIsNoPlace(t *testing.T) {
	both(t, func(t *testing.T, w *edgetest.World) {
		o := found(w, "acme")
		for _, query := range []string{"limit=0", fmt.Sprint("limit=", VerifyMax+1), "limit=x", "cursor=x", "cursor=e30", "cursor=%00"} {
			if r := o.do("GET", "/audit:verify?"+query, nil).Want(400); code(r) != "bad_request" {
				t.Errorf("%s: %s", query, r.Text())
			}
		}
		if v, calls := o.walkAlong(t, 1, func(int) {}); !v.OK || calls < 2 {
			t.Errorf("%+v after %d calls", v, calls)
		}
	})
}

// TestVerify_WaitsForNoBacklog lets D1 fail: the walk is refused at once, and
// works when D1 does.
func TestVerify_WaitsForNoBacklog(t *testing.T) {
	w := newWorld(t)
	o := found(w, "acme")
	o.begin("s1")
	w.FailD1(always, errDown)
	o.say("s1", "client", "x")
	o.do("GET", "/audit:verify", nil).Want(503)
	w.FailD1(0, nil)
	var v verdict
	if o.do("GET", "/audit:verify", nil).Want(200).JSON(&v); !v.OK || v.Rows < 4 {
		t.Errorf("%+v", v)
	}
}
