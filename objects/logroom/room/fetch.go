package room

import (
	"strings"

	"github.com/holdfast-run/holdfast/guest-sdk/edge"
	"github.com/holdfast-run/holdfast/guest-sdk/edge/rest"
)

// Fetch answers a request about this log.
func (r *Room) Fetch(req *edge.Request) (*edge.Response, error) {
	id, path, _ := strings.Cut(strings.TrimPrefix(req.Path(), "/logs/"), "/")
	if path == "ws" && req.Method == "GET" {
		return r.connect(req, id)
	}
	if !validID(id) {
		return rest.Failed(rest.NotFound("there is no such log"))
	}
	resp, err := r.answer(req, path)
	if err != nil {
		return rest.Failed(err)
	}
	return resp, nil
}

// call is one row of the contract: who may do what.
type call struct {
	secret, owner bool
	do            func(*Room, *edge.Request) (*edge.Response, error)
}

var calls = map[string]call{
	"GET ":               {true, true, func(r *Room, _ *edge.Request) (*edge.Response, error) { return r.describe(), nil }},
	"DELETE ":            {false, true, func(r *Room, _ *edge.Request) (*edge.Response, error) { return r.remove() }},
	"POST events":        {true, false, (*Room).post},
	"POST events:batch":  {true, false, (*Room).postBatch},
	"GET events":         {true, true, (*Room).read},
	"GET presence":       {true, true, func(r *Room, _ *edge.Request) (*edge.Response, error) { return r.presence(), nil }},
	"POST secret:rotate": {false, true, func(r *Room, _ *edge.Request) (*edge.Response, error) { return r.rotate() }},
	"PUT import":         {false, true, (*Room).importLines},
}

func (r *Room) answer(req *edge.Request, path string) (*edge.Response, error) {
	c, ok := calls[req.Method+" "+path]
	if !ok {
		if path == "ws" {
			return nil, rest.Refuse(426, "upgrade_required", "this path speaks WebSocket")
		}
		for known := range calls {
			if _, p, _ := strings.Cut(known, " "); p == path {
				return nil, rest.Refuse(405, "method_not_allowed", req.Method+" is not for this path")
			}
		}
		return nil, rest.NotFound("no such path")
	}
	who, err := r.who(rest.Bearer(req))
	if err != nil {
		return nil, err
	}
	if !(c.secret && who.secret || c.owner && who.owner) {
		if c.owner {
			return nil, rest.Forbidden("this call needs the owner key of the log's namespace")
		}
		return nil, rest.Forbidden("this call needs the log's secret")
	}
	return c.do(r, req)
}
