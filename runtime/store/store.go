// Package store says what the runtime asks of durable storage: one engine for
// a host, one Object for each activated object, one atomic batch for each
// turn. It owns the interfaces, their limits and their errors. It refuses to
// know how bytes reach a disk: host/storage does that, memstore and faultstore
// stand in for it in tests.
package store

import (
	"encoding/hex"
	"time"

	"github.com/holdfast-run/holdfast/guest-sdk/abi"
)

// Limits of the storage API, as Durable Objects documents them for SQLite
// backed classes.
const (
	KeyBytesMax      = 2048    // one key, in UTF-8 bytes
	KeyValueBytesMax = 2 << 20 // key + value
	KeysPerCallMax   = 128     // keys or entries of one get, put or delete
	SavepointsMax    = 64      // nested explicit transactions
	NameBytesMax     = 1024    // an object's name; a longer one is not kept
)

// ReservedNamespace begins the names of namespaces that are the host's own.
const ReservedNamespace = "_"

// ID is a Durable Object id: 16 bytes base, 16 bytes MAC.
type ID [32]byte

// String is the id as 64 lower-case hex digits.
func (id ID) String() string { return hex.EncodeToString(id[:]) }

// Ref names one object.
type Ref struct {
	Namespace string // "<app>.<class>"
	ID        ID
	Name      string // "" where the id was not made from a name
}

// Alarm is an object's one alarm as it is stored and indexed.
type Alarm struct {
	ScheduledMs int64 // the time the guest asked for, ms since 1970
	DueMs       int64 // when it is to run next: ScheduledMs, or later after a failure
	Retries     uint8 // counted retries so far (user errors)
	Attempts    uint8 // runs so far, counted or not
}

// DueAlarm is an entry of the alarm index.
type DueAlarm struct {
	Ref   Ref
	Alarm Alarm
}

// DeadAlarm is an alarm that ran out of retries.
type DeadAlarm struct {
	Key    string // opaque, for Revive and Forget
	Ref    Ref
	Alarm  Alarm
	DiedAt time.Time
	Reason string
}

// Info is what the registry knows of an object without waking it.
type Info struct {
	Ref        Ref
	CreatedAt  time.Time
	LastActive time.Time
	KVBytes    int64
	SQLBytes   int64
	Alarm      Alarm
	HasAlarm   bool
}

// Engine is the storage of a whole host. Its methods may be called from any
// goroutine.
type Engine interface {
	// Open gives the storage of one object. At most one Object per Ref may be
	// open at a time (the directory sees to it); a second Open before Close
	// is an error. Opening writes nothing.
	Open(ref Ref) (Object, error)

	// Stat, Lookup and List read the registry. An object is in it while it
	// has kv, SQL pages or an alarm: from the commit that makes the first of
	// them to the commit that removes the last.
	Stat(namespace string, id ID) (Info, bool, error)
	Lookup(namespace, name string) (ID, bool, error)
	// List returns objects of a namespace (all namespaces but reserved ones
	// if "") whose names begin with prefix, in (namespace, name, id) order,
	// at most limit, and the cursor for the next page ("" at the end).
	List(namespace, prefix, cursor string, limit int) ([]Info, string, error)
	// Count is the number of objects of a namespace.
	Count(namespace string) (int64, error)

	// Alarms returns the alarms with DueMs <= untilMs in due order, at most
	// limit, of the objects that are wanted (nil: all); NextAlarm the earliest
	// of all. wanted must not call the engine.
	Alarms(untilMs int64, limit int, wanted func(Ref) bool) ([]DueAlarm, error)
	NextAlarm() (DueAlarm, bool, error)
	// ListAlarms pages over the index in due order for people.
	ListAlarms(cursor string, limit int) ([]DueAlarm, string, error)

	// Bury puts an alarm on the dead-letter list (durable when it returns).
	Bury(DeadAlarm) error
	DeadAlarms(cursor string, limit int) ([]DeadAlarm, string, error)
	ForgetDead(key string) error

	// Setting and SetSetting keep small host-wide values (the manual clock,
	// counters). SetSetting is durable when it returns.
	Setting(name string) ([]byte, bool, error)
	SetSetting(name string, value []byte) error

	// NextEpoch counts up a host-wide number that is never given twice, also
	// not after a crash.
	NextEpoch() (uint64, error)

	// Failed reports the sticky error after a failed sync; nil while healthy.
	Failed() error
	Close() error
}

