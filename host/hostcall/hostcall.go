// Package hostcall binds the functions of the guest ABI to an object: it
// decodes requests, checks their limits, asks object, storage, D1, stubs or
// the network, and encodes answers. It owns the mapping of errors to
// statuses; it refuses to keep anything of a guest's memory beyond a call.
package hostcall

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"

	"github.com/holdfast-run/holdfast/guest-sdk/abi"
	"github.com/holdfast-run/holdfast/runtime/object"
	"github.com/holdfast-run/holdfast/runtime/store"
)

// D1 runs statements on the D1 databases of an app. Query and Exec take a place
// before the database and do not block; what they answer must be called, may
// block, and runs the statements: of each database in the order of the places.
// Errors are *object.Error.
type D1 interface {
	Query(m *abi.D1QueryRequest) func(ctx context.Context) (*abi.D1Results, error)
	Exec(m *abi.D1ExecRequest) func(ctx context.Context) (*abi.D1ExecResult, error)
}

// Outbound sends requests to other hosts as far as the app is allowed to. It
// may block.
type Outbound interface {
	Fetch(ctx context.Context, r *abi.Request) (*abi.Response, error)
	// Connect opens a WebSocket connection; pipelined is what has come behind
	// the handshake, both are the caller's.
	Connect(ctx context.Context, m *abi.ConnectRequest) (c net.Conn, pipelined []byte, answer *abi.Connected, err error)
}

// Counters are the app's counters. Count may be called from any goroutine; the
// name is checked and delta is not negative. Its error is an *object.Error.
type Counters interface {
	Count(name string, delta int64) error
}

// App is what the guests of one app reach.
type App struct {
	Name string
	// Namespace is the class behind a binding, nil without one.
	Namespace func(binding string) *object.Class
	D1        D1
	Outbound  Outbound
	Sockets   Sockets
	Counters  Counters
	Random    func([]byte)
	Log       *slog.Logger
}

// Calls is one instance's side of the boundary: engine.Calls. It belongs to
// the object's loop.
type Calls struct {
	app     *App
	o       *object.Object
	out     []byte
	cursors map[uint32]store.Cursor
	cursor  uint32
	turn    uint64
	row     []abi.Value
}

// New makes the calls of an instance of o.
func New(app *App, o *object.Object) *Calls { return &Calls{app: app, o: o} }

// Rest gives up what the calls can make again; handles stay used. The
// instance is about to be frozen.
func (c *Calls) Rest() { c.out, c.row, c.cursors = nil, nil, nil }

type syncFunc func(c *Calls, req []byte) ([]byte, error)

type asyncFunc func(c *Calls, req []byte) (uint32, error)

type postFunc func(c *Calls, req []byte) error

// The tables by function number, filled from the names below: a function of
// the ABI that has no entry answers unsupported.
var (
	syncs  [len256]syncFunc
	asyncs [len256]asyncFunc
	posts  [len256]postFunc
)

const len256 = 256

func init() {
	for i, f := range abi.Functions {
		syncs[i], asyncs[i], posts[i] = syncNamed[f.Name], asyncNamed[f.Name], postNamed[f.Name]
	}
}

func unsupported(fn int) error {
	return &object.Error{Status: abi.Unsupported, Message: abi.Functions[fn].Name + " is not supported by this version of the host"}
}

// Sync serves a function of shape Sync.
func (c *Calls) Sync(fn int, req []byte) (abi.Status, []byte) {
	f := syncs[fn]
	if f == nil {
		return c.failed(fn, unsupported(fn))
	}
	out, err := f(c, req)
	if err != nil {
		return c.failed(fn, err)
	}
	return abi.OK, out
}

// Async serves a function of shape Async.
func (c *Calls) Async(fn int, req []byte) (uint32, abi.Status, []byte) {
	f := asyncs[fn]
	err := error(nil)
	op := uint32(0)
	if f == nil {
		err = unsupported(fn)
	} else {
		op, err = f(c, req)
	}
	if err != nil {
		st, failure := c.failed(fn, err)
		return 0, st, failure
	}
	return op, abi.OK, nil
}

