package native

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/holdfast-run/holdfast/guest-sdk/abi"
	"github.com/holdfast-run/holdfast/guest-sdk/edge/internal/bridge"
)

var (
	_ bridge.Host   = (*guest)(nil)
	_ bridge.Runner = (*guest)(nil)
)

// guest is one instance: the SDK's side of it, and the host that the SDK
// calls. A host call of an instance that is gone ends its goroutine.
type guest struct {
	o    *object
	sdk  bridge.Guest
	gone bool
	dead chan struct{} // closed when gone
}

func newGuest(o *object) *guest {
	g := &guest{o: o, dead: make(chan struct{})}
	g.sdk = bridge.NewGuest(g)
	return g
}

// close ends the instance; World.mu is held.
func (g *guest) close() {
	g.gone = true
	close(g.dead)
}

// Go is bridge.Runner's.
func (g *guest) Go(fn func()) {
	g.o.w.mu.Lock()
	if g.gone {
		g.o.w.mu.Unlock()
		return
	}
	permit := g.ask()
	g.o.w.mu.Unlock()
	go func() {
		defer func() {
			if p := recover(); p != nil {
				g.panicked(fmt.Sprintf("panic: %v\n%s", p, debug.Stack()))
			}
		}()
		g.await(permit)
		fn()
	}()
}

// Wait is bridge.Runner's.
func (g *guest) Wait(done <-chan struct{}) {
	select {
	case <-done:
	case <-g.dead:
		runtime.Goexit()
	}
	g.o.w.mu.Lock()
	if g.gone {
		g.o.w.mu.Unlock()
		runtime.Goexit()
	}
	permit := g.ask()
	g.o.w.mu.Unlock()
	g.await(permit)
}

// ask queues for the right to run; World.mu is held.
func (g *guest) ask() chan struct{} {
	permit := make(chan struct{})
	g.o.w.grants = append(g.o.w.grants, permit)
	return permit
}

func (g *guest) await(permit chan struct{}) {
	select {
	case <-permit:
	case <-g.dead:
		runtime.Goexit()
	}
}

// panicked makes the turn end with the instance.
func (g *guest) panicked(why string) {
	w := g.o.w
	w.mu.Lock()
	defer w.mu.Unlock()
	if !g.gone {
		g.touch()
		g.o.fault = fmt.Errorf("%s", why)
	}
}

// touch notes that the turn has to be ended, and stops the clock for that;
// World.mu is held.
func (g *guest) touch() {
	if g.gone {
		runtime.Goexit()
	}
	o := g.o
	if o.touched {
		return
	}
	o.touched = true
	o.w.touched = append(o.w.touched, o)
	select {
	case o.w.wake <- struct{}{}:
	default:
	}
}

// Sync is bridge.Host's.
func (g *guest) Sync(fn bridge.Fn, req []byte) (abi.Status, []byte) {
	g.o.w.mu.Lock()
	defer g.o.w.mu.Unlock()
	g.touch()
	f := syncs[fn]
	if f == nil {
		return describe(unsupported(fn))
	}
	m, err := f(g.o, req)
	if err != nil {
		return describe(err)
	}
	return abi.OK, m.Append(nil)
}

// Async is bridge.Host's.
func (g *guest) Async(fn bridge.Fn, req []byte) (uint32, abi.Status, []byte) {
	g.o.w.mu.Lock()
	defer g.o.w.mu.Unlock()
	g.touch()
	err := unsupported(fn)
	op := uint32(0)
	if f := asyncs[fn]; f != nil {
		op, err = f(g.o, append([]byte(nil), req...))
	}
	if err != nil {
		st, payload := describe(err)
		return 0, st, payload
	}
	return op, abi.OK, nil
}

// Post is bridge.Host's.
func (g *guest) Post(fn bridge.Fn, req []byte) (abi.Status, []byte) {
	g.o.w.mu.Lock()
	defer g.o.w.mu.Unlock()
	g.touch()
	f := posts[fn]
	if f == nil {
		return describe(unsupported(fn))
	}
	if err := f(g.o, append([]byte(nil), req...)); err != nil {
		return describe(err)
	}
	if g.o.abort != nil {
		runtime.Goexit() // Abort never returns
	}
	return abi.OK, nil
}

func unsupported(fn bridge.Fn) error {
	return refuse(abi.Unsupported, "%s is not supported by this version of the host", fn)
}

// Now is bridge.Host's.
func (g *guest) Now() int64 {
	g.o.w.mu.Lock()
	defer g.o.w.mu.Unlock()
	return time.Now().UnixNano()
}

// Random is bridge.Host's: the same in every run of a test.
func (g *guest) Random(p []byte) {
	g.o.w.mu.Lock()
	defer g.o.w.mu.Unlock()
	g.o.w.fill(p)
}

func (w *World) fill(p []byte) { _, _ = w.random.Read(p) } // never fails
