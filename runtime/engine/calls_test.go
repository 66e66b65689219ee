package engine_test

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"github.com/holdfast-run/holdfast/guest-sdk/abi"
	"github.com/holdfast-run/holdfast/runtime/engine"
)

// calls is a host that keeps what guests tell it.
type calls struct {
	kv      map[string][]byte
	answer  []byte // what kv_get answers to a tiny guest
	replies []abi.RespondRequest
	failed  []string // failures of events
	logged  []string
	output  []string
	posted  [][]byte // requests of kv_put, as they came
	ops     []uint32
	now     int64
	mono    int64
	noise   byte // sets what Random gives off from others
}

var _ engine.Calls = (*calls)(nil)

func newCalls() *calls { return &calls{kv: map[string][]byte{}, mono: 1e9, now: 1e18} }

func (c *calls) Sync(fn int, req []byte) (abi.Status, []byte) {
	var m abi.KeyRequest
	if abi.Functions[fn].Name != "kv_get" {
		return abi.Unsupported, (&abi.Failure{Message: abi.Functions[fn].Name}).Append(nil)
	}
	if c.answer != nil {
		c.posted = append(c.posted, bytes.Clone(req))
		return abi.OK, c.answer
	}
	if err := m.Decode(req); err != nil {
		return abi.Invalid, (&abi.Failure{Message: err.Error()}).Append(nil)
	}
	v, ok := c.kv[m.Key]
	if !ok {
		return abi.NotFound, (&abi.Failure{Message: "no such key"}).Append(nil)
	}
	return abi.OK, v
}

func (c *calls) Async(fn int, req []byte) (uint32, abi.Status, []byte) {
	op := uint32(len(c.ops) + 1)
	c.ops = append(c.ops, op)
	return op, abi.OK, nil
}

func (c *calls) Post(fn int, req []byte) (abi.Status, []byte, error) {
	switch abi.Functions[fn].Name {
	case "kv_put":
		c.posted = append(c.posted, bytes.Clone(req))
		var m abi.KVEntries
		if m.Decode(bytes.Clone(req)) == nil {
			for _, e := range m.Entries {
				c.kv[e.Key] = e.Value
			}
		}
	case "respond":
		var m abi.RespondRequest
		if err := m.Decode(bytes.Clone(req)); err != nil {
			return abi.Invalid, nil, err
		}
		c.replies = append(c.replies, m)
	case "done":
		var m abi.DoneRequest
		var f abi.Failure
		if m.Decode(bytes.Clone(req)) == nil && m.Status != 0 && f.Decode(m.Payload) == nil {
			c.failed = append(c.failed, f.Message)
		}
	case "log":
		var m abi.LogRequest
		if m.Decode(bytes.Clone(req)) == nil {
			c.logged = append(c.logged, m.Message)
		}
	case "abort":
		return 0, nil, &engine.Trap{Kind: engine.TrapAbort, Reason: "it aborted"}
	}
	return abi.OK, nil, nil
}

func (c *calls) Now() int64      { return c.now }
func (c *calls) Mono() int64     { return c.mono }
func (c *calls) Random(p []byte) { copy(p, bytes.Repeat([]byte{c.noise ^ 0xa5}, len(p))) }
func (c *calls) Output(fd int, p []byte) {
	c.output = append(c.output, string(p))
}

// newEngine is an engine until the end of the test.
func newEngine(t testing.TB) *engine.Engine {
	t.Helper()
	e, err := engine.New(engine.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	return e
}

// image is an image until the end of the test.
func image(t testing.TB, module []byte, cfg engine.ImageConfig) *engine.Image {
	t.Helper()
	img, err := newEngine(t).Image(context.Background(), module, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := img.Close(); err != nil {
			t.Error(err)
		}
	})
	return img
}

// instance is an instance of img that calls c.
func instance(t testing.TB, img *engine.Image, c *calls) *engine.Instance {
	t.Helper()
	in, err := img.Instantiate(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(in.Close)
	return in
}

// expectRefused makes an image of a module, which must fail with these words.
func expectRefused(t *testing.T, module []byte, words ...string) {
	t.Helper()
	img, err := newEngine(t).Image(context.Background(), module, engine.ImageConfig{MemoryMiB: 4})
	if err == nil {
		_ = img.Close() // the test fails in any case
		t.Fatal("the module was taken")
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("the refusal %q does not say %q", err, w)
		}
	}
}
