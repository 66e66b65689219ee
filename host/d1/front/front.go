// Package front puts D1's HTTP interfaces before a d1.Host: the REST API that
// the SDKs and wrangler speak, and the wire of the Workers binding. It owns
// paths, JSON and status codes; it refuses to check who asks, which is done
// before it, and to run SQL.
package front

import (
	"context"
	"errors"
	"strings"

	"github.com/valyala/fasthttp"

	"github.com/holdfast-run/holdfast/host/d1"
)

// Front answers requests for a host. Handle may be called from any goroutine.
type Front struct{ host *d1.Host }

// New makes a front. The host stays the caller's.
func New(host *d1.Host) *Front { return &Front{host: host} }

// Handle answers a request and reports whether its path was one of D1's. It
// returns when the answer is complete; it keeps nothing of ctx.
func (f *Front) Handle(ctx *fasthttp.RequestCtx) bool {
	path := string(ctx.Path())
	if rest, ok := strings.CutPrefix(path, "/client/v4/accounts/"); ok {
		_, rest, _ = strings.Cut(rest, "/")
		if rest, ok = strings.CutPrefix(rest, "d1/database"); !ok || rest != "" && rest[0] != '/' {
			return false
		}
		f.rest(ctx, strings.Trim(rest, "/"))
		return true
	}
	if rest, ok := strings.CutPrefix(path, "/d1/"); ok {
		name, operation, found := strings.Cut(rest, "/")
		if !found || operation != "query" && operation != "execute" && operation != "dump" {
			return false
		}
		f.wire(ctx, name, operation)
		return true
	}
	return false
}

// background is the context of all queries: fasthttp does not tell that a
// client went away, and the host has a timeout of its own.
func background() context.Context { return context.Background() }

func answer(ctx *fasthttp.RequestCtx, status int, body []byte) {
	ctx.SetStatusCode(status)
	ctx.SetContentType("application/json")
	ctx.SetBody(body)
}

// asFault is the host's error, or one of ours for what is none.
func asFault(err error) *d1.Error {
	var fault *d1.Error
	if errors.As(err, &fault) {
		return fault
	}
	return &d1.Error{Kind: d1.KindInternal, Message: err.Error(), Cause: err}
}

func invalid(message string) error { return &d1.Error{Kind: d1.KindInvalid, Message: message} }
