package hostcall_test

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/holdfast-run/holdfast/guest-sdk/abi"
	"github.com/holdfast-run/holdfast/host/storage"
	"github.com/holdfast-run/holdfast/runtime/object"
	"github.com/holdfast-run/holdfast/runtime/store"
)

// pastStage is a stage whose objects have a history.
func pastStage(t *testing.T) (*stage, *storage.Engine) {
	t.Helper()
	e, err := storage.Open(storage.Config{Dir: t.TempDir(), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	s := stageOver(t, e)
	if err := e.SetHistory(s.kind.Namespace, time.Hour); err != nil {
		t.Fatal(err)
	}
	return s, e
}

func (s *stage) put(value string) {
	s.t.Helper()
	if a := s.ask("a", "kv_put", &abi.KVEntries{Entries: []abi.KVEntry{{Key: "k", Value: []byte(value)}}}); a.st != abi.OK {
		s.t.Fatal(a.message(s.t))
	}
}

func (s *stage) value() string {
	s.t.Helper()
	return string(s.ask("a", "kv_get", &abi.KeyRequest{Key: "k"}).body)
}

// crash discards the instance of the object.
func (s *stage) crash() {
	s.dir.Crash(object.RefByName(s.kind.Namespace, "a"), "for a test")
}

// TestRestore_ComesWithTheNextInstance: the live one goes on as it was.
func TestRestore_ComesWithTheNextInstance(t *testing.T) {
	s, _ := pastStage(t)
	s.put("1")
	one := string(s.ask("a", "bookmark_current", nil).body)
	s.put("2")
	undo := s.ask("a", "bookmark_restore", &abi.StringRequest{Text: one})
	expect(t, "bookmark_restore", undo, abi.OK)
	s.put("3")
	if got := s.value(); got != "3" {
		t.Fatalf("before the next instance: %q", got)
	}
	s.crash()
	if got := s.value(); got != "1" {
		t.Fatalf("after it: %q", got)
	}
	expect(t, "undo", s.ask("a", "bookmark_restore", &abi.StringRequest{Text: string(undo.body)}), abi.OK)
	s.crash()
	if got := s.value(); got != "3" {
		t.Fatalf("after the undo: %q", got)
	}
	now := s.ask("a", "bookmark_for_time", &abi.TimeRequest{TimeMs: time.Now().Add(time.Hour).UnixMilli()})
	if current := s.ask("a", "bookmark_current", nil); string(now.body) != string(current.body) {
		t.Fatalf("%s, %s", now.body, current.body)
	}
	expect(t, "nonsense", s.ask("a", "bookmark_restore", &abi.StringRequest{Text: "x"}), abi.Invalid, "not a bookmark")
	expect(t, "too early", s.ask("a", "bookmark_for_time", &abi.TimeRequest{TimeMs: 1}), abi.NotFound, "history")
}

// TestRestore_OfAnAbortedTurn is not done.
func TestRestore_OfAnAbortedTurn(t *testing.T) {
	s, _ := pastStage(t)
	s.put("1")
	one := string(s.ask("a", "bookmark_current", nil).body)
	s.put("2")
	s.perform("a", func(p *puppet, _ uint64) bool {
		expect(t, "bookmark_restore", p.call("bookmark_restore", &abi.StringRequest{Text: one}), abi.OK)
		p.trap = errors.New("trapped")
		return false
	})
	if got := s.value(); got != "2" {
		t.Fatalf("got %q", got)
	}
}

// TestRewrite_DropsTheInstance and says when the change is durable; events
// that were under way fail as retryable.
func TestRewrite_DropsTheInstance(t *testing.T) {
	s, e := pastStage(t)
	s.put("1")
	ref := object.RefByName(s.kind.Namespace, "a")
	_, found, err := e.Stat(ref.Namespace, ref.ID)
	if err != nil || !found {
		t.Fatal(found, err)
	}
	started := make(chan struct{})
	var ended atomic.Pointer[ending]
	over := make(chan struct{})
	go func() {
		defer close(over)
		r := s.perform("a", func(p *puppet, event uint64) bool {
			close(started)
			return true // never answered
		})
		ended.Store(&r)
	}()
	<-started
	crashes := s.dir.Metrics().Crashes
	err = s.dir.Rewrite(context.Background(), s.kind, ref, "its storage was restored", func(st store.Object, durable func(error)) (bool, error) {
		if err := st.Put("k", []byte("from outside")); err != nil {
			return false, err
		}
		return st.Commit(durable)
	})
	if err != nil {
		t.Fatal(err)
	}
	<-over
	if r := ended.Load(); r.st != abi.Reset {
		t.Fatalf("the event under way ended with %v", r.st)
	}
	if n := s.dir.Metrics().Crashes; n != crashes+1 {
		t.Fatalf("%d instances were discarded", n-crashes)
	}
	if got := s.value(); got != "from outside" {
		t.Fatalf("got %q", got)
	}
	failure := errors.New("no")
	err = s.dir.Rewrite(context.Background(), s.kind, ref, "x", func(st store.Object, durable func(error)) (bool, error) {
		return false, errors.Join(failure, st.Put("k", []byte("lost")))
	})
	if !errors.Is(err, failure) {
		t.Fatal(err)
	}
	if got := s.value(); got != "from outside" {
		t.Fatalf("a change that failed left %q", got)
	}
	if err := s.dir.Erase(context.Background(), s.kind, ref, "deleted", func() error { return e.Delete(ref) }); err != nil {
		t.Fatal(err)
	}
	expect(t, "kv_get", s.ask("a", "kv_get", &abi.KeyRequest{Key: "k"}), abi.NotFound)
}
