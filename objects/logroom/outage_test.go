package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/holdfast-run/holdfast/host"
	"github.com/holdfast-run/holdfast/host/app"
	"github.com/holdfast-run/holdfast/internal/wasmtest"
)

// remoteD1 is a remote database that records what the outbox inserts, and can
// be down, slow, or fail in the middle of a batch.
type remoteD1 struct {
	mu      sync.Mutex
	down    bool
	slow    time.Duration
	failAt  int  // this INSERT into log_events fails; counts down
	open    bool // a transaction is
	pending []int64
	seqs    []int64 // committed, in order
}

func (d *remoteD1) set(fn func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	fn()
}

func (d *remoteD1) committed() []int64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]int64(nil), d.seqs...)
}

type hranaStmt struct {
	SQL  string `json:"sql"`
	Args []struct {
		Type  string `json:"type"`
		Value any    `json:"value"`
	} `json:"args"`
}

func (d *remoteD1) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	d.mu.Lock()
	down, slow := d.down, d.slow
	d.mu.Unlock()
	if down {
		panic(http.ErrAbortHandler)
	}
	select {
	case <-time.After(slow):
	case <-r.Context().Done():
		return
	}
	var in struct {
		Requests []struct {
			Type string    `json:"type"`
			Stmt hranaStmt `json:"stmt"`
		} `json:"requests"`
	}
	_ = json.NewDecoder(r.Body).Decode(&in) // a bad body has no requests
	var results []any
	for _, q := range in.Requests {
		if q.Type != "execute" {
			results = append(results, map[string]any{"type": "ok", "response": map[string]any{"type": q.Type}})
			continue
		}
		if err := d.execute(q.Stmt); err != nil {
			results = append(results, map[string]any{"type": "error", "error": map[string]any{"message": err.Error(), "code": "SQLITE_ERROR"}})
			continue
		}
		results = append(results, map[string]any{"type": "ok", "response": map[string]any{"type": "execute", "result": map[string]any{
			"cols": []any{}, "rows": []any{}, "affected_row_count": 0, "last_insert_rowid": "0"}}})
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"baton": "b", "base_url": nil, "results": results}) // a client that left loses it
}

func (d *remoteD1) execute(s hranaStmt) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	word, _, _ := strings.Cut(strings.ToUpper(strings.TrimSpace(s.SQL)), " ")
	switch {
	case word == "BEGIN", word == "ROLLBACK":
		d.open, d.pending = word == "BEGIN", nil
	case word == "COMMIT", word == "END":
		d.open = false
		d.seqs = append(d.seqs, d.pending...)
		d.pending = nil
	case strings.HasPrefix(s.SQL, "INSERT INTO log_events"):
		if d.failAt > 0 {
			if d.failAt--; d.failAt == 0 {
				return fmt.Errorf("disk I/O error")
			}
		}
		for i := 1; i < len(s.Args); i += 7 {
			n, err := strconv.ParseInt(fmt.Sprint(s.Args[i].Value), 10, 64)
			if err != nil {
				return err
			}
			d.pending = append(d.pending, n)
		}
		if !d.open {
			d.seqs = append(d.seqs, d.pending...)
			d.pending = nil
		}
	}
	return nil
}

