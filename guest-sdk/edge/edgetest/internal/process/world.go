package process

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/holdfast-run/holdfast/guest-sdk/abi"
	"github.com/holdfast-run/holdfast/guest-sdk/edge/edgetest/internal/appconfig"
	"github.com/holdfast-run/holdfast/guest-sdk/edge/edgetest/internal/backend"
	"github.com/holdfast-run/holdfast/guest-sdk/edge/edgetest/internal/wsclient"
)

// World is a host process with one app.
type World struct {
	app    *appconfig.Config
	p      *process
	client *http.Client
}

var _ backend.Backend = (*World)(nil)

// callMax bounds one request; an advance may set off much.
const callMax = 2 * time.Minute

// New starts a host over the app in its directory, with its data in data. Its
// clock stands at start, or where that is zero at the system's time.
func New(app *appconfig.Config, data string, vars map[string]string, start time.Time) (*World, error) {
	clock := "manual"
	if !start.IsZero() {
		clock = start.Format(time.RFC3339Nano)
	}
	p, err := spawn(app.Dir, data, clock, vars)
	if err != nil {
		return nil, err
	}
	return &World{app: app, p: p, client: &http.Client{
		Timeout:       callMax,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport:     &http.Transport{},
	}}, nil
}

// Close stops the host.
func (w *World) Close() error {
	w.client.CloseIdleConnections()
	return w.p.stop()
}

// Logs is what the host wrote to its standard error.
func (w *World) Logs() []string { return w.p.log.all() }

// api asks the admin API; into, where not nil, takes the answer.
func (w *World) api(method, path string, body, into any) error {
	var in io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return err
		}
		in = bytes.NewReader(b)
	}
	return w.ask(method, path, in, into)
}

// ask is api with a body that is sent as it is.
func (w *World) ask(method, path string, in io.Reader, into any) error {
	req, err := http.NewRequest(method, w.p.admin+"/api/"+path, in)
	if err != nil {
		return err
	}
	resp, err := w.client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	switch {
	case err != nil:
		return err
	case resp.StatusCode == http.StatusNotFound:
		return fmt.Errorf("%w: %s", errNotFound, b)
	case resp.StatusCode >= 400:
		return fmt.Errorf("%s %s: %s: %s", method, path, resp.Status, b)
	case into == nil:
		return nil
	}
	return json.Unmarshal(b, into)
}

var errNotFound = errors.New("not found")

// Now is where the host's clock stands.
func (w *World) Now() (time.Time, error) {
	var c struct{ Now time.Time }
	err := w.api("GET", "clock", nil, &c)
	return c.Now.UTC(), err
}

// Advance moves the host's clock.
func (w *World) Advance(d time.Duration) error {
	return w.api("POST", "clock", map[string]string{"advance": d.String()}, nil)
}

// Settle waits until what is due has run: an advance by nothing.
func (w *World) Settle() error { return w.Advance(0) }

// route checks that the app's routes lead to a target by this path.
func (w *World) route(to backend.Target, path string) error {
	if to.Class == "" {
		return nil
	}
	if w.app.Routes != nil {
		if m, ok := w.app.Routes.Match(path); ok && m.Binding != "" && w.app.Class(m.Binding) == to.Class && m.Name == to.Name {
			return nil
		}
	}
	return backend.Unsupported("no route of the app leads from %s to %s", path, to)
}

// target makes the URL and headers of a request.
func (w *World) target(to backend.Target, r *abi.Request) (string, http.Header, error) {
	u, err := url.Parse(r.URL)
	if err != nil {
		return "", nil, err
	}
	if err := w.route(to, u.EscapedPath()); err != nil {
		return "", nil, err
	}
	h := http.Header{}
	for _, l := range r.Headers {
		h.Add(l.Name, l.Value)
	}
	return w.p.url + u.RequestURI(), h, nil
}

// pending is a request that a goroutine sends.
type pending struct {
	cancel context.CancelFunc
	done   chan struct{}
	resp   *abi.Response
	err    error
}

// Begin sends a request.
func (w *World) Begin(to backend.Target, r *abi.Request) (backend.Pending, error) {
	target, header, err := w.target(to, r)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	req, err := http.NewRequestWithContext(ctx, r.Method, target, bytes.NewReader(r.Body))
	if err != nil {
		cancel()
		return nil, err
	}
	req.Header = header
	p := &pending{cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(p.done)
		defer cancel()
		p.resp, p.err = w.send(req)
	}()
	return p, nil
}

func (w *World) send(req *http.Request) (*abi.Response, error) {
	resp, err := w.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	return responseOf(resp, body), nil
}

