package engine

import (
	"context"
	"fmt"
	"runtime"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/holdfast-run/holdfast/runtime/engine/rewrite"
)

// slice is how long a guest runs before it lets others have its thread.
const slice = time.Millisecond

// pace is how far a turn has come. Compiled code cannot be preempted by the
// Go scheduler: while it runs, its thread does nothing else and a collection
// waits for it. So guests carry fuel and call back when it is gone, every few
// milliseconds at most. A turn that is shorter than that is never looked at,
// and costs nothing.
type pace struct {
	limit  time.Duration // of a turn
	turn   uint64
	seen   uint64    // the turn that began counts from
	began  time.Time // when it was first seen
	sliced time.Time
}

// initialiseMax bounds what runs before an instance has an owner.
const initialiseMax = 30 * time.Second

// linkYield provides what guests call when their fuel is gone.
func linkYield(ctx context.Context, r wazero.Runtime) error {
	b := r.NewHostModuleBuilder(rewrite.HostModule)
	b.NewFunctionBuilder().WithGoModuleFunction(api.GoModuleFunc(func(ctx context.Context, _ api.Module, _ []uint64) {
		instanceOf(ctx).yield()
	}), nil, nil).Export(rewrite.HostYield)
	if _, err := b.Instantiate(ctx); err != nil {
		return fmt.Errorf("engine: link %s: %w", rewrite.HostModule, err)
	}
	return nil
}

// yield lets others in, or ends a guest that is over its limit.
func (in *Instance) yield() {
	in.fuel.Set(rewrite.FuelDefault)
	now, p := time.Now(), &in.pace
	if p.seen != p.turn {
		p.seen, p.began, p.sliced = p.turn, now, now
		return
	}
	if now.Sub(p.began) > p.limit {
		panic(&Trap{TrapTime, fmt.Sprintf("the guest ran for longer than %s without a pause", p.limit)})
	}
	if now.Sub(p.sliced) >= slice {
		runtime.Gosched()
		p.sliced = time.Now()
	}
}

// SetLimit bounds how long the guest may run in one go, from its next turn
// on. Over it, it is stopped with TrapTime.
func (in *Instance) SetLimit(d time.Duration) { in.pace.limit = d }