// Object is the storage of one activated object. One goroutine at a time (the
// object's loop) may call it. All changes since the last Commit or Abort
// belong to the current turn: they are seen by its own reads at once, and
// become durable together or not at all.
type Object interface {
	// Get returns the value under key; the caller owns it.
	Get(key string) (value []byte, ok bool, err error)
	// Put copies value. ErrTooLarge if key or value is over its limit.
	Put(key string, value []byte) error
	// Delete reports whether there was a value.
	Delete(key string) (bool, error)
	// List calls fn in UTF-8 byte order (reverse if asked) until it answers
	// false. fn must not write; value is valid only inside fn.
	List(o ListOptions, fn func(key string, value []byte) bool) error

	// Exec runs one or several SQL statements; args go to the last, and the
	// cursor is the last's. Cursors end with the turn. Explicit BEGIN,
	// COMMIT, SAVEPOINT and the like are refused (ErrTransactionSQL).
	Exec(query string, args []abi.Value) (Cursor, error)
	// DatabaseSize is the size of the object's SQL database in bytes.
	DatabaseSize() int64

	// DeleteAll drops kv, SQL database and alarm. Refused inside Begin.
	DeleteAll() error

	// Begin, Release and Rollback nest explicit transactions over kv, SQL and
	// alarm as savepoints.
	Begin() error
	Release() error
	Rollback() error

	Alarm() (Alarm, bool)
	SetAlarm(Alarm) error
	ClearAlarm() error

	// Dirty reports whether the current turn has changed anything.
	Dirty() bool
	// Commit ends the turn; it is refused, and the turn dropped, inside an
	// explicit transaction. A turn that changed nothing answers (false, nil)
	// and never calls durable. Otherwise the changes are visible to the next
	// turn at once, and durable is called exactly once, from a goroutine of
	// the engine, when they are on disk or when that failed; it must not
	// block. Calls for one object come in commit order. On error the turn is
	// aborted and durable is not called.
	Commit(durable func(error)) (bool, error)
	// Abort ends the turn and drops its changes.
	Abort() error

	// Bookmark is the object's current point in time, lexically ordered.
	Bookmark() (string, error)
	// BookmarkForTime is the bookmark of the latest committed state that is
	// not younger than a time, in ms since 1970. ErrNoHistory where the
	// history does not reach back so far, or none is kept.
	BookmarkForTime(ms int64) (string, error)
	// RestoreNext asks, as a change of the turn, that the next Rewind take
	// kv, SQL and alarm back to bookmark; "" takes the wish back. undo is the
	// bookmark of the state that the Rewind will find. ErrBookmark or
	// ErrNoHistory where there is no way back to it.
	RestoreNext(bookmark string) (undo string, err error)
	// Rewind does what RestoreNext has asked for, between turns, as a commit
	// of its own under a new epoch; false if nothing was asked for.
	Rewind(durable func(error)) (bool, error)
	// Epoch names the life of the object's data: it changes when the object
	// is made anew, restored or copied over. (Epoch, Sequence) never names
	// two states.
	Epoch() uint64
	// Sequence counts the object's commits.
	Sequence() uint64
	Info() Info
	// Rest gives back memory that the next turn can have again. Inside a turn
	// that has begun to change anything it does nothing.
	Rest() error
	// Close releases memory and descriptors; uncommitted changes are dropped.
	Close() error
}

// ListOptions bound a List, as Durable Objects' storage.list does. Start is
// inclusive, StartAfter and End exclusive; Reverse does not swap them.
type ListOptions struct {
	Start, StartAfter, End, Prefix string
	HasStart, HasStartAfter        bool
	HasEnd                         bool
	Reverse                        bool
	Limit                          int // 0: all
}

// Cursor walks the rows of a statement. It belongs to the turn that made it.
type Cursor interface {
	// Columns are the result's column names, duplicates kept; nil for a
	// statement without rows.
	Columns() []string
	// Next appends the next row's values to dst and reports whether there
	// was a row. Bytes of the values are valid until the next call.
	Next(dst []abi.Value) ([]abi.Value, bool, error)
	RowsRead() int64
	RowsWritten() int64
	Close() error
}
