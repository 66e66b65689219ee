package engage

import (
	"encoding/json"

	"github.com/holdfast-run/holdfast/objects/conversation/intake"
)

// What encoding/json finds out about a type it finds out here, so that it is
// part of the guest's image: no object pays for it, half a millisecond a type,
// at its first call.
func init() {
	known[intake.Conversation]()
	known[partyRecord]()
	known[intake.Conflict]()
	known[intake.Assignment]()
	known[lease]()
	known[creation]()
	known[created]()
	known[entry]()
	known[access]()
	known[registration]()
	known[registered]()
	known[firm]()
	known[note]()
}

// known writes and reads a T.
func known[T any]() {
	var v T
	b, err := json.Marshal(v)
	if err == nil {
		err = json.Unmarshal(b, &v)
	}
	if err != nil {
		panic("engage: " + err.Error())
	}
}
