package abi

// Every struct of this file is a message of the boundary: its fields are
// encoded in order, as ABI.md says. internal/abigen reads this file and writes
// codec.go and ABI.md, so a layout exists once, here.

// Header is one header line, or any other pair of name and value.
type Header struct {
	Name  string
	Value string
}

// Request is an HTTP request with its whole body.
type Request struct {
	Method      string
	URL         string   // absolute: scheme, host, path, query
	Headers     []Header // in the order they came, repeats kept
	Body        []byte
	ClientAddr  string // "ip:port" of the peer, after trusted proxies
	Traceparent string // W3C trace context; empty if none
	DeadlineMs  int64  // ms since 1970 after which nobody waits; 0: none
}

// Response is an HTTP response. With Streamed set, Body is its beginning and
// respond_chunk brings the rest.
type Response struct {
	Status   uint32
	Headers  []Header
	Body     []byte
	Streamed bool
}

// Failure is the payload that goes with every status other than ok.
type Failure struct {
	Message string
	Flags   uint8 // FailureRetryable | FailureOverloaded | FailureRemote
}

// ConstructEvent makes the instance of a class, or of the worker where Class
// is empty. It comes once, before any other event.
type ConstructEvent struct {
	Event      uint64
	Class      string
	ID         string // 64 hex digits; empty for a worker
	Name       string // empty where the id was not made from a name
	Mode       string // "dev" or "serve"
	Vars       []Header
	D1         []string // names of D1 bindings
	Namespaces []string // names of Durable Object bindings
	RandomSeed []byte   // 32 bytes, fresh for each activation
}

// FetchEvent is an HTTP request for the worker or an object. Upgrade is the
// socket that an accept may take, 0 where the client asked for none.
type FetchEvent struct {
	Event   uint64
	Upgrade uint64
	Request Request
}

// CancelledEvent says that nobody waits for the answer of Event any more.
type CancelledEvent struct {
	Event uint64
}

// CallEvent is a method call by a stub.
type CallEvent struct {
	Event   uint64
	Method  string
	Payload []byte
}

// AlarmEvent runs the object's alarm.
type AlarmEvent struct {
	Event       uint64
	ScheduledMs int64 // ms since 1970
	RetryCount  uint32
	IsRetry     bool
}

// SocketOpenEvent says that an accepted socket's handshake is done.
type SocketOpenEvent struct {
	Event  uint64
	Socket uint64
}

// SocketMessageEvent brings one whole message.
type SocketMessageEvent struct {
	Event  uint64
	Socket uint64
	Binary bool
	Data   []byte
}

// SocketCloseEvent says that the peer closed, or is gone (code 1006).
type SocketCloseEvent struct {
	Event    uint64
	Socket   uint64
	Code     uint32
	Reason   string
	WasClean bool
}

// SocketErrorEvent says that the connection failed.
type SocketErrorEvent struct {
	Event   uint64
	Socket  uint64
	Message string
}

// ScheduledEvent runs a cron trigger of the worker.
type ScheduledEvent struct {
	Event       uint64
	Cron        string
	ScheduledMs int64 // ms since 1970
}

// RegisterRequest declares a class, or the worker where Class is empty.
type RegisterRequest struct {
	Class      string
	Handlers   uint32 // HandlesFetch and the like
	Interleave bool   // further events may come while one is unfinished
}

// LogRequest is one line of the object's log.
type LogRequest struct {
	Level   int32 // slog's levels: -4 debug, 0 info, 4 warn, 8 error
	Message string
	Attrs   []Header
}

// RespondRequest answers a fetch event.
type RespondRequest struct {
	Event    uint64
	Response Response
}

// RespondChunkRequest continues a streamed answer.
type RespondChunkRequest struct {
	Event uint64
	Data  []byte
	Last  bool
}

// DoneRequest ends an event. Payload is a call's result, or a Failure where
// Status is not ok.
type DoneRequest struct {
	Event   uint64
	Status  uint32
	Payload []byte
}

// WaitUntilRequest counts work that outlives its event's answer: Delta is +1
// as it begins and -1 as it ends.
type WaitUntilRequest struct {
	Event uint64
	Name  string
	Delta int32
}

// BlockRequest begins (On) and ends a BlockConcurrencyWhile section.
type BlockRequest struct {
	Event uint64
	On    bool
}

// AbortRequest discards the instance and the turn's writes; the call never
// returns.
type AbortRequest struct {
	Reason     string
	RetryAlarm bool
}

// KeyRequest names one key.
type KeyRequest struct {
	Key string
}

// KeysRequest names up to 128 keys.
type KeysRequest struct {
	Keys []string
}

// KVEntry is a key and its value.
type KVEntry struct {
	Key   string
	Value []byte
}

// KVEntries is up to 128 entries to put, or a page of a list.
type KVEntries struct {
	Entries []KVEntry
	More    bool // the page is full; ask again from behind its last key
}

// KVListRequest bounds a list. A bound counts only if its Has field is set.
type KVListRequest struct {
	Start         string
	HasStart      bool // inclusive
	StartAfter    string
	HasStartAfter bool // exclusive
	End           string
	HasEnd        bool // exclusive
	Prefix        string
	Reverse       bool
	Limit         uint32 // 0: no limit
}

// Count is a number of things done.
type Count struct {
	Count uint32
}

