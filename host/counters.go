package host

import (
	"fmt"
	"math"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/holdfast-run/holdfast/guest-sdk/abi"
	"github.com/holdfast-run/holdfast/host/hostcall"
	"github.com/holdfast-run/holdfast/runtime/object"
)

// counters are what the guests of an app count. They begin at 0 with the
// process and outlive reloads, as Prometheus expects of counters.
type counters struct {
	mu     sync.Mutex
	max    int
	values map[string]int64
}

var _ hostcall.Counters = (*counters)(nil)

func newCounters(max int) *counters { return &counters{max: max, values: map[string]int64{}} }

// limit sets how many names there may be; those that are there stay.
func (c *counters) limit(max int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.max = max
}

// Count is hostcall.Counters'. A counter that is full stays full.
func (c *counters) Count(name string, delta int64) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	value, known := c.values[name]
	if !known && len(c.values) >= c.max {
		return &object.Error{Status: abi.TooLarge, Message: fmt.Sprintf("metric: %s would be counter %d of the app, %d are allowed (holdfast.limits.counters)", name, len(c.values)+1, c.max)}
	}
	c.values[name] = value + min(delta, math.MaxInt64-value)
	return nil
}

// each calls fn with every counter.
func (c *counters) each(fn func(name string, value int64)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for name, value := range c.values {
		fn(name, value)
	}
}

// appCollector shows the counters of all apps. Their names are not known
// before, so it describes none: a collector that Prometheus calls unchecked.
type appCollector struct{ h *Host }

// Describe is prometheus.Collector's.
func (c appCollector) Describe(chan<- *prometheus.Desc) {}

// Collect is prometheus.Collector's.
func (c appCollector) Collect(ch chan<- prometheus.Metric) {
	for _, a := range c.h.running() {
		if a.counters == nil {
			continue
		}
		a.counters.each(func(name string, value int64) {
			desc := prometheus.NewDesc("holdfast_app_"+name+"_total", "Counted by the guests of an app.", nil, prometheus.Labels{"app": a.name})
			ch <- prometheus.MustNewConstMetric(desc, prometheus.CounterValue, float64(value))
		})
	}
}