// startRemote runs the app over a remote database.
func startRemote(t *testing.T) (*wasmtest.Host, *remoteD1) {
	t.Helper()
	d := &remoteD1{}
	srv := httptest.NewServer(d)
	t.Cleanup(srv.Close)
	cfg, err := app.Load(filepath.Join(wasmtest.Root(), "objects/logroom/wrangler.jsonc"))
	if err != nil {
		t.Fatal(err)
	}
	module, err := app.Build(t.Context(), cfg, filepath.Join(wasmtest.CacheDir(), "guests"))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	text := fmt.Sprintf(`{"name":"logs","main":%q,
		"durable_objects":{"bindings":[{"name":"LOG_ROOM","class_name":"LogRoom"}]},
		"d1_databases":[{"binding":"DB","database_name":"logs","database_id":"logs"}],
		"routes":[{"pattern":"/logs"},{"pattern":"/logs/*"}],
		"holdfast":{"memory_mib":256,"routes":[{"pattern":"/logs/:id/*","binding":"LOG_ROOM","name":":id"}],"d1":[{"binding":"DB","url":%q,"token":"t"}]}}`, module, srv.URL)
	if err := os.WriteFile(filepath.Join(dir, "wrangler.jsonc"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	h := wasmtest.Start(t, host.Config{Manual: true, Vars: map[string]string{"OWNER_KEYS": ownerKeys}}, dir)
	return h, d
}

func advanceLogs(t *testing.T, h *wasmtest.Host, d string) {
	t.Helper()
	if a := wasmtest.Do(t, "POST", h.Admin+"/_holdfast/api/clock", "", map[string]string{"advance": d}); a.Status != 200 {
		t.Fatalf("advance: %d %s", a.Status, a.Body)
	}
}

// drained reports that D1 has events 1 to n, in order, each once.
func drained(t *testing.T, d *remoteD1, n int) bool {
	t.Helper()
	seqs := d.committed()
	for i, s := range seqs {
		if s != int64(i+1) {
			t.Fatalf("D1 got event %d where %d was due: %v", s, i+1, seqs)
		}
	}
	return len(seqs) == n
}

func TestD1Outage_DownThenDrainsInOrder(t *testing.T) {
	h, d := startRemote(t)
	createLog(t, h, "x")
	appendTo(t, h, "x", "a", "before")
	wasmtest.Eventually(t, "D1 has the first event", func() bool { return drained(t, d, 1) })
	d.set(func() { d.down = true })
	for i := range 50 {
		appendTo(t, h, "x", "a", fmt.Sprint("while down ", i))
	}
	advanceLogs(t, h, "10m")
	a := wasmtest.Do(t, "GET", h.URL+"/logs/x/events?limit=1000&contentContains=down", "s-x", nil)
	if n := len(a.JSON(t)["events"].([]any)); n != 50 {
		t.Fatalf("a reader sees %d of its 50 writes", n)
	}
	if n := len(d.committed()); n != 1 {
		t.Fatalf("D1 is down and has %d events", n)
	}
	d.set(func() { d.down = false })
	advanceLogs(t, h, "10m")
	wasmtest.Eventually(t, "the outbox drains", func() bool { return drained(t, d, 51) })
}

func TestD1Outage_SlowDoesNotSlowAppends(t *testing.T) {
	h, d := startRemote(t)
	createLog(t, h, "x")
	d.set(func() { d.slow = 5 * time.Second })
	began := time.Now()
	for i := range 20 {
		appendTo(t, h, "x", "a", fmt.Sprint(i))
	}
	if took := time.Since(began); took > 4*time.Second {
		t.Fatalf("20 appends took %v behind a database that takes 5 s", took)
	}
	d.set(func() { d.slow = 0 })
	wasmtest.Eventually(t, "the outbox drains", func() bool { return drained(t, d, 20) })
}

func TestD1Outage_FailureInTheMiddleOfABatch(t *testing.T) {
	h, d := startRemote(t)
	createLog(t, h, "x")
	d.set(func() { d.failAt = 4 })
	var entries []map[string]string
	for i := range 100 {
		entries = append(entries, map[string]string{"authorId": "a", "content": fmt.Sprint(i)})
	}
	if a := wasmtest.Do(t, "POST", h.URL+"/logs/x/events:batch", "s-x", map[string]any{"events": entries}); a.Status != 201 {
		t.Fatalf("batch: %d %s", a.Status, a.Body)
	}
	wasmtest.Eventually(t, "the batch fails", func() bool {
		d.mu.Lock()
		defer d.mu.Unlock()
		return d.failAt == 0
	})
	advanceLogs(t, h, "1m")
	wasmtest.Eventually(t, "the outbox drains", func() bool { return drained(t, d, 100) })
}
