package engage

import (
	"fmt"
	"testing"

	"github.com/holdfast-run/holdfast/guest-sdk/edge/edgetest"
)

// BenchmarkMessage appends messages to a conversation that shows a hundred, in
// memory: what the objects themselves cost, without host and Wasm.
func BenchmarkMessage(b *testing.B) {
	w := edgetest.New(b, edgetest.Config(app), platformVar())
	o := found(w, "acme")
	o.begin("s1")
	for i := range RecentMax {
		o.say("s1", "client", fmt.Sprint("message ", i))
	}
	body := []byte(`{"role":"client","content":"I have read the letter, and I would like to talk to somebody about it today."}`)
	b.ReportAllocs()
	for b.Loop() {
		w.Fetch("POST", "/firms/acme/conversations/s1/messages", body, bearerOf(o.key), "X-User-Id: ann")
	}
	w.Settle()
}
