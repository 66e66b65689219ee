//go:build wasip1

package edge

import (
	"runtime"

	"github.com/holdfast-run/holdfast/guest-sdk/abi"
	"github.com/holdfast-run/holdfast/guest-sdk/edge/internal/bridge"
)

// warm runs what the first events of every instance run, on an instance that
// nobody sees. The host ticks a guest once before it captures it: what is
// allocated and grown here is part of the image, and no object does it again.
// The collection comes first: after it, it would leave work to each object.
func warm() {
	slack = make([]byte, slackBytes)
	slack = nil
	runtime.GC()
	in := newInstance(silent{})
	in.class = &class{construct: func(*State, *Env) (Object, error) { return warmer{}, nil }}
	c := abi.ConstructEvent{Event: 1, Class: "\x00", ID: "warm", Name: "warm"}
	f := abi.FetchEvent{Event: 2, Request: abi.Request{Method: "GET", URL: "http://warm/warm", Headers: []abi.Header{{Name: "Host", Value: "warm"}, {Name: "Accept", Value: "*/*"}}}}
	for range warmRounds {
		pool.add(job{handler: handler{in: in}, kind: abi.EventConstruct, message: c.Append(nil)})
		pool.work()
		pool.pump()
		pool.add(job{handler: handler{in: in}, kind: abi.EventFetch, message: f.Append(nil)})
		pool.work()
		pool.pump()
	}
	spawn(handler{in: in, fn: func() { deepen(warmDepth) }})
	pool.work()
	pool.pump()
}

// slack makes the heap grow before the image is captured: growing it writes
// all over the allocator's tables, and would be every object's first deed.
var slack []byte

const (
	slackBytes = 512 << 10
	warmRounds = 3
	warmDepth  = 24 // frames of deepen: a stack of 16 KiB
)

// deepen makes its goroutine's stack grow.
func deepen(n int) byte {
	var frame [256]byte
	frame[n] = byte(n)
	if n == 0 {
		return frame[0]
	}
	return deepen(n-1) + frame[n]
}

// warmer is the class of the instance that nobody sees.
type warmer struct{}

// Fetch answers.
func (warmer) Fetch(r *Request) (*Response, error) { return Text(200, r.Path()), nil }

// silent is a host that does nothing.
type silent struct{}

func (silent) Sync(bridge.Fn, []byte) (abi.Status, []byte)          { return abi.NotFound, nil }
func (silent) Async(bridge.Fn, []byte) (uint32, abi.Status, []byte) { return 0, abi.NotFound, nil }
func (silent) Post(bridge.Fn, []byte) (abi.Status, []byte)          { return abi.OK, nil }
func (silent) Now() int64                                           { return 0 }
func (silent) Random([]byte)                                        {}
