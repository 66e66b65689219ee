package client_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/holdfast-run/holdfast/host"
	"github.com/holdfast-run/holdfast/internal/wasmtest"
	"github.com/holdfast-run/holdfast/objects/logroom/client"
)

const (
	ownerKey  = "owner-key-of-acme"
	ownerKeys = `{"acme":"sha256:3309bc3834db2984b81d974ce09a6bd4c91f1f8f12cbf2c0efa6500862d5352e"}`
)

func start(t *testing.T, cfg host.Config) *wasmtest.Host {
	t.Helper()
	cfg.Vars = map[string]string{"OWNER_KEYS": ownerKeys}
	return wasmtest.Start(t, cfg, "objects/logroom")
}

// connect makes a client; its pauses are short.
func connect(t *testing.T, url string, more ...func(*client.Config)) *client.Client {
	t.Helper()
	cfg := client.Config{
		BaseURL: url, OwnerKey: ownerKey, BackoffFirst: 10 * time.Millisecond, BackoffMax: 200 * time.Millisecond, Tries: 8,
		HTTP: &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{}},
	}
	for _, f := range more {
		f(&cfg)
	}
	c, err := client.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cfg.HTTP.CloseIdleConnections)
	return c
}

func create(t *testing.T, c *client.Client, id string) {
	t.Helper()
	if _, err := c.Create(t.Context(), client.CreateOptions{ID: id, Name: "Log " + id, OwnerNamespace: "acme"}); err != nil {
		t.Fatal(err)
	}
}

func add(t *testing.T, c *client.Client, id, content string) *client.Event {
	t.Helper()
	e, err := c.Append(t.Context(), id, client.AppendOptions{AuthorID: "ann", Content: content})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestClient_TheLifeOfALog(t *testing.T) {
	h := start(t, host.Config{})
	c := connect(t, h.URL)
	ctx := t.Context()
	days := 30
	made, err := c.Create(ctx, client.CreateOptions{Name: "n", OwnerNamespace: "acme", RetentionDays: &days})
	if err != nil || made.ID == "" || made.Secret == "" {
		t.Fatalf("%+v, %v", made, err)
	}
	id := made.ID
	began := time.Now().Add(-time.Minute)
	for i := range 3 {
		if e := add(t, c, id, fmt.Sprint("event ", i)); e.Seq != int64(i+1) || e.LogID != id || e.CreatedAt.Before(began) {
			t.Fatalf("%+v", e)
		}
	}
	all, err := c.AppendAll(ctx, id, []client.AppendOptions{{AuthorID: "bob", Content: "100%"}, {AuthorID: "bob", Content: "x"}})
	if err != nil || len(all) != 2 || all[1].Seq != 5 {
		t.Fatalf("%+v, %v", all, err)
	}
	m, err := c.Metadata(ctx, id)
	if err != nil || m.HeadSeq != 5 || m.Epoch == "" || m.RetentionDays == nil || *m.RetentionDays != 30 {
		t.Fatalf("%+v, %v", m, err)
	}
	for want, o := range map[string]client.QueryOptions{
		"1 2 3 4 5": {}, "2 3": {ReadOptions: client.ReadOptions{AfterSeq: 1, BeforeSeq: 4}}, "5 4": {AuthorID: "bob", ReadOptions: client.ReadOptions{Newest: true, Limit: 2}},
		"4": {ContentContains: "100%"}, "": {BeforeDate: began}, "1 ": {AfterDate: began, ReadOptions: client.ReadOptions{Limit: 1}},
	} {
		page, err := c.Query(ctx, id, o)
		if err != nil || seqs(page.Events) != strings.TrimSpace(want) || page.HasMore != (o.Limit == 1) {
			t.Errorf("%+v: %+v, %v, want %s", o, page, err, want)
		}
	}
	if err := c.Delete(ctx, id); err != nil {
		t.Fatal(err)
	}
	if err := c.Delete(ctx, id); !errors.Is(err, client.ErrNotFound) {
		t.Fatalf("delete again: %v", err)
	}
	if _, err := c.Append(ctx, id, client.AppendOptions{AuthorID: "a", Content: "x"}); !errors.Is(err, client.ErrNotFound) {
		t.Fatalf("append to a deleted log: %v", err)
	}
	if _, err := c.Create(ctx, client.CreateOptions{ID: id, Name: "n", OwnerNamespace: "acme"}); !errors.Is(err, client.ErrConflict) {
		t.Fatalf("create again: %v", err)
	}
}

func seqs(events []client.Event) string {
	var out []string
	for _, e := range events {
		out = append(out, fmt.Sprint(e.Seq))
	}
	return strings.Join(out, " ")
}

func TestClient_RefusalsHaveCodes(t *testing.T) {
	h := start(t, host.Config{})
	c := connect(t, h.URL)
	create(t, c, "r")
	stranger := connect(t, h.URL, func(cfg *client.Config) { cfg.OwnerKey = "" })
	wrong := connect(t, h.URL, func(cfg *client.Config) { cfg.OwnerKey = "wrong" })
	read := func(c *client.Client) error { _, err := c.Read(t.Context(), "r", client.ReadOptions{}); return err }
	post := func(o client.AppendOptions) error { _, err := c.Append(t.Context(), "r", o); return err }
	for _, k := range []struct {
		err, want error
		status    int
	}{
		{read(stranger), client.ErrUnauthorized, 401},
		{read(wrong), client.ErrForbidden, 403},
		{post(client.AppendOptions{Content: "x"}), client.ErrBadRequest, 400},
		{post(client.AppendOptions{AuthorID: "a", Content: strings.Repeat("x", 64<<10+1)}), client.ErrTooLarge, 413},
	} {
		var e *client.Error
		if !errors.Is(k.err, k.want) || !errors.As(k.err, &e) || e.Status != k.status || e.Message == "" {
			t.Errorf("%v, want %v with %d", k.err, k.want, k.status)
		}
	}
	for _, bad := range []string{"", "x", "ftp://x", "http://"} {
		if _, err := client.New(client.Config{BaseURL: bad}); err == nil {
			t.Errorf("BaseURL %q was taken", bad)
		}
	}
	if got := connect(t, "https://x.test/").RealtimeURL("a b"); got != "wss://x.test/logs/a%20b/ws" {
		t.Error(got)
	}
}

// flaky is a server that loses answers, or gives others.
type flaky struct {
	mu    sync.Mutex
	lines []string // of what came: method, path, key
	plan  []int    // what each request gets: 0 a lost answer, else a status; behind its end 201
}

func (f *flaky) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var body struct{ Key string }
	_ = json.NewDecoder(r.Body).Decode(&body) // a request may have none
	f.mu.Lock()
	f.lines = append(f.lines, r.Method+" "+body.Key)
	status := 201
	if len(f.plan) > 0 {
		status, f.plan = f.plan[0], f.plan[1:]
	}
	f.mu.Unlock()
	if status == 0 {
		panic(http.ErrAbortHandler)
	}
	w.WriteHeader(status)
	if code := map[int]string{400: "bad_request", 404: "not_found", 503: "overloaded"}[status]; code != "" {
		fmt.Fprintf(w, `{"error":{"code":%q,"message":"scripted"}}`, code)
		return
	}
	fmt.Fprint(w, `{"id":"a","seq":1}`)
}

