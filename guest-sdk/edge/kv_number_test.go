package edge

import (
	"strconv"
	"testing"
)

// TestWholeNumber_ReadsWhatItSays: what strconv writes comes back, and
// anything else is left to encoding/json.
func TestWholeNumber_ReadsWhatItSays(t *testing.T) {
	for _, n := range []int64{0, 1, -1, 42, -900719925474099, 999_999_999_999_999_999, -999_999_999_999_999_999} {
		if got, ok := wholeNumber([]byte(strconv.FormatInt(n, 10))); !ok || got != n {
			t.Errorf("%d came back as %d, %v", n, got, ok)
		}
	}
	for _, text := range []string{"", "-", "1e3", "1.5", "null", " 1", "9223372036854775807", "--1", "+1", "\"1\""} {
		if got, ok := wholeNumber([]byte(text)); ok {
			t.Errorf("%q was read as %d", text, got)
		}
	}
}

// TestRemove_KeepsTheOthers: whatever place goes, the others stay.
func TestRemove_KeepsTheOthers(t *testing.T) {
	for i := range 3 {
		a, b, c := new(int), new(int), new(int)
		all := []*int{a, b, c}
		gone := all[i]
		left := remove(all, i)
		seen := map[*int]bool{}
		for _, p := range left {
			seen[p] = true
		}
		if len(left) != 2 || seen[gone] || seen[nil] {
			t.Errorf("without %d: %v", i, left)
		}
	}
}
