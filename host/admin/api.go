package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/valyala/fasthttp"
)

const (
	apiPrefix    = "/_holdfast/api/"
	limitDefault = 100
	limitMax     = 1000
	callTimeout  = 30 * time.Second
)

// page is a list with the cursor of its next page.
type page struct {
	Items  any    `json:"items"`
	Cursor string `json:"cursor,omitempty"`
}

// badRequest is a fault of the caller.
type badRequest struct{ error }

// api routes the JSON API. path is as it was sent: what is escaped, a slash
// in an object's name, is part of an element.
func (s *Server) api(ctx *fasthttp.RequestCtx, path string) {
	var v any
	var status int
	parts, err := elements(path)
	if err == nil {
		v, status, err = s.answer(ctx, string(ctx.Method()), parts)
	}
	var bad badRequest
	switch {
	case err == nil && v == nil:
		ctx.SetStatusCode(status)
	case err == nil:
		ctx.SetStatusCode(status)
		write(ctx, v)
	case errors.As(err, &bad):
		fail(ctx, fasthttp.StatusBadRequest, "bad_request", err.Error())
	case errors.Is(err, ErrNotFound):
		fail(ctx, fasthttp.StatusNotFound, "not_found", err.Error())
	case errors.Is(err, ErrConflict):
		fail(ctx, fasthttp.StatusConflict, "conflict", err.Error())
	default:
		fail(ctx, fasthttp.StatusInternalServerError, "internal", err.Error())
	}
}

// elements are the parts of a path between slashes, unescaped.
func elements(path string) ([]string, error) {
	parts := strings.Split(path, "/")
	for i, p := range parts {
		var err error
		if parts[i], err = url.PathUnescape(p); err != nil {
			return nil, badRequest{fmt.Errorf("%q is not well escaped", p)}
		}
	}
	return parts, nil
}

func (s *Server) answer(ctx *fasthttp.RequestCtx, method string, parts []string) (any, int, error) {
	switch method + " " + parts[0] {
	case "GET apps":
		return page{Items: nonNil(s.host.Apps())}, 200, nil
	case "GET namespaces":
		items, err := s.host.Namespaces()
		return page{Items: nonNil(items)}, 200, err
	case "GET objects", "POST objects", "DELETE objects":
		return s.objects(ctx, method, parts[1:])
	case "POST backup", "POST verify", "POST namespaces", "POST alarms", "DELETE alarms":
		return s.care(ctx, method+" "+parts[0], parts[1:])
	case "GET alarms":
		return s.alarms(ctx, parts[1:])
	case "GET d1":
		items, err := s.host.Databases()
		return page{Items: nonNil(items)}, 200, err
	case "GET crons":
		if len(parts) == 1 {
			return page{Items: nonNil(s.host.Crons())}, 200, nil
		}
	case "POST d1":
		if len(parts) == 3 && parts[2] == "fail" {
			return s.failD1(ctx, parts[1])
		}
	case "POST crons":
		if len(parts) == 4 && parts[3] == "run" {
			return s.runCron(parts[1], parts[2])
		}
	case "GET clock":
		mode, now := s.host.Clock()
		return map[string]any{"mode": mode, "now": Time(now)}, 200, nil
	case "POST clock":
		return s.advance(ctx.PostBody())
	}
	return nil, 0, fmt.Errorf("%w: %s %s%s", ErrNotFound, method, apiPrefix, strings.Join(parts, "/"))
}

func nonNil[T any](items []T) []T {
	if items == nil {
		return []T{}
	}
	return items
}

