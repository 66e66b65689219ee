package edge

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestNumberKey_OrdersAsTheNumbersDo: sorted keys are sorted numbers, and each
// says its number.
func TestNumberKey_OrdersAsTheNumbersDo(t *testing.T) {
	numbers := []uint64{0, 1, 9, 10, 15, 16, 17, 99, 100, 255, 256, 4095, 4096, math.MaxInt32, math.MaxInt64, math.MaxInt64 + 1, math.MaxUint64}
	var keys []string
	for _, n := range numbers {
		key := NumberKey("m/", n)
		digits, ok := strings.CutPrefix(key, "m/")
		if got, err := strconv.ParseUint(digits, 16, 64); !ok || len(digits) != 16 || err != nil || got != n {
			t.Errorf("the key of %d is %q", n, key)
		}
		keys = append(keys, key)
	}
	if !slices.IsSorted(keys) || len(slices.Compact(slices.Clone(keys))) != len(numbers) {
		t.Errorf("the keys are not in order: %q", keys)
	}
	if a, b := NumberKey("", 7), NumberKey("m", 7); a != "0000000000000007" || b != "m0000000000000007" {
		t.Errorf("%q, %q", a, b)
	}
}
