package ingress

import (
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/valyala/fasthttp"
)

// parse checks a request whose headers have come and copies what its target
// gets. The body is not read yet.
func (s *Server) parse(ctx *fasthttp.RequestCtx, c *conn) (*Exchange, *failure) {
	header := &ctx.Request.Header
	if protocol := string(header.Protocol()); protocol != "HTTP/1.1" && protocol != "HTTP/1.0" {
		return nil, &failure{http.StatusHTTPVersionNotSupported, "bad_request", "HTTP version is not 1.0 or 1.1"}
	}
	method := internMethod(header.Method())
	if method == http.MethodConnect || method == http.MethodTrace {
		return nil, &failure{http.StatusMethodNotAllowed, "method_not_allowed", method + " is not served"}
	}
	h, fault := readHead(string(header.RawHeaders()))
	if fault != "" {
		return nil, badRequest(fault)
	}
	host, rest, ok := splitTarget(string(header.RequestURI()))
	if !ok {
		return nil, badRequest("request target is no path and no http URL")
	}
	if fault := pathFault(rest); fault != "" {
		return nil, badRequest(fault)
	}
	if host == "" {
		host = h.host
	}
	if !hostOK(host) {
		return nil, badRequest("bad or missing Host")
	}
	x := &Exchange{srv: s, conn: c}
	x.Scheme, x.Request.ClientAddr = s.origin(c, &h)
	x.Request.Method = method
	x.Request.URL = x.Scheme + "://" + host + rest
	x.Request.Headers = h.headers
	x.Request.Traceparent = h.traceparent
	x.Host = hostName(host)
	x.Path, _, _ = strings.Cut(x.Request.URL[len(x.Scheme)+3+len(host):], "?")
	if f := x.parseUpgrade(&h, header.IsHTTP11()); f != nil {
		return nil, f
	}
	return x, nil
}

// origin is the scheme and the address of the client, as far as the proxies
// between are trusted.
func (s *Server) origin(c *conn, h *head) (scheme, addr string) {
	scheme = "http"
	if c.secure {
		scheme = "https"
	}
	if len(s.proxies) == 0 || !s.trusted(c.peer.Addr()) {
		return scheme, c.addr
	}
	if h.forwardedProto == "http" || h.forwardedProto == "https" {
		scheme = h.forwardedProto
	}
	addr = c.addr
	for rest := h.forwardedFor; rest != ""; {
		i := strings.LastIndexByte(rest, ',')
		ip, err := netip.ParseAddr(strings.Trim(rest[i+1:], " \t"))
		if err != nil {
			break
		}
		addr = netip.AddrPortFrom(ip.Unmap(), 0).String()
		if !s.trusted(ip) {
			break
		}
		rest = rest[:max(i, 0)]
	}
	return scheme, addr
}

func (s *Server) trusted(ip netip.Addr) bool {
	ip = ip.Unmap()
	for _, prefix := range s.proxies {
		if prefix.Contains(ip) {
			return true
		}
	}
	return false
}

// internMethod copies a method, without memory for the usual ones.
func internMethod(method []byte) string {
	for _, known := range [...]string{
		http.MethodGet, http.MethodPost, http.MethodPut, http.MethodDelete,
		http.MethodHead, http.MethodOptions, http.MethodPatch,
	} {
		if string(method) == known {
			return known
		}
	}
	return string(method)
}

// receive reads the body of a parsed request.
func (s *Server) receive(ctx *fasthttp.RequestCtx, x *Exchange, bodyBytesMax int64) *failure {
	if declared := int64(ctx.Request.Header.ContentLength()); declared > bodyBytesMax {
		return tooLarge(bodyBytesMax)
	}
	if stream := ctx.RequestBodyStream(); stream != nil {
		b := bodyReader{
			stream:   stream,
			conn:     x.conn,
			cfg:      &s.cfg,
			bytesMax: bodyBytesMax,
			declared: int64(ctx.Request.Header.ContentLength()),
			until:    time.Now().Add(s.cfg.BodyTimeout),
		}
		body, err := b.readAll()
		if err != nil {
			return bodyFailure(err, bodyBytesMax)
		}
		x.Request.Body = body
	}
	if s.cfg.AnswerTimeout > 0 {
		x.deadline = time.Now().Add(s.cfg.AnswerTimeout)
		x.Request.DeadlineMs = x.deadline.UnixMilli()
	}
	return nil
}
