package abi

// Module is the import module's name; it carries the version.
const Module = "holdfast_v1"

// Names of what a guest exports.
const (
	ExportInitialize = "_initialize"   // Wasm reactor start
	ExportMemory     = "memory"        // the one memory
	ExportBuffer     = "hf_buffer"     // (len i32) -> ptr i32: room for the next message in
	ExportEvent      = "hf_event"      // (kind i32, len i32) -> status i32
	ExportCompletion = "hf_completion" // (op i32, status i32, len i32) -> status i32
	ExportTick       = "hf_tick"       // () -> status i32: a timer is due, or pump
)

// IdleDescriptor is the descriptor whose poll_oneoff tells the host that
// every goroutine of the guest is parked.
const IdleDescriptor = 99

// Shape is the signature of a host function.
type Shape uint8

// The shapes. Pointers and lengths are i32; "req" is the encoded request.
const (
	// Sync: (reqPtr, reqLen, outPtr, outCap) -> i64, status in the upper and
	// length in the lower 32 bits. A result longer than outCap is kept for
	// "result"; nothing is written then.
	Sync Shape = iota
	// Async: (reqPtr, reqLen) -> i64, status in the upper and operation in
	// the lower 32 bits. Status ok: hf_completion will bring the result.
	Async
	// Post: (reqPtr, reqLen) -> i32, the status.
	Post
	// Clock: () -> i64.
	Clock
	// Fill: (outPtr, outLen) -> i32, the status.
	Fill
	// Take: (outPtr, outCap) -> i64, like Sync without a request.
	Take
)

// Function is one import of the module.
type Function struct {
	Name     string
	Shape    Shape
	Request  string // message, or "" for none
	Response string // message, "bytes", "text" or "" for none
	Init     bool   // allowed while the image is made
	Doc      string
}

