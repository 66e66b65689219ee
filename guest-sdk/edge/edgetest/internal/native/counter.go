package native

import (
	"math"

	"github.com/holdfast-run/holdfast/guest-sdk/abi"
)

// metric counts at once, with the real host's default limit.
func metric(o *object, m *abi.MetricRequest) error {
	if !abi.CounterName(m.Name) {
		return refuse(abi.Invalid, "metric: %.80q is no name of a counter: expected 1 to %d letters a-z, digits and _, a letter first", m.Name, abi.CounterNameBytesMax)
	}
	if m.Delta < 0 {
		return refuse(abi.Invalid, "metric: counter %s: the delta is %d, expected 0 or more", m.Name, m.Delta)
	}
	value, known := o.w.counters[m.Name]
	if !known && len(o.w.counters) >= abi.CountersMax {
		return refuse(abi.TooLarge, "metric: %s would be counter %d of the app, %d are allowed (holdfast.limits.counters)", m.Name, len(o.w.counters)+1, abi.CountersMax)
	}
	o.w.counters[m.Name] = value + min(m.Delta, math.MaxInt64-value)
	return nil
}

// Counter is what the guests have counted under a name; 0 if nothing.
func (w *World) Counter(name string) (n int64, err error) {
	err = w.do(func() error { n = w.counters[name]; return nil })
	return n, err
}
