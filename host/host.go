// Package host is Holdfast as a library: New reads apps, opens storage and
// wires the layers together, Serve answers, Shutdown ends. It owns the
// wiring, in one visible place, and the life of the apps. It refuses to do a
// layer's work.
package host

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/holdfast-run/holdfast/host/admin"
	"github.com/holdfast-run/holdfast/host/app"
	"github.com/holdfast-run/holdfast/host/d1"
	"github.com/holdfast-run/holdfast/host/d1/front"
	"github.com/holdfast-run/holdfast/host/ingress"
	"github.com/holdfast-run/holdfast/host/socket"
	"github.com/holdfast-run/holdfast/host/storage"
	"github.com/holdfast-run/holdfast/runtime/clock"
	"github.com/holdfast-run/holdfast/runtime/engine"
	"github.com/holdfast-run/holdfast/runtime/object"
)

// Mode says what a host is for.
type Mode string

// The modes.
const (
	ModeDev   Mode = "dev"   // watches and rebuilds; open to a developer
	ModeServe Mode = "serve" // strict
)

// AdminOff as Config.AdminAddr serves no admin API.
const AdminOff = "off"

// DefaultData is the data directory.
const DefaultData = ".holdfast"

// Config of a Host. Zero fields have defaults; it is not changed after New.
type Config struct {
	Dirs      []string // where apps are looked for; default "."
	Addr      string   // default 127.0.0.1:8787
	AdminAddr string   // default 127.0.0.1:8788; "off" for none
	DataDir   string   // default .holdfast
	CacheDir  string   // of builds and compiled images; default the user's
	Mode      Mode     // default dev
	Manual    bool     // a clock that only Advance moves
	// ManualStart is where the manual clock of a new data directory stands;
	// zero is the system's time.
	ManualStart time.Time
	Watch       bool // rebuild what changes
	Vars        map[string]string
	Log         *slog.Logger

	// KeyMade hears of each token that holdfast.dev_keys of an app asked for,
	// once, when it is made: within New, or within a reload on its goroutine.
	// Only its hash is kept. nil: no keys are made.
	KeyMade func(DevKey)

	TrustedProxies  []string
	TLSCert, TLSKey string
	AdminTokens     []string // "sha256:<hex>"
	Limits          Limits
	D1              D1Config
}

// D1Config is what the host configuration says of D1; zero fields have the
// defaults of host/d1.
type D1Config struct {
	HistoryDays        *int     `json:"historyDays"` // 0 keeps none
	Relaxed            []string `json:"relaxed"`     // databases without D1's limits; patterns with '*'
	OpenDatabases      int      `json:"openDatabases"`
	Queue              int      `json:"queue"` // queries that wait for one database
	TransactionSeconds int      `json:"transactionSeconds"`
	ImportSeconds      int      `json:"importSeconds"`
	ResultMiB          int      `json:"resultMiB"`
	Statements         int      `json:"statements"` // of one batch
	Streams            int      `json:"streams"`    // of Hrana
	StreamIdleSeconds  int      `json:"streamIdleSeconds"`
}

