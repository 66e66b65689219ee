package edgetest

import (
	"maps"
	"net/http"
	"time"

	"github.com/holdfast-run/holdfast/guest-sdk/edge/edgetest/internal/appconfig"
)

// settings are what a world is made of.
type settings struct {
	app      *appconfig.Config
	dir      string // of Config
	mode     string
	vars     map[string]string
	d1       []appconfig.Database
	spaces   []appconfig.Namespace
	crons    []string
	start    time.Time
	outbound map[string]http.Handler
	sockets  map[string][]string // subprotocols by host
}

// Option changes the world that is made.
type Option func(*settings)

// Config takes bindings, variables, D1 migrations, crons and routes from the
// wrangler.jsonc (or .json) in a directory. Both does so by itself.
func Config(dir string) Option { return func(s *settings) { s.dir = dir } }

// Var sets a variable of the configuration, as --var does.
func Var(name, value string) Option { return func(s *settings) { s.vars[name] = value } }

// D1 adds a D1 binding. database may be a pattern with one '*'; migrationsDir
// holds the .sql files that are applied when the database is opened, or is "".
// A compiled guest has the bindings of its configuration instead.
func D1(binding, database, migrationsDir string) Option {
	return func(s *settings) {
		s.d1 = append(s.d1, appconfig.Database{Binding: binding, Name: database, MigrationsDir: migrationsDir})
	}
}

// Namespace binds a registered class, so that stubs reach its objects. A
// compiled guest has the bindings of its configuration instead.
func Namespace(binding, class string) Option {
	return func(s *settings) { s.spaces = append(s.spaces, appconfig.Namespace{Binding: binding, Class: class}) }
}

// Cron adds a cron trigger of the worker, which Advance fires. A compiled guest
// has those of its configuration instead.
func Cron(text string) Option { return func(s *settings) { s.crons = append(s.crons, text) } }

// Mode is what Env.Mode says: "dev", the default, or "serve". A compiled guest
// runs in dev: a test that asks for serve is skipped there.
func Mode(mode string) Option { return func(s *settings) { s.mode = mode } }

// Start sets where the clock stands at first, to the millisecond. By default a
// native world begins on 2026-01-01 at midnight UTC, and a real host at the
// system's time: use World.Now.
func Start(t time.Time) Option { return func(s *settings) { s.start = t } }

// Outbound lets Env.Fetch reach host, and h answer for it. Other hosts are
// denied. A test with one is skipped on a real host.
func Outbound(host string, h http.Handler) Option {
	return func(s *settings) { s.outbound[host] = h }
}

// OutboundSocket lets Env.Connect reach host, whose server speaks subprotocols;
// World.Dialed is its end of a connection. Other hosts are denied. A test with
// one is skipped on a real host.
func OutboundSocket(host string, protocols ...string) Option {
	return func(s *settings) { s.sockets[host] = protocols }
}

// startDefault is where the clock of a native world stands at first.
var startDefault = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func settingsOf(options []Option) (*settings, error) {
	s := &settings{mode: "dev", vars: map[string]string{}, outbound: map[string]http.Handler{}, sockets: map[string][]string{}}
	for _, o := range options {
		o(s)
	}
	s.app = &appconfig.Config{Name: "test", Vars: map[string]string{}}
	if s.dir != "" {
		var err error
		if s.app, err = appconfig.Load(s.dir); err != nil {
			return nil, err
		}
	}
	maps.Copy(s.app.Vars, s.vars)
	s.app.Databases = append(s.app.Databases, s.d1...)
	s.app.Namespaces = append(s.app.Namespaces, s.spaces...)
	s.app.Crons = append(s.app.Crons, s.crons...)
	return s, nil
}