// limit reads ?limit=.
func limit(ctx *fasthttp.RequestCtx) (int, error) {
	text := string(ctx.QueryArgs().Peek("limit"))
	if text == "" {
		return limitDefault, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > limitMax {
		return 0, badRequest{fmt.Errorf("limit must be 1 to %d", limitMax)}
	}
	return n, nil
}

func (s *Server) objects(ctx *fasthttp.RequestCtx, method string, parts []string) (any, int, error) {
	if len(parts) == 0 && method == "GET" {
		n, err := limit(ctx)
		if err != nil {
			return nil, 0, err
		}
		q := ctx.QueryArgs()
		items, cursor, err := s.host.Objects(string(q.Peek("namespace")), string(q.Peek("prefix")), string(q.Peek("cursor")), n)
		return page{nonNil(items), cursor}, 200, err
	}
	if len(parts) < 2 {
		return nil, 0, fmt.Errorf("%w: expected objects/{namespace}/{id or name:NAME}", ErrNotFound)
	}
	ns := parts[0]
	id, byName := strings.CutPrefix(parts[1], "name:")
	if len(parts) == 2 && method == "GET" {
		d, err := s.host.Object(ns, id, byName)
		if err != nil {
			return nil, 0, err
		}
		return d, 200, nil
	}
	if len(parts) == 2 && method == "DELETE" {
		return s.change(ctx, method, ns, id, byName)
	}
	if len(parts) == 4 && parts[2] == "call" && method == "POST" {
		return s.call(ctx, ns, id, byName, parts[3])
	}
	if len(parts) == 3 && parts[2] != "evict" && parts[2] != "crash" {
		return s.change(ctx, method+" "+parts[2], ns, id, byName)
	}
	if len(parts) == 3 && method == "POST" {
		c, cancel := context.WithTimeout(context.Background(), callTimeout)
		defer cancel()
		switch parts[2] {
		case "evict":
			return nil, fasthttp.StatusNoContent, s.host.Evict(c, ns, id, byName)
		case "crash":
			return nil, fasthttp.StatusNoContent, s.host.Crash(c, ns, id, byName)
		}
	}
	return nil, 0, fmt.Errorf("%w: %s of an object", ErrNotFound, strings.Join(parts[2:], "/"))
}

func (s *Server) alarms(ctx *fasthttp.RequestCtx, parts []string) (any, int, error) {
	n, err := limit(ctx)
	if err != nil {
		return nil, 0, err
	}
	cursor := string(ctx.QueryArgs().Peek("cursor"))
	var items []Alarm
	switch {
	case len(parts) == 0:
		items, cursor, err = s.host.Alarms(cursor, n)
	case len(parts) == 1 && parts[0] == "dead":
		items, cursor, err = s.host.DeadAlarms(cursor, n)
	default:
		return nil, 0, fmt.Errorf("%w: alarms/%s", ErrNotFound, strings.Join(parts, "/"))
	}
	return page{nonNil(items), cursor}, 200, err
}

func (s *Server) runCron(app, index string) (any, int, error) {
	i, err := strconv.Atoi(index)
	if err != nil {
		return nil, 0, badRequest{fmt.Errorf("cron index %q must be a number", index)}
	}
	ctx, cancel := context.WithTimeout(context.Background(), 15*time.Minute)
	defer cancel()
	outcome, took, err := s.host.RunCron(ctx, app, i)
	if err != nil {
		return nil, 0, err
	}
	return map[string]any{"outcome": outcome, "durationMs": took.Milliseconds()}, 200, nil
}

func (s *Server) advance(body []byte) (any, int, error) {
	var in struct {
		Advance string `json:"advance"`
	}
	if err := json.Unmarshal(body, &in); err != nil {
		return nil, 0, badRequest{errors.New(`the body must be {"advance":"24h"}`)}
	}
	d, err := time.ParseDuration(in.Advance)
	if err != nil || d < 0 {
		return nil, 0, badRequest{fmt.Errorf("advance is %q, expected a duration such as 90s or 24h", in.Advance)}
	}
	ctx, cancel := context.WithTimeout(context.Background(), advanceMax)
	defer cancel()
	now, fired, err := s.host.Advance(ctx, d)
	if err != nil {
		return nil, 0, err
	}
	return map[string]any{"now": Time(now), "fired": fired}, 200, nil
}

// advanceMax bounds the work that one advance may set off.
const advanceMax = 10 * time.Minute