// Limits of the host; zero fields have the defaults of their layers.
type Limits struct {
	HotMax                  int   `json:"hotMax"`
	HotMiBMax               int64 `json:"hotMiBMax"`
	FreezeSeconds           int   `json:"freezeSeconds"`
	FrozenBytesMax          int64 `json:"frozenBytesMax"`
	FrozenDiskBytesMax      int64 `json:"frozenDiskBytesMax"` // negative: none
	IdleSeconds             int   `json:"idleSeconds"`
	FrozenSeconds           int   `json:"frozenSeconds"`
	FrozenMax               int   `json:"frozenMax"`
	MailboxEvents           int   `json:"mailboxEvents"`
	MailboxMiB              int   `json:"mailboxMiB"`
	EventSeconds            int   `json:"eventSeconds"`
	BodyMiB                 int   `json:"bodyMiB"`
	SocketQueueKiB          int   `json:"socketQueueKiB"`
	SocketPingSeconds       int   `json:"socketPingSeconds"`       // negative: never
	SocketsDrainedPerSecond int   `json:"socketsDrainedPerSecond"` // negative: all at once
	WorkerInstances         int   `json:"workerInstances"`
	Counters                int   `json:"counters"` // of one app
	Connections             int   `json:"connections"`
	OpenDatabases           int   `json:"openDatabases"`
	CacheMiB                int64 `json:"cacheMiB"`    // blocks of tables in memory
	MemTableMiB             int64 `json:"memTableMiB"` // writes in memory until they become a table
	D1Seconds               int   `json:"d1Seconds"`
	ObjectMiB               int64 `json:"objectMiB"`       // kv + SQL of one object
	StorageMiB              int64 `json:"storageMiB"`      // of all
	SQLMillionSteps         int64 `json:"sqlMillionSteps"` // of SQLite's machine in one turn
	DiskSoftMiB             int64 `json:"diskSoftMiB"`     // free space below which nothing may grow
	DiskHardMiB             int64 `json:"diskHardMiB"`     // below which nothing is written
}

func (c Config) withDefaults() (Config, error) {
	if len(c.Dirs) == 0 {
		c.Dirs = []string{"."}
	}
	if c.Addr == "" {
		c.Addr = ingress.DefaultAddr
	}
	if c.AdminAddr == "" {
		c.AdminAddr = admin.DefaultAddr
	}
	if c.DataDir == "" {
		c.DataDir = DefaultData
	}
	if c.Mode == "" {
		c.Mode = ModeDev
	}
	if c.Log == nil {
		c.Log = slog.Default()
	}
	if c.CacheDir == "" {
		dir, err := os.UserCacheDir()
		if err != nil {
			return c, fmt.Errorf("no cache directory: set HOLDFAST_CACHE: %w", err)
		}
		c.CacheDir = filepath.Join(dir, "holdfast")
	}
	return c, nil
}

// Host runs apps. Its methods may be called from any goroutine.
type Host struct {
	cfg     Config
	storage *storage.Engine
	d1      *d1.Host
	d1Front *front.Front
	engine  *engine.Engine
	freezer *engine.Freezer
	clock   clock.Clock
	manual  *clock.Manual // nil on the system's clock
	sockets *socket.Server
	dir     *object.Directory
	crons   *crons
	ingress *ingress.Server
	admin   *admin.Server
	watcher *watcher
	sweeper func()        // stops the sweeps of histories
	broken  chan struct{} // closed when storage takes no more writes

	router  atomic.Pointer[router]
	mu      sync.Mutex // guards apps while they change
	apps    []*running
	advance sync.Mutex
}

// New opens the data directory, builds and loads every app, applies D1
// migrations and opens the addresses. An error has opened nothing for good.
func New(ctx context.Context, cfg Config) (*Host, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	h := &Host{cfg: cfg, broken: make(chan struct{})}
	if err := h.open(ctx); err != nil {
		return nil, errors.Join(err, h.close(ctx))
	}
	return h, nil
}

