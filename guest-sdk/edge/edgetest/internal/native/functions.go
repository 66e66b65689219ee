package native

import (
	"github.com/holdfast-run/holdfast/guest-sdk/abi"
	"github.com/holdfast-run/holdfast/guest-sdk/edge/internal/bridge"
)

type (
	syncFunc  func(o *object, req []byte) (message, error)
	asyncFunc func(o *object, req []byte) (uint32, error)
	postFunc  func(o *object, req []byte) error
)

// raw is an answer that is no message.
type raw []byte

// Append is message's.
func (r raw) Append(b []byte) []byte { return append(b, r...) }

// decoder is a message that can be read.
type decoder[T any] interface {
	*T
	Decode([]byte) error
}

// asking makes a Sync function of one that takes the decoded request.
func asking[T any, P decoder[T]](fn func(*object, *T) (message, error)) syncFunc {
	return func(o *object, req []byte) (message, error) {
		m := new(T)
		if err := P(m).Decode(req); err != nil {
			return nil, err
		}
		return fn(o, m)
	}
}

// telling does the same for Post; the request is given up to it.
func telling[T any, P decoder[T]](fn func(*object, *T) error) postFunc {
	return func(o *object, req []byte) error {
		m := new(T)
		if err := P(m).Decode(req); err != nil {
			return err
		}
		return fn(o, m)
	}
}

// starting does the same for Async.
func starting[T any, P decoder[T]](fn func(*object, *T) (uint32, error)) asyncFunc {
	return func(o *object, req []byte) (uint32, error) {
		m := new(T)
		if err := P(m).Decode(req); err != nil {
			return 0, err
		}
		return fn(o, m)
	}
}

// stored refuses a worker, which has no storage.
func stored[T any](fn func(*object, *T) (message, error)) func(*object, *T) (message, error) {
	return func(o *object, m *T) (message, error) {
		if o.store == nil {
			return nil, errNoStorage
		}
		return fn(o, m)
	}
}

// writing is stored for Post.
func writing[T any](fn func(*object, *T) error) func(*object, *T) error {
	return func(o *object, m *T) error {
		if o.store == nil {
			return errNoStorage
		}
		return fn(o, m)
	}
}

// bare makes a Post function of one without a request.
func bare(fn func(*object) error) postFunc {
	return func(o *object, _ []byte) error {
		if o.store == nil {
			return errNoStorage
		}
		return fn(o)
	}
}

// plain makes a Sync function of one without a request.
func plain(fn func(*object) (message, error)) syncFunc {
	return func(o *object, _ []byte) (message, error) {
		if o.store == nil {
			return nil, errNoStorage
		}
		return fn(o)
	}
}

var errNoStorage = refuse(abi.Unsupported, "a worker has no storage; keep state in an object or in D1")

// syncs, asyncs and posts are what this host serves; it answers unsupported
// to what the real one does not serve either.
var syncs = map[bridge.Fn]syncFunc{
	bridge.KVGet:              asking(stored(kvGet)),
	bridge.KVGetMany:          asking(stored(kvGetMany)),
	bridge.KVDelete:           asking(stored(kvDelete)),
	bridge.KVList:             asking(stored(kvList)),
	bridge.SQLExec:            asking(stored(sqlExec)),
	bridge.SQLNext:            asking(stored(sqlNext)),
	bridge.SQLSize:            plain(sqlSize),
	bridge.AlarmGet:           plain(alarmGet),
	bridge.BookmarkCurrent:    plain(bookmark),
	bridge.WSList:             asking(wsList),
	bridge.WSTags:             asking(wsTags),
	bridge.WSAttachmentGet:    asking(wsAttachmentGet),
	bridge.WSAutoResponseGet:  func(o *object, _ []byte) (message, error) { a := o.sockets.auto; return &a, nil },
	bridge.WSAutoResponseTime: asking(wsAutoResponseTime),
	bridge.WSEventTimeoutGet: func(o *object, _ []byte) (message, error) {
		return &abi.Int{Value: o.sockets.eventTimeoutMs}, nil
	},
	bridge.Broadcast:    asking(broadcast),
	bridge.IDFromName:   asking(idFromName),
	bridge.IDFromString: asking(idFromString),
	bridge.IDUnique:     asking(idUnique),
}

var asyncs = map[bridge.Fn]asyncFunc{
	bridge.Sync:      starting(syncWrites),
	bridge.D1Query:   starting(d1Query),
	bridge.D1Exec:    starting(d1Exec),
	bridge.StubFetch: starting(stubFetch),
	bridge.StubCall:  starting(stubCall),
	bridge.Fetch:     starting(outbound),
	bridge.WSConnect: starting(connect),
	bridge.WSFlush:   starting(wsFlush),
	bridge.WSReceive: starting(wsReceive),
}

var posts = map[bridge.Fn]postFunc{
	bridge.Register: func(*object, []byte) error {
		return refuse(abi.WrongPhase, "register is allowed only while the image is made")
	},
	bridge.Log:               telling(logLine),
	bridge.Respond:           telling(respond),
	bridge.RespondChunk:      telling(respondChunk),
	bridge.Forward:           telling(forward),
	bridge.Done:              telling(done),
	bridge.WaitUntil:         telling(waitUntil),
	bridge.Block:             telling(block),
	bridge.Abort:             telling(abort),
	bridge.OpCancel:          telling(opCancel),
	bridge.Metric:            telling(metric),
	bridge.KVPut:             telling(writing(kvPut)),
	bridge.DeleteAll:         bare(deleteAll),
	bridge.SQLClose:          telling(writing(sqlClose)),
	bridge.TxBegin:           bare(txBegin),
	bridge.TxCommit:          bare(txCommit),
	bridge.TxRollback:        bare(txRollback),
	bridge.AlarmSet:          telling(writing(alarmSet)),
	bridge.AlarmDelete:       bare(alarmDelete),
	bridge.WSAccept:          telling(wsAccept),
	bridge.WSSend:            telling(wsSend),
	bridge.WSClose:           telling(wsClose),
	bridge.WSAttachmentSet:   telling(wsAttachmentSet),
	bridge.WSAutoResponseSet: telling(wsAutoResponseSet),
	bridge.WSEventTimeoutSet: telling(wsEventTimeoutSet),
}
