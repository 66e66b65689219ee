package admin

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/valyala/fasthttp"
)

// Tryer is the part of a Host that tests of guests use. It is there in dev
// mode only; elsewhere its methods fail with ErrConflict.
type Tryer interface {
	// Call calls a method of an object. An error of the guest is its text.
	Call(ctx context.Context, namespace, id string, byName bool, method string, payload []byte) ([]byte, error)
	// FailD1 lets D1 calls of an app fail, after so many that do not.
	FailD1(app string, after, calls int, message string) error
}

// call answers POST objects/{ns}/{id}/call/{method}: the body is the payload.
func (s *Server) call(ctx *fasthttp.RequestCtx, ns, id string, byName bool, method string) (any, int, error) {
	c, cancel := context.WithTimeout(context.Background(), callTimeout)
	defer cancel()
	out, err := s.host.Call(c, ns, id, byName, method, append([]byte(nil), ctx.PostBody()...))
	if errors.Is(err, ErrNotFound) || errors.Is(err, ErrConflict) {
		return nil, 0, err
	}
	if err != nil {
		return map[string]any{"error": err.Error()}, fasthttp.StatusOK, nil
	}
	return map[string]any{"result": string(out)}, fasthttp.StatusOK, nil
}

// failD1 answers POST d1/{app}/fail.
func (s *Server) failD1(ctx *fasthttp.RequestCtx, app string) (any, int, error) {
	var in struct {
		After   int    `json:"after"`
		Calls   int    `json:"calls"`
		Message string `json:"message"`
	}
	if err := json.Unmarshal(ctx.PostBody(), &in); err != nil || in.After < 0 || in.Calls < 0 {
		return nil, 0, badRequest{errors.New(`the body must be {"after":0,"calls":1,"message":"…"}`)}
	}
	return nil, fasthttp.StatusNoContent, s.host.FailD1(app, in.After, in.Calls, in.Message)
}
