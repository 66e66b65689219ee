package object

import (
	"fmt"
	"slices"
	"unicode/utf8"

	"github.com/holdfast-run/holdfast/guest-sdk/abi"
)

// Socket is a connection, or one that is to be. Its methods never block and
// may be called from any goroutine.
type Socket interface {
	// ID is never used again while the process lives.
	ID() uint64
	// Send queues whole encoded frames behind what was sent before.
	Send(frames []byte)
	Close(code int, reason string)
	SetAutoResponse(on bool, request, response string)
	AutoResponseAtMs() int64
	// Flushed calls fn once, on any goroutine, when what was sent before has
	// left, or the socket has ended.
	Flushed(fn func())
	// Bind says who gets the socket's events from now on.
	Bind(SocketSink)
	// Drop gives up a socket whose handshake will not come.
	Drop()
}

// SocketSink takes a socket's events, one at a time and in order. data is
// borrowed. An error of SocketMessage means overloaded.
type SocketSink interface {
	SocketOpened(id uint64)
	SocketMessage(id uint64, binary bool, data []byte) error
	SocketClosed(id uint64, code int, reason string, wasClean bool)
	SocketFailed(id uint64, err error)
}

// Frames encodes messages; the result is immutable.
type Frames func(binary bool, data []byte) []byte

// Offer is the socket of a fetch event, until somebody accepts it.
type Offer struct {
	Socket   Socket
	Accepted bool // written on the accepting object's loop before it answers
	owner    *Object
}

// Opened tells the object that accepted the socket that its handshake is done.
func (f *Offer) Opened() {
	if f.owner != nil {
		f.owner.SocketOpened(f.Socket.ID())
	}
}

// member is an accepted socket of an object.
type member struct {
	sock       Socket
	tags       []string
	attachment []byte
	closing    bool // the object has closed it: it is in no list any more
	skipped    bool // while a broadcast counts who is left out
}

// roster is a list of members in the order they were accepted. A broadcast
// shares its slice, so removal makes a new one.
type roster struct{ list []*member }

func (r *roster) add(m *member) { r.list = append(r.list, m) }

func (r *roster) remove(m *member) {
	i := slices.Index(r.list, m)
	if i < 0 {
		return
	}
	next := make([]*member, 0, len(r.list)-1)
	next = append(next, r.list[:i]...)
	r.list = append(next, r.list[i+1:]...)
}

// sockets is an object's connections. It belongs to the loop.
type sockets struct {
	members map[uint64]*member
	all     roster
	byTag   map[string]*roster
	offers  map[uint64]*Offer

	auto           abi.AutoResponse
	eventTimeoutMs int64
}

// join puts m on its lists.
func (s *sockets) join(m *member) {
	if s.members == nil {
		s.members = map[uint64]*member{}
	}
	s.members[m.sock.ID()] = m
	s.list(m)
}

func (s *sockets) list(m *member) {
	s.all.add(m)
	for _, t := range m.tags {
		if s.byTag == nil {
			s.byTag = map[string]*roster{}
		}
		if s.byTag[t] == nil {
			s.byTag[t] = &roster{}
		}
		s.byTag[t].add(m)
	}
}

// unlist takes m off the lists; its id stays known.
func (s *sockets) unlist(m *member) {
	s.all.remove(m)
	for _, t := range m.tags {
		if r := s.byTag[t]; r != nil {
			r.remove(m)
			if len(r.list) == 0 {
				delete(s.byTag, t)
			}
		}
	}
}

func (s *sockets) leave(m *member) {
	s.unlist(m)
	delete(s.members, m.sock.ID())
}

// recipients is the list that a tag, or none, selects.
func (s *sockets) recipients(tag string, hasTag bool) []*member {
	if !hasTag {
		return s.all.list
	}
	if r := s.byTag[tag]; r != nil {
		return r.list
	}
	return nil
}

// Error is a refusal with its status; host calls hand it to the guest.
type Error struct {
	Status  abi.Status
	Message string
	Flags   uint8
}

func (e *Error) Error() string { return e.Message }

func refusal(st abi.Status, format string, args ...any) error {
	return &Error{Status: st, Message: fmt.Sprintf(format, args...)}
}

