package ingress

import (
	"net/http"
	"sync"
	"time"

	"github.com/holdfast-run/holdfast/guest-sdk/abi"
	"github.com/holdfast-run/holdfast/host/socket"
)

// Target takes requests.
type Target interface {
	// BodyBytesMax bounds a request's body; 0: DefaultBodyBytesMax.
	BodyBytesMax() int64
	// Serve takes one request. It runs on the connection's goroutine and may
	// return before the answer; x is its own for as long as it likes.
	Serve(x *Exchange)
}

// Router finds the target of a path.
type Router interface {
	// Route is called for every request, from many goroutines. host is in
	// lower case and has no port, path is as it was sent, without the query;
	// both may be kept.
	Route(host, path string) (Target, bool)
}

// Exchange is one request and the way to answer it. Respond, Fail, Chunk and
// OnCancel may be called from any goroutine and never block.
type Exchange struct {
	// Request is the target's to read and to keep; nothing of it is reused.
	Request abi.Request
	// Upgrade is the socket that a WebSocket upgrade asks for, nil for any
	// other request. Who accepts it sets its Events before the answer 101;
	// with any other answer, or none, it is dropped.
	Upgrade *socket.Socket
	// Scheme, Host (lower case, no port) and Path (as sent, no query) are
	// parts of Request.URL.
	Scheme, Host, Path string

	srv      *Server
	conn     *conn
	deadline time.Time // when a 504 is due; zero: never

	socketKey  string // Sec-WebSocket-Key of an upgrade
	extensions string // Sec-WebSocket-Extensions of an upgrade
	deflate    bool   // an upgrade agrees on permessage-deflate

	watchAt   int    // place in the watch; -1: none
	watchTurn uint32 // of the watch when the waiting began

	mu       sync.Mutex
	state    exchangeState
	parked   bool // the connection's goroutine waits for conn.wake
	response *abi.Response
	stream   *stream
	cancel   func()
}

type exchangeState uint8

const (
	stateWaiting  exchangeState = iota // for an answer
	stateAnswered                      // Respond has been called
	stateGone                          // the client has left
)

// Respond answers the request. The first call counts, later ones do nothing;
// so does one after the client has left. x keeps r, its headers and its body
// until they are written. With r.Streamed, Chunk brings what follows r.Body.
// Status 101 completes an upgrade, with r's headers.
func (x *Exchange) Respond(r *abi.Response) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.state != stateWaiting {
		return
	}
	x.state, x.response = stateAnswered, r
	if r.Streamed {
		x.stream = newStream(x, r.Body)
	}
	x.wakeLocked()
}

// Fail answers with an error of the host, {"error":{"code","message"}} in
// JSON. A 503 asks the client to come back.
func (x *Exchange) Fail(status int, code, message string) {
	f := failure{status, code, message}
	x.Respond(f.response())
}

// Chunk continues a streamed answer; last ends it. It keeps data. Where the
// client is gone, or takes so little that Config.StreamQueueBytesMax is
// passed, data is dropped and the connection cut.
func (x *Exchange) Chunk(data []byte, last bool) {
	x.mu.Lock()
	stream := x.stream
	x.mu.Unlock()
	if stream != nil {
		stream.append(data, last)
	}
}

// OnCancel sets what is called, once and on a goroutine of the host's, when
// the client leaves before the whole answer has been written. If it has left,
// fn is called now. A later OnCancel replaces fn.
func (x *Exchange) OnCancel(fn func()) {
	x.mu.Lock()
	if x.state != stateGone {
		x.cancel = fn
		x.mu.Unlock()
		return
	}
	x.mu.Unlock()
	fn()
}

func (x *Exchange) wakeLocked() {
	if x.parked {
		x.parked = false
		x.conn.wake <- struct{}{}
	}
}

// leave is told that the client has left. The connection's goroutine calls
// cancelled then, once it wakes.
func (x *Exchange) leave() {
	x.mu.Lock()
	stream := x.stream
	if x.state == stateWaiting {
		x.state = stateGone
		x.wakeLocked()
	}
	x.mu.Unlock()
	if stream != nil {
		stream.cut()
	}
}

// late answers a request whose target did not, in time.
func (x *Exchange) late() {
	x.Fail(http.StatusGatewayTimeout, "timeout", "no answer in time")
}

// await parks the connection's goroutine until there is an answer, or the
// client has left: nil.
func (x *Exchange) await() *abi.Response {
	x.mu.Lock()
	if x.state == stateWaiting {
		x.parked = true
		x.mu.Unlock()
		x.srv.watch.add(x)
		<-x.conn.wake
		x.srv.watch.remove(x)
		x.mu.Lock()
	}
	defer x.mu.Unlock()
	return x.response
}

// cancelled ends an exchange whose client has left.
func (x *Exchange) cancelled() {
	x.mu.Lock()
	x.state = stateGone
	fn := x.cancel
	x.cancel = nil
	x.mu.Unlock()
	if fn != nil {
		fn()
	}
}
