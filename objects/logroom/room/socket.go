package room

import (
	"encoding/json"
	"errors"
	"math"
	"net/url"
	"sort"
	"strconv"
	"time"

	"github.com/holdfast-run/holdfast/guest-sdk/edge"
	"github.com/holdfast-run/holdfast/guest-sdk/edge/rest"
)

// Close codes of the contract.
const (
	closeBadRequest   = 4400
	closeUnauthorized = 4401
	closeForbidden    = 4403
	closeNotFound     = 4404
	closeDeleted      = 4410
	closeTooSlow      = 1013
)

// attachment is what the room keeps beside a socket: it outlasts the
// instance.
type attachment struct {
	Author string `json:"a"`
	Since  int64  `json:"t"`
	// Next is the seq of history that the socket is to get next; 0: it has
	// all.
	Next int64 `json:"n,omitempty"`
}

// author is who is present, over any number of sockets.
type author struct {
	connections int
	since       int64
}

// hydration is a socket that history is being sent to.
type hydration struct {
	ws  *edge.WebSocket
	att attachment
}

// The pace of history is the client's: the first piece goes with the welcome,
// each further one when the last has left, so that a client's queue does not
// pass its limit. Who takes longer than historyMax comes back for the rest.
const (
	historyBytes = 96 << 10
	historyMax   = 10 * time.Minute
)

// joining is a parsed request for a socket.
type joining struct {
	author   string
	after    int64 // -1: no history
	epoch    string
	code     int // not 0: accept, then close with it
	reason   string
	protocol string
}

// connect accepts every upgrade: a browser sees only a close code, not the
// status of a refused upgrade.
func (r *Room) connect(req *edge.Request, id string) (*edge.Response, error) {
	ws, ok := req.Upgrade()
	if !ok {
		return rest.Failed(rest.Refuse(426, "upgrade_required", "this path speaks WebSocket"))
	}
	j := r.join(req, id)
	if err := r.state.AcceptWebSocket(ws); err != nil {
		var e *edge.Error
		if errors.As(err, &e) && e.Code == edge.ErrTooLarge.(*edge.Error).Code {
			return rest.Failed(rest.Refuse(503, "overloaded", "the log has as many connections as it may have"))
		}
		return nil, err
	}
	if j.code != 0 {
		return edge.Switch(ws, j.protocol), ws.Close(j.code, j.reason)
	}
	if err := r.welcome(ws, j); err != nil {
		return nil, err
	}
	return edge.Switch(ws, j.protocol), nil
}

// join decides what becomes of a socket.
func (r *Room) join(req *edge.Request, id string) joining {
	j := joining{after: -1}
	token, speaks := rest.Offered(req, protocol, protocolBearer)
	if speaks {
		j.protocol = protocol
	}
	if t := rest.Bearer(req); t != "" {
		token = t
	}
	refuse := func(code int, reason string) joining {
		j.code, j.reason = code, reason
		return j
	}
	if token == "" {
		return refuse(closeUnauthorized, "unauthorized")
	}
	if !validID(id) || !r.alive() {
		return refuse(closeNotFound, "not found")
	}
	if who, err := r.who(token); err != nil || !who.secret {
		return refuse(closeForbidden, "forbidden")
	}
	q, err := req.Query()
	if err != nil {
		return refuse(closeBadRequest, "malformed query")
	}
	if why := j.read(q); why != "" {
		return refuse(closeBadRequest, why)
	}
	return j
}

// read takes the query apart; the answer is what is wrong with it.
func (j *joining) read(q url.Values) string {
	if j.author = q.Get("authorId"); j.author == "" {
		return "authorId is missing"
	}
	if len(j.author) > AuthorBytesMax {
		return "authorId is over 256 bytes"
	}
	if q.Has("afterSeq") {
		n, err := rest.QueryNumber(q, "afterSeq", 0, 0, math.MaxInt64-1)
		if err != nil {
			return err.Error()
		}
		j.after = n
	}
	j.epoch = q.Get("epoch")
	return ""
}

