package object

import (
	"runtime"
	"sync"

	"github.com/holdfast-run/holdfast/guest-sdk/abi"
	"github.com/holdfast-run/holdfast/runtime/store"
)

// Workers is the pool of instances of an app's worker. One that is registered
// as interleaving takes many events an instance, any other one.
type Workers struct {
	dir   *Directory
	class *Class

	mu        sync.Mutex
	instances []*worker
}

// worker is an instance and the events it has been given and not finished.
type worker struct {
	o    *Object
	load int
	// sockets of its own: they cost no turn, but keep it at its version.
	sockets int
}

func newWorkers(d *Directory, c *Class) *Workers { return &Workers{dir: d, class: c} }

// Class is the worker's class.
func (w *Workers) Class() *Class { return w.class }

func (w *Workers) all() []*Object {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := make([]*Object, len(w.instances))
	for i := range w.instances {
		out[i] = w.instances[i].o
	}
	return out
}

// Send gives an event to an instance, or answers overloaded at once.
func (w *Workers) Send(e *Event) error {
	o, err := w.send(e)
	if o != nil {
		go o.run()
	}
	return err
}

// SendHere is Send for a goroutine that will wait for the answer: the instance
// runs on it, for a few steps, if it is at rest.
func (w *Workers) SendHere(e *Event) error {
	o, err := w.send(e)
	if o != nil {
		o.borrow()
	}
	return err
}

func (w *Workers) send(e *Event) (woken *Object, err error) {
	if w.dir.closed.Load() {
		return nil, &Error{abi.Unavailable, "the host is shutting down", abi.FailureRetryable}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	in := w.pick(w.class.Current.Load())
	if in == nil {
		w.dir.metrics.overloads.Add(1)
		return nil, &Error{abi.Overloaded, "all instances of the worker are busy", abi.FailureOverloaded}
	}
	start, err := in.o.queue(e)
	if err != nil {
		return nil, overloaded(err)
	}
	in.load++
	if start {
		return in.o, nil
	}
	return nil, nil
}

// pick chooses the least loaded instance that may take an event, or makes
// one; w.mu is held.
func (w *Workers) pick(v *Version) *worker {
	var best *worker
	for _, in := range w.instances {
		if n := in.o.versionNo.Load(); n != 0 && n != int64(v.Number) && in.load+in.sockets > 0 {
			continue // an older version finishes what it has
		}
		if best == nil || in.load < best.load {
			best = in
		}
		if in.load == 0 {
			return in
		}
	}
	room := len(w.instances) < w.class.Limits.WorkersMax
	if v.Interleave && best != nil && best.load < w.class.Limits.ConcurrentMax && (len(w.instances) >= runtime.GOMAXPROCS(0) || !room) {
		return best
	}
	if !room {
		return nil
	}
	in := &worker{o: newObject(w.dir, w.class, store.Ref{Namespace: w.class.Namespace})}
	in.o.pool = w
	w.instances = append(w.instances, in)
	return in
}

// back notes an instance's load as its loop comes to rest.
func (w *Workers) back(o *Object) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, in := range w.instances {
		if in.o == o {
			n, _ := o.box.Len()
			in.load, in.sockets = n+len(o.events)+o.background, len(o.plains)
			if o.waiting != nil {
				in.load++
			}
		}
	}
}
