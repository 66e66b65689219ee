package edge

import (
	"encoding/json"
	"net/url"
	"strings"
	"time"
	"unsafe"

	"github.com/holdfast-run/holdfast/guest-sdk/abi"
)

// Request is an HTTP request with its whole body. A handler may keep it.
type Request struct {
	Method      string
	URL         string // absolute
	Header      Header
	Body        []byte
	ClientAddr  string    // "ip:port" of the client
	Traceparent string    // W3C trace context, if any
	deadlineMs  int64     // as it arrived; see begins
	Deadline    time.Time // nobody waits longer; zero: no limit

	event     uint64
	upgrade   uint64
	in        *instance
	cancelled bool
	next      *Request // of those whose handlers run
}

// NewRequest makes a request for Stub.Fetch or Env.Fetch. The host part of
// url need not resolve where an object is to answer.
func NewRequest(method, url string, body []byte) *Request {
	return &Request{Method: method, URL: url, Body: body}
}

// Path is the URL's path, still escaped, from its first slash.
func (r *Request) Path() string {
	p := r.afterHost()
	for i := range len(p) {
		if p[i] == '?' || p[i] == '#' {
			p = p[:i]
			break
		}
	}
	if p == "" {
		return "/"
	}
	return p
}

func (r *Request) afterHost() string {
	p := r.URL
	if strings.HasPrefix(p, "http://") {
		p = p[len("http://"):]
	} else if i := strings.Index(p, "://"); i >= 0 {
		p = p[i+3:]
	} else {
		return p
	}
	for j := range len(p) {
		switch p[j] {
		case '/', '?', '#':
			return p[j:]
		}
	}
	return ""
}

// Host is the URL's host and port.
func (r *Request) Host() string {
	i := strings.Index(r.URL, "://")
	if i < 0 {
		return ""
	}
	h := r.URL[i+3:]
	if j := strings.IndexAny(h, "/?#"); j >= 0 {
		h = h[:j]
	}
	return h
}

// RawQuery is the text behind the question mark.
func (r *Request) RawQuery() string {
	p := r.afterHost()
	i := strings.IndexByte(p, '?')
	if i < 0 {
		return ""
	}
	p = p[i+1:]
	if j := strings.IndexByte(p, '#'); j >= 0 {
		p = p[:j]
	}
	return p
}

// Query parses the query; a malformed pair is an error that names it.
func (r *Request) Query() (url.Values, error) { return url.ParseQuery(r.RawQuery()) }

// JSON decodes the body into v.
func (r *Request) JSON(v any) error { return json.Unmarshal(r.Body, v) }

// Cancelled reports whether the client has gone since the handler waited
// last.
func (r *Request) Cancelled() bool {
	if r.in == nil {
		return false // one that this guest sends
	}
	r.in.lock()
	defer r.in.unlock()
	return r.cancelled
}

// Upgrade gives the WebSocket that the client asked for. Accept it with
// State.AcceptWebSocket, or with its Serve, and answer with Switch; ok is false where the
// request is no upgrade.
func (r *Request) Upgrade() (ws *WebSocket, ok bool) {
	if r.upgrade == 0 {
		return nil, false
	}
	return &WebSocket{in: r.in, handle: r.upgrade}, true
}

func (r *Request) message() abi.Request {
	m := abi.Request{Method: r.Method, URL: r.URL, Headers: r.Header, Body: r.Body, ClientAddr: r.ClientAddr, Traceparent: r.Traceparent}
	if m.Method == "" {
		m.Method = "GET"
	}
	if !r.Deadline.IsZero() {
		m.DeadlineMs = r.Deadline.UnixMilli()
	}
	return m
}

// A request that arrives is one allocation with its headers, and where it is
// short with its bytes: 512 bytes, the largest that Go's allocator keeps in
// the small classes.
const (
	headersInline = 8
	shortHeaders  = 4
	shortMessage  = 200
)

// newArrival decodes a FetchEvent, which is borrowed; nil if it is none.
func newArrival(in *instance, msg []byte) *Request {
	var r *Request
	if len(msg) <= shortMessage {
		a := &struct {
			Request
			lines [shortHeaders]abi.Header
			bytes [shortMessage]byte
		}{}
		a.Header = a.lines[:0]
		r = &a.Request
		msg = a.bytes[:copy(a.bytes[:], msg)]
	} else {
		a := &struct {
			Request
			lines [headersInline]abi.Header
		}{}
		a.Header = a.lines[:0]
		r = &a.Request
		msg = owned(msg)
	}
	r.in = in
	var err error
	if r.event, r.upgrade, err = abi.DecodeFetch(msg, r.begins()); err != nil {
		return nil
	}
	if r.deadlineMs != 0 {
		r.Deadline = time.UnixMilli(r.deadlineMs)
	}
	return r
}

// begins is the request as the boundary knows it, which is how it begins in
// memory: a message is decoded into its place.
func (r *Request) begins() *abi.Request { return (*abi.Request)(unsafe.Pointer(r)) }

// The sizes are those of the boundary's request, or this does not compile.
var (
	_ [unsafe.Offsetof(Request{}.Deadline) - unsafe.Sizeof(abi.Request{})]struct{}
	_ [unsafe.Sizeof(abi.Request{}) - unsafe.Offsetof(Request{}.Deadline)]struct{}
)
