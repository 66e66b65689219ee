// Command app is the guest of the measurements: a counter, a durable room, one
// that stores nothing, and a D1 table behind a worker, doing the same storage work as a Worker that serves
// the same routes would.
package main

import (
	"strconv"
	"strings"

	"github.com/holdfast-run/holdfast/guest-sdk/edge"
)

func init() {
	edge.Register("Counter", func(s *edge.State, _ *edge.Env) (*counter, error) { return &counter{s}, nil })
	edge.Register("Room", newRoom, edge.Interleave())
	edge.Register("Alone", newRoomAlone, edge.Interleave())
	edge.Register("Wave", func(s *edge.State, _ *edge.Env) (*wave, error) { return &wave{state: s}, nil })
	edge.RegisterWorker(edge.Worker{Fetch: serve}, edge.Interleave())
}

func main() {}

// serve routes as the measurements expect: /plain, /counter/NAME/OP,
// /logs/NAME/OP, /rooms/NAME/events, /waves/NAME/ws and /d1/OP.
func serve(r *edge.Request, env *edge.Env) (*edge.Response, error) {
	p := strings.Split(r.Path(), "/")
	if len(p) == 2 && p[1] == "plain" {
		return edge.Text(200, "ok"), nil
	}
	if len(p) < 3 {
		return edge.Text(404, "not found"), nil
	}
	switch p[1] {
	case "counter":
		return env.Namespace("COUNTER").GetByName(p[2]).Forward(r), nil
	case "logs":
		if len(p) == 4 && p[3] == "events" && r.Method == "GET" {
			return events(r, env, p[2])
		}
		return env.Namespace("LOGROOM").GetByName(p[2]).Forward(r), nil
	case "rooms":
		return env.Namespace("ROOM").GetByName(p[2]).Forward(r), nil
	case "waves":
		return env.Namespace("WAVE").GetByName(p[2]).Forward(r), nil
	case "d1":
		return d1(p[2:], env)
	}
	return edge.Text(404, "not found"), nil
}

// counter is one durable number.
type counter struct{ state *edge.State }

// Fetch answers noop, get and incr.
func (c *counter) Fetch(r *edge.Request) (*edge.Response, error) {
	path := r.Path()
	switch path[strings.LastIndexByte(path, '/')+1:] {
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
	return edge.Text(404, "no such op"), nil
}
