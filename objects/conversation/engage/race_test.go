package engage

import (
	"crypto/sha256"
	"fmt"
	"os"
	"testing"

	"github.com/holdfast-run/holdfast/guest-sdk/edge/edgetest"
	"github.com/holdfast-run/holdfast/objects/conversation/intake"
)

// chaosVar set makes tests run longer.
const chaosVar = "HOLDFAST_TEST_CHAOS"

// TestCheck_OfTwoOpposingPartiesOneIsClear lets two sessions register opposing
// parties at once, again and again (a thousand times with HOLDFAST_TEST_CHAOS
// set): exactly one of them is clear each time.
func TestCheck_OfTwoOpposingPartiesOneIsClear(t *testing.T) {
	both(t, func(t *testing.T, w *edgetest.World) {
		o := found(w, "acme")
		rounds := 200
		if os.Getenv(chaosVar) != "" {
			rounds = 1000
		}
		for i := range rounds {
			a, b := fmt.Sprint("a", i), fmt.Sprint("b", i)
			o.begin(a)
			o.begin(b)
			name := letters(i)
			first := w.Begin("POST", "/firms/acme/conversations/"+a+"/parties", map[string]string{"type": intake.Client, "name": name}, bearerOf(o.key))
			second := w.Begin("POST", "/firms/acme/conversations/"+b+"/parties", map[string]string{"type": intake.OpposingParty, "name": name}, bearerOf(o.key))
			first.Response().Want(201)
			second.Response().Want(201)
			states := o.state(a).ConflictStatus + " " + o.state(b).ConflictStatus
			if states != "clear conflict_detected" && states != "conflict_detected clear" {
				t.Fatalf("round %d: %s", i, states)
			}
		}
	})
}

// letters is a number as a word that sounds and looks like no other.
func letters(n int) string {
	h := sha256.Sum256([]byte(fmt.Sprint(n)))
	b := make([]byte, 0, 20)
	for _, c := range h[:20] {
		b = append(b, 'a'+c%26)
	}
	return string(b)
}
