package room

import (
	"strings"

	"github.com/holdfast-run/holdfast/guest-sdk/edge"
)

// Fetch answers a request about this log.
func (r *Room) Fetch(req *edge.Request) (*edge.Response, error) {
	id, rest, _ := strings.Cut(strings.TrimPrefix(req.Path(), "/logs/"), "/")
	if rest == "ws" && req.Method == "GET" {
		return r.connect(req, id)
	}
	if !validID(id) {
		return failed(notFound("there is no such log"))
	}
	resp, err := r.answer(req, rest)
	if err != nil {
		return failed(err)
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

func (r *Room) answer(req *edge.Request, rest string) (*edge.Response, error) {
	c, ok := calls[req.Method+" "+rest]
	if !ok {
		if rest == "ws" {
			return nil, &problem{426, "upgrade_required", "this path speaks WebSocket"}
		}
		for known := range calls {
			if _, path, _ := strings.Cut(known, " "); path == rest {
				return nil, &problem{405, "method_not_allowed", req.Method + " is not for this path"}
			}
		}
		return nil, notFound("no such path")
	}
	who, err := r.who(bearer(req))
	if err != nil {
		return nil, err
	}
	if !(c.secret && who.secret || c.owner && who.owner) {
		if c.owner {
			return nil, forbidden("this call needs the owner key of the log's namespace")
		}
		return nil, forbidden("this call needs the log's secret")
	}
	return c.do(r, req)
}
