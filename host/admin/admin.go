package admin

import (
	"cmp"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/valyala/fasthttp"
	"github.com/valyala/fasthttp/fasthttpadaptor"
	"github.com/valyala/fasthttp/pprofhandler"
)

// DefaultAddr is where the admin API listens.
const DefaultAddr = "127.0.0.1:8788"

// Front takes the requests of D1's own APIs; false means not its path, or that
// whoever asks is no operator and has no token of a database either.
type Front interface {
	Handle(ctx *fasthttp.RequestCtx, operator bool) bool
}

// Config of a Server.
type Config struct {
	Addr string
	// TokenHashes are "sha256:<hex>" of the tokens that may ask. None: anybody
	// on this machine, and nobody else.
	TokenHashes []string
	Registry    *prometheus.Registry
	D1          Front
	Log         *slog.Logger
	// ReadTimeout bounds the receiving of a request (408), IdleTimeout the time
	// between two requests of a connection; zero is the default.
	ReadTimeout, IdleTimeout time.Duration
}

// Defaults of Config.
const (
	DefaultReadTimeout = time.Minute
	DefaultIdleTimeout = 2 * time.Minute
)

// ErrToken is the refusal to serve others without a token.
var ErrToken = errors.New("off loopback the admin address needs admin.tokens in the host configuration")

// bodyBytesMax bounds a request, an import of D1 among them.
const bodyBytesMax = 64 << 20

// Server is the admin address.
type Server struct {
	cfg     Config
	host    Host
	tokens  [][]byte
	metrics fasthttp.RequestHandler
	server  *fasthttp.Server
	ln      net.Listener
}

// New makes a server that has not begun to listen.
func New(cfg Config, h Host) (*Server, error) {
	if cfg.Addr == "" {
		cfg.Addr = DefaultAddr
	}
	s := &Server{cfg: cfg, host: h}
	for i, t := range cfg.TokenHashes {
		b, err := hex.DecodeString(strings.TrimPrefix(t, "sha256:"))
		if err != nil || len(b) != sha256.Size || !strings.HasPrefix(t, "sha256:") {
			return nil, fmt.Errorf("admin.tokens[%d]: expected sha256:<64 hex digits>", i)
		}
		s.tokens = append(s.tokens, b)
	}
	if len(s.tokens) == 0 && !loopbackAddr(cfg.Addr) {
		return nil, fmt.Errorf("admin address %s: %w", cfg.Addr, ErrToken)
	}
	if cfg.Registry != nil {
		s.metrics = fasthttpadaptor.NewFastHTTPHandler(promhttp.HandlerFor(cfg.Registry, promhttp.HandlerOpts{}))
	}
	s.server = &fasthttp.Server{
		Handler: s.handle, Name: "holdfast", NoDefaultServerHeader: true, MaxRequestBodySize: bodyBytesMax,
		ReadTimeout: cmp.Or(cfg.ReadTimeout, DefaultReadTimeout), IdleTimeout: cmp.Or(cfg.IdleTimeout, DefaultIdleTimeout), Logger: quiet{},
		ErrorHandler: unread,
	}
	return s, nil
}

// unread answers a request that fasthttp could not read. A client that has sent
// nothing yet has asked nothing: its connection is closed without a word, as
// fasthttp itself does with one that is silent behind a request.
func unread(ctx *fasthttp.RequestCtx, err error) {
	var late net.Error
	timeout := errors.As(err, &late) && late.Timeout()
	switch {
	case !ctx.Conn().(*conn).spoke:
		_ = ctx.Conn().Close() // there is nobody to tell
	case timeout:
		fail(ctx, fasthttp.StatusRequestTimeout, "timeout", "request came too slowly")
	default:
		fail(ctx, fasthttp.StatusBadRequest, "bad_request", err.Error())
	}
}

// conn is a connection that knows whether its client has sent anything.
type conn struct {
	net.Conn
	spoke bool // of the goroutine that reads
}

func (c *conn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.spoke = c.spoke || n > 0
	return n, err
}

// listener makes its connections conns.
type listener struct{ net.Listener }

func (l listener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &conn{Conn: c}, nil
}

type quiet struct{}

func (quiet) Printf(string, ...any) {}

func loopbackAddr(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return false
	}
	return loopbackName(host)
}

func loopbackName(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil && ip.IsLoopback()
}

