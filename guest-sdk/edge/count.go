package edge

import (
	"log/slog"

	"github.com/holdfast-run/holdfast/guest-sdk/abi"
	"github.com/holdfast-run/holdfast/guest-sdk/edge/internal/bridge"
)

// Count adds delta to a counter of the app, which the host's metrics page
// shows as holdfast_app_NAME_total. A name has 1 to 64 letters a-z, digits and
// underscores, a letter first; delta is 0 or more. It counts at once: a turn
// that is dropped or rolled back stays counted, and the counter begins at 0
// when the host does. A count that the host refuses (a wrong name, a negative
// delta, over 100 names an app) changes nothing and fails nothing: the first of
// an instance is logged as an error.
func (s *State) Count(name string, delta int64) { s.in.count(name, delta, s.Log) }

// Count is State.Count, for a worker.
func (e *Env) Count(name string, delta int64) { e.in.count(name, delta, e.Log) }

func (in *instance) count(name string, delta int64, log *slog.Logger) {
	err := in.post(bridge.Metric, &abi.MetricRequest{Name: name, Delta: delta})
	if err == nil {
		return
	}
	in.lock()
	first := !in.uncounted
	in.uncounted = true
	in.unlock()
	if !first {
		return
	}
	log.Error("count refused", "name", name, "delta", delta, "error", err.Error())
}
