package engine_test

import (
	"errors"
	"fmt"
	"os"
	"testing"

	"github.com/holdfast-run/holdfast/runtime/engine"
)

// remembered freezes a guest that remembers word.
func remembered(t *testing.T, img *engine.Image, word string) (*engine.Frozen, *calls) {
	t.Helper()
	in, c := goGuestOf(t, img)
	fetched(t, in, 2, "/remember", []byte(word))
	f, err := in.Freeze()
	if err != nil {
		t.Fatal(err)
	}
	return f, c
}

// expectRemembers thaws and asks.
func expectRemembers(t *testing.T, img *engine.Image, f *engine.Frozen, c *calls, word string) {
	t.Helper()
	in, err := img.Thaw(f, c)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	fetched(t, in, 2, "/remember", []byte("!"))
	if got := string(c.replies[len(c.replies)-1].Response.Body); got != word+",!" {
		t.Fatalf("thawed with %q, want %q", got, word+",!")
	}
}

func freezer(t *testing.T, cfg engine.FreezerConfig) *engine.Freezer {
	t.Helper()
	z := engine.NewFreezer(cfg)
	t.Cleanup(func() {
		if err := z.Close(); err != nil {
			t.Error(err)
		}
	})
	return z
}

func TestFreezer_MovesTheOldestToDiskAndBack(t *testing.T) {
	img, err := guestImage()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	z := freezer(t, engine.FreezerConfig{RAMBytesMax: 16 << 10, Dir: dir})
	const n = 12
	var frozen [n]*engine.Frozen
	var hosts [n]*calls
	for round := range 3 { // places in the file are used again
		for i := range frozen {
			frozen[i], hosts[i] = remembered(t, img, fmt.Sprint("word", round, i))
			z.Keep(frozen[i], i%2 == 0)
		}
		s := z.Stats()
		if s.RAMBytes > 24<<10 || s.DiskBytes == 0 || s.Drops != 0 {
			t.Fatalf("round %d: %+v", round, s)
		}
		for i, f := range frozen {
			for range 2 { // the second is idle
				if err := z.Take(f); err != nil {
					t.Fatal(err)
				}
			}
			expectRemembers(t, img, f, hosts[i], fmt.Sprint("word", round, i))
		}
	}
	if s := z.Stats(); s != (engine.FreezerStats{}) {
		t.Fatalf("after everything was taken: %+v", s)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Fatalf("the file has a name: %v %v", left, err)
	}
}

func TestFreezer_DropsWhatNobodyWaitsForWhenFull(t *testing.T) {
	img, err := guestImage()
	if err != nil {
		t.Fatal(err)
	}
	z := freezer(t, engine.FreezerConfig{RAMBytesMax: 1, DiskBytesMax: -1})
	pinned, host := remembered(t, img, "pinned")
	z.Keep(pinned, true)
	loose, _ := remembered(t, img, "loose")
	z.Keep(loose, false)
	if err := z.Take(loose); !errors.Is(err, engine.ErrDropped) {
		t.Fatalf("taken: %v", err)
	}
	z.Drop(loose)
	if err := z.Take(pinned); err != nil {
		t.Fatal(err)
	}
	expectRemembers(t, img, pinned, host, "pinned")
	if s := z.Stats(); s != (engine.FreezerStats{Drops: 1}) {
		t.Fatalf("%+v", s)
	}
}

func TestFreezer_ForgetsWhatIsDropped(t *testing.T) {
	img, err := guestImage()
	if err != nil {
		t.Fatal(err)
	}
	for _, ram := range []int64{1, 1 << 20} { // on disk, in memory
		z := freezer(t, engine.FreezerConfig{RAMBytesMax: ram, Dir: t.TempDir()})
		f, _ := remembered(t, img, "gone")
		z.Keep(f, true)
		z.Drop(f)
		if s := z.Stats(); s != (engine.FreezerStats{}) {
			t.Fatalf("limit %d: %+v", ram, s)
		}
		if err := z.Take(f); !errors.Is(err, engine.ErrDropped) {
			t.Fatalf("limit %d: taken: %v", ram, err)
		}
	}
}
