// Package clock is the one source of time: the system's, or a manual clock
// that moves only when told. It owns what "now" is and the timers on it; it
// refuses to run anything but timers' functions.
package clock

import (
	"sync"
	"time"
)

// Clock tells time and runs functions later. Its methods may be called from
// any goroutine.
type Clock interface {
	Now() time.Time
	// Mono is a reading that never runs backwards while the process lives,
	// in nanoseconds.
	Mono() int64
	// AfterFunc runs fn on a goroutine of its own once d has passed.
	AfterFunc(d time.Duration, fn func()) Timer
}

// Timer is a function that is to run later.
type Timer interface {
	// Stop reports whether it kept the function from running.
	Stop() bool
}

var processStart = time.Now()

// System is the machine's clock.
type System struct{}

// Now is the wall clock.
func (System) Now() time.Time { return time.Now() }

// Mono counts from the start of the process, and one hour, so that no guest
// ever reads zero.
func (System) Mono() int64 { return int64(time.Since(processStart)) + int64(time.Hour) }

// AfterFunc is time.AfterFunc.
func (System) AfterFunc(d time.Duration, fn func()) Timer { return time.AfterFunc(d, fn) }

// Manual is a clock that stands still until Advance moves it.
type Manual struct {
	mu     sync.Mutex
	now    time.Time
	start  time.Time
	timers []*manualTimer
	serial uint64
}

type manualTimer struct {
	c      *Manual
	at     time.Time
	serial uint64
	fn     func()
}

// NewManual makes a clock that stands at now.
func NewManual(now time.Time) *Manual { return &Manual{now: now, start: now} }

// Now is where the clock stands.
func (c *Manual) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Mono moves with Now.
func (c *Manual) Mono() int64 { return int64(c.Now().Sub(c.start)) + int64(time.Hour) }

// AfterFunc runs fn when the clock is moved to or past now+d; at once, on a
// goroutine, where d is not positive.
func (c *Manual) AfterFunc(d time.Duration, fn func()) Timer {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.serial++
	t := &manualTimer{c: c, at: c.now.Add(d), serial: c.serial, fn: fn}
	if d <= 0 {
		go fn()
		return t
	}
	c.timers = append(c.timers, t)
	return t
}

// Stop takes the timer off the clock.
func (t *manualTimer) Stop() bool {
	t.c.mu.Lock()
	defer t.c.mu.Unlock()
	for i, have := range t.c.timers {
		if have == t {
			t.c.timers = append(t.c.timers[:i], t.c.timers[i+1:]...)
			return true
		}
	}
	return false
}

// Next is when the earliest timer is due.
func (c *Manual) Next() (time.Time, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if t := c.earliest(); t != nil {
		return t.at, true
	}
	return time.Time{}, false
}

func (c *Manual) earliest() *manualTimer {
	var first *manualTimer
	for _, t := range c.timers {
		if first == nil || t.at.Before(first.at) || t.at.Equal(first.at) && t.serial < first.serial {
			first = t
		}
	}
	return first
}

// Set moves the clock forward to t and runs, in order and on the caller's
// goroutine, the functions of the timers due by then. It never moves back.
func (c *Manual) Set(t time.Time) (fired int) {
	for {
		c.mu.Lock()
		due := c.earliest()
		if due == nil || due.at.After(t) {
			if t.After(c.now) {
				c.now = t
			}
			c.mu.Unlock()
			return fired
		}
		if due.at.After(c.now) {
			c.now = due.at
		}
		for i, have := range c.timers {
			if have == due {
				c.timers = append(c.timers[:i], c.timers[i+1:]...)
				break
			}
		}
		c.mu.Unlock()
		due.fn()
		fired++
	}
}
