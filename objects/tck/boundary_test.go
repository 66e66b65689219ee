package main

import (
	"bytes"
	"encoding/hex"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/holdfast-run/holdfast/guest-sdk/abi"
	"github.com/holdfast-run/holdfast/host"
	"github.com/holdfast-run/holdfast/internal/wasmtest"
)

var update = flag.Bool("update", false, "write RESULTS.md anew")

// wrongCases are the ways in which every function is called wrongly, and what
// of a call they change.
var wrongCases = []struct{ name, doc string }{
	{"null", "the request's pointer is 0; its length stays"},
	{"past", "the request ends past the end of memory"},
	{"negative", "the request's pointer is -1"},
	{"huge", "the request's length is 2^32 - 1"},
	{"long", "the request is a byte longer than may be"},
	{"garbage", "the request is seven bytes that are no message"},
	{"empty", "the request is empty"},
	{"unknown handle", "the request names an event, socket, cursor or operation 77 that never was"},
	{"overlap", "room for the result is where the request is"},
	{"no room", "there is no room for the result"},
	{"out past", "room for the result ends past the end of memory"},
}

// handles are requests that name something that never was, by message.
var handles = map[string]interface{ Append([]byte) []byte }{
	"CursorRequest": &abi.CursorRequest{Cursor: 77}, "OpRequest": &abi.OpRequest{Op: 77},
	"SocketRequest": &abi.SocketRequest{Socket: 77}, "SendRequest": &abi.SendRequest{Socket: 77},
	"SocketCloseRequest": &abi.SocketCloseRequest{Socket: 77, Code: 1000}, "AttachmentRequest": &abi.AttachmentRequest{Socket: 77},
	"AcceptRequest": &abi.AcceptRequest{Socket: 77}, "SocketWaitRequest": &abi.SocketWaitRequest{Socket: 77},
	"RespondRequest": &abi.RespondRequest{Event: 77, Response: abi.Response{Status: 200}}, "RespondChunkRequest": &abi.RespondChunkRequest{Event: 77},
	"DoneRequest": &abi.DoneRequest{Event: 77}, "KeyRequest": &abi.KeyRequest{Key: "never was"},
}

// request is what a case sends to a function, before its pointers are bent.
func request(f abi.Function, name string) []byte {
	switch name {
	case "garbage":
		return []byte{0xff, 0xff, 0xff, 0xff, 1, 2, 3}
	case "empty":
		return nil
	case "unknown handle":
		if h := handles[f.Request]; h != nil {
			return h.Append(nil)
		}
		return nil
	}
	if f.Request == "KeyRequest" {
		return (&abi.KeyRequest{Key: "constructed"}).Append(nil)
	}
	if h := handles[f.Request]; h != nil {
		return h.Append(nil)
	}
	return make([]byte, 8)
}

// TestBoundary_EveryFunctionWrongly calls every host function in every wrong
// way: each call is answered with a status, or ends its instance, and RESULTS.md
// says which. Whatever a guest in another language does, it sees the same.
func TestBoundary_EveryFunctionWrongly(t *testing.T) {
	h, get := kit(t, host.Config{})
	expect(t, get("probe/neighbour/put?arg=here"), 200, "ok")
	results := map[string]map[string]string{}
	for i, f := range abi.Functions {
		results[f.Name] = map[string]string{}
		for k, c := range wrongCases {
			if skipped(f, c.name) {
				results[f.Name][c.name] = "-"
				continue
			}
			url := fmt.Sprintf("%s/tck/probe/raw-%d-%d/", h.URL, i, k)
			call := map[string]string{"function": f.Name, "case": c.name, "request": hex.EncodeToString(request(f, c.name))}
			a := wasmtest.Do(t, "POST", url+"raw", "", call)
			got := string(a.Body)
			if a.Status != 200 {
				got = "trap"
			}
			results[f.Name][c.name] = got
			if runs := wasmtest.Do(t, "GET", url+"runs", "", nil); got == "trap" && string(runs.Body) != "1" || got != "trap" && string(runs.Body) != "2" {
				t.Errorf("%s, %s is %s, and the object has had %s events since", f.Name, c.name, got, runs.Body)
			}
		}
	}
	expect(t, get("probe/neighbour/runs"), 200, "2")
	text := table(results)
	t.Log("\n" + text)
	if *update {
		if err := os.WriteFile("RESULTS.md", []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile("RESULTS.md")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(want, []byte(text)) {
		t.Error("the results are not those of RESULTS.md; if that is meant: go test ./objects/tck -run EveryFunctionWrongly -update")
	}
	rules(t, results)
}

// skipped are the cases that a function does not have: what would begin an
// operation that the guest knows nothing of, or end the instance as asked.
func skipped(f abi.Function, name string) bool {
	switch {
	case name == "unknown handle":
		return handles[f.Request] == nil
	case f.Name == "abort":
		return name != "past"
	case f.Name == "sync":
		return name == "null" || name == "overlap" || name == "no room" || name == "out past"
	}
	return false
}

// rules are what must hold whatever RESULTS.md says.
func rules(t *testing.T, results map[string]map[string]string) {
	t.Helper()
	for _, f := range abi.Functions {
		takes := f.Shape == abi.Sync || f.Shape == abi.Async || f.Shape == abi.Post
		for _, c := range []string{"past", "negative", "huge", "long"} {
			if got := results[f.Name][c]; takes && got != "trap" && got != "-" {
				t.Errorf("%s, %s: %s, must be a trap", f.Name, c, got)
			}
		}
		for _, c := range []string{"garbage", "empty"} {
			if got := results[f.Name][c]; takes && f.Request != "" && got != "invalid" && got != "wrong_phase" && got != "-" {
				t.Errorf("%s, %s: %s, must be invalid", f.Name, c, got)
			}
		}
		for c, got := range results[f.Name] {
			if got == "internal" || got == "unsupported" || got == "unknown" {
				t.Errorf("%s, %s: %s", f.Name, c, got)
			}
		}
	}
}

func table(results map[string]map[string]string) string {
	var b strings.Builder
	b.WriteString("# What wrong calls get\n\nWritten by the test kit, which calls every host function of " + abi.Module +
		" in every wrong way. A trap ends the instance:\nthe object starts again from its storage at its next event.\n\n| case | what is wrong |\n|---|---|\n")
	for _, c := range wrongCases {
		fmt.Fprintf(&b, "| %s | %s |\n", c.name, c.doc)
	}
	b.WriteString("\n| function |")
	for _, c := range wrongCases {
		b.WriteString(" " + c.name + " |")
	}
	b.WriteString("\n|---" + strings.Repeat("|---", len(wrongCases)) + "|\n")
	for _, f := range abi.Functions {
		b.WriteString("| " + f.Name + " |")
		for _, c := range wrongCases {
			b.WriteString(" " + results[f.Name][c.name] + " |")
		}
		b.WriteString("\n")
	}
	return b.String()
}
