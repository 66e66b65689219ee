package app

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/fsnotify/fsnotify"
)

// DefaultWatchQuiet is how long nothing must change before changes are told.
const DefaultWatchQuiet = 100 * time.Millisecond

// watchQuietMax is how many times that long a stream of changes may go on
// before they are told all the same.
const watchQuietMax = 20

// Change says what of an app has changed on disk.
type Change struct {
	App    string
	Config bool // its configuration or D1 migrations: load it again
	Guest  bool // what its guest is built from: build it again
	Assets bool // its assets; they are read anew by themselves
}

func (c *Change) merge(d Change) {
	c.Config, c.Guest, c.Assets = c.Config || d.Config, c.Guest || d.Guest, c.Assets || d.Assets
}

// Watcher tells when files of apps change, many changes at once. Its methods
// may be called from any goroutine.
type Watcher struct {
	notify  *fsnotify.Watcher
	quiet   time.Duration
	changes chan []Change
	quit    chan struct{}
	done    chan struct{}
	once    sync.Once

	mu    sync.Mutex
	rules rules
}

// rules say which files belong to which apps.
type rules struct {
	files map[string][]Change // whole paths
	goIn  map[string][]Change // directories, for Go files that come or go
	below map[string][]Change // directories, for all below
	all   []Change            // everything of every app
}

// NewWatcher starts a watcher that follows nothing yet. With quiet 0 it is
// DefaultWatchQuiet.
func NewWatcher(quiet time.Duration) (*Watcher, error) {
	notify, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, err
	}
	if quiet == 0 {
		quiet = DefaultWatchQuiet
	}
	w := &Watcher{notify: notify, quiet: quiet, changes: make(chan []Change), quit: make(chan struct{}), done: make(chan struct{})}
	go w.run()
	return w, nil
}

// Changes tells the changes, sorted by app, each app once. It is closed by
// Close. Changes that come while nobody receives are put together.
func (w *Watcher) Changes() <-chan []Change { return w.changes }

// Close stops the watcher.
func (w *Watcher) Close() {
	w.once.Do(func() { close(w.quit) })
	<-w.done
}

// Follow replaces what is watched by the files of apps. Call it again after a
// build: what a guest imports may have changed. A guest that does not build is
// still followed in its own directory.
func (w *Watcher) Follow(ctx context.Context, apps []*Config) error {
	r := rules{files: map[string][]Change{}, goIn: map[string][]Change{}, below: map[string][]Change{}}
	for _, c := range apps {
		if err := r.add(ctx, c); err != nil {
			return err
		}
	}
	w.mu.Lock()
	w.rules = r
	w.mu.Unlock()
	want := map[string]bool{}
	for file := range r.files {
		want[filepath.Dir(file)] = true
	}
	for dir := range r.goIn {
		want[dir] = true
	}
	for dir := range r.below {
		if err := eachDir(dir, func(below string) error { want[below] = true; return nil }); err != nil {
			return err
		}
	}
	for _, dir := range w.notify.WatchList() {
		if !want[dir] {
			w.notify.Remove(dir)
		}
	}
	for dir := range want {
		if err := w.notify.Add(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

func (r *rules) add(ctx context.Context, c *Config) error {
	config, guest := Change{App: c.Name, Config: true}, Change{App: c.Name, Guest: true}
	add := func(to map[string][]Change, path string, change Change) { to[path] = append(to[path], change) }
	r.all = append(r.all, Change{c.Name, true, true, true})
	add(r.files, c.File, config)
	for _, d := range c.D1 {
		if d.MigrationsDir != "" {
			add(r.below, d.MigrationsDir, config)
		}
	}
	if c.Assets != nil {
		add(r.below, c.Assets.Directory, Change{App: c.Name, Assets: true})
	}
	switch {
	case c.Guest == nil:
	case c.Guest.Wasm != "":
		add(r.files, c.Guest.Wasm, guest)
	default:
		from, err := listSources(ctx, c)
		var broken *BuildError
		if errors.As(err, &broken) {
			add(r.goIn, c.Guest.dir(c), guest)
			return nil
		}
		if err != nil {
			return err
		}
		for _, file := range from.files {
			add(r.files, file, guest)
		}
		for _, dir := range from.dirs {
			add(r.goIn, dir, guest)
		}
	}
	return nil
}

// of is what a change of path means.
func (r *rules) of(path string) []Change {
	changes := slices.Clone(r.files[path])
	name := filepath.Base(path)
	if strings.HasSuffix(name, ".go") && !strings.HasSuffix(name, "_test.go") {
		changes = append(changes, r.goIn[filepath.Dir(path)]...)
	}
	if name[0] == '.' || strings.HasSuffix(name, "~") {
		return changes // an editor's own
	}
	for dir, more := range r.below {
		if strings.HasPrefix(path, dir+string(filepath.Separator)) {
			changes = append(changes, more...)
		}
	}
	return changes
}

// run gathers changes until it has been quiet for a while.
func (w *Watcher) run() {
	defer close(w.done)
	defer close(w.changes)
	defer w.notify.Close()
	pending := map[string]*Change{}
	timer := time.NewTimer(w.quiet)
	var first time.Time
	due := false
	for {
		var out chan<- []Change
		var batch []Change
		if due && len(pending) > 0 {
			out, batch = w.changes, sortedChanges(pending)
		}
		select {
		case <-w.quit:
			return
		case out <- batch:
			pending, due = map[string]*Change{}, false
		case <-timer.C:
			due = true
		case event := <-w.notify.Events:
			changes := w.changesOf(event)
			if len(changes) == 0 {
				continue
			}
			if len(pending) == 0 {
				first = time.Now()
			}
			addChanges(pending, changes)
			if time.Since(first) < watchQuietMax*w.quiet {
				due = false
				timer.Reset(w.quiet)
			}
		case <-w.notify.Errors: // events were lost
			w.mu.Lock()
			all := w.rules.all
			w.mu.Unlock()
			addChanges(pending, all)
			timer.Reset(w.quiet)
		}
	}
}

func addChanges(pending map[string]*Change, changes []Change) {
	for _, c := range changes {
		if pending[c.App] == nil {
			pending[c.App] = &Change{App: c.App}
		}
		pending[c.App].merge(c)
	}
}

func sortedChanges(pending map[string]*Change) []Change {
	batch := make([]Change, 0, len(pending))
	for _, c := range pending {
		batch = append(batch, *c)
	}
	slices.SortFunc(batch, func(a, b Change) int { return strings.Compare(a.App, b.App) })
	return batch
}

// changesOf says what an event means. A new directory below one that is
// watched as a whole is watched too.
func (w *Watcher) changesOf(event fsnotify.Event) []Change {
	if event.Op == fsnotify.Chmod {
		return nil
	}
	w.mu.Lock()
	changes := w.rules.of(event.Name)
	w.mu.Unlock()
	if event.Has(fsnotify.Create) && len(changes) > 0 && isDir(event.Name) {
		eachDir(event.Name, w.notify.Add)
	}
	return changes
}

// eachDir calls visit for dir and the directories below it.
func eachDir(dir string, visit func(string) error) error {
	return filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil
		case err != nil:
			return err
		case !entry.IsDir():
			return nil
		case path != dir && skipped(entry.Name()):
			return filepath.SkipDir
		}
		return visit(path)
	})
}
