package host

import (
	"context"
	"reflect"
	"time"

	"github.com/holdfast-run/holdfast/host/app"
)

// clockAfter runs fn after a wall time, on a goroutine.
func clockAfter(d time.Duration, fn func()) { time.AfterFunc(d, fn) }

// watcher rebuilds apps whose files change.
type watcher struct {
	h    *Host
	w    *app.Watcher
	done chan struct{}
}

// rebuildMax bounds one rebuild.
const rebuildMax = 5 * time.Minute

// watch begins to watch; a host that cannot goes on without.
func (h *Host) watch() *watcher {
	w, err := app.NewWatcher(0)
	if err != nil {
		h.cfg.Log.Warn("changes are not watched", "error", err.Error())
		return nil
	}
	wt := &watcher{h: h, w: w, done: make(chan struct{})}
	go func() {
		defer close(wt.done)
		wt.follow()
		wt.catchUp()
		for changes := range w.Changes() {
			for _, c := range changes {
				wt.rebuild(c)
			}
			wt.follow()
		}
	}()
	return wt
}

// follow watches what the apps are made of now.
func (w *watcher) follow() {
	var configs []*app.Config
	for _, a := range w.h.running() {
		configs = append(configs, a.cfg)
	}
	ctx, cancel := context.WithTimeout(context.Background(), rebuildMax)
	defer cancel()
	if err := w.w.Follow(ctx, configs); err != nil {
		w.h.cfg.Log.Warn("not all changes are watched", "error", err.Error())
	}
}

// catchUp rebuilds what changed between its build at start and now: nobody
// watched then.
func (w *watcher) catchUp() {
	ctx, cancel := context.WithTimeout(context.Background(), rebuildMax)
	defer cancel()
	for _, a := range w.h.running() {
		c, err := app.Load(a.cfg.File)
		if err == nil && reflect.DeepEqual(c, a.cfg) {
			path, err := w.h.build(ctx, c)
			if err == nil && path == a.path {
				continue
			}
		}
		w.rebuild(app.Change{App: a.name, Config: true, Guest: true})
	}
}

// rebuild puts a changed app in force. Assets are read from disk as they are.
func (w *watcher) rebuild(c app.Change) {
	if !c.Config && !c.Guest {
		return
	}
	began := time.Now()
	ctx, cancel := context.WithTimeout(context.Background(), rebuildMax)
	defer cancel()
	if err := w.h.Reload(ctx, c.App); err != nil {
		w.h.cfg.Log.Error("not reloaded; the last version goes on", "app", c.App, "error", err.Error())
		return
	}
	w.h.cfg.Log.Info("reloaded", "app", c.App, "took", time.Since(began).Round(time.Millisecond).String())
}

func (w *watcher) stop() {
	if w == nil {
		return
	}
	w.w.Close()
	<-w.done
}
