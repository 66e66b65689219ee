package hostcall

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/holdfast-run/holdfast/guest-sdk/abi"
	"github.com/holdfast-run/holdfast/runtime/object"
)

// idleMax is how long an unused connection is kept.
const idleMax = 90 * time.Second

// OutboundBytesMax bounds the body of an outbound response.
const OutboundBytesMax = 32 << 20

// NewOutbound allows the hosts of an app's configuration: "example.com",
// "*.example.com", or "host:port". An entry that is itself a private,
// loopback or link-local address, or localhost, allows that address; names
// that resolve to one are refused otherwise.
func NewOutbound(allowed []string) Outbound {
	o := &outbound{allowed: allowed}
	d := &net.Dialer{Timeout: 10 * time.Second}
	o.client = &http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			MaxIdleConnsPerHost: 16,
			IdleConnTimeout:     idleMax, // also of a version that has been replaced
			DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
				return o.dial(ctx, d, network, addr)
			},
		},
	}
	return o
}

type outbound struct {
	allowed []string
	roots   *x509.CertPool // nil: the system's
	client  *http.Client
}

func denied(format string, args ...any) error {
	return &object.Error{Status: abi.Denied, Message: fmt.Sprintf(format, args...)}
}

// allows finds the entry that a host matches.
func (o *outbound) allows(host, port string) (entry string, ok bool) {
	for _, a := range o.allowed {
		h, p, err := net.SplitHostPort(a)
		if err != nil {
			h, p = a, ""
		}
		if p != "" && p != port {
			continue
		}
		if strings.EqualFold(h, host) || strings.HasPrefix(h, "*.") && strings.HasSuffix(strings.ToLower(host), strings.ToLower(h[1:])) {
			return h, true
		}
	}
	return "", false
}

// dial resolves once and connects to what it checked.
func (o *outbound) dial(ctx context.Context, d *net.Dialer, network, addr string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	entry, ok := o.allows(host, port)
	if !ok {
		return nil, denied("host %q is not listed under holdfast.outbound", addr)
	}
	ips, err := net.DefaultResolver.LookupIPAddr(ctx, host)
	if err != nil {
		return nil, err
	}
	explicit := net.ParseIP(entry) != nil || strings.EqualFold(entry, "localhost")
	for _, ip := range ips {
		if !explicit && inner(ip.IP) {
			err = denied("%s resolves to %s, an inner address; list the address itself to allow it", host, ip.IP)
			continue
		}
		c, derr := d.DialContext(ctx, network, net.JoinHostPort(ip.IP.String(), port))
		if derr == nil {
			return c, nil
		}
		err = derr
	}
	return nil, err
}

// innerNetworks are those that net.IP has no method for: "this" network,
// carrier-grade NAT (where some clouds keep their metadata), what is reserved,
// and local NAT64.
var innerNetworks = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"), netip.MustParsePrefix("100.64.0.0/10"),
	netip.MustParsePrefix("240.0.0.0/4"), netip.MustParsePrefix("64:ff9b:1::/48"),
}

// nat64 leads to the IPv4 address in its last four bytes.
var nat64 = netip.MustParsePrefix("64:ff9b::/96")

// inner reports an address of this machine or its network.
func inner(ip net.IP) bool {
	addr, ok := netip.AddrFromSlice(ip)
	if !ok {
		return true
	}
	addr = addr.Unmap()
	if nat64.Contains(addr) {
		b := addr.As16()
		addr = netip.AddrFrom4([4]byte(b[12:]))
	}
	for _, n := range innerNetworks {
		if n.Contains(addr) {
			return true
		}
	}
	return addr.IsLoopback() || addr.IsPrivate() || addr.IsLinkLocalUnicast() || addr.IsMulticast() || addr.IsUnspecified()
}

// Fetch sends r. Redirects are the guest's to follow.
func (o *outbound) Fetch(ctx context.Context, r *abi.Request) (*abi.Response, error) {
	u, err := url.Parse(r.URL)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, invalid("fetch: %q is no absolute http or https URL", r.URL)
	}
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	if _, ok := o.allows(u.Hostname(), port); !ok {
		return nil, denied("fetch: host %q is not listed under holdfast.outbound", u.Host)
	}
	req, err := http.NewRequestWithContext(ctx, r.Method, r.URL, bytes.NewReader(r.Body))
	if err != nil {
		return nil, invalid("fetch: %v", err)
	}
	for _, h := range r.Headers {
		req.Header.Add(h.Name, h.Value)
	}
	resp, err := o.client.Do(req)
	if err != nil {
		return nil, unreachable("fetch", u.Host, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, OutboundBytesMax+1))
	if err != nil {
		return nil, unreachable("fetch", u.Host, err)
	}
	if len(body) > OutboundBytesMax {
		return nil, &object.Error{Status: abi.TooLarge, Message: "fetch: the response is over 32 MiB"}
	}
	out := &abi.Response{Status: uint32(resp.StatusCode), Body: body}
	for name, values := range resp.Header {
		for _, v := range values {
			out.Headers = append(out.Headers, abi.Header{Name: name, Value: v})
		}
	}
	return out, nil
}

// unreachable is the failure of a call to another host, unless err is one
// already.
func unreachable(call, host string, err error) error {
	var own *object.Error
	if errors.As(err, &own) {
		return own
	}
	return &object.Error{Status: abi.Unavailable, Message: fmt.Sprintf("%s %s: %v", call, host, err), Flags: abi.FailureRetryable}
}
