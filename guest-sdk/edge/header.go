package edge

import (
	"strings"

	"github.com/holdfast-run/holdfast/guest-sdk/abi"
)

// Header is the headers of a request or response in the order they came,
// repeats kept. Names match without regard to case.
type Header []abi.Header

// Get is the first value of name, or "".
func (h Header) Get(name string) string {
	for i := range h {
		if strings.EqualFold(h[i].Name, name) {
			return h[i].Value
		}
	}
	return ""
}

// Values are all values of name in order.
func (h Header) Values(name string) []string {
	var v []string
	for i := range h {
		if strings.EqualFold(h[i].Name, name) {
			v = append(v, h[i].Value)
		}
	}
	return v
}

// Add appends a line.
func (h *Header) Add(name, value string) {
	*h = append(*h, abi.Header{Name: name, Value: value})
}

// Set replaces every line of name by one.
func (h *Header) Set(name, value string) {
	h.Del(name)
	h.Add(name, value)
}

// Del removes every line of name.
func (h *Header) Del(name string) {
	kept := (*h)[:0]
	for _, l := range *h {
		if !strings.EqualFold(l.Name, name) {
			kept = append(kept, l)
		}
	}
	*h = kept
}
