package room

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"

	"github.com/holdfast-run/holdfast/guest-sdk/edge"
	"github.com/holdfast-run/holdfast/guest-sdk/edge/rest"
)

// Limits of what a client may send.
const (
	ContentBytesMax  = 64 << 10
	AuthorBytesMax   = 256
	KeyBytesMax      = 256
	NameBytesMax     = 1024
	SecretBytesMax   = 1024
	BatchMax         = 500
	ReadLimitDefault = 100
	ReadLimitMax     = 1000
	RetentionDaysMax = 36500
	IDBytesMax       = 128
	ImportBytesMax   = 64 << 20
)

// Event is one entry of a log.
type Event struct {
	Seq       int64
	AuthorID  string
	Content   string
	CreatedAt int64  // ms since 1970
	Key       string // idempotency key; not shown to clients
}

// record is how the room stores an event under its seq: created (8 bytes),
// the lengths of key and author (2 bytes each), key, author, content.
func (e *Event) record() []byte {
	b := make([]byte, 0, 12+len(e.Key)+len(e.AuthorID)+len(e.Content))
	b = binary.LittleEndian.AppendUint64(b, uint64(e.CreatedAt))
	b = binary.LittleEndian.AppendUint16(b, uint16(len(e.Key)))
	b = binary.LittleEndian.AppendUint16(b, uint16(len(e.AuthorID)))
	b = append(b, e.Key...)
	b = append(b, e.AuthorID...)
	return append(b, e.Content...)
}

var errRecord = errors.New("stored event is damaged")

func eventOf(key string, rec []byte) (e Event, err error) {
	seq, err := strconv.ParseInt(key[len(eventPrefix):], 16, 64)
	if err != nil || len(rec) < 12 {
		return e, fmt.Errorf("%w: %s", errRecord, key)
	}
	k, a := int(binary.LittleEndian.Uint16(rec[8:])), int(binary.LittleEndian.Uint16(rec[10:]))
	if len(rec) < 12+k+a {
		return e, fmt.Errorf("%w: %s", errRecord, key)
	}
	e.Seq, e.CreatedAt = seq, int64(binary.LittleEndian.Uint64(rec))
	e.Key, e.AuthorID, e.Content = string(rec[12:12+k]), string(rec[12+k:12+k+a]), string(rec[12+k+a:])
	return e, nil
}

const (
	eventPrefix = "e/"
	keyPrefix   = "k/"
)

// eventKey orders events by seq.
func eventKey(seq int64) string { return edge.NumberKey(eventPrefix, uint64(seq)) }

// eventID is the event's id: no two events of a host share it.
func eventID(logID string, seq int64) string { return logID + ":" + strconv.FormatInt(seq, 10) }

// appendJSON appends the event as clients see it; logName, where not nil, as
// search shows it.
func (e *Event) appendJSON(b []byte, logID string, logName *string) []byte {
	b = append(b, `{"id":`...)
	b = rest.AppendString(b, eventID(logID, e.Seq))
	b = append(b, `,"logId":`...)
	b = rest.AppendString(b, logID)
	b = append(b, `,"seq":`...)
	b = strconv.AppendInt(b, e.Seq, 10)
	b = append(b, `,"authorId":`...)
	b = rest.AppendString(b, e.AuthorID)
	b = append(b, `,"content":`...)
	b = rest.AppendString(b, e.Content)
	b = append(b, `,"createdAt":"`...)
	b = rest.AppendTime(b, e.CreatedAt)
	b = append(b, '"')
	if logName != nil {
		b = append(b, `,"logName":`...)
		b = rest.AppendString(b, *logName)
	}
	return append(b, '}')
}

// appendFrame appends the event's live frame.
func (e *Event) appendFrame(b []byte, logID string) []byte {
	b = append(b, `{"type":"event","event":`...)
	b = e.appendJSON(b, logID, nil)
	return append(b, '}')
}
