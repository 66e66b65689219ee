package client_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fasthttp/websocket"

	"github.com/holdfast-run/holdfast/host"
	"github.com/holdfast-run/holdfast/internal/wasmtest"
	"github.com/holdfast-run/holdfast/objects/logroom/client"
)

// next is the next update that is of one of the kinds.
func next(t *testing.T, s *client.Subscription, kinds ...client.Kind) client.Update {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for {
		u, err := s.Next(ctx)
		if err != nil {
			t.Fatalf("next: %v", err)
		}
		for _, k := range kinds {
			if u.Kind == k {
				return u
			}
		}
	}
}

// ends waits for the subscription's end.
func ends(t *testing.T, s *client.Subscription) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for {
		if _, err := s.Next(ctx); err != nil {
			return err
		}
	}
}

func TestSubscribe_HistoryLiveAndPresence(t *testing.T) {
	h := start(t, host.Config{})
	c := connect(t, h.URL)
	create(t, c, "s")
	for i := range 3 {
		add(t, c, "s", fmt.Sprint(i))
	}
	all := c.Subscribe("s", client.SubscribeOptions{AuthorID: "ann"})
	defer all.Close()
	if u := next(t, all, client.KindConnected); u.HeadSeq != 3 || len(u.Present) != 1 {
		t.Fatalf("%+v", u)
	}
	for seq := int64(1); seq <= 3; seq++ {
		if u := next(t, all, client.KindEvent); u.Event.Seq != seq {
			t.Fatalf("%+v, want %d", u, seq)
		}
	}
	live := c.Subscribe("s", client.SubscribeOptions{AuthorID: "bob", AfterSeq: -1})
	next(t, live, client.KindConnected)
	if u := next(t, all, client.KindPresence); u.AuthorID != "bob" || !u.Online {
		t.Fatalf("%+v", u)
	}
	add(t, c, "s", "live")
	for _, s := range []*client.Subscription{all, live} {
		if u := next(t, s, client.KindEvent); u.Event.Seq != 4 || u.Event.Content != "live" {
			t.Fatalf("%+v", u)
		}
	}
	if epoch, seq := live.Position(); epoch == "" || seq != 4 {
		t.Fatalf("position %s %d", epoch, seq)
	}
	live.Close()
	if err := ends(t, live); !errors.Is(err, client.ErrClosed) {
		t.Fatal(err)
	}
	if u := next(t, all, client.KindPresence); u.Online {
		t.Fatalf("%+v", u)
	}
	if err := c.Delete(t.Context(), "s"); err != nil {
		t.Fatal(err)
	}
	if err := ends(t, all); !errors.Is(err, client.ErrDeleted) {
		t.Fatal(err)
	}
}

func TestSubscribe_RefusalsAreFinal(t *testing.T) {
	h := start(t, host.Config{})
	c := connect(t, h.URL)
	create(t, c, "f")
	wrong := connect(t, h.URL)
	wrong.UseSecret("f", "wrong")
	stranger := connect(t, h.URL, func(cfg *client.Config) { cfg.OwnerKey = "" })
	for name, k := range map[string]struct {
		s    *client.Subscription
		want error
	}{
		"a wrong secret": {wrong.Subscribe("f", client.SubscribeOptions{AuthorID: "a"}), client.ErrForbidden},
		"none":           {stranger.Subscribe("f", client.SubscribeOptions{AuthorID: "a"}), client.ErrUnauthorized},
		"no such log":    {c.Subscribe("none", client.SubscribeOptions{AuthorID: "a"}), client.ErrNotFound},
		"no author":      {c.Subscribe("f", client.SubscribeOptions{}), client.ErrBadRequest},
	} {
		if err := ends(t, k.s); !errors.Is(err, k.want) {
			t.Errorf("%s: %v, want %v", name, err, k.want)
		}
		if err := ends(t, k.s); !errors.Is(err, k.want) {
			t.Errorf("%s, asked again: %v", name, err)
		}
	}
}

// follow reads events up to a seq and checks that none is missing or doubled.
func follow(t *testing.T, s *client.Subscription, from, to int64) {
	t.Helper()
	for seq := from; seq <= to; seq++ {
		if u := next(t, s, client.KindEvent, client.KindReset); u.Kind != client.KindEvent || u.Event.Seq != seq {
			t.Fatalf("got %+v, want event %d", u, seq)
		}
	}
}

func TestSubscribe_ResumesOverARestartOfTheHost(t *testing.T) {
	data := t.TempDir()
	h := start(t, host.Config{DataDir: data})
	addr := h.Addr()
	c := connect(t, h.URL)
	create(t, c, "r")
	s := c.Subscribe("r", client.SubscribeOptions{AuthorID: "ann"})
	defer s.Close()
	for range 5 {
		add(t, c, "r", "before")
	}
	follow(t, s, 1, 5)
	h.Stop()
	if u := next(t, s, client.KindDisconnected); u.Err == nil {
		t.Fatal("no reason")
	}
	start(t, host.Config{DataDir: data, Addr: addr})
	other := connect(t, "http://"+addr)
	for range 5 {
		if _, err := c.Append(t.Context(), "r", client.AppendOptions{AuthorID: "ann", Content: "after"}); err != nil {
			t.Fatal(err)
		}
	}
	follow(t, s, 6, 10)
	if m, err := other.Metadata(t.Context(), "r"); err != nil || m.HeadSeq != 10 {
		t.Fatalf("%+v, %v", m, err)
	}
}

