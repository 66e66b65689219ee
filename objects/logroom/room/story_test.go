package room

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-run/holdfast/guest-sdk/edge/edgetest"
)

func TestStory_WhatWasAppendedIsReadAtOnce(t *testing.T) {
	both(t, func(t *testing.T, w *edgetest.World) {
		l := makeIn(w, "a")
		for i := range 5 {
			if e := l.append([]string{"ann", "bob"}[i%2], fmt.Sprint("event ", i)); e.Seq != int64(i+1) || e.ID != fmt.Sprint("a:", i+1) {
				t.Fatalf("event %+v", e)
			}
		}
		body := map[string]any{"authorId": "ann", "content": "once", "key": "k"}
		var one, two shown
		w.Fetch("POST", "/logs/a/events", body, l.auth()).Want(201).JSON(&one)
		w.Fetch("POST", "/logs/a/events", body, l.auth()).Want(200).JSON(&two)
		if one != two || one.Seq != 6 {
			t.Fatalf("%+v, then %+v", one, two)
		}
		for query, want := range map[string]string{
			"": "1 2 3 4 5 6", "limit=2": "1 2", "afterSeq=4": "5 6", "order=desc&limit=2": "6 5",
			"authorId=bob": "2 4", "contentContains=event+3": "4", "beforeDate=2000-01-01T00:00:00Z": "",
		} {
			if got := seqs(l.read(query).Events); got != want {
				t.Errorf("%s: got %s, want %s", query, got, want)
			}
		}
		w.Settle()
		if got := seqs(l.indexed("contentContains=event")); got != "1 2 3 4 5" {
			t.Errorf("search: %s", got)
		}
	})
}

func TestStory_ASocketSeesHistoryThenWhatHappens(t *testing.T) {
	both(t, func(t *testing.T, w *edgetest.World) {
		l := makeIn(w, "s")
		for range 4 {
			l.append("ann", "old")
		}
		bob := l.connect("bob", "&afterSeq=2")
		if f := want(t, bob, "welcome"); f.HeadSeq != 4 || len(f.Presence) != 1 || f.LogID != "s" {
			t.Fatalf("%+v", f)
		}
		for seq := int64(3); seq <= 4; seq++ {
			if f := want(t, bob, "event"); f.Event.Seq != seq {
				t.Fatalf("history %+v, want %d", f, seq)
			}
		}
		cid := l.connect("cid", "")
		want(t, cid, "welcome")
		if f := want(t, bob, "presence"); f.AuthorID != "cid" || f.State != "online" {
			t.Fatalf("%+v", f)
		}
		second := l.connect("cid", "")
		want(t, second, "welcome")
		bob.Send(map[string]any{"type": "append", "ref": 7, "content": "hi"})
		seen := map[string]int64{}
		for range 2 {
			f := next(bob)
			seen[f.Type] = max(f.Seq, f.Event.Seq)
		}
		if seen["ack"] != 5 || seen["event"] != 5 {
			t.Fatalf("own append: %v", seen)
		}
		if f := want(t, cid, "event"); f.Event.AuthorID != "bob" || f.Event.Seq != 5 {
			t.Fatalf("%+v", f)
		}
		bob.Send("ping")
		bob.Expect("pong")
		bob.Send(`{"type":"append","ref":8}`)
		if f := want(t, bob, "error"); f.Code != "bad_request" || f.Ref != 8.0 || !strings.Contains(f.Message, "content") {
			t.Fatalf("%+v", f)
		}
		second.Drop()
		w.Settle()
		bob.Quiet() // cid has another tab
		cid.Close(1000, "")
		if f := want(t, bob, "presence"); f.AuthorID != "cid" || f.State != "offline" {
			t.Fatalf("%+v", f)
		}
	})
}

func TestStory_ALongHistoryHasNoGapAndNoDuplicate(t *testing.T) {
	both(t, func(t *testing.T, w *edgetest.World) {
		l := makeIn(w, "long")
		l.fill(2600, strings.Repeat("x", 200))
		w.Settle()
		c := l.connect("bob", "&afterSeq=100")
		l.append("ann", "live")
		want(t, c, "welcome")
		for seq := int64(101); seq <= 2601; seq++ {
			if f := want(t, c, "event"); f.Event.Seq != seq {
				t.Fatalf("got %d, want %d", f.Event.Seq, seq)
			}
		}
		c.Quiet()
	})
}

