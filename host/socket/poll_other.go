//go:build !linux

package socket

import "net"

// poller does not exist on this system: every socket has a reading goroutine.
type poller struct{}

func newPoller(*Server) (*poller, error) { return nil, nil }

func (p *poller) close() {}

func (s *Server) newLink(k *Socket, c net.Conn) (l link, serve func(), err error) {
	l, serve = newStream(k, c)
	return l, serve, nil
}
