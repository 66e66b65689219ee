package app

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/holdfast-run/holdfast/guest-sdk/cron"
)

const (
	pageNone = "none"
	page404  = "404-page"
	pageSPA  = "single-page-application"
)

// harmless are the keys of a Workers project that change nothing for a host of
// one's own: they speak of Cloudflare's account, of its dashboard, or of how
// JavaScript is bundled.
var harmless = []string{
	"$schema", "account_id", "alias", "base_dir", "compatibility_flags", "define", "dev", "env",
	"find_additional_modules", "first_party_worker", "jsx_factory", "jsx_fragment", "keep_names", "keep_vars",
	"legacy_env", "logpush", "minify", "no_bundle", "node_compat", "observability", "placement",
	"preserve_file_names", "preview_urls", "rules", "send_metrics", "tail_consumers", "tsconfig",
	"upload_source_maps", "usage_model", "workers_dev",
}

var (
	nameForm    = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,62}$`)
	bindingForm = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,127}$`)
	classForm   = regexp.MustCompile(`^[A-Za-z_$][A-Za-z0-9_$]{0,127}$`)
)

// Load reads and checks one configuration file. Errors are *ConfigError: they
// name the file, the key and what was expected.
func Load(file string) (*Config, error) {
	file, err := filepath.Abs(file)
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, &ConfigError{file, "", "cannot be read: " + err.Error()}
	}
	return parse(file, text)
}

// parse checks the text of a configuration file against what lies beside it.
func parse(file string, text []byte) (*Config, error) {
	root, err := readDocument(file, text)
	if err != nil {
		return nil, err
	}
	c := &Config{File: file, Dir: filepath.Dir(file)}
	l := loader{Config: c, bindings: map[string]string{}}
	l.load(root)
	if root.doc.err != nil {
		return nil, root.doc.err
	}
	return c, nil
}

// loader fills a Config.
type loader struct {
	*Config
	bindings map[string]string // name of a binding to the key that made it
}

func (l *loader) load(root *object) {
	l.Name = root.need("name")
	if !nameForm.MatchString(l.Name) {
		root.fail("name", "want lower-case letters, digits, - and _, at most 63")
	}
	l.CompatibilityDate = root.date("compatibility_date")
	own := root.child("holdfast")
	l.Standalone = own.flag("standalone")
	l.loadGuest(root, own)
	l.loadAssets(root)
	l.loadObjects(root)
	l.loadMigrations(root)
	l.loadD1(root, own)
	l.loadVars(root)
	l.loadDevKeys(own)
	l.loadCrons(root)
	l.loadLimits(root, own)
	l.loadKeeping(own)
	l.loadRoutes(root, own)
	l.Interleave = own.flag("interleave")
	l.Compression = own.flag("websocket_compression")
	l.MemoryMiB = own.number("memory_mib", 4096)
	l.loadOutbound(own)
	own.end()
	root.ignore(harmless...)
	root.end()
}

// bind claims a binding's name.
func (l *loader) bind(o *object, key, name string) {
	if !bindingForm.MatchString(name) {
		o.fail(key, "want a name of letters, digits and _")
		return
	}
	if other, taken := l.bindings[name]; taken {
		o.fail(key, "%s is bound by %s already", name, other)
		return
	}
	l.bindings[name] = o.key(key)
}