func (f *flaky) came() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]string(nil), f.lines...)
}

// errAny is any error.
var errAny = errors.New("any")

func TestRetry_RepeatsWhatIsSafeWithOneKey(t *testing.T) {
	for name, c := range map[string]struct {
		plan  []int
		run   func(ctx context.Context, c *client.Client) error
		tries int
		want  error
	}{
		"append over lost answers": {[]int{0, 0, 503, 502}, func(ctx context.Context, c *client.Client) error {
			_, err := c.Append(ctx, "a", client.AppendOptions{AuthorID: "a", Content: "x"})
			return err
		}, 5, nil},
		"append refused": {[]int{400, 201}, func(ctx context.Context, c *client.Client) error {
			_, err := c.Append(ctx, "a", client.AppendOptions{AuthorID: "a", Content: "x"})
			return err
		}, 1, client.ErrBadRequest},
		"append for ever": {make([]int, 50), func(ctx context.Context, c *client.Client) error {
			_, err := c.Append(ctx, "a", client.AppendOptions{AuthorID: "a", Content: "x"})
			return err
		}, 8, errAny},
		"create over a lost answer": {[]int{0}, func(ctx context.Context, c *client.Client) error {
			_, err := c.Create(ctx, client.CreateOptions{Name: "n", OwnerNamespace: "acme"})
			return err
		}, 1, errAny},
		"create that was refused as overloaded": {[]int{503}, func(ctx context.Context, c *client.Client) error {
			_, err := c.Create(ctx, client.CreateOptions{Name: "n", OwnerNamespace: "acme"})
			return err
		}, 2, nil},
		"delete whose answer was lost": {[]int{0, 404}, func(ctx context.Context, c *client.Client) error {
			return c.Delete(ctx, "a")
		}, 2, nil},
		"delete of what is not there": {[]int{404}, func(ctx context.Context, c *client.Client) error {
			return c.Delete(ctx, "a")
		}, 1, client.ErrNotFound},
	} {
		t.Run(name, func(t *testing.T) {
			f := &flaky{plan: c.plan}
			srv := httptest.NewServer(f)
			defer srv.Close()
			err := c.run(t.Context(), connect(t, srv.URL))
			came := f.came()
			if ok := err == nil && c.want == nil || err != nil && c.want == errAny || c.want != nil && errors.Is(err, c.want); !ok || len(came) != c.tries {
				t.Fatalf("%v after %q, want %v after %d", err, came, c.want, c.tries)
			}
			for _, l := range came {
				if l != came[0] || strings.HasPrefix(name, "append") && len(l) < len("POST ")+32 {
					t.Fatalf("tries %q", came)
				}
			}
		})
	}
}

func TestRetry_EndsWithTheContext(t *testing.T) {
	srv := httptest.NewServer(&flaky{plan: make([]int, 1000)})
	defer srv.Close()
	c := connect(t, srv.URL, func(cfg *client.Config) { cfg.Tries, cfg.BackoffFirst = 1000, time.Hour; cfg.BackoffMax = time.Hour })
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := c.Metadata(ctx, "a"); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatal(err)
	}
}