// welcome greets a socket and begins its history, all in one turn, so that
// nothing can come in between.
func (r *Room) welcome(ws *edge.WebSocket, j joining) error {
	att := attachment{Author: j.author, Since: r.state.Now().UnixMilli()}
	a := r.authors[j.author]
	first := a == nil
	if first {
		a = &author{since: att.Since}
		r.authors[j.author] = a
	}
	a.connections++
	if first {
		r.announce(j.author, "online", edge.Except(ws))
	}
	b := append([]byte(`{"type":"welcome","logId":`), rest.AppendString(nil, r.meta.ID)...)
	b = strconv.AppendInt(append(b, `,"headSeq":`...), r.head, 10)
	b = append(append(b, `,"epoch":`...), rest.AppendString(nil, r.meta.Epoch)...)
	b = append(append(b, `,"connectionId":`...), rest.AppendString(nil, strconv.FormatUint(ws.Handle(), 10))...)
	b = append(append(b, `,"presence":`...), r.presenceJSON()...)
	if err := ws.Send(edge.Message{Data: append(b, '}')}); err != nil {
		return err
	}
	switch {
	case j.after < 0:
	case j.epoch != "" && j.epoch != r.meta.Epoch:
		b := append([]byte(`{"type":"reset","epoch":`), rest.AppendString(nil, r.meta.Epoch)...)
		b = strconv.AppendInt(append(b, `,"headSeq":`...), r.head, 10)
		if err := ws.Send(edge.Message{Data: append(b, '}')}); err != nil {
			return err
		}
	case j.after < r.head:
		att.Next = j.after + 1
	}
	h := &hydration{ws: ws, att: att}
	if att.Next != 0 {
		return r.hydrate(h)
	}
	return ws.SerializeAttachment(att)
}

// hydrate sends the next piece of history, and goes on in the background
// while there is more.
func (r *Room) hydrate(h *hydration) error {
	more, err := r.piece(h)
	if err != nil {
		return err
	}
	if !more {
		return nil
	}
	r.behind[h.ws.Handle()] = h
	until := r.state.Now().Add(historyMax)
	r.state.WaitUntil("history", func() error {
		for more {
			err := h.ws.Flush()
			if r.behind[h.ws.Handle()] != h {
				return nil // closed meanwhile
			}
			if errors.Is(err, edge.ErrTimeout) || r.state.Now().After(until) {
				delete(r.behind, h.ws.Handle())
				return h.ws.Close(closeTooSlow, "too slow")
			}
			if err == nil {
				more, err = r.piece(h)
			}
			if err != nil {
				delete(r.behind, h.ws.Handle())
				return err
			}
		}
		delete(r.behind, h.ws.Handle())
		return nil
	})
	return nil
}

// piece sends a stretch of history; more is false once the socket has all,
// and from then on it gets what is broadcast.
func (r *Room) piece(h *hydration) (more bool, err error) {
	size := 0
	send := func(seq int64, m edge.Message) bool {
		if err = h.ws.Send(m); err != nil {
			return false
		}
		h.att.Next = seq + 1
		size += len(m.Data)
		return size < historyBytes
	}
	if missed, how := r.missed.Since("", h.att.Next-1); how == edge.RecoveredAll {
		missed(send)
	} else if serr := r.span(h.att.Next-1, math.MaxInt64, math.MaxInt32, false, func(e *Event) bool {
		return send(e.Seq, edge.Message{Data: e.appendFrame(nil, r.meta.ID)})
	}); err == nil {
		err = serr
	}
	if err != nil {
		return false, err
	}
	if more = size >= historyBytes && h.att.Next <= r.head; !more {
		h.att.Next = 0
	}
	return more, h.ws.SerializeAttachment(h.att)
}

// exceptBehind leaves out of a broadcast the sockets that history is still
// being sent to: they get the event in its turn.
func (r *Room) exceptBehind() []edge.BroadcastOption {
	if len(r.behind) == 0 {
		return nil
	}
	ws := make([]*edge.WebSocket, 0, len(r.behind))
	for _, h := range r.behind {
		ws = append(ws, h.ws)
	}
	return []edge.BroadcastOption{edge.Except(ws...)}
}

