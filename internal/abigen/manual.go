package main

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/holdfast-run/holdfast/guest-sdk/abi"
)

var shapeText = map[abi.Shape]string{
	abi.Sync:  "`(reqPtr, reqLen, outPtr, outCap i32) -> i64`",
	abi.Async: "`(reqPtr, reqLen i32) -> i64`, completes later",
	abi.Post:  "`(reqPtr, reqLen i32) -> i32`",
	abi.Clock: "`() -> i64`",
	abi.Fill:  "`(outPtr, outLen i32) -> i32`",
	abi.Take:  "`(outPtr, outCap i32) -> i64`",
}

var typeText = map[string]string{
	"uint8": "u8", "uint32": "u32", "int32": "i32", "uint64": "u64", "int64": "i64", "float64": "f64",
	"string": "text", "[]byte": "bytes", "[]string": "list of text", "[]uint64": "list of u64", "[]Value": "list of value",
}

const intro = `# The Holdfast guest ABI, version 1

Generated from guest-sdk/abi; do not edit.

A guest is a core Wasm module with one memory of its own. It imports host functions from the module
` + "`" + abi.Module + "`" + ` (the version is part of the name) and from ` + "`wasi_snapshot_preview1`" + ` the few functions that a Go guest needs.

## What a guest exports

| export | signature | meaning |
|---|---|---|
| ` + "`memory`" + ` | | the one memory |
| ` + "`_initialize`" + ` | ` + "`()`" + ` | runs once while the image is made; classes register here |
| ` + "`hf_buffer`" + ` | ` + "`(len i32) -> ptr i32`" + ` | room for a message of len bytes; valid until the next call into the guest |
| ` + "`hf_event`" + ` | ` + "`(kind, len i32) -> i32`" + ` | an event; its message is in the buffer |
| ` + "`hf_completion`" + ` | ` + "`(op, status, len i32) -> i32`" + ` | an operation ended; its result, or a Failure, is in the buffer |
| ` + "`hf_tick`" + ` | ` + "`() -> i32`" + ` | a timer is due, or the host wants the guest pumped idle |

The answer of the last three is a set of bits: 1 the guest was pumped until idle, 2 the message was refused.

A guest with goroutines tells the host that all of them are parked by polling descriptor 99
(` + "`poll_oneoff`" + `, a read subscription): the host answers it only when the guest would otherwise
block, and keeps the timeout of the clock subscription, if any, as the time of the next ` + "`hf_tick`" + `.

## Layouts

Numbers are little endian. ` + "`bool`" + ` is one byte, 0 or 1. ` + "`text`" + ` (UTF-8) and ` + "`bytes`" + ` are a u32 length and the bytes. A list is a u32
count and the items. A ` + "`value`" + ` is a u8 kind (0 null, 1 integer, 2 float, 3 text, 4 blob), then nothing, i64, f64 or bytes.
A message holds at most 1,048,576 values, and one more for each 8 of its bytes.
A message is its fields in order, with nothing between or behind them. Where a message is absent the length is 0.

An i64 answer has the status in its upper 32 bits; below it stands the length of the result (Sync, Take) or the
operation (Async). A result longer than ` + "`outCap`" + ` is not written; ` + "`result`" + ` takes it before the next call. With a status
other than ok the result is a Failure. A pointer or length outside the memory traps.
`

func manual(ms []message) []byte {
	var b bytes.Buffer
	b.WriteString(intro)
	b.WriteString("\n## Host functions\n\n| name | shape | request | result | while the image is made | meaning |\n|---|---|---|---|---|---|\n")
	for _, f := range abi.Functions {
		init := "no"
		if f.Init {
			init = "yes"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s | %s |\n", f.Name, shapeText[f.Shape], dash(f.Request), dash(f.Response), init, f.Doc)
	}
	b.WriteString("\n## Events\n\n| kind | name | message |\n|---|---|---|\n")
	for _, e := range abi.Events {
		fmt.Fprintf(&b, "| %d | `%s` | %s |\n", e.Kind, e.Name, e.Message)
	}
	b.WriteString("\n## Statuses\n\n| number | name |\n|---|---|\n")
	for i, n := range abi.StatusNames {
		fmt.Fprintf(&b, "| %d | `%s` |\n", i, n)
	}
	b.WriteString("\nFailure.Flags: 1 retryable, 2 overloaded, 4 remote.\nRegisterRequest.Handlers: 1 fetch, 2 call, 4 alarm, 8 socket open, 16 socket message, 32 socket close, 64 socket error, 128 scheduled.\n")
	b.WriteString("\n## Limits\n\n| limit | value |\n|---|---|\n")
	for _, l := range limits {
		fmt.Fprintf(&b, "| %s | %d |\n", l.name, l.value)
	}
	b.WriteString("\n## Messages\n")
	for _, m := range ms {
		fmt.Fprintf(&b, "\n### %s\n\n%s\n\n| field | type | meaning |\n|---|---|---|\n", m.name, m.doc)
		for _, f := range m.fields {
			fmt.Fprintf(&b, "| %s | %s | %s |\n", f.name, layout(f.typ), f.doc)
		}
	}
	return b.Bytes()
}

var limits = []struct {
	name  string
	value int
}{
	{"bytes of a host call's request", abi.RequestBytesMax},
	{"bytes of a message into the guest", abi.EventBytesMax},
	{"tags a socket", abi.TagsMax},
	{"bytes of a tag", abi.TagBytesMax},
	{"sockets an object", abi.SocketsMax},
	{"bytes of an attachment", abi.AttachmentBytesMax},
	{"bytes of each side of an auto-response", abi.AutoResponseBytesMax},
	{"ms of a socket event timeout", abi.EventTimeoutMsMax},
	{"bytes of a socket message", abi.SocketMessageMax},
	{"bytes of a call's payload or result", abi.CallBytesMax},
	{"statements of a D1 batch", abi.D1StatementsMax},
	{"bytes at which a page of rows or entries ends", abi.PageBytes},
	{"bytes of an object's name", abi.NameBytesMax},
	{"waiting operations an instance", abi.OperationsMax},
	{"bytes of a log line", abi.LogLineBytesMax},
	{"bytes of a counter's name", abi.CounterNameBytesMax},
	{"counters an app, unless it is configured", abi.CountersMax},
}

func layout(t string) string {
	if s, ok := typeText[t]; ok {
		return s
	}
	if e, ok := strings.CutPrefix(t, "[]"); ok {
		return "list of " + e
	}
	return t
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
