package ingress

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/valyala/fasthttp"

	"github.com/holdfast-run/holdfast/guest-sdk/abi"
	"github.com/holdfast-run/holdfast/host/socket"
)

// clientJSPath is the one path of the public address that is the host's own.
const clientJSPath = "/_holdfast/client.js"

// closingMax is room for connections that admit counts no more and whose
// goroutine has not ended yet.
const closingMax = 1024

// Server serves HTTP on one address. Its methods may be called from any
// goroutine.
type Server struct {
	cfg      Config
	router   Router
	sockets  *socket.Server
	proxies  []netip.Prefix
	http     *fasthttp.Server
	watch    watch
	stopping atomic.Bool

	mu       sync.Mutex
	listener net.Listener
	conns    map[*conn]struct{}
}

// New makes a server that has not begun to listen. sockets gets the
// connections that are upgraded; it stays the caller's to shut down.
func New(cfg Config, router Router, sockets *socket.Server) (*Server, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	proxies, err := parseProxies(cfg.TrustedProxies)
	if err != nil {
		return nil, err
	}
	s := &Server{cfg: cfg.withDefaults(), router: router, sockets: sockets, proxies: proxies, conns: map[*conn]struct{}{}}
	s.http = &fasthttp.Server{
		Handler:                      s.handle,
		ErrorHandler:                 s.refuse,
		ExpectHandler:                s.expect,
		Logger:                       debugLog{s.cfg.Log},
		ReadBufferSize:               s.cfg.HeaderBytesMax,
		ReadTimeout:                  s.cfg.HeaderTimeout,
		IdleTimeout:                  s.cfg.IdleTimeout,
		Concurrency:                  s.cfg.ConnectionsMax + closingMax,
		MaxRequestBodySize:           1 << 30, // receive holds the real limits
		StreamRequestBody:            true,
		DisablePreParseMultipartForm: true,
		NoDefaultServerHeader:        true,
		NoDefaultContentType:         true,
		CloseOnShutdown:              true,
		SecureErrorLogMessage:        true,
	}
	return s, nil
}

// debugLog is fasthttp's logger.
type debugLog struct{ log *slog.Logger }

func (l debugLog) Printf(format string, args ...any) {
	l.log.Debug("http: " + fmt.Sprintf(format, args...))
}

// Listen opens the address. Connections wait until Serve.
func (s *Server) Listen() error {
	var config *tls.Config
	if s.cfg.TLSCert != "" {
		pair, err := tls.LoadX509KeyPair(s.cfg.TLSCert, s.cfg.TLSKey)
		if err != nil {
			return fmt.Errorf("load TLS certificate: %w", err)
		}
		config = &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"}}
	}
	ln, err := net.Listen("tcp", s.cfg.Addr)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.listener = &listener{Listener: ln, srv: s, tls: config}
	return nil
}

// Addr is the address that Listen opened, nil before.
func (s *Server) Addr() net.Addr {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.listener == nil {
		return nil
	}
	return s.listener.Addr()
}

// Serve serves until Shutdown and then returns nil.
func (s *Server) Serve() error {
	s.mu.Lock()
	ln := s.listener
	s.mu.Unlock()
	if ln == nil {
		return errors.New("ingress: Serve before Listen")
	}
	return s.http.Serve(ln)
}

// Shutdown stops accepting and waits for the requests that have begun. When
// ctx ends first, their connections are closed and the error is ctx's.
func (s *Server) Shutdown(ctx context.Context) error {
	s.stopping.Store(true)
	s.mu.Lock()
	ln := s.listener
	s.mu.Unlock()
	if ln != nil {
		ln.Close()
	}
	err := s.http.ShutdownWithContext(ctx)
	if errors.Is(err, net.ErrClosed) {
		err = nil
	}
	s.mu.Lock()
	rest := slices.Collect(maps.Keys(s.conns))
	s.mu.Unlock()
	for _, c := range rest {
		c.Conn.Close()
	}
	s.watch.close()
	return err
}

