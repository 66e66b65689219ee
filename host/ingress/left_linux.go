package ingress

import "golang.org/x/sys/unix"

// tcpEstablished is TCP_ESTABLISHED of the kernel.
const tcpEstablished = 1

// left says whether the client has closed its end or is unreachable. The TCP
// state tells also where bytes that came before the end are unread, and under
// TLS, where a look at the bytes could not.
func (c *conn) left() bool {
	if c.raw == nil {
		return false
	}
	established := true
	err := c.raw.Control(func(fd uintptr) {
		info, err := unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO)
		established = err != nil || info.State == tcpEstablished
	})
	return err != nil || !established
}
