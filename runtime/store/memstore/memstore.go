// Package memstore is a store.Engine in memory, for tests of what stands on
// it. It owns a second copy of everything, the durable one, so that a test
// can hold syncs back, let them fail, and crash. It refuses SQL.
package memstore

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/holdfast-run/holdfast/runtime/store"
)

// ErrInjected is the failure that Options ask for.
var ErrInjected = errors.New("memstore: injected failure")

// Options change how an engine behaves. The zero value syncs at once and
// never fails.
type Options struct {
	// Clock stamps creation and activity. Default time.Now.
	Clock func() time.Time
	// HoldSyncs keeps commits from becoming durable until Flush.
	HoldSyncs bool
	// FailCommit makes the n-th Commit with changes fail; 1 is the first.
	FailCommit int
	// FailSync makes the n-th sync and all after it fail.
	FailSync int
}

// Engine is a store.Engine. Its methods may be called from any goroutine.
type Engine struct {
	options Options

	mu      sync.Mutex
	applied *state
	durable *state
	pending []commit // applied, not durable
	open    map[objectKey]bool
	commits int
	syncs   int
	failure error
	closed  bool
	wake    chan struct{}
	stopped chan struct{}
}

var _ store.Engine = (*Engine)(nil)

type objectKey struct {
	namespace string
	id        store.ID
}

// commit is one turn, or one write of the engine itself.
type commit struct {
	apply   func(*state)
	durable func(error)
}

// New returns an empty engine.
func New(options Options) *Engine { return start(options, newState(), newState()) }

func start(options Options, applied, durable *state) *Engine {
	if options.Clock == nil {
		options.Clock = time.Now
	}
	e := &Engine{
		options: options, applied: applied, durable: durable, open: map[objectKey]bool{},
		wake: make(chan struct{}, 1), stopped: make(chan struct{}),
	}
	go e.run()
	return e
}

// CrashClone returns an engine with what was durable at this moment, as if
// the host had lost its power. The engine itself goes on.
func (e *Engine) CrashClone() *Engine {
	e.mu.Lock()
	defer e.mu.Unlock()
	options := e.options
	options.FailCommit, options.FailSync = 0, 0
	return start(options, e.durable.clone(), e.durable.clone())
}

// Reopen returns an engine with everything that was applied, as after an
// orderly restart. The engine must be closed.
func (e *Engine) Reopen() *Engine {
	e.mu.Lock()
	defer e.mu.Unlock()
	return start(e.options, e.applied.clone(), e.applied.clone())
}

// Flush makes all pending commits durable, in order, on the caller's
// goroutine, and returns how many there were.
func (e *Engine) Flush() int {
	n := 0
	for e.flushOne() {
		n++
	}
	return n
}

// Pending is the number of commits that are not durable.
func (e *Engine) Pending() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.pending)
}

func (e *Engine) flushOne() bool {
	e.mu.Lock()
	if len(e.pending) == 0 {
		e.mu.Unlock()
		return false
	}
	c := e.pending[0]
	e.pending = e.pending[1:]
	e.syncs++
	if e.options.FailSync > 0 && e.syncs >= e.options.FailSync && e.failure == nil {
		e.failure = fmt.Errorf("sync %d: %w", e.syncs, ErrInjected)
	}
	err := e.failure
	if err == nil {
		c.apply(e.durable)
	}
	e.mu.Unlock()
	if c.durable != nil {
		c.durable(err)
	}
	return true
}

// run makes commits durable until Close, unless syncs are held.
func (e *Engine) run() {
	defer close(e.stopped)
	for range e.wake {
		if !e.options.HoldSyncs {
			e.Flush()
		}
	}
}

// add applies a commit and queues it; mu is held.
func (e *Engine) add(c commit) {
	c.apply(e.applied)
	e.pending = append(e.pending, c)
	select {
	case e.wake <- struct{}{}:
	default:
	}
}

// write applies a change that is durable on return, whatever Options say: it
// and all commits before it.
func (e *Engine) write(apply func(*state)) error {
	done := make(chan error, 1)
	e.mu.Lock()
	if err := e.writable(); err != nil {
		e.mu.Unlock()
		return err
	}
	e.add(commit{apply: apply, durable: func(err error) { done <- err }})
	e.mu.Unlock()
	if e.options.HoldSyncs {
		e.Flush()
	}
	return <-done
}

// writable is called with mu held.
func (e *Engine) writable() error {
	switch {
	case e.closed:
		return store.ErrClosed
	case e.failure != nil:
		return fmt.Errorf("%w: %w", store.ErrReadOnly, e.failure)
	}
	return nil
}

// Failed reports the first failed sync.
func (e *Engine) Failed() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.failure
}

// Close makes what is pending durable and ends the engine's goroutine.
func (e *Engine) Close() error {
	e.mu.Lock()
	if e.closed {
		e.mu.Unlock()
		return nil
	}
	e.closed = true
	close(e.wake)
	e.mu.Unlock()
	<-e.stopped
	e.Flush()
	return nil
}

// read runs fn on the applied state.
func (e *Engine) read(fn func(*state)) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return store.ErrClosed
	}
	fn(e.applied)
	return nil
}

// Setting returns a host-wide value.
func (e *Engine) Setting(name string) (value []byte, ok bool, err error) {
	err = e.read(func(s *state) {
		value, ok = s.settings[name]
		value = slices.Clone(value)
	})
	return value, ok, err
}

// SetSetting keeps a host-wide value.
func (e *Engine) SetSetting(name string, value []byte) error {
	value = slices.Clone(value)
	return e.write(func(s *state) { s.settings[name] = value })
}

// NextEpoch counts up.
func (e *Engine) NextEpoch() (epoch uint64, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.nextEpoch()
}

// nextEpoch is durable at once: it is called with mu held.
func (e *Engine) nextEpoch() (uint64, error) {
	if err := e.writable(); err != nil {
		return 0, err
	}
	e.applied.epoch++
	e.durable.epoch = e.applied.epoch
	return e.applied.epoch, nil
}

// Bury puts an alarm on the dead-letter list.
func (e *Engine) Bury(d store.DeadAlarm) error {
	if d.DiedAt.IsZero() {
		d.DiedAt = e.options.Clock()
	}
	serial, err := e.NextEpoch()
	if err != nil {
		return err
	}
	d.Key = fmt.Sprintf("%020d-%020d", d.DiedAt.UnixMilli(), serial)
	return e.write(func(s *state) { s.dead[d.Key] = d })
}

// DeadAlarms pages over the dead-letter list, oldest first.
func (e *Engine) DeadAlarms(cursor string, limit int) (dead []store.DeadAlarm, next string, err error) {
	err = e.read(func(s *state) {
		keys := slices.Sorted(maps.Keys(s.dead))
		start, _ := slices.BinarySearch(keys, cursor+"\x00")
		if cursor == "" {
			start = 0
		}
		for _, key := range keys[start:] {
			if len(dead) == limit {
				next = dead[limit-1].Key
				return
			}
			dead = append(dead, s.dead[key])
		}
	})
	return dead, next, err
}

// ForgetDead removes a dead alarm.
func (e *Engine) ForgetDead(key string) error {
	if len(key) != 41 || strings.IndexByte(key, '-') != 20 {
		return fmt.Errorf("memstore: dead alarm key %q is not one of ours", key)
	}
	return e.write(func(s *state) { delete(s.dead, key) })
}