// admit counts a connection, if there is room for it.
func (s *Server) admit(c *conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.conns) >= s.cfg.ConnectionsMax || s.stopping.Load() {
		return false
	}
	s.conns[c] = struct{}{}
	return true
}

func (s *Server) forget(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, c)
}

// handle serves one request; fasthttp calls it on the connection's goroutine.
func (s *Server) handle(ctx *fasthttp.RequestCtx) {
	c := ctx.Conn().(*conn)
	x, f := s.parse(ctx, c)
	if f != nil {
		s.reject(ctx, f)
		return
	}
	if x.Path == clientJSPath && s.cfg.ClientJS != nil && (ctx.IsGet() || ctx.IsHead()) {
		s.writeClientJS(ctx)
		return
	}
	target, bodyBytesMax, f := s.route(x)
	if f == nil {
		f = s.receive(ctx, x, bodyBytesMax)
	}
	if f != nil {
		s.reject(ctx, f)
		return
	}
	if x.socketKey != "" {
		x.Upgrade = s.sockets.Offer(nil)
		c.socket.Store(x.Upgrade)
	}
	target.Serve(x)
	r := x.await()
	if r == nil {
		x.cancelled()
		ctx.SetConnectionClose()
		c.Close()
		return
	}
	if s.stopping.Load() {
		ctx.SetConnectionClose() // fasthttp learns of it a little later
	}
	x.write(ctx, r)
}

// route finds the target of a parsed request and the limit of its body.
func (s *Server) route(x *Exchange) (Target, int64, *failure) {
	target, ok := s.router.Route(x.Host, x.Path)
	if !ok {
		return nil, 0, &failure{http.StatusNotFound, "not_found", "no route for " + x.Path}
	}
	bodyBytesMax := target.BodyBytesMax()
	if bodyBytesMax <= 0 {
		bodyBytesMax = DefaultBodyBytesMax
	}
	return target, bodyBytesMax, nil
}

// expect judges a request that waits for 100 Continue, before its body comes.
func (s *Server) expect(ctx *fasthttp.RequestCtx) int {
	x, f := s.parse(ctx, ctx.Conn().(*conn))
	if f == nil {
		var bodyBytesMax int64
		_, bodyBytesMax, f = s.route(x)
		if f == nil && int64(ctx.Request.Header.ContentLength()) > bodyBytesMax {
			f = tooLarge(bodyBytesMax)
		}
	}
	if f == nil {
		return http.StatusContinue
	}
	s.reject(ctx, f)
	return f.status
}

// refuse answers a request that fasthttp could not read. A client that has sent
// nothing yet has asked nothing: its connection is closed without a word, as
// fasthttp itself does with one that is silent behind a request.
func (s *Server) refuse(ctx *fasthttp.RequestCtx, err error) {
	if !ctx.Conn().(*conn).spoke {
		_ = ctx.Conn().Close() // there is nobody to tell
		return
	}
	s.reject(ctx, headFailure(err))
}

// reject answers with an error of the host. What the client still sends is
// not read as another request.
func (s *Server) reject(ctx *fasthttp.RequestCtx, f *failure) {
	writeResponse(ctx, f.response())
	if f.status != http.StatusNotFound || hasBody(ctx) {
		ctx.SetConnectionClose()
		ctx.Conn().(*conn).linger.Store(true)
	}
}

func (s *Server) writeClientJS(ctx *fasthttp.RequestCtx) {
	writeResponse(ctx, &abi.Response{
		Status:  http.StatusOK,
		Headers: []abi.Header{{Name: "Content-Type", Value: "text/javascript; charset=utf-8"}, {Name: "Cache-Control", Value: "no-cache"}},
		Body:    s.cfg.ClientJS,
	})
	if hasBody(ctx) {
		ctx.SetConnectionClose() // it is left unread
	}
}

// hasBody says whether a request announced a body.
func hasBody(ctx *fasthttp.RequestCtx) bool {
	length := ctx.Request.Header.ContentLength()
	return length > 0 || length == chunkedLength
}

// chunkedLength is fasthttp's length of a chunked body.
const chunkedLength = -1
