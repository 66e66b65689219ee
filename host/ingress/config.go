package ingress

import (
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"time"
)

// Defaults of Config.
const (
	DefaultAddr                = "127.0.0.1:8787"
	DefaultBodyBytesMax        = 32 << 20
	DefaultHeaderBytesMax      = 16 << 10
	DefaultSpoolBytes          = 1 << 20
	DefaultStreamQueueBytesMax = 4 << 20
	DefaultConnectionsMax      = 100_000
	DefaultHeaderTimeout       = 10 * time.Second
	DefaultIdleTimeout         = 2 * time.Minute
	DefaultBodyTimeout         = 5 * time.Minute
	DefaultBodyStallTimeout    = 20 * time.Second
	DefaultWriteTimeout        = 30 * time.Second
	DefaultAnswerTimeout       = 15 * time.Minute
)

// Config sets where a Server listens and its limits. The zero value of a field
// is its default.
type Config struct {
	// Addr is the TCP address to listen on.
	Addr string
	// TLSCert and TLSKey are PEM files; both or none.
	TLSCert, TLSKey string
	// TrustedProxies are the CIDRs whose X-Forwarded-For and
	// X-Forwarded-Proto are believed.
	TrustedProxies []string
	// ClientJS is served at /_holdfast/client.js; nil: nothing is.
	ClientJS []byte

	// HeaderBytesMax bounds the request line and headers together: 431.
	HeaderBytesMax int
	// SpoolBytes is how much of a body is received in memory; more goes to a
	// file in SpoolDir (the system's temporary directory) until it is whole.
	SpoolBytes int
	SpoolDir   string
	// StreamQueueBytesMax bounds what waits of a streamed answer for a slow
	// client; beyond it the connection is cut.
	StreamQueueBytesMax int
	// ConnectionsMax bounds the connections that speak HTTP: 503.
	ConnectionsMax int

	// HeaderTimeout bounds the time from a request's first byte to the end of
	// its headers: 408.
	HeaderTimeout time.Duration
	// IdleTimeout bounds the time between two requests of a connection.
	IdleTimeout time.Duration
	// BodyTimeout bounds the receiving of a body, BodyStallTimeout the time
	// in which nothing of it comes: 408.
	BodyTimeout      time.Duration
	BodyStallTimeout time.Duration
	// WriteTimeout bounds one write to a client that takes nothing.
	WriteTimeout time.Duration
	// AnswerTimeout is when a request without an answer gets 504; negative:
	// never.
	AnswerTimeout time.Duration

	// Log gets what goes wrong on connections, at debug level; nil: nothing.
	Log *slog.Logger
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

func (c Config) withDefaults() Config {
	setDefault(&c.Addr, DefaultAddr)
	setDefault(&c.SpoolDir, os.TempDir())
	setDefault(&c.HeaderBytesMax, DefaultHeaderBytesMax)
	setDefault(&c.SpoolBytes, DefaultSpoolBytes)
	setDefault(&c.StreamQueueBytesMax, DefaultStreamQueueBytesMax)
	setDefault(&c.ConnectionsMax, DefaultConnectionsMax)
	setDefault(&c.HeaderTimeout, DefaultHeaderTimeout)
	setDefault(&c.IdleTimeout, DefaultIdleTimeout)
	setDefault(&c.BodyTimeout, DefaultBodyTimeout)
	setDefault(&c.BodyStallTimeout, DefaultBodyStallTimeout)
	setDefault(&c.WriteTimeout, DefaultWriteTimeout)
	setDefault(&c.AnswerTimeout, DefaultAnswerTimeout)
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c
}

// Validate reports the first field whose value makes no sense.
func (c Config) Validate() error {
	for _, f := range []struct {
		name  string
		value int64
	}{
		{"HeaderBytesMax", int64(c.HeaderBytesMax)},
		{"SpoolBytes", int64(c.SpoolBytes)},
		{"StreamQueueBytesMax", int64(c.StreamQueueBytesMax)},
		{"ConnectionsMax", int64(c.ConnectionsMax)},
		{"HeaderTimeout", int64(c.HeaderTimeout)},
		{"IdleTimeout", int64(c.IdleTimeout)},
		{"BodyTimeout", int64(c.BodyTimeout)},
		{"BodyStallTimeout", int64(c.BodyStallTimeout)},
		{"WriteTimeout", int64(c.WriteTimeout)},
	} {
		if f.value < 0 {
			return fmt.Errorf("ingress: %s is %d, want 0 (default) or more", f.name, f.value)
		}
	}
	if (c.TLSCert == "") != (c.TLSKey == "") {
		return fmt.Errorf("ingress: TLSCert and TLSKey must be given together")
	}
	_, err := parseProxies(c.TrustedProxies)
	return err
}

// parseProxies reads CIDRs; a bare address is a network of one.
func parseProxies(list []string) ([]netip.Prefix, error) {
	prefixes := make([]netip.Prefix, 0, len(list))
	for _, text := range list {
		prefix, err := netip.ParsePrefix(text)
		if err != nil {
			addr, addrErr := netip.ParseAddr(text)
			if addrErr != nil {
				return nil, fmt.Errorf("ingress: TrustedProxies: %q is no CIDR", text)
			}
			prefix = netip.PrefixFrom(addr.Unmap(), addr.Unmap().BitLen())
		}
		prefixes = append(prefixes, prefix.Masked())
	}
	return prefixes, nil
}
