package object

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/holdfast-run/holdfast/guest-sdk/abi"
	"github.com/holdfast-run/holdfast/runtime/clock"
	"github.com/holdfast-run/holdfast/runtime/gate"
	"github.com/holdfast-run/holdfast/runtime/mailbox"
	"github.com/holdfast-run/holdfast/runtime/store"
)

// Config of a Directory. Engine, Log, Frames and Random are needed; the rest
// has defaults.
type Config struct {
	Clock  clock.Clock
	Engine store.Engine
	Log    *slog.Logger
	Frames Frames
	Random func([]byte)
	// After runs fn after a wall time that no manual clock moves: limits of
	// calls and events.
	After func(d time.Duration, fn func()) clock.Timer

	HotMax       int           // live instances
	HotBytesMax  int64         // their memory
	FreezeAfter  time.Duration // an instance that has had no turn for this long is frozen
	IdleAfter    time.Duration // one that is idle for this long goes cold, if it is not frozen
	FrozenAfter  time.Duration // a frozen one that is idle for this long goes cold
	FrozenMax    int           // frozen ones that are idle: the longest idle go cold
	DrainMax     time.Duration // how long an old version may finish
	GateWorkers  int
	AlarmsAtOnce int
}

// The defaults of Config.
const (
	DefaultHotMax       = 1024
	DefaultHotBytesMax  = 6 << 30
	DefaultFreezeAfter  = 2 * time.Second
	DefaultIdleAfter    = 10 * time.Second
	DefaultFrozenAfter  = 10 * time.Minute
	DefaultFrozenMax    = 100_000
	DefaultDrainMax     = 30 * time.Second
	DefaultAlarmsAtOnce = 256
)

func (c Config) withDefaults() Config {
	if c.Clock == nil {
		c.Clock = clock.System{}
	}
	if c.After == nil {
		c.After = clock.System{}.AfterFunc
	}
	if c.HotMax == 0 {
		c.HotMax = DefaultHotMax
	}
	if c.HotBytesMax == 0 {
		c.HotBytesMax = DefaultHotBytesMax
	}
	if c.FreezeAfter == 0 {
		c.FreezeAfter = DefaultFreezeAfter
	}
	if c.IdleAfter == 0 {
		c.IdleAfter = DefaultIdleAfter
	}
	if c.FrozenAfter == 0 {
		c.FrozenAfter = DefaultFrozenAfter
	}
	c.FrozenAfter = max(c.FrozenAfter, c.IdleAfter)
	if c.FrozenMax == 0 {
		c.FrozenMax = DefaultFrozenMax
	}
	if c.DrainMax == 0 {
		c.DrainMax = DefaultDrainMax
	}
	if c.AlarmsAtOnce == 0 {
		c.AlarmsAtOnce = DefaultAlarmsAtOnce
	}
	return c
}

const shards = 64

type objectKey struct {
	namespace string
	id        store.ID
}

func key(r store.Ref) objectKey { return objectKey{r.Namespace, r.ID} }

type shard struct {
	mu      sync.Mutex
	objects map[objectKey]*Object
}

// Directory finds or activates objects: at most one Object an id. Its methods
// may be called from any goroutine.
type Directory struct {
	cfg     Config
	pool    *gate.Pool
	waits   waits
	alarms  *Alarms
	shards  [shards]shard
	hot     hotList
	metrics metrics

	mu      sync.RWMutex
	classes map[string]*Class // by namespace
	workers map[string]*Workers

	closed  atomic.Bool
	sweeper clock.Timer // under the hot list's lock
}

type metrics struct {
	activations, evictions, crashes, broken, overloads, freezes, thaws, frozen atomic.Int64
}

// Metrics is a snapshot of the directory's counters.
type Metrics struct {
	Activations, Evictions, Crashes, Broken, Overloads int64
	Freezes, Thaws                                     int64
	Frozen                                             int64 // now
	Hot                                                int
	HotBytes                                           int64
	Objects                                            int
}

