package admin_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/valyala/fasthttp"

	"github.com/holdfast-run/holdfast/host/admin"
)

// fake is a Host that notes what it is asked.
type fake struct {
	admin.Keeper
	admin.Tryer
	asked  []string
	sick   error
	failed error // of every call that can fail
}

var _ admin.Host = (*fake)(nil)

func (f *fake) note(format string, args ...any) error {
	f.asked = append(f.asked, fmt.Sprintf(format, args...))
	return f.failed
}

func (f *fake) Health() error { return f.sick }
func (f *fake) Apps() []admin.App {
	return []admin.App{{Name: "logs", Version: 2, Routes: []string{"/logs"}, Guest: admin.Guest{Bytes: 3, ImageBytes: 4}}}
}
func (f *fake) Namespaces() ([]admin.Namespace, error) { return nil, f.note("namespaces") }
func (f *fake) Objects(ns, prefix, cursor string, limit int) ([]admin.Object, string, error) {
	return []admin.Object{{ID: "1", Name: "a"}}, "next", f.note("objects %q %q %q %d", ns, prefix, cursor, limit)
}
func (f *fake) Object(ns, id string, byName bool) (*admin.Detail, error) {
	return &admin.Detail{ID: id}, f.note("object %q %q %v", ns, id, byName)
}
func (f *fake) Evict(_ context.Context, ns, id string, byName bool) error {
	return f.note("evict %q %q %v", ns, id, byName)
}
func (f *fake) Crash(_ context.Context, ns, id string, byName bool) error {
	return f.note("crash %q %q %v", ns, id, byName)
}
func (f *fake) Alarms(cursor string, limit int) ([]admin.Alarm, string, error) {
	return nil, "", f.note("alarms %q %d", cursor, limit)
}
func (f *fake) DeadAlarms(cursor string, limit int) ([]admin.Alarm, string, error) {
	return nil, "", f.note("dead %q %d", cursor, limit)
}
func (f *fake) Databases() ([]admin.Database, error) {
	return []admin.Database{{Name: "logs", UUID: "u", CreatedAt: "c", FileSize: 5}}, f.note("d1")
}
func (f *fake) Crons() []admin.Cron { return nil }
func (f *fake) RunCron(_ context.Context, app string, i int) (string, time.Duration, error) {
	return "ok", 1500 * time.Millisecond, f.note("cron %q %d", app, i)
}
func (f *fake) Clock() (string, time.Time) { return "manual", time.UnixMilli(1234).UTC() }
func (f *fake) Advance(_ context.Context, d time.Duration) (time.Time, int, error) {
	return time.UnixMilli(1234).Add(d), 3, f.note("advance %v", d)
}

// d1 answers the paths of D1's own APIs.
type d1 struct{}

func (d1) Handle(ctx *fasthttp.RequestCtx, operator bool) bool {
	if !operator || !strings.HasPrefix(string(ctx.Path()), "/d1/") {
		return false
	}
	ctx.SetBodyString("from d1")
	return true
}

// serve runs a server over h until the end of the test.
func serve(t *testing.T, h admin.Host, tokens ...string) (base string) {
	t.Helper()
	cfg := admin.Config{}
	for _, token := range tokens {
		sum := sha256.Sum256([]byte(token))
		cfg.TokenHashes = append(cfg.TokenHashes, "sha256:"+hex.EncodeToString(sum[:]))
	}
	return serveWith(t, h, cfg)
}

func serveWith(t *testing.T, h admin.Host, cfg admin.Config) (base string) {
	t.Helper()
	cfg.Addr, cfg.Registry, cfg.D1 = "127.0.0.1:0", prometheus.NewRegistry(), d1{}
	s, err := admin.New(cfg, h)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Listen(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- s.Serve() }()
	t.Cleanup(func() {
		if err := errors.Join(s.Shutdown(context.Background()), <-ended); err != nil {
			t.Error(err)
		}
	})
	return "http://" + s.Addr().String()
}

// answer is a response, read.
type answer struct {
	status int
	header http.Header
	body   string
}

// code is the error's code, or "" where the body has not the shape of one.
func (a answer) code() string {
	var m struct {
		Error struct{ Code, Message string }
	}
	if json.Unmarshal([]byte(a.body), &m) != nil || m.Error.Message == "" {
		return ""
	}
	return m.Error.Code
}

// ask sends a request; header lines are "Name: value".
func ask(t *testing.T, method, url, body string, header ...string) answer {
	t.Helper()
	req, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range header {
		name, value, _ := strings.Cut(h, ": ")
		if name == "Host" {
			req.Host = value
		} else {
			req.Header.Set(name, value)
		}
	}
	resp, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{resp.StatusCode, resp.Header, string(b)}
}