func TestSubscribe_NothingIsLostOverKills(t *testing.T) {
	data := t.TempDir()
	args := []string{"dev", "--admin-addr", "off", "--data", data, "--var", "OWNER_KEYS=" + ownerKeys, "objects/logroom"}
	p := wasmtest.Spawn(t, append(args, "--addr", "127.0.0.1:0")...)
	addr := strings.TrimPrefix(p.URL, "http://")
	c := connect(t, p.URL, func(cfg *client.Config) { cfg.Tries = 200 })
	create(t, c, "k")
	s := c.Subscribe("k", client.SubscribeOptions{AuthorID: "ann"})
	defer s.Close()
	const events = 300
	appended := make(chan error, 1)
	go func() {
		for i := range events {
			e, err := c.Append(context.Background(), "k", client.AppendOptions{AuthorID: "ann", Content: fmt.Sprint(i)})
			if err == nil && e.Content != fmt.Sprint(i) {
				err = fmt.Errorf("append %d became %+v", i, e)
			}
			if err != nil {
				appended <- err
				return
			}
		}
		appended <- nil
	}()
	follow(t, s, 1, 80)
	p.Kill()
	p = wasmtest.Spawn(t, append(args, "--addr", addr)...)
	follow(t, s, 81, 160)
	p.Kill()
	wasmtest.Spawn(t, append(args, "--addr", addr)...)
	follow(t, s, 161, events)
	if err := <-appended; err != nil {
		t.Fatal(err)
	}
	page, err := c.Read(t.Context(), "k", client.ReadOptions{Limit: 1000})
	if err != nil || len(page.Events) != events || page.HeadSeq != events {
		t.Fatalf("%d events, head %d, %v", len(page.Events), page.HeadSeq, err)
	}
	for i, e := range page.Events {
		if e.Content != fmt.Sprint(i) {
			t.Fatalf("event %d is %q: an append was lost or repeated", i, e.Content)
		}
	}
}

// scripted is a server whose connections follow a script: the frames of each,
// then a close code. asked answers the queries of the connections so far.
func scripted(t *testing.T, script ...[]string) (srv *httptest.Server, asked func() []string) {
	up := websocket.Upgrader{CheckOrigin: func(*http.Request) bool { return true }}
	var mu sync.Mutex
	var queries []string
	srv = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/events") {
			fmt.Fprint(w, `{"events":[{"seq":3},{"seq":4}],"hasMore":false}`)
			return
		}
		mu.Lock()
		queries = append(queries, r.URL.RawQuery)
		lines := script[min(len(queries), len(script))-1]
		mu.Unlock()
		conn, err := up.Upgrade(w, r, nil)
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		for _, l := range lines {
			if code := 0; l[0] != '{' {
				_, _ = fmt.Sscan(l, &code) // the script's own
				_ = conn.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(code, "scripted"), time.Now().Add(time.Second))
				break
			}
			if err := conn.WriteMessage(websocket.TextMessage, []byte(l)); err != nil {
				return
			}
		}
		_, _, _ = conn.ReadMessage() // until the client has taken the close
	}))
	t.Cleanup(srv.Close)
	return srv, func() []string {
		mu.Lock()
		defer mu.Unlock()
		return queries
	}
}

func TestSubscribe_DropsDuplicatesFillsGapsAndReadsAnew(t *testing.T) {
	event := func(seq int) string { return fmt.Sprintf(`{"type":"event","event":{"seq":%d}}`, seq) }
	srv, asked := scripted(t,
		[]string{`{"type":"welcome","headSeq":2,"epoch":"e1"}`, event(1), event(2), event(2), event(1), "1013"},
		[]string{`{"type":"welcome","headSeq":5,"epoch":"e1"}`, event(2), event(5), "1006"},
		[]string{`{"type":"welcome","headSeq":1,"epoch":"e2"}`, `{"type":"reset","headSeq":1,"epoch":"e2"}`},
		[]string{`{"type":"welcome","headSeq":1,"epoch":"e2"}`, event(1), `{"type":"deleted"}`, "4410"})
	c := connect(t, srv.URL)
	s := c.Subscribe("a", client.SubscribeOptions{AuthorID: "ann"})
	follow(t, s, 1, 5)
	if u := next(t, s, client.KindReset, client.KindEvent); u.Kind != client.KindReset || u.HeadSeq != 1 {
		t.Fatalf("%+v", u)
	}
	follow(t, s, 1, 1)
	if err := ends(t, s); !errors.Is(err, client.ErrDeleted) {
		t.Fatal(err)
	}
	want := []string{"afterSeq=0&authorId=ann", "afterSeq=2&authorId=ann&epoch=e1", "afterSeq=5&authorId=ann&epoch=e1", "afterSeq=0&authorId=ann&epoch=e2"}
	if got := asked(); strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Fatalf("asked %q, want %q", got, want)
	}
}

func TestSubscribe_ASlowReaderIsResumed(t *testing.T) {
	h := start(t, host.Config{})
	c := connect(t, h.URL)
	create(t, c, "slow")
	s := c.Subscribe("slow", client.SubscribeOptions{AuthorID: "ann"})
	defer s.Close()
	next(t, s, client.KindConnected)
	const events = 1500
	batch := make([]client.AppendOptions, 500)
	for i := range batch {
		batch[i] = client.AppendOptions{AuthorID: "bob", Content: strings.Repeat("x", 4000)}
	}
	for range events / len(batch) {
		if _, err := c.AppendAll(t.Context(), "slow", batch); err != nil {
			t.Fatal(err)
		}
	}
	follow(t, s, 1, events)
}
