package ingress

import (
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"strconv"
	"syscall"
	"time"
)

// listener makes a conn of what it accepts. It outlives a shortage of
// descriptors and turns connections away beyond Config.ConnectionsMax.
type listener struct {
	net.Listener
	srv *Server
	tls *tls.Config // nil: plain
}

// acceptPause is the time between two attempts when descriptors are short.
const acceptPause = 50 * time.Millisecond

func (l *listener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			if !short(err) {
				return nil, err
			}
			l.srv.cfg.Log.Debug("accept", "error", err)
			time.Sleep(acceptPause)
			continue
		}
		if l.tls != nil {
			c = tls.Server(c, l.tls)
		}
		k := newConn(l.srv, c, l.tls != nil)
		if l.srv.admit(k) {
			return k, nil
		}
		go l.refuse(c)
	}
}

// short tells a shortage, or a client that left at once, from a closed
// listener.
func short(err error) bool {
	return errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) || errors.Is(err, syscall.ENOBUFS) ||
		errors.Is(err, syscall.ENOMEM) || errors.Is(err, syscall.ECONNABORTED)
}

// refuse answers a connection that there is no room for.
func (l *listener) refuse(c net.Conn) {
	defer c.Close()
	f := failure{http.StatusServiceUnavailable, "overloaded", "too many connections"}
	body := f.response().Body
	c.SetDeadline(time.Now().Add(lingerTimeout))
	c.Write([]byte("HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Type: application/json\r\nRetry-After: " +
		strconv.Itoa(retryAfterSeconds) + "\r\nContent-Length: " + strconv.Itoa(len(body)) + "\r\n\r\n" + string(body)))
}
