package edge

import (
	"reflect"
	"testing"
	"time"

	"github.com/holdfast-run/holdfast/guest-sdk/abi"
)

func TestRequest_BeginsAsTheBoundarys(t *testing.T) {
	ours, theirs := reflect.TypeFor[Request](), reflect.TypeFor[abi.Request]()
	for i := range theirs.NumField() {
		a, b := ours.Field(i), theirs.Field(i)
		if a.Offset != b.Offset || !a.Type.ConvertibleTo(b.Type) || a.Type.Kind() != b.Type.Kind() {
			t.Errorf("%s %v at %d is %s %v at %d on the boundary", a.Name, a.Type, a.Offset, b.Name, b.Type, b.Offset)
		}
	}
}

func TestNewArrival_ShortAndLong(t *testing.T) {
	for _, body := range []int{0, 1, shortMessage, 1 << 20} {
		for _, headers := range []int{0, shortHeaders, shortHeaders + 1, headersInline + 1} {
			m := abi.FetchEvent{Event: 7, Upgrade: 8, Request: abi.Request{
				Method: "GET", URL: "http://a/b", Body: make([]byte, body), ClientAddr: "1.2.3.4:5", Traceparent: "t", DeadlineMs: 1000,
			}}
			for range headers {
				m.Request.Headers = append(m.Request.Headers, abi.Header{Name: "N", Value: "v"})
			}
			msg := m.Append(nil)
			r := newArrival(nil, msg)
			clear(msg) // it was borrowed
			if r == nil || r.event != 7 || r.upgrade != 8 || r.URL != "http://a/b" || len(r.Body) != body || len(r.Header) != headers || r.Traceparent != "t" {
				t.Fatalf("body %d, headers %d: %+v", body, headers, r)
			}
			if headers > 0 && r.Header.Get("n") != "v" || !r.Deadline.Equal(time.UnixMilli(1000)) {
				t.Fatalf("body %d, headers %d: %+v", body, headers, r)
			}
		}
	}
	if r := newArrival(nil, []byte{1}); r != nil {
		t.Fatalf("of a broken message: %+v", r)
	}
}

func TestText_KeepsNothingOfTheOther(t *testing.T) {
	for _, n := range []int{0, 1, shortBytes, shortBytes + 1} {
		text := string(make([]byte, n))
		r := Text(201, text)
		if string(r.Body) != text || r.Status != 201 || r.Header.Get("Content-Type") != plainText {
			t.Errorf("%d bytes: %+v", n, r)
		}
		if got := append(r.Body, 'x'); len(got) != n+1 || len(r.Header) != 1 {
			t.Errorf("%d bytes: a body that grows is %q", n, got)
		}
	}
}
