package engine_test

import (
	"context"
	"errors"
	"testing"

	"github.com/holdfast-run/holdfast/guest-sdk/abi"
	"github.com/holdfast-run/holdfast/runtime/engine"
)

// slotted is an engine with few slots and images of the tiny guest on it.
func slotted(t *testing.T, slots, images int) []*engine.Image {
	t.Helper()
	e, err := engine.New(engine.Config{SlotsMax: slots})
	if err != nil {
		t.Fatal(err)
	}
	var out []*engine.Image
	for range images {
		img, err := e.Image(context.Background(), tiny().encode(), engine.ImageConfig{MemoryMiB: 1})
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, img)
	}
	t.Cleanup(func() {
		for _, img := range out {
			if err := img.Close(); err != nil {
				t.Error(err)
			}
		}
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	return out
}

func TestSlots_AreBounded(t *testing.T) {
	img := slotted(t, 3, 1)[0]
	var all []*engine.Instance
	for range 3 {
		in, err := img.Instantiate(newCalls())
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, in)
	}
	if _, err := img.Instantiate(newCalls()); !errors.Is(err, engine.ErrNoRoom) {
		t.Fatalf("a fourth of three: %v", err)
	}
	all[1].Close()
	instance(t, img, newCalls())
	all[0].Close()
	all[2].Close()
}

// TestSlots_MoveBetweenImages: what one image has given back is another's.
func TestSlots_MoveBetweenImages(t *testing.T) {
	images := slotted(t, 4, 2)
	for round := range 3 {
		for _, img := range images {
			var all []*engine.Instance
			for range 4 {
				in, err := img.Instantiate(newCalls())
				if err != nil {
					t.Fatalf("round %d: %v", round, err)
				}
				if err := in.Event(abi.EventFetch, nil); err != nil {
					t.Fatal(err)
				}
				all = append(all, in)
			}
			for _, in := range all {
				in.Close()
			}
		}
	}
}

// TestSlots_AtTheSystemsLimit makes as many instances as the system's limit of
// mappings leaves room for: then there is an error, and the process lives.
func TestSlots_AtTheSystemsLimit(t *testing.T) {
	if testing.Short() {
		t.Skip("tens of thousands of instances, skipped with -short")
	}
	img := slotted(t, 0, 1)[0]
	all := make([]*engine.Instance, 0, engine.SlotsMax())
	c := newCalls()
	for range engine.SlotsMax() {
		in, err := img.Instantiate(c)
		if err != nil {
			t.Fatalf("after %d of %d: %v", len(all), engine.SlotsMax(), err)
		}
		if len(all)%64 == 0 { // a stack of 10 KiB each would be half a gigabyte
			if err := in.Tick(); err != nil {
				t.Fatal(err)
			}
		}
		all = append(all, in)
	}
	if _, err := img.Instantiate(c); !errors.Is(err, engine.ErrNoRoom) {
		t.Fatalf("one more than fit: %v", err)
	}
	for _, in := range all {
		if err := in.Tick(); err != nil {
			t.Fatal(err)
		}
		in.Close()
	}
}
