package hostcall

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha1"
	"crypto/tls"
	"encoding/base64"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/holdfast-run/holdfast/guest-sdk/abi"
	"github.com/holdfast-run/holdfast/runtime/object"
)

// Sockets takes over connections whose WebSocket handshake is done.
type Sockets interface {
	// Attach makes a socket of c, on which pipelined has come already, whose
	// events go to sink. It does not block.
	Attach(c net.Conn, pipelined []byte, sink object.SocketSink) object.Socket
}

// The opening handshake of RFC 6455, section 4.1.
const (
	socketGUID     = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
	answerBytesMax = 64 << 10 // of the server's answer, before the first frame
)

func wsConnect(c *Calls, req []byte) (uint32, error) {
	m := new(abi.ConnectRequest)
	if err := m.DecodeShared(bytes.Clone(req)); err != nil {
		return 0, err
	}
	app := c.app
	return c.o.Connect(func(ctx context.Context, sink object.SocketSink) (object.Socket, *abi.Connected, error) {
		conn, pipelined, answer, err := app.Outbound.Connect(ctx, m)
		if err != nil {
			return nil, nil, err
		}
		return app.Sockets.Attach(conn, pipelined, sink), answer, nil
	})
}

func wsFlush(c *Calls, req []byte) (uint32, error) {
	var m abi.SocketWaitRequest
	if err := m.Decode(req); err != nil {
		return 0, err
	}
	return c.o.Flush(m.Socket)
}

func wsReceive(c *Calls, req []byte) (uint32, error) {
	var m abi.SocketWaitRequest
	if err := m.Decode(req); err != nil {
		return 0, err
	}
	return c.o.Receive(m.Socket)
}

// Connect opens a WebSocket connection, as far as the app is allowed to.
func (o *outbound) Connect(ctx context.Context, m *abi.ConnectRequest) (net.Conn, []byte, *abi.Connected, error) {
	u, err := url.Parse(m.URL)
	if err != nil || u.Host == "" || u.Scheme != "ws" && u.Scheme != "wss" {
		return nil, nil, nil, invalid("ws_connect: %q is no absolute ws or wss URL", m.URL)
	}
	head, key, err := upgradeRequest(u, m)
	if err != nil {
		return nil, nil, nil, err
	}
	port := u.Port()
	if port == "" {
		port = map[string]string{"ws": "80", "wss": "443"}[u.Scheme]
	}
	if _, ok := o.allows(u.Hostname(), port); !ok {
		return nil, nil, nil, denied("ws_connect: host %q is not listed under holdfast.outbound", u.Host)
	}
	plain, err := o.dial(ctx, &net.Dialer{}, "tcp", net.JoinHostPort(u.Hostname(), port))
	if err != nil {
		return nil, nil, nil, unreachable("ws_connect", u.Host, err)
	}
	conn := plain
	stop := context.AfterFunc(ctx, func() { plain.SetDeadline(time.Unix(1, 0)) }) // ends what blocks
	if u.Scheme == "wss" {
		conn = tls.Client(plain, &tls.Config{ServerName: u.Hostname(), RootCAs: o.roots, NextProtos: []string{"http/1.1"}})
	}
	pipelined, answer, err := shake(conn, head, key, m.Protocols)
	if !stop() && err == nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		conn.Close()
		return nil, nil, nil, unreachable("ws_connect", u.Host, err)
	}
	return conn, pipelined, answer, nil
}

// ours are the headers of the handshake itself, which a guest cannot set.
var ours = []string{
	"Host", "Connection", "Upgrade", "Content-Length", "Transfer-Encoding",
	"Sec-Websocket-Key", "Sec-Websocket-Version", "Sec-Websocket-Protocol", "Sec-Websocket-Extensions",
}