func TestStory_EvictionAndCrashLoseNothing(t *testing.T) {
	both(t, func(t *testing.T, w *edgetest.World) {
		l := makeIn(w, "r")
		c := l.connect("bob", "")
		epoch := want(t, c, "welcome").Epoch
		for i, end := range []func(){l.object().Evict, l.object().Crash, l.object().Evict} {
			if e := l.append("ann", "x"); e.Seq != int64(i+1) {
				t.Fatalf("seq %d after %d restarts", e.Seq, i)
			}
			if f := want(t, c, "event"); f.Event.Seq != int64(i+1) {
				t.Fatalf("%+v", f)
			}
			w.Settle()
			end()
		}
		var p struct{ Authors []struct{ AuthorID string } }
		w.Fetch("GET", "/logs/r/presence", nil, l.auth()).Want(200).JSON(&p)
		if len(p.Authors) != 1 || p.Authors[0].AuthorID != "bob" {
			t.Fatalf("presence %+v", p)
		}
		if got := l.read(""); seqs(got.Events) != "1 2 3" || got.Epoch != epoch {
			t.Fatalf("%+v", got)
		}
		late := l.connect("cid", "&afterSeq=1&epoch=other")
		want(t, late, "welcome")
		if f := want(t, late, "reset"); f.HeadSeq != 3 || f.Epoch != epoch {
			t.Fatalf("%+v", f)
		}
	})
}

func TestStory_RetentionDeletesAndSeqGoesOn(t *testing.T) {
	both(t, func(t *testing.T, w *edgetest.World) {
		l := makeIn(w, "keep", "retentionDays", 1)
		w.Fetch("POST", "/logs/keep/events", map[string]any{"authorId": "a", "content": "old", "key": "k"}, l.auth()).Want(201)
		l.append("a", "old")
		w.Advance(20 * time.Hour)
		l.append("a", "young")
		w.Advance(29 * time.Hour)
		if got := l.read(""); seqs(got.Events) != "" && seqs(got.Events) != "3" || got.HeadSeq != 3 {
			t.Fatalf("after 49 h: %+v", got)
		}
		w.Advance(24 * time.Hour)
		if got := l.read(""); len(got.Events) != 0 || got.HeadSeq != 3 {
			t.Fatalf("after 73 h: %+v", got)
		}
		if left := l.indexed(""); len(left) != 0 {
			t.Fatalf("D1 keeps %+v", left)
		}
		var e shown
		w.Fetch("POST", "/logs/keep/events", map[string]any{"authorId": "a", "content": "new", "key": "k"}, l.auth()).Want(201).JSON(&e)
		if e.Seq != 4 {
			t.Fatalf("seq %d", e.Seq)
		}
	})
}

func TestStory_DeletedIsDeleted(t *testing.T) {
	both(t, func(t *testing.T, w *edgetest.World) {
		l := makeIn(w, "d")
		l.append("ann", "x")
		c := l.connect("bob", "")
		want(t, c, "welcome")
		w.Fetch("DELETE", "/logs/d", nil, l.auth()).Want(403)
		w.Fetch("DELETE", "/logs/d", nil, bearerOf(acmeKey)).Want(204)
		want(t, c, "deleted")
		c.ExpectClose(closeDeleted)
		w.Settle()
		l.object().Evict()
		w.Fetch("GET", "/logs/d", nil, bearerOf(acmeKey)).Want(404)
		w.Fetch("POST", "/logs/d/events", map[string]any{"authorId": "a", "content": "x"}, l.auth()).Want(404)
		w.Fetch("DELETE", "/logs/d", nil, bearerOf(acmeKey)).Want(404)
		w.Fetch("POST", "/logs", map[string]any{"id": "d", "name": "n", "ownerNamespace": "acme"}, bearerOf(acmeKey)).Want(409)
		late := l.connect("bob", "")
		late.ExpectClose(closeNotFound)
		if left := l.indexed(""); len(left) != 0 {
			t.Fatalf("D1 keeps %+v", left)
		}
	})
}
