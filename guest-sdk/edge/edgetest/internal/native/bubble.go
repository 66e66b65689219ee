package native

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// stuckAfter is how long, in real time, a world may work on one thing.
const stuckAfter = time.Minute

// bubble runs functions, one after another, on the loop: a goroutine in a
// synctest bubble of its own.
type bubble struct {
	calls chan func()
	ended chan struct{}
}

// newBubble starts the loop; its clock stands at start, after 2000-01-01.
func newBubble(start time.Time) *bubble {
	b := &bubble{calls: make(chan func()), ended: make(chan struct{})}
	go func() {
		defer close(b.ended)
		// Goroutines of guests that wait for ever are left behind: their
		// bubble says so by a panic, and its clock stands still from then on.
		defer func() { _ = recover() }()
		synctest.Test(new(testing.T), func(*testing.T) {
			time.Sleep(time.Until(start))
			for fn := range b.calls {
				fn()
			}
		})
	}()
	return b
}

// do runs fn on the loop and waits for it.
func (b *bubble) do(fn func()) error {
	done := make(chan struct{})
	late := time.NewTimer(stuckAfter)
	defer late.Stop()
	select {
	case b.calls <- func() { defer close(done); fn() }:
	case <-b.ended:
		return errors.New("the world has ended")
	case <-late.C:
		return stuck()
	}
	select {
	case <-done:
		return nil
	case <-late.C:
		return stuck()
	}
}

// end stops the loop, unless it is stuck.
func (b *bubble) end() {
	close(b.calls)
	late := time.NewTimer(time.Second)
	defer late.Stop()
	select {
	case <-b.ended:
	case <-late.C:
	}
}

// stuck tells where guest code hangs.
func stuck() error {
	buf := make([]byte, 1<<20)
	var in []string
	for _, g := range strings.Split(string(buf[:runtime.Stack(buf, true)]), "\n\n") {
		if head, _, _ := strings.Cut(g, "\n"); strings.Contains(head, "synctest bubble") && !strings.Contains(head, "durable") {
			in = append(in, g)
		}
	}
	return fmt.Errorf("guest code has not come to rest for %s: it computes, or waits for something outside of the world, such as a lock or a channel made before it:\n%s",
		stuckAfter, strings.Join(in, "\n\n"))
}