// resolve makes a path of the configuration absolute.
func (c *Config) resolve(path string) string {
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(c.Dir, path)
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// loadGuest finds the guest: holdfast.guest, else main where it is Go or Wasm.
func (l *loader) loadGuest(root, own *object) {
	main, guest := root.text("main"), own.text("guest")
	switch {
	case guest != "":
		l.Guest = l.guest(own, "guest", guest)
	case main != "":
		l.Guest = l.guest(root, "main", main)
	}
}

func (l *loader) guest(o *object, key, text string) *Guest {
	path := l.resolve(text)
	switch {
	case strings.HasSuffix(text, ".wasm"):
		if !isFile(path) && !l.Standalone { // that one may wait for its build: Build looks again
			o.fail(key, "no such file: %s", text)
		}
		return &Guest{Wasm: path}
	case strings.HasSuffix(text, ".go"):
		if !isFile(path) {
			o.fail(key, "no such file: %s", text)
		}
		return &Guest{Package: filepath.Dir(path)}
	case isDir(path):
		if found, err := filepath.Glob(filepath.Join(path, "*.go")); err != nil || len(found) == 0 {
			o.fail(key, "want a Go package, but %s holds no .go file", text)
		}
		return &Guest{Package: path}
	case key == "guest" && !strings.HasPrefix(text, ".") && !filepath.IsAbs(text):
		return &Guest{Package: text}
	}
	o.fail(key, "want a Go package's directory, a .go file or a .wasm, got %s", text)
	return nil
}

func (l *loader) loadAssets(root *object) {
	if _, ok := root.fields["assets"]; !ok {
		if l.Guest == nil {
			root.fail("main", "want a guest (Go package, .go or .wasm), or assets")
		}
		return
	}
	o := root.child("assets")
	a := &AssetsConfig{Directory: l.resolve(o.need("directory")), Binding: o.text("binding"), NotFoundHandling: o.text("not_found_handling"), RunWorkerFirst: o.flag("run_worker_first")}
	if !isDir(a.Directory) {
		o.fail("directory", "no such directory: %s", a.Directory)
	}
	if a.Binding != "" {
		l.bind(o, "binding", a.Binding)
	}
	if a.NotFoundHandling == "" {
		a.NotFoundHandling = pageNone
	}
	if !slices.Contains([]string{pageNone, page404, pageSPA}, a.NotFoundHandling) {
		o.fail("not_found_handling", `want "none", "404-page" or "single-page-application"`)
	}
	o.end()
	l.Assets = a
}

func (l *loader) loadVars(root *object) {
	o := root.child("vars")
	for name, value := range o.fields {
		text, isText := value.(string)
		if !isText {
			var b bytes.Buffer
			enc := json.NewEncoder(&b)
			enc.SetEscapeHTML(false)
			if err := enc.Encode(value); err != nil {
				o.fail(name, "want a string or JSON: %v", err)
			}
			text = strings.TrimSuffix(b.String(), "\n")
		}
		l.Vars = append(l.Vars, Var{name, text})
	}
	slices.SortFunc(l.Vars, func(a, b Var) int { return strings.Compare(a.Name, b.Name) })
	for _, v := range l.Vars {
		l.bind(o, v.Name, v.Name)
	}
}

// loadDevKeys reads holdfast.dev_keys: names of variables, of vars or not.
func (l *loader) loadDevKeys(own *object) {
	l.DevKeys = own.texts("dev_keys")
	for i, name := range l.DevKeys {
		key := fmt.Sprintf("dev_keys[%d]", i)
		if l.bindings[name] != "vars."+name {
			l.bind(own, key, name)
		} else if slices.Contains(l.DevKeys[:i], name) {
			own.fail(key, "%s stands twice", name)
		}
	}
	if len(l.DevKeys) > 0 && l.Guest == nil {
		own.fail("dev_keys", "an app without a guest has nothing to read them")
	}
}

func (l *loader) loadCrons(root *object) {
	o := root.child("triggers")
	for i, text := range o.texts("crons") {
		schedule, err := cron.Parse(text)
		if err != nil {
			o.doc.fail(indexed(o.key("crons"), i), "%v", err)
		}
		l.Crons = append(l.Crons, schedule)
	}
	if len(l.Crons) > 0 && l.Guest == nil {
		o.fail("crons", "an app without a guest has nothing to run")
	}
	o.end()
}

func (l *loader) loadOutbound(own *object) {
	l.Outbound = own.texts("outbound")
	for i, host := range l.Outbound {
		if strings.ContainsAny(host, "/@?# ") || strings.Contains(strings.TrimPrefix(host, "*."), "*") {
			own.doc.fail(indexed(own.key("outbound"), i), "want a host, host:port or *.host, got %s", host)
		}
	}
}

func (l *loader) loadLimits(root, own *object) {
	o := root.child("limits")
	l.Limits.CPUMs = o.number("cpu_ms", 3_600_000)
	o.ignore("subrequests")
	o.end()
	o = own.child("limits")
	const mib = 1 << 20
	l.Limits.EventMs = o.number("event_ms", 3_600_000)
	l.Limits.BodyMiB = o.number("body_mib", 4096)
	l.Limits.SocketMessageMiB = o.number("socket_message_mib", 32)
	l.Limits.Sockets = o.number("sockets", mib)
	l.Limits.MailboxEvents = o.number("mailbox_events", mib)
	l.Limits.MailboxMiB = o.number("mailbox_mib", 4096)
	l.Limits.WorkerInstances = o.number("worker_instances", 10_000)
	l.Limits.Counters = o.number("counters", 10_000)
	o.end()
}
