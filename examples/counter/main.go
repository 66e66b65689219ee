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

// Fetch answers /counter/NAME/noop, get, incr and add?n=N.
func (c *Counter) Fetch(r *edge.Request) (*edge.Response, error) {
	switch path := r.Path(); path[strings.LastIndexByte(path, '/')+1:] {
	case "noop":
		return edge.Text(200, "ok"), nil
	case "get":
		n, _, err := edge.Get[int](c.state.Storage.KV, "n")
		return edge.Text(200, strconv.Itoa(n)), err
	case "incr":
		return c.add(1)
	case "add":
		q, err := r.Query()
		if err != nil {
			return edge.Text(400, err.Error()), nil
		}
		n, err := strconv.Atoi(q.Get("n"))
		if err != nil || n < -addMax || n > addMax {
			return edge.Text(400, "n: expected a whole number from -1000000000 to 1000000000"), nil
		}
		return c.add(n)
	}
	return edge.Text(404, "no such operation"), nil
}

// addMax bounds what one request may add.
const addMax = 1_000_000_000

func (c *Counter) add(delta int) (*edge.Response, error) {
	n, _, err := edge.Get[int](c.state.Storage.KV, "n")
	if err != nil {
		return nil, err
	}
	return edge.Text(200, strconv.Itoa(n+delta)), edge.Put(c.state.Storage.KV, "n", n+delta)
}

func main() {}
