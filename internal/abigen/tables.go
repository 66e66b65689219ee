package main

import (
	"strings"

	"github.com/holdfast-run/holdfast/guest-sdk/abi"
)

// constant is a number of the boundary, as SDKs of other languages have it:
// without a prefix, in capitals.
type constant struct {
	name  string
	value int
	doc   string
}

// group is constants that belong together.
type group struct {
	doc, prefix string
	list        []constant
}

// limitNames are the names that limits have in C and Rust, by the text that
// they have in ABI.md.
var limitNames = map[string]string{
	"bytes of a host call's request":                "REQUEST_BYTES_MAX",
	"bytes of a message into the guest":             "EVENT_BYTES_MAX",
	"tags a socket":                                 "TAGS_MAX",
	"bytes of a tag":                                "TAG_BYTES_MAX",
	"sockets an object":                             "SOCKETS_MAX",
	"bytes of an attachment":                        "ATTACHMENT_BYTES_MAX",
	"bytes of each side of an auto-response":        "AUTO_RESPONSE_BYTES_MAX",
	"ms of a socket event timeout":                  "EVENT_TIMEOUT_MS_MAX",
	"bytes of a socket message":                     "SOCKET_MESSAGE_BYTES_MAX",
	"bytes of a call's payload or result":           "CALL_BYTES_MAX",
	"statements of a D1 batch":                      "D1_STATEMENTS_MAX",
	"bytes at which a page of rows or entries ends": "PAGE_BYTES",
	"bytes of an object's name":                     "NAME_BYTES_MAX",
	"waiting operations an instance":                "OPERATIONS_MAX",
	"bytes of a log line":                           "LOG_LINE_BYTES_MAX",
	"bytes of a counter's name":                     "COUNTER_NAME_BYTES_MAX",
	"counters an app, unless it is configured":      "COUNTERS_MAX",
}

// bits are the flags of the boundary.
var bits = []group{
	{"What a class or the worker handles.", "HANDLES", []constant{
		{"FETCH", int(abi.HandlesFetch), ""}, {"CALL", int(abi.HandlesCall), ""}, {"ALARM", int(abi.HandlesAlarm), ""},
		{"SOCKET_OPEN", int(abi.HandlesSocketOpen), ""}, {"SOCKET_MESSAGE", int(abi.HandlesSocketMessage), ""},
		{"SOCKET_CLOSE", int(abi.HandlesSocketClose), ""}, {"SOCKET_ERROR", int(abi.HandlesSocketError), ""},
		{"SCHEDULED", int(abi.HandlesScheduled), ""},
	}},
	{"Flags of a Failure.", "FAILURE", []constant{
		{"RETRYABLE", int(abi.FailureRetryable), ""}, {"OVERLOADED", int(abi.FailureOverloaded), ""}, {"REMOTE", int(abi.FailureRemote), ""},
	}},
	{"Answers of hf_event, hf_completion and hf_tick, a set of bits.", "ANSWER", []constant{
		{"PUMPED", int(abi.AnswerPumped), "the guest ran until it was idle"},
		{"REFUSED", int(abi.AnswerRefused), "the message could not be decoded"},
	}},
}

// groups are all constants, from the tables of guest-sdk/abi.
func groups() []group {
	statuses := group{doc: "Statuses: how a host call or an event ended.", prefix: "STATUS"}
	for i, n := range abi.StatusNames {
		statuses.list = append(statuses.list, constant{strings.ToUpper(n), i, ""})
	}
	events := group{doc: "Kinds of events, and the message of each.", prefix: "EVENT"}
	for _, e := range abi.Events {
		events.list = append(events.list, constant{strings.ToUpper(e.Name), int(e.Kind), e.Message})
	}
	bounds := group{doc: "Limits; the host enforces them.", prefix: "LIMIT"}
	for _, l := range limits {
		bounds.list = append(bounds.list, constant{limitNames[l.name], l.value, l.name})
	}
	return append([]group{statuses, events, bounds}, bits...)
}

// between puts text into old between the lines that hold begin and end, which
// stay.
func between(old, begin, end, text string) (string, bool) {
	head, rest, ok := strings.Cut(old, begin+"\n")
	_, tail, closed := strings.Cut(rest, end+"\n")
	return head + begin + "\n" + text + end + "\n" + tail, ok && closed
}
