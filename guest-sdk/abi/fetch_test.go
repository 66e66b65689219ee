package abi_test

import (
	"bytes"
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/holdfast-run/holdfast/guest-sdk/abi"
)

// sameFetch holds DecodeFetch to FetchEvent.Decode.
func sameFetch(t *testing.T, b []byte, m *abi.Request) {
	t.Helper()
	var want abi.FetchEvent
	wantErr := want.Decode(b)
	event, upgrade, err := abi.DecodeFetch(b, m)
	if (err == nil) != (wantErr == nil) || err != nil && err.Error() != wantErr.Error() {
		t.Fatalf("%x: %v, want %v", b, err, wantErr)
	}
	if err != nil {
		return
	}
	if len(m.Headers) == 0 {
		m.Headers = nil // room that was not used
	}
	if event != want.Event || upgrade != want.Upgrade || !reflect.DeepEqual(*m, want.Request) {
		t.Fatalf("got  %d %d %+v\nwant %+v", event, upgrade, *m, want)
	}
}

func TestDecodeFetch_IsFetchEvents(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for range 300 {
		b := filled(&abi.FetchEvent{}, r).Append(nil)
		var lines [2]abi.Header
		sameFetch(t, b, &abi.Request{Headers: lines[:0]})
		sameFetch(t, b, &abi.Request{})
		for n := range len(b) {
			sameFetch(t, b[:n], &abi.Request{})
		}
		sameFetch(t, append(b, 0), &abi.Request{})
	}
	one := abi.FetchEvent{Request: abi.Request{Headers: []abi.Header{{Name: "a"}}}}
	var lines [2]abi.Header
	m := abi.Request{Headers: lines[:0]}
	sameFetch(t, one.Append(nil), &m)
	if &m.Headers[0] != &lines[0] {
		t.Error("the room for headers was not used")
	}
}

func FuzzDecodeFetch(f *testing.F) {
	r := rand.New(rand.NewPCG(7, 8))
	for range 5 {
		f.Add(filled(&abi.FetchEvent{}, r).Append(nil))
	}
	f.Fuzz(func(t *testing.T, b []byte) { sameFetch(t, b, &abi.Request{}) })
}

func TestAppend_WithoutAMessageIsTheMessages(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 10))
	for range 300 {
		a := filled(&abi.RespondRequest{}, r).(*abi.RespondRequest)
		p := &a.Response
		small := make([]byte, 3, 3+r.IntN(100))
		if got := abi.AppendRespond(small, a.Event, p.Status, p.Headers, p.Body, p.Streamed); !bytes.Equal(got, a.Append(make([]byte, 3))) {
			t.Fatalf("got  %x\nwant %x", got, a.Append(make([]byte, 3)))
		}
		s := filled(&abi.StubFetchRequest{}, r).(*abi.StubFetchRequest)
		if got := abi.AppendStubFetch(small, s.Event, s.Binding, s.ID, s.Name, s.Upgrade, s.Request.Method, &s.Request); !bytes.Equal(got, s.Append(make([]byte, 3))) {
			t.Fatalf("got  %x\nwant %x", got, s.Append(make([]byte, 3)))
		}
	}
}
