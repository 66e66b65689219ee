package enginebench

import (
	"math"
	"testing"
)

func TestQuantile_IsTheUpperBoundOfItsBucket(t *testing.T) {
	buckets := []float64{0, 1, 2, 4, math.Inf(1)}
	for _, c := range []struct {
		counts []uint64
		q      float64
		want   float64
	}{
		{[]uint64{0, 0, 0, 0}, 0.5, 0},
		{[]uint64{2, 1, 1, 0}, 0.5, 1},
		{[]uint64{1, 2, 1, 0}, 0.5, 2},
		{[]uint64{1, 2, 1, 0}, 1, 4},
		{[]uint64{1, 0, 0, 1}, 1, 4}, // without an upper bound: the lower one
	} {
		if got := quantile(buckets, c.counts, c.q); got != c.want {
			t.Errorf("%v of %v is %v, want %v", c.q, c.counts, got, c.want)
		}
	}
}

func TestProcNumber_NamesWhatIsMissing(t *testing.T) {
	text := "MemTotal:  9 kB\nMemAvailable:   123 kB\n"
	if n, err := procNumber(text, "MemAvailable:"); n != 123 || err != nil {
		t.Errorf("got %d %v", n, err)
	}
	if _, err := procNumber(text, "MemNone:"); err == nil {
		t.Error("a number was found that is not there")
	}
}
