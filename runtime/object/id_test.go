package object_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/holdfast-run/holdfast/runtime/object"
)

// TestRefByName_IsWhatTheNameMakes: what a class remembers of names is never
// another name's, also where more are used than it remembers, from all sides.
func TestRefByName_IsWhatTheNameMakes(t *testing.T) {
	c := object.NewClass("app", "Room", object.Limits{}, nil)
	c.Origin = "app.Hall"
	names := []string{"", strings.Repeat("n", 1024), strings.Repeat("n", 1025), strings.Repeat("n", 1026)}
	for i := range 5000 {
		names = append(names, fmt.Sprint("room", i))
	}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 3 {
				for _, name := range names {
					want := object.RefByName("app.Hall", name)
					want.Namespace = "app.Room"
					if got := c.RefByName(name); got != want {
						t.Errorf("%.20q: got %v, want %v", name, got, want)
						return
					}
				}
			}
		})
	}
	wg.Wait()
}

func BenchmarkRefByName(b *testing.B) {
	c := object.NewClass("app", "Room", object.Limits{}, nil)
	b.ReportAllocs()
	for b.Loop() {
		_ = c.RefByName("room7")
	}
}