// Functions is every host function of version 1, in the order of ABI.md.
var Functions = []Function{
	{"register", Post, "RegisterRequest", "", true, "Declares a class or the worker. Only while the image is made."},
	{"log", Post, "LogRequest", "", true, "Writes a line to the object's log."},
	{"now", Clock, "", "", true, "The host's clock, in nanoseconds since 1970."},
	{"random", Fill, "", "", true, "Fills memory with random bytes of the host."},
	{"result", Take, "", "bytes", true, "Takes the result, or the Failure, that did not fit the last call's room."},

	{"respond", Post, "RespondRequest", "", false, "Answers a fetch event. An effect: it leaves when the turn is durable."},
	{"respond_chunk", Post, "RespondChunkRequest", "", false, "Continues a streamed answer. An effect."},
	{"forward", Post, "StubFetchRequest", "", false, "Ends a fetch event: the object that the request goes to answers it. An effect."},
	{"done", Post, "DoneRequest", "", false, "Ends an event, with a call's result or a Failure."},
	{"wait_until", Post, "WaitUntilRequest", "", false, "Counts background work that keeps the object in memory."},
	{"block", Post, "BlockRequest", "", false, "Begins or ends a section in which no other event is delivered."},
	{"abort", Post, "AbortRequest", "", false, "Discards the instance and the turn's writes. Never returns."},
	{"op_cancel", Post, "OpRequest", "", false, "Stops waiting for an operation; its completion still comes, with status cancelled."},
	{"metric", Post, "MetricRequest", "", false, "Adds to a counter of the app, at once; a rollback does not undo it."},

	{"kv_get", Sync, "KeyRequest", "bytes", false, "The value of a key; status not_found without one."},
	{"kv_get_many", Sync, "KeysRequest", "KVEntries", false, "The entries of up to 128 keys, sorted, missing ones left out."},
	{"kv_put", Post, "KVEntries", "", false, "Puts up to 128 entries."},
	{"kv_delete", Sync, "KeysRequest", "Count", false, "Deletes up to 128 keys; how many there were."},
	{"kv_list", Sync, "KVListRequest", "KVEntries", false, "A page of entries in UTF-8 byte order."},
	{"delete_all", Post, "", "", false, "Drops kv, SQL database and alarm. Not inside a transaction."},
	{"sql_exec", Sync, "SQLExecRequest", "SQLPage", false, "Runs statements; the first page of the last one's rows."},
	{"sql_next", Sync, "CursorRequest", "SQLPage", false, "The next page of a cursor. Cursors end with their turn."},
	{"sql_close", Post, "CursorRequest", "", false, "Ends a cursor early."},
	{"sql_size", Sync, "", "Int", false, "Bytes of the object's SQL database."},
	{"tx_begin", Post, "", "", false, "Begins an explicit transaction over kv, SQL and alarm; nested ones are savepoints."},
	{"tx_commit", Post, "", "", false, "Ends the innermost transaction and keeps its writes."},
	{"tx_rollback", Post, "", "", false, "Ends the innermost transaction and drops its writes."},
	{"alarm_get", Sync, "", "AlarmState", false, "The alarm that is set; none while its handler runs unless set anew."},
	{"alarm_set", Post, "TimeRequest", "", false, "Sets the object's one alarm. A past time counts as now."},
	{"alarm_delete", Post, "", "", false, "Deletes the alarm; a running handler goes on."},
	{"sync", Async, "EventRequest", "", false, "Completes when all writes so far are durable."},
	{"bookmark_current", Sync, "", "text", false, "The object's current bookmark."},
	{"bookmark_for_time", Sync, "TimeRequest", "text", false, "The bookmark of the latest state that is not younger than a time; not_found before what is kept."},
	{"bookmark_restore", Sync, "StringRequest", "text", false, "Part of the turn: the next activation restores kv, SQL and alarm to a bookmark (empty: takes that back). Answers the bookmark to undo it; not_found before what is kept."},

	{"ws_accept", Post, "AcceptRequest", "", false, "Accepts the socket that a fetch event offered: as the object's, with up to 10 tags, or as the instance's own."},
	{"ws_send", Post, "SendRequest", "", false, "Sends a message. An effect."},
	{"ws_close", Post, "SocketCloseRequest", "", false, "Closes a socket. An effect; the socket is gone from lists at once."},
	{"ws_list", Sync, "SocketListRequest", "Sockets", false, "The object's sockets in the order they were accepted."},
	{"ws_tags", Sync, "SocketRequest", "Strings", false, "A socket's tags."},
	{"ws_attachment_get", Sync, "SocketRequest", "bytes", false, "A socket's attachment; not_found without one."},
	{"ws_attachment_set", Post, "AttachmentRequest", "", false, "Sets a socket's attachment of up to 16,384 bytes."},
	{"ws_auto_response_set", Post, "AutoResponse", "", false, "Sets the text that is answered without waking the object."},
	{"ws_auto_response_get", Sync, "", "AutoResponse", false, "The auto-response that is set."},
	{"ws_auto_response_time", Sync, "SocketRequest", "Int", false, "When a socket was last answered so, ms since 1970; not_found if never."},
	{"ws_event_timeout_set", Post, "Int", "", false, "Sets the wall limit of socket events, in ms; 0 takes it away."},
	{"ws_event_timeout_get", Sync, "", "Int", false, "The wall limit of socket events, in ms; 0 if none."},
	{"ws_connect", Async, "ConnectRequest", "Connected", false, "Opens a WebSocket of the instance's own to a host that the app's configuration allows."},
	{"ws_flush", Async, "SocketWaitRequest", "", false, "Completes when what was sent on a socket before has left for its client, or the socket has ended."},
	{"ws_receive", Async, "SocketWaitRequest", "Received", false, "The next message of a socket of the instance's own, or its end. One call at a time a socket."},
	{"broadcast", Sync, "BroadcastRequest", "Count", false, "Sends one message to many sockets, encoded once. An effect; the recipients are those of the call."},

	{"d1_query", Async, "D1QueryRequest", "D1Results", false, "Runs statements on a D1 database."},
	{"d1_exec", Async, "D1ExecRequest", "D1ExecResult", false, "Runs a text of statements on a D1 database."},
	{"id_from_name", Sync, "IDRequest", "text", false, "The id that a name has in a namespace."},
	{"id_from_string", Sync, "IDRequest", "text", false, "Checks the text of an id."},
	{"id_unique", Sync, "IDRequest", "text", false, "A fresh id."},
	{"stub_fetch", Async, "StubFetchRequest", "Response", false, "Sends a request to an object."},
	{"stub_call", Async, "StubCallRequest", "bytes", false, "Calls a method of an object."},
	{"fetch", Async, "FetchRequest", "Response", false, "Sends a request to a host that the app's configuration allows."},
}

// EventKind says which message hf_event brings.
type EventKind uint32

// The events of version 1.
const (
	EventConstruct EventKind = iota + 1
	EventFetch
	EventCancelled
	EventCall
	EventAlarm
	EventSocketOpen
	EventSocketMessage
	EventSocketClose
	EventSocketError
	EventScheduled
)

// Events names each kind and its message, in the order of ABI.md.
var Events = []struct {
	Kind    EventKind
	Name    string
	Message string
}{
	{EventConstruct, "construct", "ConstructEvent"},
	{EventFetch, "fetch", "FetchEvent"},
	{EventCancelled, "cancelled", "CancelledEvent"},
	{EventCall, "call", "CallEvent"},
	{EventAlarm, "alarm", "AlarmEvent"},
	{EventSocketOpen, "socket_open", "SocketOpenEvent"},
	{EventSocketMessage, "socket_message", "SocketMessageEvent"},
	{EventSocketClose, "socket_close", "SocketCloseEvent"},
	{EventSocketError, "socket_error", "SocketErrorEvent"},
	{EventScheduled, "scheduled", "ScheduledEvent"},
}

// Handler flags of RegisterRequest.Handlers.
const (
	HandlesFetch uint32 = 1 << iota
	HandlesCall
	HandlesAlarm
	HandlesSocketOpen
	HandlesSocketMessage
	HandlesSocketClose
	HandlesSocketError
	HandlesScheduled
)

// Answers of hf_event, hf_completion and hf_tick: a set of bits.
const (
	AnswerPumped  uint32 = 1 << iota // the guest ran until the idle descriptor said idle
	AnswerRefused                    // the message could not be decoded or its kind is unknown
)
