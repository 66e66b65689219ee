package edgetest_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/holdfast-run/holdfast/guest-sdk/edge"
	"github.com/holdfast-run/holdfast/guest-sdk/edge/edgetest"
)

// since shows what a client that saw up to a number gets.
func since(r *edge.Recovery, epoch string, after int64) string {
	missed, how := r.Since(epoch, after)
	out := []string{[]string{"all", "gap", "reset"}[how]}
	for seq, m := range missed {
		out = append(out, fmt.Sprint(seq, "=", string(m.Data)))
	}
	return strings.Join(out, " ")
}

func TestRecovery_GivesWhatWasMissedOrSaysWhyNot(t *testing.T) {
	r := edge.NewRecovery("e1", 10, edge.RecoveryLimits{MessagesMax: 3, BytesMax: 10})
	add := func(texts ...string) {
		for _, s := range texts {
			r.Add(r.Head()+1, edge.TextMessage(s))
		}
	}
	is := func(epoch string, after int64, want string) {
		t.Helper()
		if got := since(r, epoch, after); got != want {
			t.Errorf("after %d of %q: %s, want %s", after, epoch, got, want)
		}
	}
	is("e1", 10, "all")
	is("e1", 9, "gap")
	is("e1", 11, "reset")
	is("e0", 10, "reset")
	add("a", "b", "c")
	is("e1", 10, "all 11=a 12=b 13=c")
	is("", 12, "all 13=c")
	is("e1", 13, "all")
	add("d") // the fourth: over MessagesMax
	is("e1", 10, "gap")
	is("e1", 11, "all 12=b 13=c 14=d")
	add("123456789") // with d ten bytes
	is("e1", 12, "gap")
	is("e1", 13, "all 14=d 15=123456789")
	add("longer than all") // it fits by no means
	is("e1", 15, "gap")
	is("e1", 16, "all")
	r.Add(20, edge.TextMessage("x")) // a hole
	is("e1", 16, "gap")
	is("e1", 19, "all 20=x")
	if r.Epoch() != "e1" || r.Head() != 20 {
		t.Errorf("epoch %s, head %d", r.Epoch(), r.Head())
	}
}

func TestRecovery_ResumesASocketWithoutGapOrRepeat(t *testing.T) {
	w := edgetest.New(t)
	h := w.Object("Probe", "stream")
	r := edge.NewRecovery("e", 0, edge.RecoveryLimits{})
	must(t, h, func(*probe) error {
		for i := range 5 {
			r.Add(int64(i+1), edge.TextMessage(strconv.Itoa(i+1)))
		}
		return nil
	})
	c := h.Connect(fetching(func(p *probe, req *edge.Request) (*edge.Response, error) {
		ws, _ := req.Upgrade()
		if err := p.state.AcceptWebSocket(ws); err != nil {
			return nil, err
		}
		how, err := r.Resume(ws, "e", 3)
		if how != edge.RecoveredAll {
			t.Errorf("resumed: %v", how)
		}
		return edge.Switch(ws, ""), err
	}))
	must(t, h, func(p *probe) error {
		m := edge.TextMessage("6")
		r.Add(6, m)
		p.state.Broadcast(m)
		return nil
	})
	for _, want := range []string{"4", "5", "6"} {
		c.Expect(want)
	}
	c.Quiet()
}