func (s *sockets) member(id uint64) (*member, error) {
	m := s.members[id]
	if m == nil {
		return nil, refusal(abi.NotFound, "socket %d is not one of this object's", id)
	}
	return m, nil
}

// Accept takes an offered socket: as the object's, with its tags, or without
// hibernation as the instance's own.
func (o *Object) Accept(id uint64, tags []string, hibernate bool) error {
	if hibernate && o.Worker() {
		return refusal(abi.Unsupported, "ws_accept: a worker's sockets cannot hibernate; accept without, or hand the request to an object")
	}
	offer := o.sockets.offers[id]
	if offer == nil || offer.Accepted {
		return refusal(abi.NotFound, "ws_accept: socket %d is not on offer", id)
	}
	if !hibernate {
		return o.acceptPlain(offer, tags)
	}
	if len(o.sockets.all.list) >= o.class.Limits.SocketsMax {
		return refusal(abi.TooLarge, "ws_accept: the object has %d sockets, the most it may have", o.class.Limits.SocketsMax)
	}
	var distinct []string
	for _, t := range tags {
		if len(t) > abi.TagBytesMax {
			return refusal(abi.TooLarge, "ws_accept: a tag has %d bytes, expected at most %d", len(t), abi.TagBytesMax)
		}
		if !slices.Contains(distinct, t) {
			distinct = append(distinct, t)
		}
	}
	if len(distinct) > abi.TagsMax {
		return refusal(abi.TooLarge, "ws_accept: %d distinct tags, expected at most %d", len(distinct), abi.TagsMax)
	}
	m := &member{sock: offer.Socket, tags: distinct}
	offer.Accepted, offer.owner = true, o
	o.sockets.join(m)
	o.socketCount.Store(int64(len(o.sockets.members)))
	m.sock.Bind(o)
	if a := o.sockets.auto; a.On {
		m.sock.SetAutoResponse(true, a.Request, a.Response)
	}
	o.undo(func() {
		o.sockets.leave(m)
		o.socketCount.Store(int64(len(o.sockets.members)))
		m.sock.Drop()
	})
	return nil
}

// SendSocket sends one message on one socket when the turn is durable.
func (o *Object) SendSocket(id uint64, binary bool, data []byte) error {
	if !binary && !utf8.Valid(data) {
		return refusal(abi.Invalid, "ws_send: a text message must be UTF-8")
	}
	if p := o.plains[id]; p != nil {
		return o.sendPlain(p, o.dir.cfg.Frames(binary, data))
	}
	m, err := o.sockets.member(id)
	if err != nil {
		return err
	}
	if m.closing {
		return errClosed
	}
	o.effect(&sendEffect{o: o, to: m, frame: o.dir.cfg.Frames(binary, data)})
	return nil
}

// Broadcast sends one message to the sockets that tag selects, encoded once.
func (o *Object) Broadcast(tag string, hasTag bool, except []uint64, binary bool, data []byte) (int, error) {
	if !binary && !utf8.Valid(data) {
		return 0, refusal(abi.Invalid, "broadcast: a text message must be UTF-8")
	}
	list := o.sockets.recipients(tag, hasTag)
	var skip []*member // once each, and only those that the tag selects
	for _, id := range except {
		m := o.sockets.members[id]
		if m != nil && !m.closing && !m.skipped && (!hasTag || slices.Contains(m.tags, tag)) {
			m.skipped = true
			skip = append(skip, m)
		}
	}
	for _, m := range skip {
		m.skipped = false
	}
	n := len(list) - len(skip)
	if n == 0 {
		return 0, nil
	}
	o.effect(&broadcastEffect{o: o, list: list, skip: skip, frame: o.dir.cfg.Frames(binary, data)})
	return n, nil
}

