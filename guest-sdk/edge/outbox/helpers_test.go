package outbox_test

import (
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/holdfast-run/holdfast/guest-sdk/edge"
	"github.com/holdfast-run/holdfast/guest-sdk/edge/edgetest"
	"github.com/holdfast-run/holdfast/guest-sdk/edge/outbox"
)

// owedKey is where a courier keeps how much it owes.
const owedKey = "owed"

// failuresKey is where its pump keeps how often it has failed.
const failuresKey = "outbox-failures/test"

// courier is an object that owes deliveries, a number of them.
type courier struct {
	state *edge.State
	env   *edge.Env
	pump  *outbox.Pump
	owed  int
	round *round
}

// round is what a test makes of a courier: it outlives instances.
type round struct {
	step      func(c *courier) error // before a delivery counts; nil: it works
	wake      int64
	delivered int
	steps     int
	failing   int           // as the last instance found its pump
	gate      chan struct{} // that steps wait at, of the world's making
}

// shut lets steps wait until open lets one through.
func (r *round) shut(*courier) error {
	r.gate = make(chan struct{}, 1)
	r.step = func(*courier) error { <-r.gate; return nil }
	return nil
}

func (r *round) open(*courier) error { r.gate <- struct{}{}; return nil }

var (
	rounds sync.Map // object's name → *round
	doings sync.Map // number → func(*courier) error
	lastDo int
)

func init() { edge.Register("Courier", newCourier, edge.Interleave()) }

func newCourier(s *edge.State, e *edge.Env) (*courier, error) {
	c := &courier{state: s, env: e, round: &round{}}
	if r, ok := rounds.Load(s.ID.Name()); ok {
		c.round = r.(*round)
	}
	var err error
	if c.owed, _, err = edge.Get[int](s.Storage.KV, owedKey); err != nil {
		return nil, err
	}
	c.pump, err = outbox.New(outbox.Config{
		State: s, Name: "test",
		Pending: func() bool { return c.owed > 0 },
		Step:    c.step,
		Wake:    func() int64 { return c.round.wake },
	})
	if err == nil {
		c.round.failing = c.pump.Failing()
	}
	return c, err
}

func (c *courier) step() error {
	c.round.steps++
	if c.round.step != nil {
		if err := c.round.step(c); err != nil {
			return err
		}
	}
	c.round.delivered++
	return c.owe(-1)
}

func (c *courier) owe(n int) error {
	c.owed += n
	return edge.Put(c.state.Storage.KV, owedKey, c.owed)
}

// add owes one more and starts its delivery, as an object does.
func (c *courier) add() error {
	if err := c.owe(1); err != nil {
		return err
	}
	if err := c.pump.Due(); err != nil {
		return err
	}
	c.pump.Kick()
	return nil
}

func (c *courier) Alarm(edge.AlarmInfo) error { return c.pump.Alarm() }

func (c *courier) Fetch(r *edge.Request) (*edge.Response, error) {
	n, err := strconv.Atoi(strings.TrimPrefix(r.Path(), "/"))
	if err != nil {
		return edge.Text(200, ""), nil
	}
	do, _ := doings.Load(n)
	if err := do.(func(*courier) error)(c); err != nil {
		return edge.Text(400, err.Error()), nil
	}
	return edge.Text(200, ""), nil
}

// object makes a courier of a test's own in a world.
func object(t *testing.T, w *edgetest.World, r *round) *edgetest.Handle {
	t.Helper()
	rounds.Store(t.Name(), r)
	t.Cleanup(func() { rounds.Delete(t.Name()) })
	return w.Object("Courier", t.Name())
}

// do runs fn as the handler of a request; its error ends the test.
func do(t *testing.T, h *edgetest.Handle, fn func(c *courier) error) {
	t.Helper()
	lastDo++
	doings.Store(lastDo, fn)
	if text := h.Fetch("POST", "/"+strconv.Itoa(lastDo), nil).Text(); text != "" {
		t.Fatal(text)
	}
}

// alarmIn is how long until the object's alarm.
func alarmIn(t *testing.T, w *edgetest.World, h *edgetest.Handle) time.Duration {
	t.Helper()
	at, ok := h.Alarm()
	if !ok {
		t.Fatal("no alarm is set")
	}
	return at.Sub(w.Now())
}

func noAlarm(t *testing.T, h *edgetest.Handle) {
	t.Helper()
	if at, ok := h.Alarm(); ok {
		t.Fatalf("an alarm is left for %s", at)
	}
}
