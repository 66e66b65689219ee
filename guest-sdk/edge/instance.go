package edge

import (
	"bytes"
	"fmt"
	"log/slog"
	"slices"
	"sync"

	"github.com/holdfast-run/holdfast/guest-sdk/abi"
	"github.com/holdfast-run/holdfast/guest-sdk/edge/internal/bridge"
)

// instance is one guest: in Wasm the whole program, natively one object of a
// test world. Its fields belong to guest code, which never runs in parallel.
type instance struct {
	host      bridge.Host
	runner    bridge.Runner // in native tests only
	mu        sync.Mutex    // natively: what is below, for goroutines that woke each other
	req       []byte        // scratch for encoding requests
	ops       []*operation  // that wait, in no order
	free      []*operation
	current   uint64   // the event whose code runs
	tx        int      // depth of explicit transactions
	parked    int      // in Wasm: goroutines that wait on the channel of an operation
	fetches   *Request // whose handlers run: a list, the newest first
	uncounted bool     // a refused count has been logged

	// What each event would allocate otherwise; a guest in Wasm has one thread.
	key     abi.KeyRequest
	entries abi.KVEntries
	number  [20]byte

	reqFirst [512]byte // what req begins with

	class  *class
	object Object
	logger *slog.Logger

	// What the constructor is given. It is part of the instance, and so of the
	// image: an object writes in one place where it would allocate in many.
	state   State
	env     Env
	storage Storage
	kv      KV
	sql     SQL
}

// operation is a host call that waits.
type operation struct {
	id      uint32
	done    chan struct{}
	status  abi.Status
	payload []byte
	ended   bool
	waiter  *runner // that gave control back until the end
	channel bool    // a goroutine waits on done
}

func init() {
	bridge.NewGuest = func(h bridge.Host) bridge.Guest { return newInstance(h) }
	bridge.Classes = func() []abi.RegisterRequest {
		var out []abi.RegisterRequest
		for _, c := range classes {
			out = append(out, c.message())
		}
		return out
	}
}

func newInstance(h bridge.Host) *instance {
	in := &instance{host: h}
	in.runner, _ = h.(bridge.Runner)
	in.logger = slog.New(&logHandler{in: in})
	in.req = in.reqFirst[:0]
	return in
}

// lock guards the instance's fields natively, where a goroutine that another
// one wakes through a channel of its own goes on beside it. A guest in Wasm has
// one thread and needs none.
func (in *instance) lock() {
	if in.runner != nil {
		in.mu.Lock()
	}
}

func (in *instance) unlock() {
	if in.runner != nil {
		in.mu.Unlock()
	}
}

// message is any message of the boundary.
type message interface{ Append([]byte) []byte }

func (in *instance) encode(m message) []byte {
	if m == nil {
		return nil
	}
	in.req = m.Append(in.req[:0])
	return in.req
}

// scratchBytesMax is the largest buffer for encoding that an instance keeps.
const scratchBytesMax = 1 << 20

// spare gives up the scratch behind a call for which it became large: an object
// may be idle for days.
func (in *instance) spare() {
	if cap(in.req) > scratchBytesMax {
		in.req = in.reqFirst[:0]
	}
}

func (in *instance) sync(fn bridge.Fn, m message) ([]byte, error) {
	in.lock()
	defer in.unlock()
	st, out := in.host.Sync(fn, in.encode(m))
	in.spare()
	if st != abi.OK {
		return nil, failed(st, out)
	}
	return out, nil
}

func (in *instance) post(fn bridge.Fn, m message) error {
	in.lock()
	defer in.unlock()
	st, out := in.host.Post(fn, in.encode(m))
	in.spare()
	if st != abi.OK {
		return failed(st, out)
	}
	return nil
}

// await starts an operation and parks the goroutine until it completes. The
// result is the caller's.
func (in *instance) await(fn bridge.Fn, m message) ([]byte, error) {
	op, err := in.begin(fn, m)
	if err != nil {
		return nil, err
	}
	return in.wait(op)
}

// wait parks the goroutine until op completes.
func (in *instance) wait(op *operation) ([]byte, error) {
	event := in.current
	park(in, op)
	in.current = event
	payload, err := op.payload, failed(op.status, op.payload)
	op.payload, op.ended = nil, false
	in.lock()
	in.free = append(in.free, op)
	in.unlock()
	if err != nil {
		return nil, err
	}
	return payload, nil
}

