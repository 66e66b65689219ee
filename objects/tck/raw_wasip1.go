//go:build wasip1

package main

import (
	"encoding/hex"
	"fmt"
	"unsafe"

	"github.com/holdfast-run/holdfast/guest-sdk/abi"
	"github.com/holdfast-run/holdfast/guest-sdk/edge"
)

// wrong is a call as a test asks for it, right or wrong in any argument.
type wrong struct {
	Function string `json:"function"`
	Case     string `json:"case"`
	Request  string `json:"request"` // hexadecimal
}

const roomBytes = 4096

// The wrong uses that only raw imports can make.
func init() {
	op("raw", func(p *Probe, r *edge.Request, _ string) (*edge.Response, error) {
		var w wrong
		if err := r.JSON(&w); err != nil {
			return nil, err
		}
		req, err := hex.DecodeString(w.Request)
		if err != nil {
			return nil, err
		}
		return text("%s", p.raw(&w, append(req, 0)))
	})
}

// raw makes the call and answers its status by name. req has a byte too many,
// so that it has an address.
func (p *Probe) raw(w *wrong, req []byte) string {
	room := make([]byte, roomBytes)
	a, n := at(req), uint32(len(req)-1)
	c, d := at(room), uint32(len(room))
	switch w.Case {
	case "null":
		a = 0
	case "past":
		a, n = 0xfffffff0, 64
	case "negative":
		a, n = 0xffffffff, 1
	case "huge":
		n = 0xffffffff
	case "long":
		n = abi.RequestBytesMax + 1
	case "overlap":
		c, d = a, n
	case "no room":
		d = 0
	case "out past":
		c, d = 0xfffffff0, 64
	}
	return outcome(w.Function, rawCall(w.Function, a, n, c, d))
}

// outcome is the status in a result: in the upper half of 64 bits, or alone.
func outcome(function string, result uint64) string {
	for _, f := range abi.Functions {
		if f.Name != function {
			continue
		}
		switch f.Shape {
		case abi.Sync, abi.Async, abi.Take:
			return abi.Status(result >> 32).String()
		case abi.Clock:
			return "ok"
		}
		return abi.Status(uint32(result)).String()
	}
	return fmt.Sprintf("no function %s", function)
}

func at(b []byte) uint32 { return uint32(uintptr(unsafe.Pointer(unsafe.SliceData(b)))) }