func responseOf(resp *http.Response, body []byte) *abi.Response {
	out := &abi.Response{Status: uint32(resp.StatusCode), Body: body}
	for name, values := range resp.Header {
		for _, v := range values {
			out.Headers = append(out.Headers, abi.Header{Name: name, Value: v})
		}
	}
	return out
}

// Done reports whether the answer is there.
func (p *pending) Done() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// Response waits for the answer.
func (p *pending) Response() (*abi.Response, error) {
	<-p.done
	return p.resp, p.err
}

// Cancel gives the request up.
func (p *pending) Cancel() { p.cancel() }

// Connect opens a WebSocket.
func (w *World) Connect(to backend.Target, r *abi.Request) (backend.Conn, error) {
	target, header, err := w.target(to, r)
	if err != nil {
		return nil, err
	}
	c, err := wsclient.Dial(target, header)
	var no *wsclient.Refused
	if errors.As(err, &no) {
		return nil, &backend.Refused{Response: responseOf(no.Response, no.Body)}
	}
	if err != nil {
		return nil, err
	}
	return &conn{c}, nil
}

// object is the admin path of an object.
func (w *World) object(to backend.Target, rest string) string {
	return "objects/" + url.PathEscape(w.app.Name+"."+to.Class) + "/name:" + url.PathEscape(to.Name) + rest
}

// Evict makes an object cold; one that never was is cold already.
func (w *World) Evict(to backend.Target) error {
	if err := w.Settle(); err != nil {
		return err
	}
	if err := w.api("POST", w.object(to, "/evict"), nil, nil); !errors.Is(err, errNotFound) {
		return err
	}
	return nil
}

// Crash discards an object's instance.
func (w *World) Crash(to backend.Target) error {
	return w.api("POST", w.object(to, "/crash"), nil, nil)
}

// Alarm is when an object's alarm runs next.
func (w *World) Alarm(to backend.Target) (at time.Time, ok bool, err error) {
	var d struct{ Alarm *struct{ DueAt time.Time } }
	err = w.api("GET", w.object(to, ""), nil, &d)
	if errors.Is(err, errNotFound) {
		return at, false, nil
	}
	if err != nil || d.Alarm == nil {
		return at, false, err
	}
	return d.Alarm.DueAt.UTC(), true, nil
}

// Scheduled runs the app's cron trigger of that text.
func (w *World) Scheduled(cron string) error {
	var list struct {
		Items []struct {
			App   string
			Index int
			Cron  string
		}
	}
	if err := w.api("GET", "crons", nil, &list); err != nil {
		return err
	}
	for _, c := range list.Items {
		if c.App != w.app.Name || c.Cron != cron {
			continue
		}
		var ran struct{ Outcome string }
		if err := w.api("POST", fmt.Sprintf("crons/%s/%d/run", url.PathEscape(c.App), c.Index), nil, &ran); err != nil {
			return err
		}
		if strings.HasPrefix(ran.Outcome, "ok") {
			return nil
		}
		return errors.New(ran.Outcome)
	}
	return backend.Unsupported("the configuration has no cron %q", cron)
}

// Call calls a method of an object.
func (w *World) Call(to backend.Target, method string, payload []byte) ([]byte, error) {
	var out struct{ Result, Error string }
	path := w.object(to, "/call/"+url.PathEscape(method))
	if err := w.ask("POST", path, bytes.NewReader(payload), &out); err != nil {
		return nil, err
	}
	if out.Error != "" {
		return nil, errors.New(out.Error)
	}
	return []byte(out.Result), nil
}

// KV is what an object has stored.
func (w *World) KV(to backend.Target) (map[string][]byte, error) {
	out := map[string][]byte{}
	for cursor := ""; ; {
		var page struct {
			Items []struct {
				Key   string
				Value []byte
			}
			Cursor string
		}
		err := w.api("GET", w.object(to, "/kv")+"?limit=1000&cursor="+url.QueryEscape(cursor), nil, &page)
		if errors.Is(err, errNotFound) {
			return out, nil
		}
		if err != nil {
			return nil, err
		}
		for _, e := range page.Items {
			out[e.Key] = e.Value
		}
		if cursor = page.Cursor; cursor == "" {
			return out, nil
		}
	}
}

// RunAlarm runs an object's alarm now.
func (w *World) RunAlarm(to backend.Target) error {
	err := w.api("POST", w.object(to, "/alarm"), nil, nil)
	if errors.Is(err, errNotFound) {
		return fmt.Errorf("%s has no alarm", to)
	}
	return errors.Join(err, w.Settle())
}

// FailD1 lets the app's D1 calls fail.
func (w *World) FailD1(after, calls int, err error) error {
	message := ""
	if err != nil {
		message = err.Error()
	}
	body := map[string]any{"after": after, "calls": calls, "message": message}
	return w.api("POST", "d1/"+url.PathEscape(w.app.Name)+"/fail", body, nil)
}