// reattach counts who is present after the room was brought back, and takes
// up histories that were cut off.
func (r *Room) reattach() {
	for _, ws := range r.state.WebSockets() {
		var att attachment
		if ws.DeserializeAttachment(&att) != nil {
			continue
		}
		a := r.authors[att.Author]
		if a == nil {
			a = &author{since: att.Since}
			r.authors[att.Author] = a
		}
		a.connections++
		a.since = min(a.since, att.Since)
		if att.Next != 0 {
			if err := r.hydrate(&hydration{ws: ws, att: att}); err != nil {
				r.state.Log.Warn("history not taken up", "error", err.Error())
			}
		}
	}
}

// announce tells the room that an author came or went.
func (r *Room) announce(name, state string, opts ...edge.BroadcastOption) {
	b := append([]byte(`{"type":"presence","authorId":`), rest.AppendString(nil, name)...)
	b = append(append(b, `,"state":`...), rest.AppendString(nil, state)...)
	r.state.Broadcast(edge.Message{Data: append(b, '}')}, opts...)
}

func (r *Room) presence() *edge.Response {
	return edge.JSONBytes(200, append(append([]byte(`{"authors":`), r.presenceJSON()...), '}'))
}

func (r *Room) presenceJSON() []byte {
	names := make([]string, 0, len(r.authors))
	for n := range r.authors {
		names = append(names, n)
	}
	sort.Strings(names)
	b := []byte{'['}
	for i, n := range names {
		if i > 0 {
			b = append(b, ',')
		}
		a := r.authors[n]
		b = append(append(b, `{"authorId":`...), rest.AppendString(nil, n)...)
		b = strconv.AppendInt(append(b, `,"connections":`...), int64(a.connections), 10)
		b = append(rest.AppendTime(append(b, `,"since":"`...), a.since), `"}`...)
	}
	return append(b, ']')
}

// WebSocketMessage takes a client's frame.
func (r *Room) WebSocketMessage(ws *edge.WebSocket, msg edge.Message) error {
	if !r.alive() {
		return ws.Close(closeDeleted, "deleted")
	}
	ref, seq, err := r.take(ws, msg)
	if err == nil {
		b := append([]byte(`{"type":"ack","ref":`), ref...)
		b = strconv.AppendInt(append(b, `,"seq":`...), seq, 10)
		return ws.Send(edge.Message{Data: append(b, '}')})
	}
	p, ok := err.(*rest.Problem)
	if !ok {
		return err
	}
	b := []byte(`{"type":"error",`)
	if ref != nil {
		b = append(append(append(b, `"ref":`...), ref...), ',')
	}
	b = append(append(b, `"code":`...), rest.AppendString(nil, p.Code)...)
	b = append(append(b, `,"message":`...), rest.AppendString(nil, p.Message)...)
	return ws.Send(edge.Message{Data: append(b, '}')})
}

// take reads a frame and appends what it asks for. ref is as it came.
func (r *Room) take(ws *edge.WebSocket, msg edge.Message) (ref json.RawMessage, seq int64, err error) {
	if msg.Binary {
		return nil, 0, rest.Bad("frames must be text")
	}
	f, err := rest.Parse(msg.Data)
	if err != nil {
		return nil, 0, err
	}
	if f.Has("ref") {
		ref = f["ref"]
	}
	kind, err := f.Text("type", 32, false)
	if err != nil {
		return ref, 0, err
	}
	if kind != "append" {
		return ref, 0, rest.Bad("type must be append")
	}
	if ref == nil {
		return nil, 0, rest.Bad("ref is missing")
	}
	var att attachment
	if err := ws.DeserializeAttachment(&att); err != nil {
		return ref, 0, err
	}
	in, err := entryOf(f, att.Author)
	if err != nil {
		return ref, 0, err
	}
	e, _, err := r.append(in)
	return ref, e.Seq, err
}

// WebSocketClose counts an author down, and tells the room when the last
// socket has gone.
func (r *Room) WebSocketClose(ws *edge.WebSocket, _ int, _ string, _ bool) error {
	delete(r.behind, ws.Handle())
	var att attachment
	if err := ws.DeserializeAttachment(&att); err != nil {
		return nil // refused at the door: it was never present
	}
	a := r.authors[att.Author]
	if a == nil {
		return nil
	}
	if a.connections--; a.connections == 0 {
		delete(r.authors, att.Author)
		r.announce(att.Author, "offline")
	}
	return nil
}
