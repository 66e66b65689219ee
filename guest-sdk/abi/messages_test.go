package abi_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"math"
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/holdfast-run/holdfast/guest-sdk/abi"
)

// message is what every struct of messages.go is.
type message interface {
	Append([]byte) []byte
	Decode([]byte) error
	DecodeShared([]byte) error
}

// all is one message of each kind, in the order of messages.go.
var all = []message{
	&abi.Header{}, &abi.Request{}, &abi.Response{}, &abi.Failure{}, &abi.ConstructEvent{}, &abi.FetchEvent{},
	&abi.CancelledEvent{}, &abi.CallEvent{}, &abi.AlarmEvent{}, &abi.SocketOpenEvent{}, &abi.SocketMessageEvent{},
	&abi.SocketCloseEvent{}, &abi.SocketErrorEvent{}, &abi.ScheduledEvent{}, &abi.RegisterRequest{}, &abi.LogRequest{},
	&abi.RespondRequest{}, &abi.RespondChunkRequest{}, &abi.DoneRequest{}, &abi.WaitUntilRequest{}, &abi.BlockRequest{},
	&abi.AbortRequest{}, &abi.KeyRequest{}, &abi.KeysRequest{}, &abi.KVEntry{}, &abi.KVEntries{}, &abi.KVListRequest{},
	&abi.Count{}, &abi.SQLExecRequest{}, &abi.CursorRequest{}, &abi.SQLPage{}, &abi.Int{}, &abi.TimeRequest{},
	&abi.AlarmState{}, &abi.StringRequest{}, &abi.AcceptRequest{}, &abi.SendRequest{}, &abi.SocketCloseRequest{},
	&abi.SocketListRequest{}, &abi.Sockets{}, &abi.SocketRequest{}, &abi.Strings{}, &abi.AttachmentRequest{},
	&abi.AutoResponse{}, &abi.BroadcastRequest{}, &abi.ConnectRequest{}, &abi.Connected{}, &abi.SocketWaitRequest{}, &abi.Received{}, &abi.D1Statement{}, &abi.D1QueryRequest{},
	&abi.D1Result{}, &abi.D1Results{}, &abi.D1ExecRequest{}, &abi.D1ExecResult{}, &abi.IDRequest{}, &abi.StubFetchRequest{},
	&abi.StubCallRequest{}, &abi.FetchRequest{}, &abi.EventRequest{}, &abi.MetricRequest{}, &abi.OpRequest{},
}

// name is a message's type.
func name(m message) string { return reflect.TypeOf(m).Elem().Name() }

// fresh is another message of m's kind, all zero.
func fresh(m message) message { return reflect.New(reflect.TypeOf(m).Elem()).Interface().(message) }

// filled is a message of m's kind with chance in every field; no list, text
// or byte string of it is empty, so that it compares by reflect.DeepEqual.
func filled(m message, r *rand.Rand) message {
	out := fresh(m)
	fill(reflect.ValueOf(out).Elem(), r)
	return out
}

func fill(v reflect.Value, r *rand.Rand) {
	if v.Type() == reflect.TypeFor[abi.Value]() {
		v.Set(reflect.ValueOf(anyValue(r)))
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i), r)
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1+r.IntN(4), 4)) // a length of its own, and room behind it
		for i := range v.Len() {
			fill(v.Index(i), r)
		}
		v.Set(v.Slice3(0, v.Len(), v.Len()))
	case reflect.String:
		v.SetString(text(r))
	case reflect.Bool:
		v.SetBool(r.IntN(2) == 1)
	case reflect.Float64:
		v.SetFloat(math.Ldexp(r.Float64(), r.IntN(200)-100))
	case reflect.Uint8, reflect.Uint32, reflect.Uint64:
		v.SetUint(r.Uint64() >> (64 - v.Type().Bits()))
	case reflect.Int32, reflect.Int64:
		v.SetInt(int64(r.Uint64()) >> (64 - v.Type().Bits()))
	default:
		panic("no filling for " + v.Type().String())
	}
}

func text(r *rand.Rand) string {
	b := make([]rune, 1+r.IntN(20))
	for i := range b {
		b[i] = rune(r.IntN(0x3000))
	}
	return string(b)
}

func anyValue(r *rand.Rand) abi.Value {
	return []abi.Value{
		abi.Null(), abi.Integer(int64(r.Uint64())), abi.Float(r.NormFloat64()), abi.Text(text(r)), abi.Blob([]byte(text(r))),
	}[r.IntN(5)]
}

func TestTable_HasEveryMessage(t *testing.T) {
	f, err := parser.ParseFile(token.NewFileSet(), "messages.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	i := 0
	for _, d := range f.Decls {
		g, ok := d.(*ast.GenDecl)
		if !ok || g.Tok != token.TYPE {
			continue
		}
		want := g.Specs[0].(*ast.TypeSpec).Name.Name
		if i >= len(all) || name(all[i]) != want {
			t.Fatalf("message %d is %s, the table has another", i, want)
		}
		i++
	}
	if i != len(all) {
		t.Fatalf("%d messages, %d in the table", i, len(all))
	}
}