// CloseSocket starts the close handshake when the turn is durable; the socket
// is in no list any more from now on.
func (o *Object) CloseSocket(id uint64, code uint32, reason string) error {
	if len(reason) > 123 || !utf8.ValidString(reason) {
		return refusal(abi.Invalid, "ws_close: the reason has %d bytes, expected UTF-8 of at most 123", len(reason))
	}
	if !closeCode(code) {
		return refusal(abi.Invalid, "ws_close: code is %d, expected 1000, 1001, 1007 to 1014 or 3000 to 4999", code)
	}
	if p := o.plains[id]; p != nil {
		o.closePlain(p, int(code), reason)
		return nil
	}
	m, err := o.sockets.member(id)
	if err != nil {
		return err
	}
	if m.closing {
		return nil
	}
	m.closing = true
	o.sockets.unlist(m)
	o.undo(func() {
		m.closing = false
		o.sockets.list(m)
	})
	o.effect(&closeEffect{o: o, to: m, code: int(code), reason: reason})
	return nil
}

func closeCode(c uint32) bool {
	return c == 1000 || c == 1001 || c >= 1007 && c <= 1014 || c >= 3000 && c <= 4999
}

// ListSockets are the handles that a tag, or none, selects.
func (o *Object) ListSockets(tag string, hasTag bool) []uint64 {
	list := o.sockets.recipients(tag, hasTag)
	ids := make([]uint64, len(list))
	for i, m := range list {
		ids[i] = m.sock.ID()
	}
	return ids
}

// SocketTags are the tags that a socket was accepted with.
func (o *Object) SocketTags(id uint64) ([]string, error) {
	m, err := o.sockets.member(id)
	if err != nil {
		return nil, err
	}
	return m.tags, nil
}

// Attachment is a socket's attachment; NotFound without one.
func (o *Object) Attachment(id uint64) ([]byte, error) {
	m, err := o.sockets.member(id)
	if err != nil {
		return nil, err
	}
	if m.attachment == nil {
		return nil, refusal(abi.NotFound, "socket %d has no attachment", id)
	}
	return m.attachment, nil
}

// SetAttachment sets a socket's attachment, of which it keeps a copy.
func (o *Object) SetAttachment(id uint64, data []byte) error {
	m, err := o.sockets.member(id)
	if err != nil {
		return err
	}
	if len(data) > abi.AttachmentBytesMax {
		return refusal(abi.TooLarge, "ws_attachment_set: %d bytes, expected at most %d", len(data), abi.AttachmentBytesMax)
	}
	old := m.attachment
	m.attachment = slices.Clone(data)
	o.undo(func() { m.attachment = old })
	return nil
}

// SetAutoResponse sets what is answered without waking the object.
func (o *Object) SetAutoResponse(a abi.AutoResponse) error {
	if len(a.Request) > abi.AutoResponseBytesMax || len(a.Response) > abi.AutoResponseBytesMax {
		return refusal(abi.TooLarge, "ws_auto_response_set: request has %d and response %d bytes, expected at most %d each", len(a.Request), len(a.Response), abi.AutoResponseBytesMax)
	}
	old := o.sockets.auto
	o.sockets.auto = a
	o.undo(func() { o.sockets.auto = old })
	if len(o.sockets.all.list) > 0 {
		o.effect(&autoEffect{list: o.sockets.all.list, auto: a})
	}
	return nil
}

// AutoResponse is what SetAutoResponse set.
func (o *Object) AutoResponse() abi.AutoResponse { return o.sockets.auto }

// AutoResponseTime is when a socket was last answered so.
func (o *Object) AutoResponseTime(id uint64) (int64, error) {
	m, err := o.sockets.member(id)
	if err != nil {
		return 0, err
	}
	at := m.sock.AutoResponseAtMs()
	if at == 0 {
		return 0, refusal(abi.NotFound, "socket %d has had no auto-response", id)
	}
	return at, nil
}

// SetSocketEventTimeout limits the wall time of socket events; 0 for none.
func (o *Object) SetSocketEventTimeout(ms int64) error {
	if ms < 0 || ms > abi.EventTimeoutMsMax {
		return refusal(abi.Invalid, "ws_event_timeout_set: %d ms, expected 0 to %d", ms, abi.EventTimeoutMsMax)
	}
	old := o.sockets.eventTimeoutMs
	o.sockets.eventTimeoutMs = ms
	o.undo(func() { o.sockets.eventTimeoutMs = old })
	return nil
}

// SocketEventTimeout is what SetSocketEventTimeout set.
func (o *Object) SocketEventTimeout() int64 { return o.sockets.eventTimeoutMs }