// New makes a directory. Close ends it.
func New(cfg Config) (*Directory, error) {
	cfg = cfg.withDefaults()
	if cfg.Engine == nil || cfg.Log == nil || cfg.Frames == nil || cfg.Random == nil {
		return nil, errors.New("object: Config needs Engine, Log, Frames and Random")
	}
	d := &Directory{cfg: cfg, pool: gate.NewPool(cfg.GateWorkers), classes: map[string]*Class{}, workers: map[string]*Workers{}}
	for i := range d.shards {
		d.shards[i].objects = map[objectKey]*Object{}
	}
	d.hot.init()
	d.alarms = newAlarms(d)
	d.sweepLater()
	return d, nil
}

func (d *Directory) now() time.Time { return d.cfg.Clock.Now() }

// Alarms is the directory's scheduler.
func (d *Directory) Alarms() *Alarms { return d.alarms }

// Clock is the directory's clock.
func (d *Directory) Clock() clock.Clock { return d.cfg.Clock }

// AddClass makes a class known; alarms find their class by namespace.
func (d *Directory) AddClass(c *Class) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if c.Name == "" {
		d.workers[c.App] = newWorkers(d, c)
		return
	}
	d.classes[c.Namespace] = c
}

// Class is the class with a namespace, nil if there is none.
func (d *Directory) Class(namespace string) *Class {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.classes[namespace]
}

// Workers is the pool of an app's worker, nil if it has none.
func (d *Directory) Workers(app string) *Workers {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.workers[app]
}

// Shift makes v the version of a class. Instances of older ones finish what
// they do, for at most DrainMax; sockets and alarms stay.
func (d *Directory) Shift(c *Class, v *Version) {
	c.Current.Store(v)
	each := func(fn func(o *Object)) {
		for _, o := range d.live() {
			if o.class == c {
				o.post(func() {
					if o.live && o.version != c.Current.Load() {
						fn(o)
					}
				})
			}
		}
	}
	each(func(o *Object) { o.switchVersion() })
	d.cfg.After(d.cfg.DrainMax, func() {
		each(func(o *Object) {
			o.crash(&Error{abi.Reset, "Durable Object reset because its code was updated.", abi.FailureRetryable})
		})
	})
}

func (d *Directory) shard(r store.Ref) *shard {
	return &d.shards[(uint(r.ID[0])^uint(r.ID[1])<<3)%shards]
}

// get finds or makes the Object of a ref.
func (d *Directory) get(c *Class, r store.Ref) (*Object, error) {
	if d.closed.Load() {
		return nil, &Error{abi.Unavailable, "the host is shutting down", abi.FailureRetryable}
	}
	sh := d.shard(r)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	o := sh.objects[key(r)]
	if o == nil {
		o = newObject(d, c, r)
		sh.objects[key(r)] = o
	}
	return o, nil
}

// Find is the Object of a ref if it is in memory; it makes none.
func (d *Directory) Find(r store.Ref) *Object {
	sh := d.shard(r)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	return sh.objects[key(r)]
}

// Send puts an event into an object's mailbox, activating it if need be. An
// error is an *Error, and e has not been taken.
func (d *Directory) Send(c *Class, r store.Ref, e *Event) error {
	o, err := d.send(c, r, e)
	if o != nil {
		go o.run()
	}
	return err
}

// SendHere is Send for a goroutine that will wait for the answer: the object
// runs on it, for a few steps, if it is at rest.
func (d *Directory) SendHere(c *Class, r store.Ref, e *Event) error {
	o, err := d.send(c, r, e)
	if o != nil {
		o.borrow()
	}
	return err
}

func (d *Directory) send(c *Class, r store.Ref, e *Event) (woken *Object, err error) {
	o, err := d.get(c, r)
	if err != nil {
		return nil, err
	}
	woken, err = d.queue(o, c, e)
	return woken, overloaded(err)
}

// queue puts an event into the mailbox of o, or of the Object that has taken
// its place. The caller must run the loop of the Object that is answered.
func (d *Directory) queue(o *Object, c *Class, e *Event) (woken *Object, err error) {
	for {
		start, err := o.queue(e)
		if start {
			return o, nil
		}
		if !errors.Is(err, errGone) {
			if err != nil {
				d.metrics.overloads.Add(1)
			}
			return nil, err
		}
		if o, err = d.get(c, o.ref); err != nil {
			return nil, err
		}
		d.waits.moved(e, o)
	}
}

func overloaded(err error) error {
	if errors.Is(err, mailbox.ErrTooMany) || errors.Is(err, mailbox.ErrTooMuch) {
		return &Error{abi.Overloaded, err.Error(), abi.FailureOverloaded}
	}
	return err
}

