package edge

import (
	"encoding/json"
	"errors"

	"github.com/holdfast-run/holdfast/guest-sdk/abi"
)

// Response is the answer to a Request. With WebSocket set the status is 101
// and the socket must have been accepted.
type Response struct {
	Status    int // 0 means 200
	Header    Header
	Body      []byte
	WebSocket *WebSocket
	// Stream, where set, writes the rest of the body behind Body. It runs
	// after the handler has returned and may wait.
	Stream func(w *StreamWriter) error

	forward *forwarding // instead of all that
}

// Text is a plain text response.
func Text(status int, body string) *Response {
	if len(body) > shortBytes {
		return typed(status, plainText, []byte(body))
	}
	r := &struct {
		Response
		line [1]abi.Header
		text [shortBytes]byte
	}{Response: Response{Status: status}, line: [1]abi.Header{{Name: "Content-Type", Value: plainText}}}
	n := copy(r.text[:], body)
	r.Header, r.Body = r.line[:], r.text[:n:n]
	return &r.Response
}

const (
	plainText  = "text/plain; charset=utf-8"
	shortBytes = 32 // a text of up to this size needs no allocation of its own
)

// typed is a response with one header, in one allocation.
func typed(status int, contentType string, body []byte) *Response {
	r := &struct {
		Response
		line [1]abi.Header
	}{Response{Status: status, Body: body}, [1]abi.Header{{Name: "Content-Type", Value: contentType}}}
	r.Header = r.line[:]
	return &r.Response
}

// JSON is a JSON response of v; a value that cannot be encoded makes a 500.
func JSON(status int, v any) *Response {
	b, err := json.Marshal(v)
	if err != nil {
		return Text(500, "encode response: "+err.Error())
	}
	return JSONBytes(status, b)
}

// JSONBytes is a JSON response of an encoded value, which it keeps.
func JSONBytes(status int, b []byte) *Response {
	return typed(status, "application/json", b)
}

// Switch answers an upgrade with the accepted socket, and names the
// subprotocol if one was chosen.
func Switch(ws *WebSocket, subprotocol string) *Response {
	r := &Response{Status: 101, WebSocket: ws}
	if subprotocol != "" {
		r.Header.Add("Sec-WebSocket-Protocol", subprotocol)
	}
	return r
}

// StreamWriter writes a streamed body.
type StreamWriter struct {
	in    *instance
	event uint64
	ended bool
}

var errStreamEnded = errors.New("edge: write after the end of the stream")

// Write sends p behind what was written before. It keeps nothing of p.
func (w *StreamWriter) Write(p []byte) (int, error) {
	if w.ended {
		return 0, errStreamEnded
	}
	return len(p), w.chunk(p, false)
}

func (w *StreamWriter) chunk(p []byte, last bool) error {
	w.ended = last
	return w.in.respondChunk(&abi.RespondChunkRequest{Event: w.event, Data: p, Last: last})
}
