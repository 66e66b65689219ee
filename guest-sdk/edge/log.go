package edge

import (
	"context"
	"log/slog"

	"github.com/holdfast-run/holdfast/guest-sdk/abi"
)

// logHandler sends slog records to the object's log on the host.
type logHandler struct {
	in     *instance
	prefix string
	attrs  []abi.Header
}

func (h *logHandler) Enabled(context.Context, slog.Level) bool { return true }

func (h *logHandler) Handle(_ context.Context, r slog.Record) error {
	m := abi.LogRequest{Level: int32(r.Level), Message: r.Message, Attrs: h.attrs[:len(h.attrs):len(h.attrs)]}
	r.Attrs(func(a slog.Attr) bool {
		m.Attrs = append(m.Attrs, abi.Header{Name: h.prefix + a.Key, Value: a.Value.Resolve().String()})
		return true
	})
	return h.in.log(&m)
}

func (h *logHandler) WithAttrs(as []slog.Attr) slog.Handler {
	c := *h
	c.attrs = c.attrs[:len(c.attrs):len(c.attrs)]
	for _, a := range as {
		c.attrs = append(c.attrs, abi.Header{Name: h.prefix + a.Key, Value: a.Value.Resolve().String()})
	}
	return &c
}

func (h *logHandler) WithGroup(name string) slog.Handler {
	c := *h
	c.prefix += name + "."
	return &c
}