// begin starts an operation.
func (in *instance) begin(fn bridge.Fn, m message) (*operation, error) {
	in.lock()
	defer in.unlock()
	return in.beginRaw(fn, in.encode(m))
}

// beginRaw starts an operation with an encoded request. The instance is locked.
func (in *instance) beginRaw(fn bridge.Fn, req []byte) (*operation, error) {
	if in.tx > 0 {
		return nil, ErrWaitInTransaction
	}
	id, st, out := in.host.Async(fn, req)
	in.spare()
	if st != abi.OK {
		return nil, failed(st, out)
	}
	op := in.operation()
	op.id = id
	in.ops = append(in.ops, op)
	return op, nil
}

func (in *instance) operation() *operation {
	if n := len(in.free); n > 0 {
		op := in.free[n-1]
		in.free = in.free[:n-1]
		return op
	}
	return &operation{done: make(chan struct{}, 1)}
}

// Complete is bridge.Guest's: an operation has ended.
func (in *instance) Complete(id uint32, st abi.Status, payload []byte) bool {
	in.lock()
	defer in.unlock()
	i := slices.IndexFunc(in.ops, func(op *operation) bool { return op.id == id })
	if i < 0 {
		return false
	}
	op := in.ops[i]
	in.ops = remove(in.ops, i)
	op.status, op.payload, op.ended = st, bytes.Clone(payload), true
	wake(in, op)
	return true
}

// remove takes element i out of s, in constant time.
func remove[T any](s []*T, i int) []*T {
	last := len(s) - 1
	s[i], s[last] = s[last], nil
	return s[:last]
}

// Event is bridge.Guest's: it decodes a message, which is borrowed, and runs
// its handler on a goroutine of its own.
func (in *instance) Event(kind abi.EventKind, msg []byte) bool {
	switch kind {
	case abi.EventConstruct:
		m := new(abi.ConstructEvent)
		return m.DecodeShared(owned(msg)) == nil && in.start(m.Event, func() { in.construct(m) })
	case abi.EventFetch:
		return in.arrive(msg)
	case abi.EventCancelled:
		var m abi.CancelledEvent
		if m.Decode(msg) != nil {
			return false
		}
		in.lock()
		defer in.unlock()
		for r := in.fetches; r != nil; r = r.next {
			if r.event == m.Event {
				r.cancelled = true
			}
		}
		return true
	case abi.EventCall:
		m := new(abi.CallEvent)
		if m.DecodeShared(owned(msg)) != nil {
			return false
		}
		return in.start(m.Event, func() { in.call(m) })
	case abi.EventAlarm:
		m := new(abi.AlarmEvent)
		return m.Decode(msg) == nil && in.start(m.Event, func() { in.alarm(m) })
	case abi.EventScheduled:
		m := new(abi.ScheduledEvent)
		return m.Decode(msg) == nil && in.start(m.Event, func() { in.scheduled(m) })
	}
	return in.socketEvent(kind, msg)
}

// arrive starts the handler of a request. A guest in Wasm has a shorter way.
func (in *instance) arrive(msg []byte) bool {
	r := newArrival(in, msg)
	return r != nil && in.start(r.event, func() { in.fetch(r) })
}

func (in *instance) socketEvent(kind abi.EventKind, msg []byte) bool {
	switch kind {
	case abi.EventSocketOpen:
		m := new(abi.SocketOpenEvent)
		return m.Decode(msg) == nil && in.start(m.Event, func() { in.socketOpen(m) })
	case abi.EventSocketMessage:
		m := new(abi.SocketMessageEvent)
		if m.DecodeShared(owned(msg)) != nil {
			return false
		}
		return in.start(m.Event, func() { in.socketMessage(m) })
	case abi.EventSocketClose:
		m := new(abi.SocketCloseEvent)
		return m.Decode(msg) == nil && in.start(m.Event, func() { in.socketClose(m) })
	case abi.EventSocketError:
		m := new(abi.SocketErrorEvent)
		return m.Decode(msg) == nil && in.start(m.Event, func() { in.socketError(m) })
	}
	return false
}

// handler is the code of an event.
type handler struct {
	in    *instance
	event uint64
	fn    func()
}

// run runs the handler, once: h is empty and free for another one when its code
// begins.
func (h *handler) run() {
	in, fn := h.in, h.fn
	in.current = h.event
	*h = handler{}
	fn()
}

// owned is a copy of a borrowed message, which its decoded fields share. It is
// as long as it must be, where bytes.Clone rounds up, by much more code.
func owned(msg []byte) []byte {
	b := make([]byte, len(msg))
	copy(b, msg)
	return b
}

