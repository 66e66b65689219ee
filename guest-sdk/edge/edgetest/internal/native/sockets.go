package native

import (
	"slices"
	"unicode/utf8"

	"github.com/holdfast-run/holdfast/guest-sdk/abi"
)

// sockets is an object's connections.
type sockets struct {
	members        map[uint64]*socket
	list           []*socket          // in the order they were accepted
	plains         map[uint64]*socket // the instance's own
	offers         map[uint64]*socket
	auto           abi.AutoResponse
	eventTimeoutMs int64
}

func (s *sockets) init() {
	s.members, s.offers, s.plains = map[uint64]*socket{}, map[uint64]*socket{}, map[uint64]*socket{}
}

func (s *sockets) unlist(k *socket) {
	s.list = slices.DeleteFunc(slices.Clone(s.list), func(x *socket) bool { return x == k })
}

// closed takes a closed socket off the list and reports whether it was one of
// the object's; its handler may still ask for tags and attachment.
func (s *sockets) closed(id uint64) bool {
	k := s.members[id]
	if k == nil {
		return false
	}
	k.closing = true
	s.unlist(k)
	return true
}

func (s *sockets) forget(id uint64) { delete(s.members, id) }

// either is one of the object's sockets, or one of the instance's own.
func (o *object) either(id uint64) (*socket, error) {
	if k := o.sockets.plains[id]; k != nil {
		return k, nil
	}
	return o.member(id)
}

func (o *object) member(id uint64) (*socket, error) {
	if k := o.sockets.members[id]; k != nil {
		return k, nil
	}
	return nil, refuse(abi.NotFound, "socket %d is not one of this object's", id)
}

func (o *object) recipients(tag string, hasTag bool) []*socket {
	if !hasTag {
		return o.sockets.list
	}
	var out []*socket
	for _, k := range o.sockets.list {
		if slices.Contains(k.tags, tag) {
			out = append(out, k)
		}
	}
	return out
}

func wsAccept(o *object, m *abi.AcceptRequest) error {
	switch {
	case m.Hibernate && o.worker():
		return refuse(abi.Unsupported, "ws_accept: a worker's sockets cannot hibernate; accept without, or hand the request to an object")
	}
	k := o.sockets.offers[m.Socket]
	if k == nil || k.accepted() {
		return refuse(abi.NotFound, "ws_accept: socket %d is not on offer", m.Socket)
	}
	if !m.Hibernate {
		return o.acceptPlain(k, m.Tags)
	}
	if len(o.sockets.list) >= abi.SocketsMax {
		return refuse(abi.TooLarge, "ws_accept: the object has %d sockets, the most it may have", abi.SocketsMax)
	}
	var distinct []string
	for _, t := range m.Tags {
		if len(t) > abi.TagBytesMax {
			return refuse(abi.TooLarge, "ws_accept: a tag has %d bytes, expected at most %d", len(t), abi.TagBytesMax)
		}
		if !slices.Contains(distinct, t) {
			distinct = append(distinct, t)
		}
	}
	if len(distinct) > abi.TagsMax {
		return refuse(abi.TooLarge, "ws_accept: %d distinct tags, expected at most %d", len(distinct), abi.TagsMax)
	}
	k.owner, k.tags = o, distinct
	o.sockets.members[k.id] = k
	o.sockets.list = append(slices.Clone(o.sockets.list), k)
	o.undo(func() {
		k.owner = nil
		o.sockets.unlist(k)
		o.sockets.forget(k.id)
	})
	return nil
}

func wsSend(o *object, m *abi.SendRequest) error {
	k, err := o.either(m.Socket)
	switch {
	case err != nil:
		return err
	case k.closing:
		return refuse(abi.Invalid, "ws_send: Can't call WebSocket send() after close().")
	case !m.Binary && !utf8.Valid(m.Data):
		return refuse(abi.Invalid, "ws_send: a text message must be UTF-8")
	}
	o.effects = append(o.effects, effect{release: func() { k.deliver(m.Binary, m.Data) }})
	return nil
}

