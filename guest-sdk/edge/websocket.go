package edge

import (
	"encoding/json"
	"errors"
	"time"

	"github.com/holdfast-run/holdfast/guest-sdk/abi"
	"github.com/holdfast-run/holdfast/guest-sdk/edge/internal/bridge"
)

// Message is one WebSocket message.
type Message struct {
	Binary bool
	Data   []byte
}

// TextMessage is a text message; s must be UTF-8.
func TextMessage(s string) Message { return Message{Data: []byte(s)} }

// BinaryMessage is a binary message that shares b.
func BinaryMessage(b []byte) Message { return Message{Binary: true, Data: b} }

// WebSocket is the server's end of a connection. It lives on the host and
// outlasts the instance: after an eviction State.WebSockets finds it again.
type WebSocket struct {
	in     *instance
	handle uint64
}

// Handle is the host's number for the socket, never used again.
func (w *WebSocket) Handle() uint64 { return w.handle }

// Send sends one message. It leaves when what the turn wrote is durable, in
// the order of the calls; an error means that the socket is not the object's
// or has been closed by it.
func (w *WebSocket) Send(m Message) error {
	return w.in.post(bridge.WSSend, &abi.SendRequest{Socket: w.handle, Binary: m.Binary, Data: m.Data})
}

// Flush waits until what was sent on the socket before has left for the client,
// or the socket has ended; ErrTimeout if the client does not take it within
// 30 s. A long history is sent in pieces with a Flush between, so that the
// client's queue does not pass its limit.
func (w *WebSocket) Flush() error {
	_, err := w.in.await(bridge.WSFlush, &abi.SocketWaitRequest{Event: w.in.current, Socket: w.handle})
	return err
}

// Close starts the close handshake after what was sent before. Code 1000,
// 1001, 1007 to 1014 or 3000 to 4999; reason is at most 123 bytes.
func (w *WebSocket) Close(code int, reason string) error {
	return w.in.post(bridge.WSClose, &abi.SocketCloseRequest{Socket: w.handle, Code: uint32(code), Reason: reason})
}

// SerializeAttachment keeps v, as JSON of at most 16,384 bytes, beside the
// socket: it survives hibernation, and ends with the socket.
func (w *WebSocket) SerializeAttachment(v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return w.in.post(bridge.WSAttachmentSet, &abi.AttachmentRequest{Socket: w.handle, Data: b})
}

// DeserializeAttachment reads the attachment into v; ErrNotFound without one.
func (w *WebSocket) DeserializeAttachment(v any) error {
	out, err := w.in.sync(bridge.WSAttachmentGet, &abi.SocketRequest{Socket: w.handle})
	if err != nil {
		return err
	}
	return json.Unmarshal(out, v)
}

// Tags are the tags the socket was accepted with.
func (w *WebSocket) Tags() ([]string, error) {
	out, err := w.in.sync(bridge.WSTags, &abi.SocketRequest{Socket: w.handle})
	if err != nil {
		return nil, err
	}
	var m abi.Strings
	err = m.Decode(out)
	return m.Items, err
}

// AutoResponseTime is when the host last answered for the object; ok is false
// if it never did.
func (w *WebSocket) AutoResponseTime() (t time.Time, ok bool, err error) {
	out, err := w.in.sync(bridge.WSAutoResponseTime, &abi.SocketRequest{Socket: w.handle})
	if errors.Is(err, ErrNotFound) {
		return t, false, nil
	}
	if err != nil {
		return t, false, err
	}
	var m abi.Int
	err = m.Decode(out)
	return time.UnixMilli(m.Value), true, err
}

// AcceptWebSocket makes an offered socket the object's own, with up to 10
// distinct tags of up to 256 bytes. Its events come to the object's handlers,
// also after hibernation.
func (s *State) AcceptWebSocket(ws *WebSocket, tags ...string) error {
	return s.in.post(bridge.WSAccept, &abi.AcceptRequest{Socket: ws.handle, Tags: tags, Hibernate: true})
}

// WebSockets are the object's sockets, or those with a tag, in the order they
// were accepted.
func (s *State) WebSockets(tag ...string) []*WebSocket {
	m := abi.SocketListRequest{}
	if len(tag) > 0 {
		m.Tag, m.HasTag = tag[0], true
	}
	out, err := s.in.sync(bridge.WSList, &m)
	if err != nil {
		return nil
	}
	var list abi.Sockets
	if list.Decode(out) != nil {
		return nil
	}
	ws := make([]*WebSocket, len(list.Sockets))
	for i, h := range list.Sockets {
		ws[i] = &WebSocket{in: s.in, handle: h}
	}
	return ws
}

// BroadcastOption narrows a broadcast.
type BroadcastOption func(*abi.BroadcastRequest)

// Except leaves sockets out.
func Except(ws ...*WebSocket) BroadcastOption {
	return func(m *abi.BroadcastRequest) {
		for _, w := range ws {
			m.Except = append(m.Except, w.handle)
		}
	}
}

// WithTag sends to the sockets with a tag only.
func WithTag(tag string) BroadcastOption {
	return func(m *abi.BroadcastRequest) { m.Tag, m.HasTag = tag, true }
}

// Broadcast sends one message to all of the object's sockets in one host
// call, encoded once, and answers to how many.
func (s *State) Broadcast(msg Message, opts ...BroadcastOption) int {
	m := abi.BroadcastRequest{Binary: msg.Binary, Data: msg.Data}
	for _, o := range opts {
		o(&m)
	}
	out, err := s.in.sync(bridge.Broadcast, &m)
	if err != nil {
		return 0
	}
	var c abi.Count
	if c.Decode(out) != nil {
		return 0
	}
	return int(c.Count)
}

// SetWebSocketAutoResponse answers the exact text request with response
// without waking the object. Each side is at most 2,048 bytes.
func (s *State) SetWebSocketAutoResponse(request, response string) error {
	return s.in.post(bridge.WSAutoResponseSet, &abi.AutoResponse{On: true, Request: request, Response: response})
}

// ClearWebSocketAutoResponse takes the auto-response away.
func (s *State) ClearWebSocketAutoResponse() error {
	return s.in.post(bridge.WSAutoResponseSet, &abi.AutoResponse{})
}

// WebSocketAutoResponse is the auto-response that is set.
func (s *State) WebSocketAutoResponse() (request, response string, ok bool, err error) {
	out, err := s.in.sync(bridge.WSAutoResponseGet, nil)
	if err != nil {
		return "", "", false, err
	}
	var m abi.AutoResponse
	err = m.Decode(out)
	return m.Request, m.Response, m.On, err
}

// SetHibernatableWebSocketEventTimeout limits the wall time of socket events;
// 0 takes the limit away. At most 7 days.
func (s *State) SetHibernatableWebSocketEventTimeout(d time.Duration) error {
	return s.in.post(bridge.WSEventTimeoutSet, &abi.Int{Value: d.Milliseconds()})
}

// HibernatableWebSocketEventTimeout is the limit; 0 if there is none.
func (s *State) HibernatableWebSocketEventTimeout() (time.Duration, error) {
	out, err := s.in.sync(bridge.WSEventTimeoutGet, nil)
	if err != nil {
		return 0, err
	}
	var m abi.Int
	err = m.Decode(out)
	return time.Duration(m.Value) * time.Millisecond, err
}
