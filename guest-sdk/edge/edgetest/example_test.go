package edgetest_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/holdfast-run/holdfast/guest-sdk/edge"
	"github.com/holdfast-run/holdfast/guest-sdk/edge/edgetest"
)

// bell counts its rings, and rings by itself an hour after the last.
type bell struct{ state *edge.State }

func init() {
	edge.Register("Bell", func(s *edge.State, _ *edge.Env) (*bell, error) { return &bell{s}, nil })
}

func (b *bell) ring() (int, error) {
	n, _, err := edge.Get[int](b.state.Storage.KV, "rings")
	if err != nil {
		return 0, err
	}
	return n + 1, edge.Put(b.state.Storage.KV, "rings", n+1)
}

func (b *bell) Fetch(*edge.Request) (*edge.Response, error) {
	n, err := b.ring()
	if err != nil {
		return nil, err
	}
	return edge.Text(200, fmt.Sprint("ring ", n)), b.state.Storage.SetAlarm(b.state.Now().Add(time.Hour))
}

func (b *bell) Alarm(edge.AlarmInfo) error {
	_, err := b.ring()
	return err
}

// In a test, t is the test's own.
func Example() {
	judge(func(t testing.TB) {
		w := edgetest.New(t)
		tower := w.Object("Bell", "tower")
		fmt.Println(tower.Fetch("POST", "/ring", nil).Want(200).Text())

		tower.Evict() // memory goes, storage stays
		w.Advance(time.Hour)
		fmt.Println("rings:", string(tower.KV()["rings"]))

		fmt.Println(tower.Fetch("POST", "/ring", nil).Want(200).Text())
	})
	// Output:
	// ring 1
	// rings: 2
	// ring 3
}
