package front

import (
	"bytes"
	"io"
	"net/http"

	"github.com/valyala/fasthttp"
)

// Transport is a way to ask a Front without a network, as an operator: for a
// program that has opened the databases itself. It takes any number of requests
// at one time.
type Transport struct{ Front *Front }

var _ http.RoundTripper = Transport{}

// RoundTrip is http.RoundTripper's. A path that is none of D1's is answered 404.
func (t Transport) RoundTrip(r *http.Request) (*http.Response, error) {
	ctx := &fasthttp.RequestCtx{}
	ctx.Request.Header.SetMethod(r.Method)
	ctx.Request.SetRequestURI(r.URL.RequestURI())
	ctx.Request.Header.SetHost(r.URL.Host)
	for name, values := range r.Header {
		for _, v := range values {
			ctx.Request.Header.Add(name, v)
		}
	}
	if r.Body != nil {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		if err := r.Body.Close(); err != nil {
			return nil, err
		}
		ctx.Request.SetBodyRaw(body)
	}
	if !t.Front.Handle(ctx, true) {
		ctx.SetStatusCode(fasthttp.StatusNotFound)
	}
	body := ctx.Response.Body() // of a stream: read to its end
	resp := &http.Response{
		StatusCode: ctx.Response.StatusCode(), Status: http.StatusText(ctx.Response.StatusCode()),
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: http.Header{}, Request: r,
		ContentLength: int64(len(body)), Body: io.NopCloser(bytes.NewReader(body)),
	}
	for name, value := range ctx.Response.Header.All() {
		resp.Header.Add(string(name), string(value))
	}
	return resp, nil
}
