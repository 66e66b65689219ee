package native

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/holdfast-run/holdfast/guest-sdk/abi"
	"github.com/holdfast-run/holdfast/guest-sdk/edge"
	"github.com/holdfast-run/holdfast/guest-sdk/edge/edgetest/internal/litesql"
)

// failure is an error with its status of the boundary.
type failure struct {
	status  abi.Status
	message string
	flags   uint8
}

func (f *failure) Error() string { return f.message }

func refuse(st abi.Status, format string, args ...any) error {
	return &failure{st, fmt.Sprintf(format, args...), 0}
}

// describe is the status and Failure that an error crosses the boundary as.
func describe(err error) (abi.Status, []byte) {
	st, f := abi.Internal, abi.Failure{Message: err.Error(), Flags: abi.FailureRetryable}
	var own *failure
	var sql *litesql.Error
	var dec *abi.DecodeError
	switch {
	case errors.As(err, &own):
		st, f.Flags = own.status, own.flags
	case errors.As(err, &sql):
		st, f.Flags = abi.SQLFailed, 0
	case errors.As(err, &dec):
		st, f.Flags = abi.Invalid, 0
	}
	return st, f.Append(nil)
}

// failed is the error of a status and its Failure, as a caller meets it.
func failed(st abi.Status, payload []byte) error {
	if st == abi.OK {
		return nil
	}
	var f abi.Failure
	if f.Decode(payload) != nil {
		f.Message = st.String()
	}
	return &edge.Error{
		Code: st.String(), Message: f.Message, Retryable: f.Flags&abi.FailureRetryable != 0,
		Overloaded: f.Flags&abi.FailureOverloaded != 0, Remote: f.Flags&abi.FailureRemote != 0,
	}
}

// httpStatus is what a client of the real host gets for a failure.
func httpStatus(st abi.Status, f *abi.Failure) int {
	own := f.Flags&abi.FailureRemote == 0 // the host's, not the handler's
	switch {
	case st == abi.Overloaded, st == abi.Unavailable, st == abi.StorageFault:
		return 503
	case st == abi.Timeout:
		return 504
	case st == abi.NotFound && own:
		return 404
	case st == abi.TooLarge && own:
		return 413
	}
	return 500
}

// answer is the host's own HTTP answer.
func answer(status int, code, message string) *abi.Response {
	body, _ := json.Marshal(map[string]any{"error": map[string]string{"code": code, "message": message}}) // texts always encode
	r := &abi.Response{Status: uint32(status), Headers: []abi.Header{{Name: "Content-Type", Value: "application/json"}}, Body: append(body, '\n')}
	if status == 503 {
		r.Headers = append(r.Headers, abi.Header{Name: "Retry-After", Value: "1"})
	}
	return r
}