func wsClose(o *object, m *abi.SocketCloseRequest) error {
	k, err := o.either(m.Socket)
	switch {
	case err != nil:
		return err
	case len(m.Reason) > 123 || !utf8.ValidString(m.Reason):
		return refuse(abi.Invalid, "ws_close: the reason has %d bytes, expected UTF-8 of at most 123", len(m.Reason))
	case !closeCode(m.Code):
		return refuse(abi.Invalid, "ws_close: code is %d, expected 1000, 1001, 1007 to 1014 or 3000 to 4999", m.Code)
	case k.closing:
		return nil
	}
	k.closing = true
	before := o.sockets.list
	o.sockets.unlist(k)
	o.undo(func() {
		k.closing = false
		o.sockets.list = before
	})
	o.effects = append(o.effects, effect{release: func() { k.closeByHost(int(m.Code), m.Reason) }})
	return nil
}

func closeCode(c uint32) bool {
	return c == 1000 || c == 1001 || c >= 1007 && c <= 1014 || c >= 3000 && c <= 4999
}

func broadcast(o *object, m *abi.BroadcastRequest) (message, error) {
	if !m.Binary && !utf8.Valid(m.Data) {
		return nil, refuse(abi.Invalid, "broadcast: a text message must be UTF-8")
	}
	var to []*socket
	for _, k := range o.recipients(m.Tag, m.HasTag) {
		if !slices.Contains(m.Except, k.id) {
			to = append(to, k)
		}
	}
	data := slices.Clone(m.Data)
	o.effects = append(o.effects, effect{release: func() {
		for _, k := range to {
			k.deliver(m.Binary, data)
		}
	}})
	return &abi.Count{Count: uint32(len(to))}, nil
}

func wsList(o *object, m *abi.SocketListRequest) (message, error) {
	out := &abi.Sockets{}
	for _, k := range o.recipients(m.Tag, m.HasTag) {
		out.Sockets = append(out.Sockets, k.id)
	}
	return out, nil
}

func wsTags(o *object, m *abi.SocketRequest) (message, error) {
	k, err := o.member(m.Socket)
	if err != nil {
		return nil, err
	}
	return &abi.Strings{Items: k.tags}, nil
}

func wsAttachmentGet(o *object, m *abi.SocketRequest) (message, error) {
	k, err := o.member(m.Socket)
	if err != nil {
		return nil, err
	}
	if k.attachment == nil {
		return nil, refuse(abi.NotFound, "socket %d has no attachment", m.Socket)
	}
	return raw(k.attachment), nil
}

func wsAttachmentSet(o *object, m *abi.AttachmentRequest) error {
	k, err := o.member(m.Socket)
	if err != nil {
		return err
	}
	if len(m.Data) > abi.AttachmentBytesMax {
		return refuse(abi.TooLarge, "ws_attachment_set: %d bytes, expected at most %d", len(m.Data), abi.AttachmentBytesMax)
	}
	old := k.attachment
	k.attachment = append([]byte{}, m.Data...)
	o.undo(func() { k.attachment = old })
	return nil
}

func wsAutoResponseSet(o *object, m *abi.AutoResponse) error {
	if len(m.Request) > abi.AutoResponseBytesMax || len(m.Response) > abi.AutoResponseBytesMax {
		return refuse(abi.TooLarge, "ws_auto_response_set: request has %d and response %d bytes, expected at most %d each", len(m.Request), len(m.Response), abi.AutoResponseBytesMax)
	}
	old := o.sockets.auto
	o.sockets.auto = *m
	o.undo(func() { o.sockets.auto = old })
	return nil
}

func wsAutoResponseTime(o *object, m *abi.SocketRequest) (message, error) {
	k, err := o.member(m.Socket)
	if err != nil {
		return nil, err
	}
	if k.autoAt == 0 {
		return nil, refuse(abi.NotFound, "socket %d has had no auto-response", m.Socket)
	}
	return &abi.Int{Value: k.autoAt}, nil
}

func wsEventTimeoutSet(o *object, m *abi.Int) error {
	if m.Value < 0 || m.Value > abi.EventTimeoutMsMax {
		return refuse(abi.Invalid, "ws_event_timeout_set: %d ms, expected 0 to %d", m.Value, abi.EventTimeoutMsMax)
	}
	old := o.sockets.eventTimeoutMs
	o.sockets.eventTimeoutMs = m.Value
	o.undo(func() { o.sockets.eventTimeoutMs = old })
	return nil
}
