package ingress

import (
	"crypto/sha1"
	"encoding/base64"
	"io"
	"net"
	"net/http"

	"github.com/valyala/fasthttp"

	"github.com/holdfast-run/holdfast/guest-sdk/abi"
)

// Parts of the opening handshake of RFC 6455, section 4.2.
const (
	socketVersion = "13"
	socketGUID    = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
	keyBytes      = 16
)

// parseUpgrade offers a socket where the request asks for one.
func (x *Exchange) parseUpgrade(h *head, http11 bool) *failure {
	if !h.upgradeNamed || !listHolds(h.upgrade, "websocket") {
		return nil
	}
	if x.Request.Method != http.MethodGet || !http11 {
		return badRequest("WebSocket upgrade must be a GET of HTTP/1.1")
	}
	if h.socketVersion != socketVersion {
		return &failure{http.StatusUpgradeRequired, "bad_request", "WebSocket version is not " + socketVersion}
	}
	if key, err := base64.StdEncoding.DecodeString(h.socketKey); err != nil || len(key) != keyBytes {
		return badRequest("bad Sec-WebSocket-Key")
	}
	x.socketKey, x.extensions = h.socketKey, h.extensions
	return nil
}

func acceptKey(key string) string {
	sum := sha1.Sum([]byte(key + socketGUID))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// Compress lets the upgrade agree on permessage-deflate, where the client offers
// it. It comes before Upgrade is given on: what is sent to it from then on, also
// before the answer has left, is compressed.
func (x *Exchange) Compress() {
	if x.Upgrade != nil && offersDeflate(x.extensions) {
		x.deflate = true
		x.Upgrade.Deflate()
	}
}

// upgrade writes a 101 and hands the connection to the socket layer.
func (x *Exchange) upgrade(ctx *fasthttp.RequestCtx, r *abi.Response) {
	header := &ctx.Response.Header
	ctx.SetStatusCode(http.StatusSwitchingProtocols)
	header.Set("Upgrade", "websocket")
	header.Set("Connection", "Upgrade")
	header.Set("Sec-WebSocket-Accept", acceptKey(x.socketKey))
	if x.deflate {
		header.Set("Sec-WebSocket-Extensions", deflateAnswer)
	}
	addHeaders(header, r, false)
	c := x.conn
	ctx.Hijack(func(hijacked net.Conn) {
		c.ended = true // so that this reads what fasthttp has buffered, no more
		buffered, err := io.ReadAll(hijacked)
		if err != nil {
			return // fasthttp closes c, which drops the socket
		}
		if k := c.socket.Swap(nil); k != nil && c.release() {
			c.srv.sockets.Attach(k, c.Conn, buffered)
		}
	})
}
