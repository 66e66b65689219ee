package main

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/holdfast-run/holdfast/guest-sdk/edge"
)

// Handing a request on. The argument is a path: objects as in "chain", and what
// the last one does, with its own query.
func init() {
	op("forward", func(p *Probe, r *edge.Request, arg string) (*edge.Response, error) {
		stub, next := p.onward(arg)
		r.URL = next
		return stub.Forward(r), nil
	})
	op("forward-put", func(p *Probe, r *edge.Request, arg string) (*edge.Response, error) {
		stub, next := p.onward(arg)
		r.URL = next
		return stub.Forward(r), edge.Put(p.state.Storage.KV, "value", "forwarded")
	})
	op("fetch", func(p *Probe, _ *edge.Request, arg string) (*edge.Response, error) {
		stub, next := p.onward(arg)
		resp, err := stub.Fetch(edge.NewRequest("GET", next, nil))
		if errors.Is(err, edge.ErrCallCycle) {
			return text("cycle")
		}
		return resp, err
	})
	op("stream", func(*Probe, *edge.Request, string) (*edge.Response, error) {
		return &edge.Response{Status: 203, Body: []byte("head"), Stream: func(w *edge.StreamWriter) error {
			for i := range 3 {
				if _, err := fmt.Fprintf(w, " part%d", i); err != nil {
					return err
				}
			}
			return nil
		}}, nil
	})
}

// A stream that ends when somebody puts "go", or after a while.
func init() {
	op("stream-until", func(p *Probe, _ *edge.Request, _ string) (*edge.Response, error) {
		return &edge.Response{Body: []byte("head"), Stream: func(w *edge.StreamWriter) error {
			for range 1000 {
				v, _, err := edge.Get[string](p.state.Storage.KV, "value")
				if err != nil {
					return err
				}
				if v == "go" {
					_, err := w.Write([]byte(" tail"))
					return err
				}
				time.Sleep(10 * time.Millisecond)
			}
			_, err := w.Write([]byte(" nobody came"))
			return err
		}}, nil
	})
}

// onward is the first object of a path, and the URL that takes the rest there.
func (p *Probe) onward(path string) (*edge.Stub, string) {
	first, rest, _ := strings.Cut(path, " ")
	if strings.HasPrefix(rest, "probe:") || strings.HasPrefix(rest, "open:") {
		rest = "forward?arg=" + strings.ReplaceAll(rest, " ", "+")
	}
	kind, name, _ := strings.Cut(first, ":")
	binding := map[string]string{"probe": "TCK", "open": "OPEN"}[kind]
	return p.env.Namespace(binding).GetByName(name), "http://tck/" + rest
}
