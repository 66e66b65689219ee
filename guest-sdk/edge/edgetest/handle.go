package edgetest

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/holdfast-run/holdfast/guest-sdk/edge/edgetest/internal/backend"
)

// Handle is one object of the world.
type Handle struct {
	w  *World
	to backend.Target
}

// Fetch sends a request to the object, past the worker. On a real host it goes
// by the route of the app that leads to this object; without one the test is
// skipped.
func (h *Handle) Fetch(method, path string, body any, headers ...string) *Response {
	h.w.t.Helper()
	return h.Begin(method, path, body, headers...).Response()
}

// Begin is World.Begin for the object.
func (h *Handle) Begin(method, path string, body any, headers ...string) *Pending {
	h.w.t.Helper()
	return h.w.begin(h.to, method, path, body, headers)
}

// Call calls a method that the class declared with edge.Method. Its error is
// an *edge.Error, as a stub's would be. A real host offers no way in: there
// the test is skipped.
func Call[Out, In any](h *Handle, method string, in In) (Out, error) {
	h.w.t.Helper()
	var out Out
	what := fmt.Sprintf("call %s of %s", method, h.to)
	arg, err := json.Marshal(in)
	h.w.check(what, err)
	b, err := h.w.b.Call(h.to, method, arg)
	if errors.Is(err, backend.ErrUnsupported) {
		h.w.check(what, err)
	}
	if errors.Is(err, backend.ErrNothing) {
		h.w.t.Fatalf("%s: no result, and nothing is left to run: the method waits", what)
	}
	if err != nil {
		return out, err
	}
	return out, json.Unmarshal(b, &out)
}

// Evict makes the object cold: its memory goes, storage and sockets stay, and
// the next event meets a new instance. A busy object cannot be evicted.
func (h *Handle) Evict() {
	h.w.t.Helper()
	h.w.check(fmt.Sprintf("evict %s", h.to), h.w.b.Evict(h.to))
}

// Crash discards the object's instance, as a panic would: unfinished events
// fail as retryable, what their turns committed stays, WaitUntil ends.
func (h *Handle) Crash() {
	h.w.t.Helper()
	h.w.check(fmt.Sprintf("crash %s", h.to), h.w.b.Crash(h.to))
}

// KV is what the object has stored under its keys.
func (h *Handle) KV() map[string][]byte {
	h.w.t.Helper()
	kv, err := h.w.b.KV(h.to)
	h.w.check(fmt.Sprintf("kv of %s", h.to), err)
	return kv
}

// Alarm is when the object's alarm runs next; ok is false without one.
func (h *Handle) Alarm() (at time.Time, ok bool) {
	h.w.t.Helper()
	at, ok, err := h.w.b.Alarm(h.to)
	h.w.check(fmt.Sprintf("alarm of %s", h.to), err)
	return at, ok
}

// RunAlarm runs the object's alarm now, whenever it is due.
func (h *Handle) RunAlarm() {
	h.w.t.Helper()
	h.w.check(fmt.Sprintf("run the alarm of %s", h.to), h.w.b.RunAlarm(h.to))
}
