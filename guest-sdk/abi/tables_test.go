package abi_test

import (
	"testing"

	"github.com/holdfast-run/holdfast/guest-sdk/abi"
)

func TestPack_JoinsAndSplits(t *testing.T) {
	for _, s := range []abi.Status{abi.OK, abi.NotFound, abi.StorageFault, 1<<32 - 1} {
		for _, low := range []uint32{0, 1, 8 << 10, 1<<32 - 1} {
			if gs, gl := abi.Unpack(abi.Pack(s, low)); gs != s || gl != low {
				t.Errorf("%d, %d came back as %d, %d", s, low, gs, gl)
			}
		}
	}
	if abi.Pack(abi.NotFound, 7) != 1<<32|7 {
		t.Error("the status is not in the upper half")
	}
}

func TestStatus_NamesAreComplete(t *testing.T) {
	if int(abi.StorageFault) != len(abi.StatusNames)-1 {
		t.Fatalf("%d statuses, %d names", abi.StorageFault+1, len(abi.StatusNames))
	}
	seen := map[string]bool{}
	for _, n := range abi.StatusNames {
		if n == "" || seen[n] {
			t.Errorf("name %q is empty or used twice", n)
		}
		seen[n] = true
	}
	if abi.OK.String() != "ok" || abi.StorageFault.String() != "storage_fault" || abi.Status(99).String() != "unknown" {
		t.Error("a status has another's name")
	}
}

// messageNames are the names of all messages.
func messageNames() map[string]bool {
	out := map[string]bool{}
	for _, m := range all {
		out[name(m)] = true
	}
	return out
}

func TestFunctions_NameMessagesThatExist(t *testing.T) {
	known := messageNames()
	seen := map[string]bool{}
	for _, f := range abi.Functions {
		if seen[f.Name] || f.Doc == "" {
			t.Errorf("%s stands twice, or says nothing", f.Name)
		}
		seen[f.Name] = true
		if f.Request != "" && !known[f.Request] {
			t.Errorf("%s: no message %s", f.Name, f.Request)
		}
		if f.Response != "" && f.Response != "bytes" && f.Response != "text" && !known[f.Response] {
			t.Errorf("%s: no message %s", f.Name, f.Response)
		}
		answers := f.Shape == abi.Sync || f.Shape == abi.Async || f.Shape == abi.Take
		if f.Response != "" && !answers {
			t.Errorf("%s: its shape has no room for %s", f.Name, f.Response)
		}
		if f.Request != "" && (f.Shape == abi.Clock || f.Shape == abi.Fill || f.Shape == abi.Take) {
			t.Errorf("%s: its shape carries no %s", f.Name, f.Request)
		}
	}
	for _, init := range []string{"register", "log", "now", "random", "result"} {
		if !seen[init] {
			t.Errorf("%s is gone", init)
		}
	}
}

func TestEvents_AreNumberedInOrder(t *testing.T) {
	known := messageNames()
	for i, e := range abi.Events {
		if int(e.Kind) != i+1 || e.Name == "" || !known[e.Message] {
			t.Errorf("event %d is %+v", i+1, e)
		}
	}
	if int(abi.EventScheduled) != len(abi.Events) {
		t.Errorf("%d kinds, %d in the table", abi.EventScheduled, len(abi.Events))
	}
}
