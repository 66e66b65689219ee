// Package client is a Go client of the logs app: it creates, appends to,
// reads, searches, deletes and follows logs. It owns retries, idempotency keys
// and the resuming of a subscription without gap or duplicate. It refuses to
// hold events: what it has read is its caller's.
package client

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/fasthttp/websocket"
)

// Store is a store of logs, as an application sees it.
type Store interface {
	Create(ctx context.Context, o CreateOptions) (*Created, error)
	Metadata(ctx context.Context, logID string) (*Metadata, error)
	Append(ctx context.Context, logID string, o AppendOptions) (*Event, error)
	Read(ctx context.Context, logID string, o ReadOptions) (*Page, error)
	Query(ctx context.Context, logID string, o QueryOptions) (*Page, error)
	Delete(ctx context.Context, logID string) error
	RealtimeURL(logID string) string
	Subscribe(logID string, o SubscribeOptions) *Subscription
}

var _ Store = (*Client)(nil)

// Config is what a Client needs. Zero fields mean the defaults.
type Config struct {
	BaseURL  string // "http://127.0.0.1:8787"
	OwnerKey string // for Create, Delete, and reading logs without a secret

	HTTP         *http.Client      // default: a client with a timeout of 30 s
	Dialer       *websocket.Dialer // default: handshakes of at most 15 s
	Tries        int               // of a call that may be repeated; default 5
	BackoffFirst time.Duration     // before the second try; default 100 ms
	BackoffMax   time.Duration     // default 30 s
	PingEvery    time.Duration     // of a subscription; default 20 s
	Jitter       func() float64    // in [0,1); default math/rand/v2's
}

func (c Config) withDefaults() Config {
	if c.HTTP == nil {
		c.HTTP = &http.Client{Timeout: 30 * time.Second}
	}
	if c.Dialer == nil {
		c.Dialer = &websocket.Dialer{HandshakeTimeout: 15 * time.Second}
	}
	if c.Tries == 0 {
		c.Tries = 5
	}
	if c.BackoffFirst == 0 {
		c.BackoffFirst = 100 * time.Millisecond
	}
	if c.BackoffMax == 0 {
		c.BackoffMax = 30 * time.Second
	}
	if c.PingEvery == 0 {
		c.PingEvery = 20 * time.Second
	}
	if c.Jitter == nil {
		c.Jitter = mathrand.Float64
	}
	return c
}

// Client reaches the logs of one host. Its methods may be called from any
// goroutine.
type Client struct {
	cfg  Config
	base *url.URL

	mu      sync.Mutex
	secrets map[string]string
}

// New makes a client; it connects to nothing.
func New(cfg Config) (*Client, error) {
	u, err := url.Parse(strings.TrimRight(cfg.BaseURL, "/"))
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, fmt.Errorf("client: BaseURL is %q, expected http://HOST or https://HOST", cfg.BaseURL)
	}
	return &Client{cfg: cfg.withDefaults(), base: u, secrets: map[string]string{}}, nil
}

// UseSecret makes later calls about a log carry its secret. Create does so by
// itself.
func (c *Client) UseSecret(logID, secret string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.secrets[logID] = secret
}

// token is the log's secret, or the owner key without one.
func (c *Client) token(logID string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if s := c.secrets[logID]; s != "" {
		return s
	}
	return c.cfg.OwnerKey
}

// logPath is the path of a log.
func logPath(logID string) string { return "/logs/" + url.PathEscape(logID) }

// RealtimeURL is where a log's WebSocket is: ws or wss, without credentials.
func (c *Client) RealtimeURL(logID string) string {
	return "ws" + strings.TrimPrefix(c.base.String(), "http") + logPath(logID) + "/ws"
}

// call is one request to the app.
type call struct {
	method, path string
	token        string
	body         any  // nil: none
	repeat       bool // safe to send again where the outcome is not known
	into         any  // takes the answer's JSON; nil: none wanted
}

// errUnknown says that a request may or may not have been carried out.
var errUnknown = errors.New("the outcome is not known")

// do sends a request, again and again where that is safe and may help.
// repeated tells whether an earlier try may have been carried out.
func (c *Client) do(ctx context.Context, k call) (repeated bool, err error) {
	var body []byte
	if k.body != nil {
		if body, err = json.Marshal(k.body); err != nil {
			return false, fmt.Errorf("%s %s: encode: %w", k.method, k.path, err)
		}
	}
	for try := 1; ; try++ {
		err := c.once(ctx, k, body)
		wait, again := c.again(err, k.repeat, try)
		if !again || ctx.Err() != nil {
			return repeated, err
		}
		repeated = repeated || !errors.Is(err, ErrOverloaded)
		if serr := sleep(ctx, wait); serr != nil {
			return repeated, errors.Join(err, serr)
		}
	}
}

// again decides whether a try that failed is to be followed by another.
func (c *Client) again(err error, repeat bool, try int) (wait time.Duration, again bool) {
	if err == nil || try >= c.cfg.Tries {
		return 0, false
	}
	var e *Error
	switch {
	case errors.As(err, &e) && e.Code == codeOverloaded: // refused before it was carried out
	case errors.As(err, &e) && e.Status < 500:
		return 0, false
	case !repeat:
		return 0, false
	}
	wait = c.backoff(try)
	if e != nil {
		wait = max(wait, e.RetryAfter)
	}
	return wait, true
}

// backoff is the pause before the try behind the n-th, with jitter: from half
// of it to all of it.
func (c *Client) backoff(n int) time.Duration {
	d := min(c.cfg.BackoffFirst<<min(n-1, 20), c.cfg.BackoffMax)
	return d/2 + time.Duration(c.cfg.Jitter()*float64(d/2))
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// once sends a request once.
func (c *Client) once(ctx context.Context, k call, body []byte) error {
	req, err := http.NewRequestWithContext(ctx, k.method, c.base.String()+k.path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	if k.token != "" {
		req.Header.Set("Authorization", "Bearer "+k.token)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := c.cfg.HTTP.Do(req)
	if err != nil {
		return fmt.Errorf("%w: %w", errUnknown, err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return fmt.Errorf("%s %s: %w: %w", k.method, k.path, errUnknown, err)
	}
	if resp.StatusCode >= 400 {
		return errorOf(resp, b)
	}
	if k.into == nil {
		return nil
	}
	if err := json.Unmarshal(b, k.into); err != nil {
		return fmt.Errorf("%s %s: decode the answer %d: %w", k.method, k.path, resp.StatusCode, err)
	}
	return nil
}

// newKey is a fresh idempotency key.
func newKey() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}
