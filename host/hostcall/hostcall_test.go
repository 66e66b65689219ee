package hostcall_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/holdfast-run/holdfast/guest-sdk/abi"
	"github.com/holdfast-run/holdfast/host/hostcall"
	"github.com/holdfast-run/holdfast/runtime/object"
	"github.com/holdfast-run/holdfast/runtime/store"
)

// expect compares a status, and words of the failure that goes with it.
func expect(t *testing.T, what string, a answer, st abi.Status, words ...string) {
	t.Helper()
	if a.st != st {
		t.Errorf("%s: %v %q, want %v", what, a.st, a.body, st)
		return
	}
	for _, w := range words {
		if !strings.Contains(a.message(t), w) {
			t.Errorf("%s: %q does not say %q", what, a.message(t), w)
		}
	}
}

func TestEveryFunction_IsServed(t *testing.T) {
	for _, f := range abi.Functions {
		if !hostcall.Implemented(f.Name) {
			t.Errorf("%s is not served", f.Name)
		}
	}
}

// TestGarbage_IsInvalidEverywhere gives every function requests that are none.
func TestGarbage_IsInvalidEverywhere(t *testing.T) {
	s := newStage(t)
	for _, name := range []string{"a", ""} {
		for i, f := range abi.Functions {
			if f.Request == "" || f.Name == "register" || !hostcall.Implemented(f.Name) {
				continue
			}
			for _, req := range [][]byte{{1}, []byte(strings.Repeat("\xff", 40)), make([]byte, 3)} {
				var a answer
				s.perform(name, func(p *puppet, _ uint64) bool {
					a = p.raw(i, req)
					return false
				})
				takesNothing := f.Name == "sync"                   // it needs no field of its request
				noStorage := name == "" && a.st == abi.Unsupported // a worker has none
				if a.st != abi.Invalid && !takesNothing && !noStorage {
					t.Errorf("%q %s with %x: %v %q", name, f.Name, req, a.st, a.body)
				}
			}
		}
	}
	if log := s.logged(); strings.Contains(log, "host call failed") {
		t.Errorf("a guest's garbage is logged as the host's failure:\n%s", log)
	}
}

func TestRegister_IsForTheImageOnly(t *testing.T) {
	s := newStage(t)
	expect(t, "register", s.ask("a", "register", &abi.RegisterRequest{Class: "B"}), abi.WrongPhase, "register")
}

func TestWorker_HasNoStorage(t *testing.T) {
	s := newStage(t)
	for fn, m := range map[string]request{
		"kv_get": &abi.KeyRequest{Key: "k"}, "kv_get_many": &abi.KeysRequest{}, "kv_put": &abi.KVEntries{}, "kv_delete": &abi.KeysRequest{},
		"kv_list": &abi.KVListRequest{}, "delete_all": nil, "sql_exec": &abi.SQLExecRequest{Query: "SELECT 1"}, "sql_size": nil,
		"tx_begin": nil, "tx_commit": nil, "tx_rollback": nil, "alarm_get": nil, "alarm_set": &abi.TimeRequest{}, "alarm_delete": nil,
		"sync": &abi.EventRequest{}, "bookmark_current": nil,
	} {
		expect(t, fn, s.ask("", fn, m), abi.Unsupported, "a worker has no storage")
	}
}

func TestLog_LinesAreTheObjects(t *testing.T) {
	s := newStage(t)
	s.ask("ann", "log", &abi.LogRequest{Level: 8, Message: "it broke", Attrs: []abi.Header{{Name: "why", Value: "rust"}}})
	s.ask("ann", "log", &abi.LogRequest{Message: strings.Repeat("x", abi.LogLineBytesMax) + "beyond"})
	s.perform("ann", func(p *puppet, _ uint64) bool {
		p.calls.Output(1, []byte("printed"))
		p.calls.Output(2, []byte("complained"))
		return false
	})
	log := s.logged()
	for _, want := range []string{
		`level=ERROR msg="it broke" app=stage class=Puppet object=ann why=rust`, "level=INFO msg=printed", "level=WARN msg=complained",
	} {
		if !strings.Contains(log, want) {
			t.Errorf("the log lacks %q:\n%.500s", want, log)
		}
	}
	if strings.Contains(log, "beyond") {
		t.Error("a long line is not cut")
	}
}

func TestAbort_TrapsAndDropsTheTurn(t *testing.T) {
	s := newStage(t)
	var a answer
	e := s.perform("a", func(p *puppet, _ uint64) bool {
		p.call("kv_put", &abi.KVEntries{Entries: []abi.KVEntry{{Key: "k", Value: []byte("v")}}})
		a = p.call("abort", &abi.AbortRequest{Reason: "enough"})
		return false
	})
	expect(t, "abort", a, abi.Internal, "trap: ", "enough")
	if e.st == abi.OK {
		t.Errorf("the event ended well: %q", e.payload)
	}
	expect(t, "kv_get", s.ask("a", "kv_get", &abi.KeyRequest{Key: "k"}), abi.NotFound)
}

func TestStorageErrors_HaveTheirStatus(t *testing.T) {
	e := newBroken()
	s := stageOver(t, e)
	for _, c := range []struct {
		err error
		st  abi.Status
	}{
		{store.ErrTooLarge, abi.TooLarge},
		{store.ErrTooDeep, abi.TooLarge},
		{store.ErrEmptyKey, abi.Invalid},
		{store.ErrTooManyKeys, abi.Invalid},
		{store.ErrNoTransaction, abi.Invalid},
		{store.ErrInTransaction, abi.WrongPhase},
		{store.ErrTransactionSQL, abi.SQLFailed},
		{store.ErrAborted, abi.SQLFailed},
		{&store.SQLError{Message: "no such table: t: SQLITE_ERROR"}, abi.SQLFailed},
		{store.ErrUnsupported, abi.Unsupported},
		{store.ErrReadOnly, abi.StorageFault},
		{object.ErrCallCycle, abi.CallCycle},
		{errors.New("the disk is gone"), abi.Internal},
	} {
		t.Run(fmt.Sprint(c.err), func(t *testing.T) {
			e.err = fmt.Errorf("kv: %w", c.err)
			expect(t, "kv_get", s.ask("a", "kv_get", &abi.KeyRequest{Key: "k"}), c.st, c.err.Error())
			if logged := strings.Contains(s.logged(), c.err.Error()); logged != (c.st == abi.Internal) {
				t.Errorf("logged: %v", logged)
			}
		})
	}
}
