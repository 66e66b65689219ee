package host

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/holdfast-run/holdfast/guest-sdk/abi"
	"github.com/holdfast-run/holdfast/host/admin"
	"github.com/holdfast-run/holdfast/host/app"
	"github.com/holdfast-run/holdfast/host/hostcall"
	"github.com/holdfast-run/holdfast/runtime/engine"
	"github.com/holdfast-run/holdfast/runtime/object"
)

// running is one app as it runs. The host's mu guards what changes with a new
// version.
type running struct {
	name     string
	cfg      *app.Config
	version  int
	path     string // of the built guest, "" without one
	image    *engine.Image
	classes  map[string]*object.Class // by class name
	workers  *object.Workers          // nil without a worker
	assets   *app.Assets              // nil without
	calls    *hostcall.App
	counters *counters         // nil without a guest
	devKeys  map[string]string // variables that nobody set
	d1       *d1App
}

// close frees what the app holds; nothing of it may run any more.
func (a *running) close() error {
	var errs []error
	if a.image != nil {
		errs = append(errs, a.image.Close())
	}
	if a.assets != nil {
		errs = append(errs, a.assets.Close())
	}
	return errors.Join(errs...)
}

// bound is a binding of an app and the class behind it.
type bound struct {
	binding string
	class   *object.Class
}

// bindings are the app's own classes, by the first binding of each.
func (a *running) bindings() []bound {
	var out []bound
	seen := map[string]bool{}
	for _, b := range a.cfg.Objects {
		if b.ScriptName != "" && b.ScriptName != a.name || seen[b.ClassName] {
			continue
		}
		if c := a.classes[b.ClassName]; c != nil {
			seen[b.ClassName] = true
			out = append(out, bound{b.Name, c})
		}
	}
	return out
}

// running lists the apps; the slice is the caller's.
func (h *Host) running() []*running {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.apps)
}

// load builds and starts every app.
func (h *Host) load(ctx context.Context, configs []*app.Config) error {
	type built struct {
		i    int
		path string
		err  error
	}
	results := make(chan built, len(configs))
	for i, c := range configs {
		go func() {
			path, err := h.build(ctx, c)
			results <- built{i, path, err}
		}()
	}
	paths := make([]string, len(configs))
	var errs []error
	for range configs {
		b := <-results
		paths[b.i] = b.path
		errs = append(errs, b.err)
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	for _, c := range configs {
		if err := h.migrateClasses(c); err != nil {
			return fmt.Errorf("app %s: %w", c.Name, err)
		}
	}
	for i, c := range configs {
		a, err := h.start(ctx, c, paths[i])
		if err != nil {
			return fmt.Errorf("app %s: %w", c.Name, err)
		}
		h.apps = append(h.apps, a)
	}
	for _, a := range h.apps {
		if err := h.check(a); err != nil {
			return err
		}
		if err := a.d1.migrateNow(ctx); err != nil {
			return fmt.Errorf("app %s: %w", a.name, err)
		}
		h.schedule(a)
	}
	return h.route()
}

// build compiles an app's guest; "" for an app without one.
func (h *Host) build(ctx context.Context, c *app.Config) (string, error) {
	if c.Guest == nil {
		return "", nil
	}
	path, err := app.Build(ctx, c, filepath.Join(h.cfg.CacheDir, "guests"))
	if err != nil {
		return "", fmt.Errorf("app %s: %w", c.Name, err)
	}
	return path, nil
}

// image makes the image of a built guest.
func (h *Host) image(ctx context.Context, c *app.Config, path string) (*engine.Image, error) {
	module, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read guest: %w", err)
	}
	img, err := h.engine.Image(ctx, module, engine.ImageConfig{MemoryMiB: c.MemoryMiB})
	if err != nil {
		return nil, fmt.Errorf("guest %s: %w", path, err)
	}
	return img, nil
}

