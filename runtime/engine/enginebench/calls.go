package enginebench

import (
	"crypto/rand"
	"time"

	"github.com/holdfast-run/holdfast/guest-sdk/abi"
)

// calls is a host that keeps one value and the last answer.
type calls struct {
	value  []byte
	answer string
}

// Sync answers kv_get with the value, and anything else with not_found.
func (c *calls) Sync(fn int, _ []byte) (abi.Status, []byte) {
	if abi.Functions[fn].Name == "kv_get" && c.value != nil {
		return abi.OK, c.value
	}
	return abi.NotFound, (&abi.Failure{Message: "nothing here"}).Append(nil)
}

// Async begins nothing.
func (c *calls) Async(int, []byte) (uint32, abi.Status, []byte) {
	return 0, abi.Unavailable, (&abi.Failure{Message: "nothing to wait for"}).Append(nil)
}

// Post keeps what is put and answered.
func (c *calls) Post(fn int, req []byte) (abi.Status, []byte, error) {
	switch abi.Functions[fn].Name {
	case "kv_put":
		var m abi.KVEntries
		if err := m.Decode(req); err == nil && len(m.Entries) > 0 {
			c.value = append([]byte(nil), m.Entries[0].Value...)
		}
	case "respond":
		var m abi.RespondRequest
		if m.Decode(req) == nil {
			c.answer = string(m.Response.Body)
		}
	}
	return abi.OK, nil, nil
}

// Now is the system's.
func (c *calls) Now() int64 { return time.Now().UnixNano() }

// Mono is the system's.
func (c *calls) Mono() int64 { return time.Since(began).Nanoseconds() + 1 }

var began = time.Now()

// Random is the system's.
func (c *calls) Random(p []byte) { _, _ = rand.Read(p) }

// Output drops what the guest prints.
func (c *calls) Output(int, []byte) {}
