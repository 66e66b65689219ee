package abi

// Status is how a host call or an event ended. Zero is success; every other
// status comes with a Failure.
type Status uint32

// The statuses of version 1.
const (
	OK           Status = iota
	NotFound            // no such key, socket, cursor, binding or object
	Invalid             // an argument is wrong; the message names it
	TooLarge            // over a limit; the message names it
	Unsupported         // this version of the host does not do it yet
	Overloaded          // a queue is full; do not retry at once
	Reset               // the object was reset; retry if idempotent
	CallCycle           // the object would wait for itself
	Timeout             // the deadline passed
	Cancelled           // the operation was cancelled
	Denied              // the configuration does not allow it
	SQLFailed           // a SQL statement of the object's database failed
	D1Failed            // a D1 statement failed
	Unavailable         // a peer (remote D1, outbound host) did not answer
	GuestFailed         // a handler returned an error
	Internal            // the host failed; its log says why
	WrongPhase          // not allowed now: while the image is made, or in a transaction
	StorageFault        // storage failed; the turn is lost
)

// StatusNames are the names of the statuses, by number.
var StatusNames = [...]string{
	"ok", "not_found", "invalid", "too_large", "unsupported", "overloaded", "reset", "call_cycle",
	"timeout", "cancelled", "denied", "sql_failed", "d1_failed", "unavailable", "guest_failed",
	"internal", "wrong_phase", "storage_fault",
}

// String is the status's name as ABI.md has it.
func (s Status) String() string {
	if int(s) < len(StatusNames) {
		return StatusNames[s]
	}
	return "unknown"
}

// Flags of a Failure.
const (
	FailureRetryable  uint8 = 1 << iota // trying again may help, if the work is idempotent
	FailureOverloaded                   // a queue was full
	FailureRemote                       // the error comes from the object called, not from the way to it
)

// Limits of the boundary. The host enforces them; the SDK names them in its
// errors.
const (
	RequestBytesMax      = 64 << 20  // one host call's request
	EventBytesMax        = 80 << 20  // one message into the guest
	TagsMax              = 10        // tags a socket
	TagBytesMax          = 256       // one tag
	SocketsMax           = 32768     // sockets an object
	AttachmentBytesMax   = 16384     // one attachment
	AutoResponseBytesMax = 2048      // each side of an auto-response
	EventTimeoutMsMax    = 604800000 // socket event timeout: 7 days
	SocketMessageMax     = 32 << 20  // one socket message
	CallBytesMax         = 32 << 20  // one call's payload or result
	D1StatementsMax      = 10000     // statements of one batch
	PageBytes            = 64 << 10  // a page of rows or list entries ends at this size
	NameBytesMax         = 1024      // an object's name
	OperationsMax        = 4096      // waiting operations an instance
	ForwardsMax          = 16        // times that one request is handed on with forward
	LogLineBytesMax      = 16 << 10  // a longer line is cut
	CounterNameBytesMax  = 64        // a counter's name
	CountersMax          = 100       // counters an app, unless it is configured
)
