package edgetest

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/holdfast-run/holdfast/guest-sdk/abi"
	"github.com/holdfast-run/holdfast/guest-sdk/edge/edgetest/internal/backend"
)

// baseURL stands before paths; a request may name another host.
const baseURL = "http://edge.test"

// clientAddr is the peer of a native world's requests.
const clientAddr = "192.0.2.1:50000"

// Response is the answer to a request. Its body is whole, also of a streamed
// answer.
type Response struct {
	Status int
	Header http.Header
	Body   []byte
	t      testing.TB
	what   string
}

// Text is the body as text.
func (r *Response) Text() string { return string(r.Body) }

// JSON decodes the body into v, a pointer, and answers the response.
func (r *Response) JSON(v any) *Response {
	r.t.Helper()
	if err := json.Unmarshal(r.Body, v); err != nil {
		r.t.Fatalf("%s: the body of the answer %d is no such JSON: %v: %.300s", r.what, r.Status, err, r.Body)
	}
	return r
}

// Want ends the test unless the response has this status.
func (r *Response) Want(status int) *Response {
	r.t.Helper()
	if r.Status != status {
		r.t.Fatalf("%s: answered %d, want %d: %.300s", r.what, r.Status, status, r.Body)
	}
	return r
}

// Fetch sends a request to the app, by its routes: to the worker, or straight
// to an object. body is nil, a string or bytes, or anything else as JSON;
// headers are lines such as "Authorization: Bearer x". A path may also be a
// whole URL.
func (w *World) Fetch(method, path string, body any, headers ...string) *Response {
	w.t.Helper()
	return w.Begin(method, path, body, headers...).Response()
}

// Begin sends a request and does not wait for the answer, so that a test can
// do something meanwhile. In a native world it returns when nothing is left to
// run: answered, or waiting for time, a lock or another request.
func (w *World) Begin(method, path string, body any, headers ...string) *Pending {
	w.t.Helper()
	return w.begin(backend.Target{}, method, path, body, headers)
}

func (w *World) begin(to backend.Target, method, path string, body any, headers []string) *Pending {
	w.t.Helper()
	what := fmt.Sprintf("%s %s of %s", method, path, to)
	r, err := request(method, path, body, headers)
	w.check(what, err)
	p, err := w.b.Begin(to, r)
	w.check(what, err)
	return &Pending{w: w, p: p, what: what}
}

// Pending is a request on its way.
type Pending struct {
	w    *World
	p    backend.Pending
	what string
}

// Answered reports whether the answer is there.
func (p *Pending) Answered() bool { return p.p.Done() }

// Cancel gives the request up, as a client that goes away.
func (p *Pending) Cancel() { p.p.Cancel() }

// Response is the answer. In a native world it must be there: a handler that
// waits for time has to be given some by Advance.
func (p *Pending) Response() *Response {
	p.w.t.Helper()
	m, err := p.p.Response()
	if errors.Is(err, backend.ErrNothing) {
		p.w.t.Fatalf("%s: no answer, and nothing is left to run: the handler waits, for time (Advance) or for another request", p.what)
	}
	p.w.check(p.what, err)
	return responseOf(p.w.t, p.what, m)
}

func responseOf(t testing.TB, what string, m *abi.Response) *Response {
	r := &Response{Status: int(m.Status), Header: http.Header{}, Body: m.Body, t: t, what: what}
	for _, h := range m.Headers {
		r.Header.Add(h.Name, h.Value)
	}
	return r
}

// request makes the message of a request.
func request(method, path string, body any, headers []string) (*abi.Request, error) {
	r := &abi.Request{Method: method, URL: path, ClientAddr: clientAddr}
	if !strings.Contains(path, "://") {
		if !strings.HasPrefix(path, "/") {
			return nil, fmt.Errorf("path %q does not begin with a slash", path)
		}
		r.URL = baseURL + path
	}
	switch b := body.(type) {
	case nil:
	case string:
		r.Body = []byte(b)
	case []byte:
		r.Body = b
	default:
		enc, err := json.Marshal(b)
		if err != nil {
			return nil, fmt.Errorf("encode body: %w", err)
		}
		r.Body = enc
	}
	for _, h := range headers {
		name, value, ok := strings.Cut(h, ":")
		if !ok {
			return nil, fmt.Errorf("header %q: expected NAME: VALUE", h)
		}
		r.Headers = append(r.Headers, abi.Header{Name: strings.TrimSpace(name), Value: strings.TrimSpace(value)})
	}
	return r, nil
}
