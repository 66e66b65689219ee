package ingress

import (
	"net/http"
	"strings"

	"github.com/valyala/fasthttp"

	"github.com/holdfast-run/holdfast/guest-sdk/abi"
)

// fault says what is sent in place of an answer that cannot be written; nil:
// it can.
func (x *Exchange) fault(ctx *fasthttp.RequestCtx, r *abi.Response) *failure {
	bad := func(message string) *failure {
		return &failure{http.StatusInternalServerError, "bad_response", message}
	}
	switch switching := r.Status == http.StatusSwitchingProtocols; {
	case switching && x.Upgrade == nil:
		return bad("answer 101 to a request that asked for no upgrade")
	case switching && x.srv.stopping.Load():
		return &failure{http.StatusServiceUnavailable, "overloaded", "server is stopping"}
	case !switching && (r.Status < 200 || r.Status > 999):
		return bad("answer has a bad status")
	case r.Streamed && !ctx.Request.Header.IsHTTP11():
		return &failure{http.StatusHTTPVersionNotSupported, "bad_request", "a streamed answer needs HTTP/1.1"}
	}
	for i := range r.Headers {
		if h := &r.Headers[i]; !tokenOK(h.Name) || !valueOK(h.Value) {
			return bad("answer has a bad header")
		}
	}
	return nil
}

// write puts the answer into ctx, from where fasthttp writes it.
func (x *Exchange) write(ctx *fasthttp.RequestCtx, r *abi.Response) {
	if f := x.fault(ctx, r); f != nil {
		if r.Streamed {
			x.stream.Close()
		}
		r = f.response()
	}
	if r.Status == http.StatusSwitchingProtocols {
		x.upgrade(ctx, r)
		return
	}
	x.conn.drop()
	writeResponse(ctx, r)
	if r.Streamed {
		ctx.Response.ImmediateHeaderFlush = len(r.Body) == 0
		ctx.Response.SetBodyStream(x.stream, -1)
	}
}

// writeResponse puts an answer that is no upgrade into ctx.
func writeResponse(ctx *fasthttp.RequestCtx, r *abi.Response) {
	ctx.SetStatusCode(int(r.Status))
	ctx.Response.Header.DisableNormalizing()
	addHeaders(&ctx.Response.Header, r, ctx.IsHead() && len(r.Body) == 0 && !r.Streamed)
	if !r.Streamed {
		ctx.Response.SetBodyRaw(r.Body)
	}
}

// addHeaders copies an answer's headers, but those that the host decides. A
// Content-Length counts only where no body says otherwise.
func addHeaders(to *fasthttp.ResponseHeader, r *abi.Response, lengthCounts bool) {
	for i := range r.Headers {
		h := &r.Headers[i]
		if framing(h.Name, lengthCounts) {
			continue
		}
		to.Add(h.Name, h.Value)
	}
}

// framing says whether a header is the host's own business.
func framing(name string, lengthCounts bool) bool {
	switch len(name) {
	case len("Date"):
		return strings.EqualFold(name, "Date")
	case len("Upgrade"): // and Trailer
		return strings.EqualFold(name, "Upgrade") || strings.EqualFold(name, "Trailer")
	case len("Connection"): // and Keep-Alive
		return strings.EqualFold(name, "Connection") || strings.EqualFold(name, "Keep-Alive")
	case len("Content-Length"):
		return !lengthCounts && strings.EqualFold(name, "Content-Length")
	case len("Transfer-Encoding"):
		return strings.EqualFold(name, "Transfer-Encoding")
	case len("Sec-WebSocket-Accept"):
		return strings.EqualFold(name, "Sec-WebSocket-Accept")
	case len("Sec-WebSocket-Extensions"):
		return strings.EqualFold(name, "Sec-WebSocket-Extensions")
	}
	return false
}