// Post serves a function of shape Post.
func (c *Calls) Post(fn int, req []byte) (abi.Status, []byte, error) {
	f := posts[fn]
	if f == nil {
		st, failure := c.failed(fn, unsupported(fn))
		return st, failure, nil
	}
	err := f(c, req)
	if err == nil {
		return abi.OK, nil, nil
	}
	var t *trap
	if errors.As(err, &t) {
		return abi.OK, nil, t.cause
	}
	st, failure := c.failed(fn, err)
	return st, failure, nil
}

// trap ends the instance.
type trap struct{ cause error }

func (t *trap) Error() string { return t.cause.Error() }

// failed maps an error to its status.
func (c *Calls) failed(fn int, err error) (abi.Status, []byte) {
	st, f := abi.Internal, abi.Failure{Message: err.Error()}
	var oe *object.Error
	var se *store.SQLError
	var de *abi.DecodeError
	switch {
	case errors.As(err, &oe):
		st, f.Flags = oe.Status, oe.Flags
	case errors.As(err, &se):
		st = abi.SQLFailed
	case errors.As(err, &de):
		st = abi.Invalid
	case errors.Is(err, object.ErrCallCycle):
		st = abi.CallCycle
	case errors.Is(err, object.ErrIDText), errors.Is(err, object.ErrIDOwner),
		errors.Is(err, store.ErrEmptyKey), errors.Is(err, store.ErrTooManyKeys), errors.Is(err, store.ErrNoTransaction), errors.Is(err, store.ErrBookmark):
		st = abi.Invalid
	case errors.Is(err, store.ErrNoHistory):
		st = abi.NotFound
	case errors.Is(err, store.ErrTooLarge), errors.Is(err, store.ErrTooDeep):
		st = abi.TooLarge
	case errors.Is(err, store.ErrTransactionSQL), errors.Is(err, store.ErrAborted):
		st = abi.SQLFailed
	case errors.Is(err, store.ErrInTransaction):
		st = abi.WrongPhase
	case errors.Is(err, store.ErrUnsupported):
		st = abi.Unsupported
	case errors.Is(err, store.ErrReadOnly), errors.Is(err, store.ErrDiskFull), errors.Is(err, store.ErrTables):
		st, f.Flags = abi.StorageFault, abi.FailureRetryable
	}
	if st == abi.Internal {
		c.app.Log.Error("host call failed", "app", c.app.Name, "call", abi.Functions[fn].Name, "error", err.Error())
	}
	return st, f.Append(nil)
}

func invalid(format string, args ...any) error {
	return &object.Error{Status: abi.Invalid, Message: fmt.Sprintf(format, args...)}
}

// Now is the host's clock.
func (c *Calls) Now() int64 { return c.o.Directory().Clock().Now().UnixNano() }

// Mono never runs backwards.
func (c *Calls) Mono() int64 { return c.o.Directory().Clock().Mono() }

// Random fills p with the machine's randomness.
func (c *Calls) Random(p []byte) { c.app.Random(p) }

// Output is a line that the guest printed: it goes to the object's log.
func (c *Calls) Output(fd int, p []byte) {
	level := slog.LevelInfo
	if fd == 2 {
		level = slog.LevelWarn
	}
	c.line(level, string(p), nil)
}

func (c *Calls) line(level slog.Level, msg string, attrs []abi.Header) {
	if len(msg) > abi.LogLineBytesMax {
		msg = msg[:abi.LogLineBytesMax]
	}
	args := []any{"app", c.app.Name, "class", c.o.Class().Name, "object", c.o.Ref().Name}
	for _, a := range attrs {
		args = append(args, a.Name, a.Value)
	}
	c.app.Log.Log(context.Background(), level, msg, args...)
}