// open is the wiring, from the bottom up.
func (h *Host) open(ctx context.Context) error {
	configs, err := h.find()
	if err != nil {
		return err
	}
	h.crons = newCrons(clock.System{}, h.cfg.Log)
	if h.storage, err = storage.Open(h.storageConfig()); err != nil {
		return err
	}
	h.clock = clock.System{}
	if h.cfg.Manual {
		if h.manual, err = manualClock(h.storage, h.cfg.ManualStart); err != nil {
			return err
		}
		h.clock = h.manual
	}
	h.crons = newCrons(h.clock, h.cfg.Log)
	if h.d1, err = d1.New(h.d1Config()); err != nil {
		return err
	}
	if h.engine, err = engine.New(engine.Config{CacheDir: filepath.Join(h.cfg.CacheDir, "wazero"), Log: h.cfg.Log}); err != nil {
		return err
	}
	h.freezer = engine.NewFreezer(engine.FreezerConfig{
		RAMBytesMax: h.cfg.Limits.FrozenBytesMax, DiskBytesMax: h.cfg.Limits.FrozenDiskBytesMax, Dir: h.cfg.DataDir,
	})
	if h.sockets, err = socket.New(h.socketConfig()); err != nil {
		return err
	}
	h.dir, err = object.New(object.Config{
		Clock: h.clock, Engine: h.storage, Log: h.cfg.Log, Frames: socket.Frame, Random: random,
		HotMax: pick(h.cfg.Limits.HotMax, engine.SlotsMax()), HotBytesMax: h.hotBytesMax(),
		FreezeAfter: seconds(h.cfg.Limits.FreezeSeconds), IdleAfter: seconds(h.cfg.Limits.IdleSeconds),
		FrozenAfter: h.frozenAfter(), FrozenMax: h.frozenMax(),
	})
	if err != nil {
		return err
	}
	if err := h.load(ctx, configs); err != nil {
		return err
	}
	h.sweeper = h.sweepHistory()
	return h.listen()
}

// socketConfig is the socket layer's part of the limits.
func (h *Host) socketConfig() socket.Config {
	l := h.cfg.Limits
	return socket.Config{
		QueueBytesMax: l.SocketQueueKiB << 10, PingEvery: seconds(l.SocketPingSeconds),
		DrainPerSecond: l.SocketsDrainedPerSecond, Now: h.now,
	}
}

// hotBytesMax is what live instances may take: a quarter of the machine unless
// it is set.
func (h *Host) hotBytesMax() int64 {
	if n := h.cfg.Limits.HotMiBMax; n > 0 {
		return n << 20
	}
	return memoryBytes() / 4
}

// frozenAfter is how long a frozen object that is idle is kept: on a clock that
// tests move, no longer than a live one, so that they see what storage lacks.
func (h *Host) frozenAfter() time.Duration {
	if h.cfg.Manual && h.cfg.Limits.FrozenSeconds == 0 {
		return time.Nanosecond // as long as a live one
	}
	return seconds(h.cfg.Limits.FrozenSeconds)
}

// frozenBytesEach is what a frozen object takes of memory, the garbage that
// comes with it included; frozenShare is the part of the machine for all.
const (
	frozenBytesEach = 16 << 10
	frozenShare     = 8
)

// frozenMax is how many frozen objects that are idle are kept: an eighth of the
// machine's memory unless it is set, and no more than the default.
func (h *Host) frozenMax() int {
	if n := h.cfg.Limits.FrozenMax; n > 0 {
		return n
	}
	if n := memoryBytes() / frozenShare / frozenBytesEach; n > 0 {
		return int(min(n, object.DefaultFrozenMax))
	}
	return object.DefaultFrozenMax
}

func seconds(n int) time.Duration { return time.Duration(n) * time.Second }

// now is the host's clock as storage stamps with it.
func (h *Host) now() time.Time {
	if h.clock == nil {
		return time.Now()
	}
	return h.clock.Now()
}

func random(p []byte) { _, _ = rand.Read(p) } // never fails, says crypto/rand