// upgradeRequest is the handshake's request and its key.
func upgradeRequest(u *url.URL, m *abi.ConnectRequest) (head []byte, key string, err error) {
	r := &http.Request{Method: http.MethodGet, Host: u.Host, Header: http.Header{}}
	r.URL = &url.URL{Scheme: "http", Host: u.Host, Path: u.Path, RawPath: u.RawPath, RawQuery: u.RawQuery}
	for _, h := range m.Headers {
		if slices.Contains(ours, http.CanonicalHeaderKey(h.Name)) {
			return nil, "", invalid("ws_connect: the header %s is the handshake's own", h.Name)
		}
		r.Header.Add(h.Name, h.Value)
	}
	for _, p := range m.Protocols {
		if p == "" || strings.ContainsAny(p, " ,\t\r\n\"") {
			return nil, "", invalid("ws_connect: %q is no subprotocol's name", p)
		}
	}
	var nonce [16]byte
	_, _ = rand.Read(nonce[:]) // never fails, says crypto/rand
	key = base64.StdEncoding.EncodeToString(nonce[:])
	r.Header.Set("Connection", "Upgrade")
	r.Header.Set("Upgrade", "websocket")
	r.Header.Set("Sec-WebSocket-Version", "13")
	r.Header.Set("Sec-WebSocket-Key", key)
	if len(m.Protocols) > 0 {
		r.Header.Set("Sec-WebSocket-Protocol", strings.Join(m.Protocols, ", "))
	}
	var b bytes.Buffer
	if err := r.Write(&b); err != nil {
		return nil, "", invalid("ws_connect: %v", err)
	}
	return b.Bytes(), key, nil
}

// shake does the handshake over c and returns what came behind the answer.
func shake(c net.Conn, head []byte, key string, offered []string) (pipelined []byte, answer *abi.Connected, err error) {
	if _, err := c.Write(head); err != nil {
		return nil, nil, err
	}
	limited := &io.LimitedReader{R: c, N: answerBytesMax}
	in := bufio.NewReader(limited)
	resp, err := http.ReadResponse(in, &http.Request{Method: http.MethodGet})
	if err != nil {
		if limited.N == 0 {
			return nil, nil, denied("ws_connect: the server's answer is over 64 KiB")
		}
		return nil, nil, err
	}
	if err := judge(resp, key, offered); err != nil {
		return nil, nil, err
	}
	answer = &abi.Connected{Protocol: resp.Header.Get("Sec-WebSocket-Protocol")}
	for name, values := range resp.Header {
		for _, v := range values {
			answer.Headers = append(answer.Headers, abi.Header{Name: name, Value: v})
		}
	}
	pipelined, err = in.Peek(in.Buffered())
	return bytes.Clone(pipelined), answer, err
}

// judge checks what RFC 6455, section 4.1, asks of a server's answer.
func judge(resp *http.Response, key string, offered []string) error {
	sum := sha1.Sum([]byte(key + socketGUID))
	protocol := resp.Header.Get("Sec-WebSocket-Protocol")
	wrong := ""
	switch {
	case resp.StatusCode != http.StatusSwitchingProtocols:
		wrong = "status " + resp.Status + ", expected 101"
	case !strings.EqualFold(resp.Header.Get("Upgrade"), "websocket"):
		wrong = "no Upgrade: websocket"
	case !holds(resp.Header.Values("Connection"), "upgrade"):
		wrong = "no Connection: Upgrade"
	case resp.Header.Get("Sec-WebSocket-Accept") != base64.StdEncoding.EncodeToString(sum[:]):
		wrong = "a wrong Sec-WebSocket-Accept"
	case resp.Header.Get("Sec-WebSocket-Extensions") != "":
		wrong = "an extension that was not offered"
	case protocol != "" && !slices.Contains(offered, protocol):
		wrong = "the subprotocol " + quote(protocol) + ", which was not offered"
	default:
		return nil
	}
	return &object.Error{Status: abi.Unavailable, Message: "ws_connect: the server answered with " + wrong}
}

// holds says whether lists of a header hold a token.
func holds(lists []string, token string) bool {
	for _, list := range lists {
		for item := range strings.SplitSeq(list, ",") {
			if strings.EqualFold(strings.TrimSpace(item), token) {
				return true
			}
		}
	}
	return false
}
