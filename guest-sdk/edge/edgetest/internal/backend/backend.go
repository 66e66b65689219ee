// Package backend says what a test world asks of the host behind it, so that
// one test runs against the in-memory host and against a real one. It owns the
// interface and its small types; it refuses to know either host.
package backend

import (
	"errors"
	"fmt"
	"time"

	"github.com/holdfast-run/holdfast/guest-sdk/abi"
)

// ErrUnsupported is wrapped by what a backend cannot do: the test is skipped
// with the reason.
var ErrUnsupported = errors.New("this host cannot do it")

// Unsupported wraps ErrUnsupported with a reason.
func Unsupported(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrUnsupported, fmt.Sprintf(format, args...))
}

// Target names an object; the zero Target is the app, reached by its routes.
type Target struct {
	Class, Name string
}

// String is the target in messages of a failing test.
func (t Target) String() string {
	if t.Class == "" {
		return "the app"
	}
	return fmt.Sprintf("%s %q", t.Class, t.Name)
}

// Pending is a request on its way.
type Pending interface {
	// Done reports whether the answer is there.
	Done() bool
	// Response is the answer; a real host is waited for, the in-memory one
	// has no more to do and answers at once.
	Response() (*abi.Response, error)
	// Cancel gives the request up, as a client that goes away.
	Cancel()
}

// Frame is what a socket brings: a message, or the close.
type Frame struct {
	Binary bool
	Data   []byte
	Closed bool
	Code   int
	Reason string
}

// ErrNothing is Receive's where no frame is there or comes in time.
var ErrNothing = errors.New("nothing came")

// Conn is a client's end of a WebSocket.
type Conn interface {
	Protocol() string
	Send(binary bool, data []byte) error
	// Receive is the next frame; ErrNothing without one.
	Receive() (Frame, error)
	// Arrived is the next frame if it has been sent already.
	Arrived() (Frame, bool, error)
	Close(code int, reason string) error
	// Drop ends the connection without a close frame.
	Drop() error
}

// Backend is the host behind a world.
type Backend interface {
	Now() (time.Time, error)
	Advance(d time.Duration) error
	Settle() error
	Begin(to Target, r *abi.Request) (Pending, error)
	Connect(to Target, r *abi.Request) (Conn, error)
	// Dialed is the other end of the next WebSocket that a guest has opened
	// to a host; ErrNothing without one.
	Dialed(host string) (Conn, error)
	Call(to Target, method string, payload []byte) ([]byte, error)
	Evict(to Target) error
	Crash(to Target) error
	KV(to Target) (map[string][]byte, error)
	Alarm(to Target) (time.Time, bool, error)
	RunAlarm(to Target) error
	FailD1(after, calls int, err error) error
	Scheduled(cron string) error
	Logs() []string
	Counter(name string) (int64, error)
	Close() error
}

// Refused is Connect's error where the upgrade was answered otherwise.
type Refused struct{ Response *abi.Response }

func (r *Refused) Error() string {
	return fmt.Sprintf("the upgrade was answered %d: %.300s", r.Response.Status, r.Response.Body)
}
