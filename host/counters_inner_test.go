package host

import (
	"fmt"
	"math"
	"sync"
	"testing"
)

func TestCounters_StayFullAndCountEverything(t *testing.T) {
	c := newCounters(2)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for range 1000 {
				if err := c.Count(fmt.Sprint("n", i%2), 1); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if err := c.Count("n2", 0); err == nil {
		t.Error("a third name was taken")
	}
	if err := c.Count("n1", math.MaxInt64); err != nil {
		t.Error(err)
	}
	c.each(func(name string, value int64) {
		if want := map[string]int64{"n0": 4000, "n1": math.MaxInt64}[name]; value != want {
			t.Errorf("%s is %d, want %d", name, value, want)
		}
	})
}