// live is every Object in memory, instances of workers included.
func (d *Directory) live() []*Object {
	var all []*Object
	for i := range d.shards {
		sh := &d.shards[i]
		sh.mu.Lock()
		for _, o := range sh.objects {
			all = append(all, o)
		}
		sh.mu.Unlock()
	}
	d.mu.RLock()
	defer d.mu.RUnlock()
	for _, w := range d.workers {
		all = append(all, w.all()...)
	}
	return all
}

// Metrics is a snapshot.
func (d *Directory) Metrics() Metrics {
	m := Metrics{
		Activations: d.metrics.activations.Load(), Evictions: d.metrics.evictions.Load(), Crashes: d.metrics.crashes.Load(),
		Broken: d.metrics.broken.Load(), Overloads: d.metrics.overloads.Load(),
		Freezes: d.metrics.freezes.Load(), Thaws: d.metrics.thaws.Load(), Frozen: d.metrics.frozen.Load(),
	}
	m.Hot, m.HotBytes = d.hot.size()
	for i := range d.shards {
		d.shards[i].mu.Lock()
		m.Objects += len(d.shards[i].objects)
		d.shards[i].mu.Unlock()
	}
	return m
}

// Snapshot is what can be said of an object without waking it.
type Snapshot struct {
	Tier          Tier
	MailboxEvents int
	MailboxBytes  int
	MemoryBytes   int64
	Sockets       int64
	LastActive    time.Time
	Version       int64
}

// Snapshot of the Object; any goroutine.
func (o *Object) Snapshot() Snapshot {
	s := Snapshot{
		Tier: Tier(o.tier.Load()), MemoryBytes: o.memory.Load(), Sockets: o.socketCount.Load(),
		LastActive: time.UnixMilli(o.lastActive.Load()), Version: o.versionNo.Load(),
	}
	s.MailboxEvents, s.MailboxBytes = o.box.Len()
	if s.Tier == TierCold {
		s.MemoryBytes = 0
	}
	return s
}

// Do runs fn on an object's loop, between turns, and waits for it; with the
// object's storage open. It makes an Object but no instance.
func (d *Directory) Do(ctx context.Context, c *Class, r store.Ref, fn func(o *Object) error) error {
	for {
		o, err := d.get(c, r)
		if err != nil {
			return err
		}
		done := make(chan error, 1)
		if !o.post(func() {
			err := o.open()
			if err == nil {
				err = fn(o)
			}
			done <- err
		}) {
			continue
		}
		select {
		case err := <-done:
			return err
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Evict makes an object cold once nothing of it is unfinished but timers; it
// waits for that.
func (d *Directory) Evict(ctx context.Context, r store.Ref) error {
	for {
		o := d.Find(r)
		if o == nil || Tier(o.tier.Load()) == TierCold {
			return nil
		}
		done := make(chan bool, 1)
		if !o.post(func() { done <- o.dismiss() }) {
			return nil
		}
		if <-done {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("evict %s: it does not become idle: %w", o.label(), ctx.Err())
		case <-time.After(evictPoll):
		}
	}
}

// Freeze puts an object's instance to rest, where it is and can be: it says
// whether it is frozen then.
func (d *Directory) Freeze(r store.Ref) bool {
	o := d.Find(r)
	if o == nil {
		return false
	}
	done := make(chan bool, 1)
	return o.post(func() { done <- o.freeze() || o.frozen != nil }) && <-done
}

// evictPoll is how often Evict and Quiet look again.
const evictPoll = 2 * time.Millisecond

// Crash discards an object's instance at once, as a panic of its guest would.
func (d *Directory) Crash(r store.Ref, reason string) {
	if o := d.Find(r); o != nil {
		done := make(chan struct{})
		if o.post(func() {
			if o.live {
				o.crash(errors.New(reason))
			}
			close(done)
		}) {
			<-done
		}
	}
}

// bury puts an alarm on the dead-letter list.
func (d *Directory) bury(a store.DeadAlarm) {
	if err := d.cfg.Engine.Bury(a); err != nil {
		d.cfg.Log.Error("dead alarm not kept", "namespace", a.Ref.Namespace, "object", a.Ref.Name, "error", err.Error())
	}
}