// start runs fn on a goroutine as the code of an event.
func (in *instance) start(event uint64, fn func()) bool {
	h := handler{in: in, event: event, fn: fn}
	if in.runner != nil {
		own := h // h itself stays out of the heap in Wasm
		in.runner.Go(own.run)
		return true
	}
	spawn(h)
	return true
}

// done ends an event other than an answered fetch.
func (in *instance) done(event uint64, payload []byte, err error) {
	m := abi.DoneRequest{Event: event, Payload: payload}
	if err != nil {
		st, f := describe(err)
		m.Status, m.Payload = uint32(st), f
	}
	// The host refuses only an event that it has given up already.
	_ = in.post(bridge.Done, &m)
}

func (in *instance) construct(m *abi.ConstructEvent) {
	for _, c := range classes {
		if c.name == m.Class {
			in.class = c
		}
	}
	if in.class == nil {
		in.done(m.Event, nil, badArg("class %q is not registered", m.Class))
		return
	}
	in.env = Env{Log: in.logger, in: in, mode: m.Mode, vars: m.Vars, d1: m.D1, namespaces: m.Namespaces}
	if m.Class == "" {
		in.done(m.Event, nil, nil)
		return
	}
	in.kv, in.sql = KV{in}, SQL{in}
	in.storage = Storage{KV: &in.kv, SQL: &in.sql, in: in}
	in.state = State{ID: ID{m.ID, m.Name}, Storage: &in.storage, Log: in.logger, in: in}
	obj, err := in.class.construct(&in.state, &in.env)
	if err == nil {
		in.object = obj
	}
	in.done(m.Event, nil, err)
}

func (in *instance) fetch(r *Request) {
	in.track(r)
	in.serve(r)
	in.untrack(r)
}

// serve runs a request's handler, and what writes its stream.
func (in *instance) serve(r *Request) {
	var resp *Response
	var err error
	if in.object != nil {
		resp, err = in.object.Fetch(r)
	} else if in.class.worker.Fetch != nil {
		resp, err = in.class.worker.Fetch(r, &in.env)
	} else {
		err = badArg("the worker has no fetch handler")
	}
	if err == nil && resp == nil {
		err = fmt.Errorf("edge: Fetch returned neither a response nor an error")
	}
	if err != nil {
		in.done(r.event, nil, err)
		return
	}
	in.respond(r.event, resp)
}

// track knows a request while its handler runs.
func (in *instance) track(r *Request) {
	in.lock()
	r.next, in.fetches = in.fetches, r
	in.unlock()
}

func (in *instance) untrack(r *Request) {
	in.lock()
	at := &in.fetches
	for *at != r {
		at = &(*at).next
	}
	*at, r.next = r.next, nil
	in.unlock()
}

func (in *instance) respond(event uint64, r *Response) {
	if f := r.forward; f != nil {
		in.lock()
		st, out := in.host.Post(bridge.Forward, f.stub.encode(event, f.request))
		in.spare()
		in.unlock()
		if st != abi.OK {
			in.done(event, nil, failed(st, out))
		}
		return
	}
	status := r.Status
	if status == 0 {
		status = 200
	}
	if r.WebSocket != nil {
		status = 101
	}
	in.lock()
	in.req = abi.AppendRespond(in.req[:0], event, uint32(status), r.Header, r.Body, r.Stream != nil)
	st, out := in.host.Post(bridge.Respond, in.req)
	in.spare()
	in.unlock()
	if st != abi.OK {
		in.done(event, nil, failed(st, out))
		return
	}
	if r.Stream == nil {
		return
	}
	w := &StreamWriter{in: in, event: event}
	if err := r.Stream(w); err != nil {
		in.done(event, nil, err)
		return
	}
	_ = w.chunk(nil, true)
}

func (in *instance) respondChunk(m *abi.RespondChunkRequest) error {
	return in.post(bridge.RespondChunk, m)
}

func (in *instance) log(m *abi.LogRequest) error { return in.post(bridge.Log, m) }

func (in *instance) call(m *abi.CallEvent) {
	if in.object == nil {
		in.done(m.Event, nil, badArg("a worker has no methods"))
		return
	}
	fn := methods[in.class.typ][m.Method]
	if fn == nil {
		in.done(m.Event, nil, badArg("class %s has no method %q", in.class.name, m.Method))
		return
	}
	out, err := fn(in.object, m.Payload)
	in.done(m.Event, out, err)
}