// start makes an app run; nothing reaches it before its routes are in force.
func (h *Host) start(ctx context.Context, c *app.Config, path string) (*running, error) {
	a := &running{name: c.Name, cfg: c, version: 1, path: path, classes: map[string]*object.Class{}}
	if c.Assets != nil {
		var err error
		if a.assets, err = app.OpenAssets(c); err != nil {
			return nil, err
		}
	}
	a.d1 = &d1App{host: h.d1, log: h.cfg.Log, bindings: databases(c), migrated: map[string]*migration{}}
	if path == "" {
		return a, nil
	}
	var err error
	if a.devKeys, err = h.devKeys(c); err != nil {
		return nil, err
	}
	if a.image, err = h.image(ctx, c, path); err != nil {
		return nil, err
	}
	a.counters = newCounters(h.countersMax(c))
	a.calls = &hostcall.App{
		Name: c.Name, D1: a.d1, Outbound: hostcall.NewOutbound(c.Outbound), Random: random, Log: h.cfg.Log,
		Sockets:   &dialled{h.sockets, c.Limits.SocketMessageMiB << 20},
		Counters:  a.counters,
		Namespace: func(binding string) *object.Class { return h.namespace(a, binding) },
	}
	for _, v := range h.versions(a, a.image) {
		class := object.NewClass(c.Name, v.class, h.limits(c), v.version)
		class.Origin = h.storage.Origin(class.Namespace)
		h.dir.AddClass(class)
		if v.class == "" {
			a.workers = h.dir.Workers(c.Name)
			continue
		}
		a.classes[v.class] = class
	}
	return a, h.keep(c, slices.Collect(maps.Keys(a.classes)))
}

// versioned is a class of an image, as the app's current version has it.
type versioned struct {
	class   string
	version *object.Version
}

func (h *Host) versions(a *running, img *engine.Image) []versioned {
	var out []versioned
	calls := a.calls
	for _, r := range img.Classes() {
		v := &object.Version{
			Number: a.version, Handlers: r.Handlers, Interleave: r.Interleave || a.cfg.Interleave,
			New:       func(o *object.Object) (object.Guest, error) { return newGuest(img, h.freezer, hostcall.New(calls, o)) },
			Construct: abi.ConstructEvent{Class: r.Class, Mode: string(h.cfg.Mode), Vars: h.vars(a)},
		}
		for _, b := range a.cfg.Objects {
			v.Construct.Namespaces = append(v.Construct.Namespaces, b.Name)
		}
		for _, d := range a.cfg.D1 {
			v.Construct.D1 = append(v.Construct.D1, d.Binding)
		}
		out = append(out, versioned{r.Class, v})
	}
	return out
}

func pick(values ...int) int {
	for _, v := range values {
		if v != 0 {
			return v
		}
	}
	return 0
}

// limits are the app's own, then the host's; the rest is the runtime's.
func (h *Host) limits(c *app.Config) object.Limits {
	l := h.cfg.Limits
	return object.Limits{
		MailboxEventsMax: pick(c.Limits.MailboxEvents, l.MailboxEvents),
		MailboxBytesMax:  pick(c.Limits.MailboxMiB, l.MailboxMiB) << 20,
		EventTimeout:     time.Duration(pick(c.Limits.EventMs, l.EventSeconds*1000)) * time.Millisecond,
		WorkersMax:       pick(c.Limits.WorkerInstances, l.WorkerInstances),
		SocketsMax:       c.Limits.Sockets,
	}
}

// countersMax is how many names an app may count under.
func (h *Host) countersMax(c *app.Config) int {
	return pick(c.Limits.Counters, h.cfg.Limits.Counters, abi.CountersMax)
}

// databases are the app's D1 bindings.
func databases(c *app.Config) map[string]database {
	out := map[string]database{}
	for _, d := range c.D1 {
		db := database{name: d.DatabaseName, url: d.URL, token: d.Token, table: d.MigrationsTable}
		if d.MigrationsDir != "" {
			db.migrations = os.DirFS(d.MigrationsDir)
		}
		out[d.Binding] = db
	}
	return out
}

// namespace is the class behind a binding of an app; it may be another app's.
func (h *Host) namespace(a *running, binding string) *object.Class {
	for _, b := range a.cfg.Objects {
		if b.Name != binding {
			continue
		}
		if b.ScriptName == "" || b.ScriptName == a.name {
			return a.classes[b.ClassName]
		}
		for _, other := range h.running() {
			if other.name == b.ScriptName {
				return other.classes[b.ClassName]
			}
		}
	}
	return nil
}

// check refuses bindings whose class no guest registers.
func (h *Host) check(a *running) error {
	for i, b := range a.cfg.Objects {
		if h.namespace(a, b.Name) == nil {
			return &app.ConfigError{File: a.cfg.File, Key: fmt.Sprintf("durable_objects.bindings[%d].class_name", i), Want: fmt.Sprintf("no guest registers a class %q", b.ClassName)}
		}
	}
	return nil
}