// SQLExecRequest runs one or several statements; Args go to the last.
type SQLExecRequest struct {
	Query string
	Args  []Value
}

// CursorRequest names an open cursor.
type CursorRequest struct {
	Cursor uint32
}

// SQLPage is a part of a result: Values holds whole rows, one behind the
// other, len(Columns) values each.
type SQLPage struct {
	Cursor      uint32 // 0: the result is complete
	Columns     []string
	Values      []Value
	RowsRead    int64
	RowsWritten int64
}

// Int is a 64-bit number.
type Int struct {
	Value int64
}

// TimeRequest is a point in time, ms since 1970.
type TimeRequest struct {
	TimeMs int64
}

// AlarmState is the alarm that is set, if one is.
type AlarmState struct {
	Set    bool
	TimeMs int64
}

// StringRequest is a request of one text.
type StringRequest struct {
	Text string
}

// AcceptRequest takes an offered socket. With Hibernate set it is the
// object's, and its events come as socket events. Without, it is the
// instance's own: it has no tags, ends with the instance, and ws_receive
// brings what comes.
type AcceptRequest struct {
	Socket    uint64
	Tags      []string
	Hibernate bool
}

// SendRequest sends one message on one socket.
type SendRequest struct {
	Socket uint64
	Binary bool
	Data   []byte
}

// SocketCloseRequest starts the close handshake.
type SocketCloseRequest struct {
	Socket uint64
	Code   uint32
	Reason string
}

// SocketListRequest asks for the object's sockets, all or those with a tag.
type SocketListRequest struct {
	Tag    string
	HasTag bool
}

// Sockets is a list of socket handles.
type Sockets struct {
	Sockets []uint64
}

// SocketRequest names a socket.
type SocketRequest struct {
	Socket uint64
}

// Strings is a list of texts.
type Strings struct {
	Items []string
}

// AttachmentRequest sets a socket's attachment.
type AttachmentRequest struct {
	Socket uint64
	Data   []byte
}

// AutoResponse is the request text that is answered without waking the
// object, and its answer; not On: none.
type AutoResponse struct {
	On       bool
	Request  string
	Response string
}

// BroadcastRequest sends one message to every socket of the object, or to
// those with a tag, except some.
type BroadcastRequest struct {
	Tag    string
	HasTag bool
	Except []uint64
	Binary bool
	Data   []byte
}

// ConnectRequest opens an outbound WebSocket.
type ConnectRequest struct {
	Event     uint64
	URL       string
	Headers   []Header
	Protocols []string
}

// Connected is an outbound WebSocket whose handshake is done. Headers are the
// answer's, Protocol the subprotocol that the server chose, or "".
type Connected struct {
	Socket   uint64
	Protocol string
	Headers  []Header
}

// SocketWaitRequest waits for something of a socket.
type SocketWaitRequest struct {
	Event  uint64
	Socket uint64
}

// Received is a whole message, or with Closed the end of the socket, as in
// SocketCloseEvent. After the end the socket is not known any more.
type Received struct {
	Closed   bool
	Binary   bool
	Data     []byte
	Code     uint32
	Reason   string
	WasClean bool
}

// D1Statement is one SQL text and its parameters.
type D1Statement struct {
	SQL    string
	Params []Value
}

// D1QueryRequest runs statements on a D1 database. Batch makes them one
// transaction. Name picks the database of a pattern binding.
type D1QueryRequest struct {
	Event      uint64
	Binding    string
	Name       string
	Batch      bool
	Statements []D1Statement
	Session    string // constraint or bookmark; empty: none
}

// D1Result is the answer to one statement. Values holds whole rows.
type D1Result struct {
	Columns     []string
	Values      []Value
	DurationMs  float64
	Changes     int64
	LastRowID   int64
	ChangedDB   bool
	SizeAfter   int64
	RowsRead    int64
	RowsWritten int64
}

// D1Results answers d1_query, one result a statement.
type D1Results struct {
	Results  []D1Result
	Bookmark string
}

// D1ExecRequest runs a text of many statements, one a line.
type D1ExecRequest struct {
	Event   uint64
	Binding string
	Name    string
	SQL     string
}

// D1ExecResult answers d1_exec.
type D1ExecResult struct {
	Count      uint32
	DurationMs float64
}

// IDRequest makes an id of a namespace from a name or its text.
type IDRequest struct {
	Binding string
	Text    string
}

// StubFetchRequest sends a request to an object, for its answer or, with
// forward, to answer Event. Name, where not empty, must be the one that ID was
// made from. Upgrade hands on an offered socket.
type StubFetchRequest struct {
	Event   uint64
	Binding string
	ID      string
	Name    string
	Upgrade uint64
	Request Request
}

// StubCallRequest calls a method of an object.
type StubCallRequest struct {
	Event      uint64
	Binding    string
	ID         string
	Name       string
	Method     string
	Payload    []byte
	DeadlineMs int64
}

// FetchRequest is an outbound HTTP request.
type FetchRequest struct {
	Event   uint64
	Request Request
}

// EventRequest is a request that needs nothing but its event.
type EventRequest struct {
	Event uint64
}

// MetricRequest adds Delta, 0 or more, to the app's counter Name: 1 to 64
// letters a-z, digits and _, a letter first.
type MetricRequest struct {
	Name  string
	Delta int64
}

// OpRequest names a waiting operation.
type OpRequest struct {
	Op uint32
}
