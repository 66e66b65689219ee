package app

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// expect takes changes until want is told. Before it only late ones of what
// was wanted before may come; anything else fails.
func expect(t *testing.T, w *Watcher, before, want Change) {
	t.Helper()
	for {
		var batch []Change
		select {
		case batch = <-w.Changes():
		case <-time.After(patience):
			t.Fatalf("%+v was not told", want)
		}
		told := false
		for _, c := range batch {
			if !within(c, before, want) {
				t.Fatalf("told %+v, want %+v", batch, want)
			}
			told = told || c.App == want.App && c.Config == (want.Config || c.Config) && c.Guest == (want.Guest || c.Guest) && c.Assets == (want.Assets || c.Assets)
		}
		if told {
			return
		}
	}
}

// within says that c tells no more than some do.
func within(c Change, some ...Change) bool {
	all := Change{App: c.App}
	for _, s := range some {
		if s.App == c.App {
			all.merge(s)
		}
	}
	merged := all
	merged.merge(c)
	return merged == all
}

func TestWatcher_SaysWhatChanged(t *testing.T) {
	guest := guestApp(t)
	dir := tree(t, map[string]string{"wrangler.json": `{"name":"pages","assets":{"directory":"public"}}`, "public/index.html": "x", "wasm/wrangler.json": `{"name":"wasm","main":"app.wasm","d1_databases":[{"binding":"DB","database_name":"d","migrations_dir":"mig"}]}`, "wasm/app.wasm": "x", "wasm/mig/1.sql": ""})
	pages, err := Load(filepath.Join(dir, "wrangler.json"))
	if err != nil {
		t.Fatal(err)
	}
	wasm, err := Load(filepath.Join(dir, "wasm", "wrangler.json"))
	if err != nil {
		t.Fatal(err)
	}
	w, err := NewWatcher(5 * time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Close)
	if err := w.Follow(context.Background(), []*Config{guest, pages, wasm}); err != nil {
		t.Fatal(err)
	}
	touch := func(dir, name string) func() { return func() { write(t, filepath.Join(dir, name), "package lib") } }
	var before Change
	for _, step := range []struct {
		name string
		do   func()
		want Change
	}{
		{"a file of the guest", touch(guest.Dir, "main.go"), Change{App: "g", Guest: true}},
		{"a file of a package it imports", touch(guest.Dir, "lib/lib.go"), Change{App: "g", Guest: true}},
		{"a new file", touch(guest.Dir, "lib/more.go"), Change{App: "g", Guest: true}},
		{"a removed file", func() { os.Remove(filepath.Join(guest.Dir, "lib/more.go")) }, Change{App: "g", Guest: true}},
		{"go.mod", touch(guest.Dir, "go.mod"), Change{App: "g", Guest: true}},
		{"a configuration", touch(guest.Dir, "wrangler.json"), Change{App: "g", Config: true}},
		{"an asset", touch(pages.Dir, "public/index.html"), Change{App: "pages", Assets: true}},
		{"a module", touch(wasm.Dir, "app.wasm"), Change{App: "wasm", Guest: true}},
		{"a migration", touch(wasm.Dir, "mig/2.sql"), Change{App: "wasm", Config: true}},
		{"a new directory", func() {
			if err := os.Mkdir(filepath.Join(pages.Dir, "public", "new"), 0o755); err != nil {
				t.Fatal(err)
			}
		}, Change{App: "pages", Assets: true}},
		{"an asset in it", touch(pages.Dir, "public/new/page.html"), Change{App: "pages", Assets: true}},
	} {
		t.Log(step.name)
		// What does not count comes first: it must not be told.
		write(t, filepath.Join(guest.Dir, "lib", "lib_test.go"), "package lib")
		write(t, filepath.Join(guest.Dir, "unused", "u.go"), "package unused")
		write(t, filepath.Join(guest.Dir, "lib", "notes.txt"), "x")
		write(t, filepath.Join(pages.Dir, "public", ".index.html.swp"), "x")
		step.do()
		expect(t, w, before, step.want)
		before = step.want
	}
}

func TestWatcher_FollowsWhatDoesNotBuild(t *testing.T) {
	guest := guestApp(t)
	write(t, filepath.Join(guest.Dir, "main.go"), "package main\n\nfunc {")
	w, err := NewWatcher(time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Follow(context.Background(), []*Config{guest}); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(guest.Dir, "main.go"), guestMain)
	expect(t, w, Change{}, Change{App: "g", Guest: true})
	if err := w.Follow(context.Background(), nil); err != nil {
		t.Fatal(err)
	}
	if left := w.notify.WatchList(); len(left) > 0 {
		t.Errorf("still watched: %q", left)
	}
	w.Close()
	w.Close()
	for range w.Changes() {
	}
}

func TestChanges_AreMerged(t *testing.T) {
	pending := map[string]*Change{}
	addChanges(pending, []Change{{App: "b", Guest: true}, {App: "a", Config: true}})
	addChanges(pending, []Change{{App: "b", Assets: true}})
	got := sortedChanges(pending)
	if len(got) != 2 || got[0] != (Change{App: "a", Config: true}) || got[1] != (Change{App: "b", Guest: true, Assets: true}) {
		t.Errorf("got %+v", got)
	}
}