// listen opens both addresses.
func (h *Host) listen() error {
	var err error
	h.ingress, err = ingress.New(ingress.Config{
		Addr: h.cfg.Addr, TLSCert: h.cfg.TLSCert, TLSKey: h.cfg.TLSKey, TrustedProxies: h.cfg.TrustedProxies,
		SpoolDir: h.cfg.DataDir, Log: h.cfg.Log, ConnectionsMax: h.cfg.Limits.Connections, ClientJS: clientJS,
	}, h, h.sockets)
	if err != nil {
		return err
	}
	if err := h.ingress.Listen(); err != nil {
		return err
	}
	if h.cfg.AdminAddr == AdminOff {
		return nil
	}
	h.d1Front = front.New(front.Config{
		Host: h.d1, StreamsMax: h.cfg.D1.Streams, StreamIdle: seconds(h.cfg.D1.StreamIdleSeconds),
	})
	reg := prometheus.NewRegistry()
	reg.MustRegister(newCollector(h), appCollector{h})
	h.admin, err = admin.New(admin.Config{
		Addr: h.cfg.AdminAddr, TokenHashes: h.cfg.AdminTokens, Registry: reg, D1: h.d1Front, Log: h.cfg.Log,
	}, h)
	if err != nil {
		return err
	}
	return h.admin.Listen()
}

// Addr is the public address.
func (h *Host) Addr() string { return h.ingress.Addr().String() }

// AdminAddr is the admin address, or "".
func (h *Host) AdminAddr() string {
	if h.admin == nil {
		return ""
	}
	return h.admin.Addr().String()
}

// Scheme is "http", or "https" with a certificate.
func (h *Host) Scheme() string {
	if h.cfg.TLSCert != "" {
		return "https"
	}
	return "http"
}

// Serve answers requests until Shutdown, and then returns nil. Overdue alarms
// fire as it begins. ready, if not nil, is called once requests are answered.
func (h *Host) Serve(ready func()) error {
	h.dir.Alarms().Start()
	errs := make(chan error, 2)
	go func() { errs <- h.ingress.Serve() }()
	if h.admin != nil {
		go func() { errs <- h.admin.Serve() }()
	} else {
		errs <- nil
	}
	if h.cfg.Watch {
		h.watcher = h.watch()
	}
	if ready != nil {
		ready()
	}
	return errors.Join(<-errs, <-errs)
}

// Shutdown stops accepting, lets what runs finish until ctx ends, closes
// sockets with 1012, and closes storage. Writes that were acknowledged are
// durable in any case.
func (h *Host) Shutdown(ctx context.Context) error {
	if h.watcher != nil {
		h.watcher.stop()
	}
	h.crons.stop()
	return h.close(ctx)
}

// close undoes open, as far as it came.
func (h *Host) close(ctx context.Context) error {
	var errs []error
	sockets := make(chan error, 1)
	go func() { // while requests finish, so that each has its share of the time
		if h.sockets == nil {
			sockets <- nil
			return
		}
		sockets <- h.sockets.Shutdown(ctx, closeRestart, "the host restarts")
	}()
	if h.sweeper != nil {
		h.sweeper()
	}
	if h.ingress != nil {
		errs = append(errs, h.ingress.Shutdown(ctx))
	}
	if h.admin != nil {
		errs = append(errs, h.admin.Shutdown(ctx))
	}
	if h.d1Front != nil {
		errs = append(errs, h.d1Front.Close())
	}
	errs = append(errs, <-sockets)
	if h.dir != nil {
		errs = append(errs, h.dir.Close(ctx))
	}
	for _, a := range h.apps {
		errs = append(errs, a.close())
	}
	if h.engine != nil {
		errs = append(errs, h.freezer.Close(), h.engine.Close())
	}
	if h.d1 != nil {
		errs = append(errs, h.d1.Close())
	}
	if h.storage != nil {
		errs = append(errs, h.storage.Close())
	}
	return errors.Join(errs...)
}

// closeRestart is what sockets are closed with: the client should come back.
const closeRestart = 1012

// find reads the configuration of every app below the directories.
func (h *Host) find() ([]*app.Config, error) {
	apps, err := app.Discover(h.cfg.Dirs)
	if err == nil && len(apps) == 0 {
		err = &app.ConfigError{File: h.cfg.Dirs[0], Want: "no app found: expected a wrangler.jsonc, wrangler.json or wrangler.toml"}
	}
	return apps, err
}
