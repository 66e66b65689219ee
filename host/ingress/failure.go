package ingress

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"

	"github.com/valyala/fasthttp"

	"github.com/holdfast-run/holdfast/guest-sdk/abi"
)

// retryAfterSeconds is what a 503 asks of the client.
const retryAfterSeconds = 1

// failure is an answer of the host itself.
type failure struct {
	status  int
	code    string
	message string
}

func badRequest(message string) *failure {
	return &failure{http.StatusBadRequest, "bad_request", message}
}

func tooLarge(bodyBytesMax int64) *failure {
	return &failure{http.StatusRequestEntityTooLarge, "too_large", fmt.Sprintf("body is longer than %d bytes", bodyBytesMax)}
}

// bodyFailure is the answer to a body that could not be received.
func bodyFailure(err error, bodyBytesMax int64) *failure {
	var netErr net.Error
	var pathErr *os.PathError
	switch {
	case errors.Is(err, errBodyTooLarge):
		return tooLarge(bodyBytesMax)
	case errors.As(err, &netErr) && netErr.Timeout():
		return &failure{http.StatusRequestTimeout, "timeout", "body came too slowly"}
	case errors.As(err, &pathErr):
		return &failure{http.StatusInternalServerError, "internal", "body could not be stored"}
	case errors.Is(err, io.ErrUnexpectedEOF):
		return badRequest("body ended early")
	}
	return badRequest("bad body")
}

// headFailure is the answer to a request that fasthttp could not read.
func headFailure(err error) *failure {
	var small *fasthttp.ErrSmallBuffer
	var netErr net.Error
	switch {
	case errors.As(err, &small):
		return &failure{http.StatusRequestHeaderFieldsTooLarge, "too_large", "request line and headers are too long"}
	case errors.As(err, &netErr) && netErr.Timeout():
		return &failure{http.StatusRequestTimeout, "timeout", "request came too slowly"}
	}
	return badRequest("request is not HTTP/1.1")
}

// response gives the failure its shape: {"error":{"code","message"}}.
func (f *failure) response() *abi.Response {
	var body struct {
		Error struct {
			Code    string `json:"code"`
			Message string `json:"message"`
		} `json:"error"`
	}
	body.Error.Code, body.Error.Message = f.code, f.message
	text, err := json.Marshal(body)
	if err != nil {
		panic(err) // two strings always encode
	}
	headers := []abi.Header{{Name: "Content-Type", Value: "application/json"}}
	if f.status == http.StatusServiceUnavailable {
		headers = append(headers, abi.Header{Name: "Retry-After", Value: strconv.Itoa(retryAfterSeconds)})
	}
	if f.status == http.StatusUpgradeRequired {
		headers = append(headers, abi.Header{Name: "Sec-WebSocket-Version", Value: socketVersion})
	}
	return &abi.Response{Status: uint32(f.status), Headers: headers, Body: append(text, '\n')}
}
