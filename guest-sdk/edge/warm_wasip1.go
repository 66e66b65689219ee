//go:build wasip1

package edge

import (
	"runtime"
	"unsafe"

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
	in.class = &class{construct: func(s *State, _ *Env) (Object, error) { return warmer{s.Storage.KV}, nil }}
	c := abi.ConstructEvent{Event: 1, Class: "\x00", ID: "warm", Name: "warm"}
	f := abi.FetchEvent{Event: 2, Request: abi.Request{Method: "GET", URL: "http://warm/warm", Headers: []abi.Header{{Name: "Host", Value: "warm"}, {Name: "Accept", Value: "*/*"}}}}
	for range warmRounds {
		pool.event(in, abi.EventConstruct, uint32(len(c.Append(first[:0]))))
		pool.work()
		pool.pump()
		pool.event(in, abi.EventFetch, uint32(len(f.Append(first[:0]))))
		pool.work()
		pool.pump()
	}
	spawn(handler{in: in, fn: func() { deepen(warmDepth) }})
	pool.work()
	pool.pump()
	openSpans()
}

// openSpans makes the allocator go on in a span of its own for each size that
// events allocate. To find one writes all over its tables, and would be the
// deed of each object whose image ends with a span that is nearly full. Where
// the objects have pointers a span ends with a map of them: where enough
// objects are left in its second half, it goes on there, in the page of that
// map.
func openSpans() {
	for _, size := range spanSizes {
		for range 2 * spanBytes / size {
			plain = make([]byte, size)
			if uintptr(unsafe.Pointer(unsafe.SliceData(plain)))%spanBytes == 0 {
				break
			}
		}
		at := uintptr(0)
		if size <= spanHalfMax {
			at = spanBytes / 2
		}
		for range 2 * spanBytes / size {
			linked = make([]*byte, size/8)
			if p := uintptr(unsafe.Pointer(unsafe.SliceData(linked))) % spanBytes; p >= at && p < at+uintptr(size) {
				break
			}
		}
	}
	plain, linked = nil, nil
}

// What openSpans allocates last: the allocator keeps memory without pointers
// apart.
var (
	plain  []byte
	linked []*byte
)

// What Go's allocator does: objects of these sizes fill spans of one page of
// its own each. Were it not so, openSpans would be of less use.
const (
	spanBytes   = 8 << 10
	spanHalfMax = 256
)

var spanSizes = [...]int{
	16, 24, 32, 48, 64, 80, 96, 112, 128, 144, 160, 176, 192, 208, 224, 240, 256, 288, 320, 352, 384, 416, 448, 480, 512,
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
type warmer struct{ kv *KV }

// Fetch counts and answers, as many objects do.
func (w warmer) Fetch(r *Request) (*Response, error) {
	n, _, err := Get[int](w.kv, r.Path())
	if err != nil {
		return nil, err
	}
	return Text(200, r.Path()), Put(w.kv, r.Path(), n+1)
}

// silent is a host that does nothing.
type silent struct{}

func (silent) Sync(bridge.Fn, []byte) (abi.Status, []byte)          { return abi.NotFound, nil }
func (silent) Async(bridge.Fn, []byte) (uint32, abi.Status, []byte) { return 0, abi.NotFound, nil }
func (silent) Post(bridge.Fn, []byte) (abi.Status, []byte)          { return abi.OK, nil }
func (silent) Now() int64                                           { return 0 }
func (silent) Random([]byte)                                        {}
