// Command counter is the smallest app: one durable number an object.
package main

import (
	"strconv"
	"strings"

	"github.com/holdfast-run/holdfast/guest-sdk/edge"
)

// Counter is an object that holds one number.
type Counter struct{ state *edge.State }

func init() {
	edge.Register("Counter", func(s *edge.State, _ *edge.Env) (*Counter, error) { return &Counter{s}, nil })
	edge.RegisterWorker(edge.Worker{Fetch: func(*edge.Request, *edge.Env) (*edge.Response, error) {
		return edge.Text(200, "ok"), nil
	}})
}

// Fetch answers /counter/NAME/noop, get and incr.
func (c *Counter) Fetch(r *edge.Request) (*edge.Response, error) {
	switch path := r.Path(); path[strings.LastIndexByte(path, '/')+1:] {
	case "noop":
		return edge.Text(200, "ok"), nil
	case "get":
		n, _, err := edge.Get[int](c.state.Storage.KV, "n")
		return edge.Text(200, strconv.Itoa(n)), err
	case "incr":
		n, _, err := edge.Get[int](c.state.Storage.KV, "n")
		if err != nil {
			return nil, err
		}
		return edge.Text(200, strconv.Itoa(n+1)), edge.Put(c.state.Storage.KV, "n", n+1)
	}
	return edge.Text(404, "no such operation"), nil
}

func main() {}