// Listen opens the address.
func (s *Server) Listen() error {
	ln, err := net.Listen("tcp", s.cfg.Addr)
	if err != nil {
		return fmt.Errorf("admin address: %w", err)
	}
	s.ln = ln
	return nil
}

// Addr is the address that Listen opened, nil before.
func (s *Server) Addr() net.Addr {
	if s.ln == nil {
		return nil
	}
	return s.ln.Addr()
}

// Serve serves until Shutdown.
func (s *Server) Serve() error { return s.server.Serve(listener{s.ln}) }

// Shutdown stops accepting and waits for what runs, until ctx ends. It closes
// the listener itself: fasthttp knows of none before Serve has begun.
func (s *Server) Shutdown(ctx context.Context) error {
	if s.ln == nil {
		return nil
	}
	closed := s.ln.Close()
	err := s.server.ShutdownWithContext(ctx)
	for _, e := range []*error{&closed, &err} {
		if errors.Is(*e, net.ErrClosed) {
			*e = nil
		}
	}
	return errors.Join(closed, err)
}

func (s *Server) handle(ctx *fasthttp.RequestCtx) {
	path := string(ctx.Path())
	if path == "/_holdfast/health" {
		s.health(ctx)
		return
	}
	if status, code, why := s.refuse(ctx); status != 0 {
		if s.cfg.D1 != nil && s.cfg.D1.Handle(ctx, false) {
			return
		}
		fail(ctx, status, code, why)
		return
	}
	switch {
	case path == "/_holdfast/metrics" && s.metrics != nil:
		s.metrics(ctx)
	case strings.HasPrefix(path, "/_holdfast/debug/pprof"):
		ctx.Request.SetRequestURI(strings.TrimPrefix(string(ctx.RequestURI()), "/_holdfast"))
		pprofhandler.PprofHandler(ctx)
	case strings.HasPrefix(string(ctx.URI().PathOriginal()), apiPrefix):
		s.api(ctx, strings.TrimPrefix(string(ctx.URI().PathOriginal()), apiPrefix))
	case s.cfg.D1 != nil && s.cfg.D1.Handle(ctx, true):
	default:
		fail(ctx, fasthttp.StatusNotFound, "not_found", "no such path")
	}
}

// refuse says why a request may not ask: no token, a foreign page, or, where
// no token is set, a name that is not this machine's (DNS rebinding).
func (s *Server) refuse(ctx *fasthttp.RequestCtx) (status int, code, why string) {
	if len(s.tokens) > 0 {
		auth := string(ctx.Request.Header.Peek("Authorization"))
		scheme, token, _ := strings.Cut(auth, " ")
		if !strings.EqualFold(scheme, "Bearer") || token == "" {
			ctx.Response.Header.Set("WWW-Authenticate", "Bearer")
			return fasthttp.StatusUnauthorized, "unauthorized", "a bearer token is needed"
		}
		h := sha256.Sum256([]byte(strings.TrimSpace(token)))
		for _, t := range s.tokens {
			if subtle.ConstantTimeCompare(h[:], t) == 1 {
				return 0, "", ""
			}
		}
		return fasthttp.StatusForbidden, "forbidden", "the token is not one of admin.tokens"
	}
	name := string(ctx.Host())
	if h, _, err := net.SplitHostPort(name); err == nil {
		name = h
	}
	if !loopbackName(name) {
		return fasthttp.StatusForbidden, "forbidden", "the admin API answers to localhost only"
	}
	if o := string(ctx.Request.Header.Peek("Origin")); o != "" {
		u, err := url.Parse(o)
		if err != nil || u.Host != string(ctx.Host()) {
			return fasthttp.StatusForbidden, "forbidden", "pages of other origins may not ask"
		}
	}
	return 0, "", ""
}

func (s *Server) health(ctx *fasthttp.RequestCtx) {
	if err := s.host.Health(); err != nil {
		ctx.SetStatusCode(fasthttp.StatusServiceUnavailable)
		write(ctx, map[string]string{"status": "failed", "error": err.Error()})
		return
	}
	write(ctx, map[string]string{"status": "ok"})
}

func write(ctx *fasthttp.RequestCtx, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		fail(ctx, fasthttp.StatusInternalServerError, "internal", err.Error())
		return
	}
	ctx.SetContentType("application/json")
	ctx.SetBody(b)
}

func fail(ctx *fasthttp.RequestCtx, status int, code, message string) {
	ctx.ResetBody()
	ctx.SetStatusCode(status)
	write(ctx, map[string]any{"error": map[string]string{"code": code, "message": message}})
}