func TestHealth_AnswersAnybody(t *testing.T) {
	h := &fake{}
	base := serve(t, h, "token")
	if a := ask(t, "GET", base+"/_holdfast/health", "", "Host: elsewhere.example"); a.status != 200 || a.body != `{"status":"ok"}` {
		t.Fatalf("%d %s", a.status, a.body)
	}
	h.sick = errors.New("storage takes no writes")
	if a := ask(t, "GET", base+"/_holdfast/health", ""); a.status != 503 || a.body != `{"error":"storage takes no writes","status":"failed"}` {
		t.Fatalf("%d %s", a.status, a.body)
	}
}

func TestToken_NoneWrongRight(t *testing.T) {
	base := serve(t, &fake{}, "first", "second")
	for _, path := range []string{"/_holdfast/api/apps", "/_holdfast/metrics", "/_holdfast/debug/pprof/", "/d1/x/query", "/nothing"} {
		for _, c := range []struct {
			auth   string
			status int
			code   string
		}{
			{"", 401, "unauthorized"}, {"Bearer", 401, "unauthorized"}, {"Bearer ", 401, "unauthorized"}, {"Basic first", 401, "unauthorized"},
			{"Bearer third", 403, "forbidden"}, {"Bearer firs", 403, "forbidden"}, {"Bearer first second", 403, "forbidden"},
		} {
			a := ask(t, "GET", base+path, "", "Authorization: "+c.auth)
			if a.status != c.status || a.code() != c.code {
				t.Errorf("%s with %q: %d %s", path, c.auth, a.status, a.body)
			}
			if got := a.header.Get("WWW-Authenticate"); (got == "Bearer") != (c.status == 401) {
				t.Errorf("%s with %q: WWW-Authenticate %q", path, c.auth, got)
			}
		}
	}
	for _, auth := range []string{"Bearer first", "bearer second"} {
		// With a token another name or origin is no matter: no page has it.
		if a := ask(t, "GET", base+"/_holdfast/api/apps", "", "Authorization: "+auth, "Host: ops.example", "Origin: http://other"); a.status != 200 {
			t.Errorf("%q: %d %s", auth, a.status, a.body)
		}
	}
}

func TestLoopback_RefusesForeignNamesAndPages(t *testing.T) {
	base := serve(t, &fake{})
	own := strings.TrimPrefix(base, "http://")
	for _, c := range []struct {
		header []string
		status int
	}{
		{nil, 200},
		{[]string{"Host: localhost:8788"}, 200},
		{[]string{"Host: LOCALHOST"}, 200},
		{[]string{"Host: [::1]:8788"}, 200},
		{[]string{"Host: [::1]"}, 200},
		{[]string{"Host: 127.0.0.9"}, 200},
		{[]string{"Host: evil.example"}, 403},
		{[]string{"Host: evil.example:8788"}, 403},
		{[]string{"Host: localhost.evil.example"}, 403},
		{[]string{"Host: 10.0.0.1:8788"}, 403},
		{[]string{"Host: 0.0.0.0:8788"}, 403},
		{[]string{"Origin: " + base}, 200},
		{[]string{"Origin: http://evil.example"}, 403},
		{[]string{"Origin: http://localhost:3000"}, 403},
		{[]string{"Origin: null"}, 403},
		{[]string{"Origin: http://" + own + ".evil.example"}, 403},
	} {
		a := ask(t, "GET", base+"/_holdfast/api/apps", "", c.header...)
		if a.status != c.status || a.status == 403 && a.code() != "forbidden" {
			t.Errorf("%q: %d %s, want %d", c.header, a.status, a.body, c.status)
		}
	}
}

func TestNew_WantsATokenOffLoopback(t *testing.T) {
	for addr, fine := range map[string]bool{
		"127.0.0.1:0": true, "localhost:0": true, "[::1]:0": true, "": true,
		":8788": false, "0.0.0.0:8788": false, "192.168.1.4:8788": false, "ops.example:8788": false, "nonsense": false,
	} {
		_, err := admin.New(admin.Config{Addr: addr}, &fake{})
		if fine != (err == nil) || err != nil && !errors.Is(err, admin.ErrToken) {
			t.Errorf("%q: %v", addr, err)
		}
	}
	hash := "sha256:" + strings.Repeat("ab", 32)
	if _, err := admin.New(admin.Config{Addr: "0.0.0.0:8788", TokenHashes: []string{hash}}, &fake{}); err != nil {
		t.Errorf("with a token: %v", err)
	}
	for _, bad := range []string{"", "secret", strings.Repeat("ab", 32), "sha256:abcd", "sha256:" + strings.Repeat("zz", 32), "sha512:" + strings.Repeat("ab", 32)} {
		if _, err := admin.New(admin.Config{TokenHashes: []string{hash, bad}}, &fake{}); err == nil || !strings.Contains(err.Error(), "admin.tokens[1]") {
			t.Errorf("token %q: %v", bad, err)
		}
	}
}

func TestListen_SaysWhyItCannot(t *testing.T) {
	base := serve(t, &fake{})
	s, err := admin.New(admin.Config{Addr: strings.TrimPrefix(base, "http://")}, &fake{})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Listen(); err == nil || !strings.Contains(err.Error(), "admin address") {
		t.Fatalf("a second server on the same address: %v", err)
	}
}
