package main

import (
	"fmt"
	"testing"

	"github.com/holdfast-run/holdfast/guest-sdk/edge/edgetest"
	"github.com/holdfast-run/holdfast/objects/tck/countertest"
)

func TestCounter_CountsEachNameByItself(t *testing.T) {
	edgetest.Both(t, ".", func(t *testing.T, w *edgetest.World) {
		for i := range 3 {
			want := fmt.Sprint(i + 1)
			if got := w.Fetch("POST", "/counter/alice/incr", nil).Want(200).Text(); got != want {
				t.Fatalf("incr: got %s, want %s", got, want)
			}
		}
		for name, want := range map[string]string{"alice": "3", "bob": "0"} {
			if got := w.Fetch("GET", "/counter/"+name+"/get", nil).Want(200).Text(); got != want {
				t.Errorf("%s: got %s, want %s", name, got, want)
			}
		}
		w.Fetch("GET", "/counter/alice/noop", nil).Want(200)
		w.Fetch("GET", "/counter/alice/other", nil).Want(404)
		w.Fetch("GET", "/plain", nil).Want(200)
	})
}

func TestCounter_OutlivesEvictionAndCrash(t *testing.T) {
	edgetest.Both(t, ".", func(t *testing.T, w *edgetest.World) {
		alice := w.Object("Counter", "alice")
		for i, end := range []func(){alice.Evict, alice.Crash, func() {}} {
			want := fmt.Sprint(i + 1)
			if got := alice.Fetch("POST", "/counter/alice/incr", nil).Want(200).Text(); got != want {
				t.Fatalf("incr: got %s, want %s", got, want)
			}
			end()
		}
	})
}

func TestCounter_PassesTheKit(t *testing.T) {
	countertest.RunApp(t, ".", "counter")
}
