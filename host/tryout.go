package host

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/holdfast-run/holdfast/guest-sdk/abi"
	"github.com/holdfast-run/holdfast/host/admin"
	"github.com/holdfast-run/holdfast/runtime/object"
)

// devOnly refuses what only a host in dev mode offers.
func (h *Host) devOnly(what string) error {
	if h.cfg.Mode != ModeDev {
		return fmt.Errorf("%w: %s is for dev", admin.ErrConflict, what)
	}
	return nil
}

// Call calls a method of an object; payload and answer are as the class's
// methods have them. Only in dev mode.
func (h *Host) Call(ctx context.Context, namespace, id string, byName bool, method string, payload []byte) ([]byte, error) {
	if err := h.devOnly("call"); err != nil {
		return nil, err
	}
	class := h.dir.Class(namespace)
	if class == nil {
		return nil, fmt.Errorf("%w: no class has the namespace %s", admin.ErrNotFound, namespace)
	}
	r, err := h.ref(namespace, id, byName)
	if err != nil {
		return nil, err
	}
	answer := make(callAnswer, 1)
	m := &abi.CallEvent{Method: method, Payload: payload}
	e := &object.Event{Kind: abi.EventCall, Message: m, Reply: answer, Bytes: len(payload)}
	if err := h.dir.Send(class, r, e); err != nil {
		return nil, caller(err)
	}
	select {
	case a := <-answer:
		return a.payload, a.err
	case <-ctx.Done():
		e.Cancel()
		return nil, ctx.Err()
	}
}

// called is how a call ended.
type called struct {
	payload []byte
	err     error
}

// callAnswer hears how a call ended.
type callAnswer chan called

// Respond never comes to a call.
func (callAnswer) Respond(*abi.Response) {}

// Chunk never comes to a call.
func (callAnswer) Chunk([]byte, bool) {}

// Done is the end of the call.
func (c callAnswer) Done(st abi.Status, payload []byte) {
	if st == abi.OK {
		c <- called{payload: payload}
		return
	}
	var f abi.Failure
	if f.Decode(payload) != nil {
		f.Message = st.String()
	}
	c <- called{err: errors.New(f.Message)}
}

// d1Faults lets D1 calls of an app fail, as a test has asked for.
type d1Faults struct {
	mu       sync.Mutex
	spared   int // calls that go through first
	failures int // and how many fail then
	message  string
}

// next is the failure of the next call, nil for none.
func (f *d1Faults) next() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.failures == 0:
		return nil
	case f.spared > 0:
		f.spared--
		return nil
	}
	f.failures--
	return refusal(abi.D1Failed, 0, "%s", f.message)
}

// FailD1 lets D1 calls of an app's guests fail, after so many that do not.
// Only in dev mode.
func (h *Host) FailD1(app string, after, calls int, message string) error {
	if err := h.devOnly("failing D1"); err != nil {
		return err
	}
	for _, a := range h.apps {
		if a.name == app {
			f := &a.d1.faults
			f.mu.Lock()
			defer f.mu.Unlock()
			f.spared, f.failures, f.message = after, calls, message
			return nil
		}
	}
	return fmt.Errorf("%w: no app %s", admin.ErrNotFound, app)
}