// schedule sets the app's crons.
func (h *Host) schedule(a *running) {
	var list []*cron
	if a.workers != nil {
		for i, s := range a.cfg.Crons {
			list = append(list, &cron{app: a.name, index: i, text: s.String(), schedule: s, pool: a.workers})
		}
	}
	h.crons.replace(a.name, list)
}

// Apps lists the apps for the admin API.
func (h *Host) Apps() []admin.App {
	var out []admin.App
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, a := range h.apps {
		v := admin.App{Name: a.name, Version: a.version, Routes: []string{}}
		for _, r := range a.cfg.Routes {
			v.Routes = append(v.Routes, r.Pattern)
		}
		if a.image != nil {
			v.Guest = admin.Guest{Bytes: int64(a.image.ModuleBytes()), ImageBytes: a.image.MemoryBytes()}
		}
		out = append(out, v)
	}
	return out
}

// imageKept is how long an old image stays, so that its last instances can
// end.
const imageKept = 2 * object.DefaultDrainMax

// Reload puts a new build of an app in force: new events meet the new
// version, sockets and alarms stay. With an error the old one goes on.
func (h *Host) Reload(ctx context.Context, name string) error {
	h.mu.Lock()
	var a *running
	for _, x := range h.apps {
		if x.name == name {
			a = x
		}
	}
	h.mu.Unlock()
	if a == nil {
		return fmt.Errorf("reload: no app %q runs", name)
	}
	c, err := app.Load(a.cfg.File)
	if err != nil {
		return err
	}
	path, err := h.build(ctx, c)
	if err != nil {
		return err
	}
	if c.Name != a.name || (path == "") != (a.image == nil) {
		return fmt.Errorf("reload %s: its name changed, or it gained or lost its guest: restart to apply", name)
	}
	next := *a
	next.cfg, next.version, next.path = c, a.version+1, path
	if next.devKeys, err = h.devKeys(c); err != nil {
		return err
	}
	if c.Assets != nil {
		if next.assets, err = app.OpenAssets(c); err != nil {
			return err
		}
	}
	if path != "" {
		if next.image, err = h.image(ctx, c, path); err != nil {
			return err
		}
	}
	return h.swap(ctx, a, &next)
}

// swap replaces a by next.
func (h *Host) swap(ctx context.Context, a, next *running) error {
	next.d1 = &d1App{host: h.d1, log: h.cfg.Log, bindings: databases(next.cfg), migrated: map[string]*migration{}}
	if err := next.d1.migrateNow(ctx); err != nil {
		return errors.Join(err, next.close())
	}
	if err := h.migrateClasses(next.cfg); err != nil {
		return errors.Join(fmt.Errorf("reload %s: restart to apply: %w", next.name, err), next.close())
	}
	next.classes = map[string]*object.Class{}
	if next.image != nil {
		next.counters.limit(h.countersMax(next.cfg))
		calls := *a.calls
		calls.D1, calls.Outbound = next.d1, hostcall.NewOutbound(next.cfg.Outbound)
		calls.Sockets = &dialled{h.sockets, next.cfg.Limits.SocketMessageMiB << 20}
		calls.Namespace = func(binding string) *object.Class { return h.namespace(next, binding) }
		next.calls = &calls
		for _, v := range h.versions(next, next.image) {
			class := a.classes[v.class]
			if v.class == "" && a.workers != nil {
				class = a.workers.Class()
			}
			if class == nil {
				class = object.NewClass(next.name, v.class, h.limits(next.cfg), v.version)
				class.Origin = h.storage.Origin(class.Namespace)
				h.dir.AddClass(class)
			} else {
				h.dir.Shift(class, v.version)
			}
			if v.class == "" {
				next.workers = h.dir.Workers(next.name)
			} else {
				next.classes[v.class] = class
			}
		}
	}
	h.mu.Lock()
	h.apps[slices.Index(h.apps, a)] = next
	h.mu.Unlock()
	if err := errors.Join(h.check(next), h.keep(next.cfg, slices.Collect(maps.Keys(next.classes)))); err != nil {
		h.cfg.Log.Error("reload", "app", next.name, "error", err.Error())
	}
	h.schedule(next)
	clockAfter(imageKept, func() {
		if err := a.close(); err != nil {
			h.cfg.Log.Error("old version not closed", "app", next.name, "error", err.Error())
		}
	})
	return h.route()
}
