package outbox

import (
	"encoding/binary"
	"time"

	"github.com/holdfast-run/holdfast/guest-sdk/edge"
)

// The pace of a pump.
const (
	BackoffFirst = 2 * time.Second // after the first failure; doubled by each further one
	BackoffMax   = 5 * time.Minute // and up to a quarter more, by chance
	Watchdog     = 5 * time.Second // a delivery that died with its instance is taken up again
)

// Config is what a Pump needs. All of its functions run on the object's one
// thread.
type Config struct {
	State *edge.State
	// Name is the background work's name in logs, and part of the storage
	// key of the count of failures.
	Name string
	// Pending reports whether something is still to be delivered.
	Pending func() bool
	// Step delivers some of it. It may wait; what it does may be repeated. An
	// error is logged and starts the backoff.
	Step func() error
	// Wake is another time, in milliseconds since 1970, for which the object
	// wants its alarm; 0 is none. Nil is none ever.
	Wake func() int64
}

// Pump runs deliveries. One is under way at a time; while it waits the object
// goes on, if it is interleaving, and the next step takes what has come
// meanwhile. The object's one alarm is the pump's.
type Pump struct {
	cfg      Config
	key      string
	failures int
	running  chan struct{} // closed as the pass ends; nil: none runs
	retryAt  int64         // ms: not before, after a failure
	alarmAt  int64         // ms: the alarm that is set; 0: none known
}

// failuresPrefix stands before a pump's name in storage.
const failuresPrefix = "outbox-failures/"

// New takes up where the last instance ended.
func New(cfg Config) (*Pump, error) {
	p := &Pump{cfg: cfg, key: failuresPrefix + cfg.Name}
	n, _, err := edge.Get[int](cfg.State.Storage.KV, p.key)
	if err != nil {
		return nil, err
	}
	p.failures = n
	at, ok, err := cfg.State.Storage.GetAlarm()
	if ok {
		p.alarmAt = at.UnixMilli()
	}
	return p, err
}

// Due keeps the alarm at the next time when there is something to do. It is
// called in the turn that makes something pending, so that what is owed
// survives any crash.
func (p *Pump) Due() error {
	at := int64(0)
	if p.cfg.Pending() {
		if at = p.retryAt; at == 0 {
			at = p.now() + Watchdog.Milliseconds()
		}
	}
	if p.cfg.Wake != nil {
		if w := p.cfg.Wake(); w != 0 && (at == 0 || w < at) {
			at = w
		}
	}
	return p.alarm(at)
}

// alarm sets the alarm to a time, or deletes it for 0. One that is set and
// comes early enough stays.
func (p *Pump) alarm(at int64) error {
	set := p.alarmAt
	switch {
	case at == 0 && set == 0, at != 0 && set > p.now() && set <= at:
		return nil
	case at == 0:
		p.alarmAt = 0
		return p.cfg.State.Storage.DeleteAlarm()
	}
	p.alarmAt = at
	return p.cfg.State.Storage.SetAlarm(time.UnixMilli(at))
}

func (p *Pump) now() int64 { return p.cfg.State.Now().UnixMilli() }

// Alarm is to be called when the object's alarm fires; it starts what is due
// and sets the alarm anew.
func (p *Pump) Alarm() error {
	p.alarmAt = 0
	if p.cfg.Pending() {
		p.retryAt = 0
		p.Kick()
	}
	return p.Due()
}

// Kick starts a delivery unless one runs or a failure is too recent. The
// channel closes when none is left running.
func (p *Pump) Kick() <-chan struct{} {
	if p.running != nil {
		return p.running
	}
	done := make(chan struct{})
	if p.retryAt > p.now() || !p.cfg.Pending() {
		close(done)
		return done
	}
	p.running = done
	p.cfg.State.WaitUntil(p.cfg.Name, func() error {
		err := p.pass()
		p.running = nil
		close(done)
		return err
	})
	return done
}

// Retry forgets the backoff, so that the next Kick tries at once.
func (p *Pump) Retry() { p.retryAt = 0 }

// Failing reports how many deliveries have failed in a row.
func (p *Pump) Failing() int { return p.failures }

// Forget is to be called after DeleteAll, which takes the alarm and the count
// of failures away.
func (p *Pump) Forget() { p.alarmAt, p.failures, p.retryAt = 0, 0, 0 }

// pass delivers until nothing is pending, or a step fails.
func (p *Pump) pass() error {
	for p.cfg.Pending() {
		if err := p.cfg.Step(); err != nil {
			return p.failed(err)
		}
		if p.failures > 0 {
			p.failures, p.retryAt = 0, 0
			if _, err := p.cfg.State.Storage.KV.Delete(p.key); err != nil {
				return err
			}
		}
	}
	return p.Due()
}

func (p *Pump) failed(err error) error {
	p.failures++
	delay := p.delay()
	p.retryAt = p.now() + delay.Milliseconds()
	p.alarmAt = 0
	p.cfg.State.Log.Warn("delivery failed; it is tried again", "outbox", p.cfg.Name, "failures", p.failures, "retryIn", delay.String(), "error", err.Error())
	if err := edge.Put(p.cfg.State.Storage.KV, p.key, p.failures); err != nil {
		return err
	}
	return p.Due()
}

// delay is the backoff after the failures so far, with jitter.
func (p *Pump) delay() time.Duration {
	d := min(BackoffFirst<<min(p.failures-1, 16), BackoffMax)
	var b [8]byte
	p.cfg.State.Rand(b[:])
	return d + time.Duration(binary.LittleEndian.Uint64(b[:])%uint64(d/4))
}
