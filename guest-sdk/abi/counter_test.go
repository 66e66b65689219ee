package abi_test

import (
	"strings"
	"testing"

	"github.com/holdfast-run/holdfast/guest-sdk/abi"
)

func TestCounterName_IsAMetricsName(t *testing.T) {
	long := strings.Repeat("a", abi.CounterNameBytesMax)
	for name, want := range map[string]bool{
		"a": true, "visits": true, "a_1": true, "z9_": true, long: true,
		"": false, long + "a": false, "_a": false, "1a": false, "A": false, "aB": false, "a-b": false, "a b": false, "ä": false, "a\n": false, "a{": false,
	} {
		if abi.CounterName(name) != want {
			t.Errorf("%q: %v, want %v", name, !want, want)
		}
	}
}
