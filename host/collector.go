package host

import (
	"github.com/prometheus/client_golang/prometheus"
)

// collector reads the layers' counters when it is asked.
type collector struct {
	h     *Host
	descs map[string]*prometheus.Desc
}

// metric is a figure of the host.
type metric struct {
	name, help string
	kind       prometheus.ValueType
	value      func(h *Host) float64
}

var hostMetrics = []metric{
	{"holdfast_objects_hot", "Live instances.", prometheus.GaugeValue, func(h *Host) float64 { return float64(h.dir.Metrics().Hot) }},
	{"holdfast_objects_hot_bytes", "Guest memory of live instances.", prometheus.GaugeValue, func(h *Host) float64 { return float64(h.dir.Metrics().HotBytes) }},
	{"holdfast_objects_known", "Objects in memory, live or with sockets.", prometheus.GaugeValue, func(h *Host) float64 { return float64(h.dir.Metrics().Objects) }},
	{"holdfast_activations_total", "Instances made.", prometheus.CounterValue, func(h *Host) float64 { return float64(h.dir.Metrics().Activations) }},
	{"holdfast_evictions_total", "Idle instances sent cold.", prometheus.CounterValue, func(h *Host) float64 { return float64(h.dir.Metrics().Evictions) }},
	{"holdfast_crashes_total", "Instances discarded after a trap, abort or failed commit.", prometheus.CounterValue, func(h *Host) float64 { return float64(h.dir.Metrics().Crashes) }},
	{"holdfast_overloads_total", "Events refused because a queue or the host was full.", prometheus.CounterValue, func(h *Host) float64 { return float64(h.dir.Metrics().Overloads) }},
	{"holdfast_alarms_fired_total", "Alarm handlers that have ended.", prometheus.CounterValue, func(h *Host) float64 { return float64(h.dir.Alarms().Fired()) }},
	{"holdfast_crons_fired_total", "Cron triggers that came due.", prometheus.CounterValue, func(h *Host) float64 { return float64(h.crons.fired.Load()) }},
	{"holdfast_sockets_open", "Open WebSockets.", prometheus.GaugeValue, func(h *Host) float64 { return float64(h.sockets.Stats().Sockets) }},
	{"holdfast_socket_messages_in_total", "WebSocket messages received.", prometheus.CounterValue, func(h *Host) float64 { return float64(h.sockets.Stats().MessagesIn) }},
	{"holdfast_socket_messages_out_total", "WebSocket messages sent.", prometheus.CounterValue, func(h *Host) float64 { return float64(h.sockets.Stats().MessagesOut) }},
	{"holdfast_socket_queued_bytes", "Bytes that wait for slow readers.", prometheus.GaugeValue, func(h *Host) float64 { return float64(h.sockets.Stats().QueuedBytes) }},
	{"holdfast_socket_slow_closes_total", "Sockets closed with 1013.", prometheus.CounterValue, func(h *Host) float64 { return float64(h.sockets.Stats().SlowCloses) }},
	{"holdfast_storage_failed", "1 after a failed sync: no writes are taken.", prometheus.GaugeValue, func(h *Host) float64 {
		if h.storage.Failed() != nil {
			return 1
		}
		return 0
	}},
}

func newCollector(h *Host) *collector {
	c := &collector{h: h, descs: map[string]*prometheus.Desc{}}
	for _, m := range hostMetrics {
		c.descs[m.name] = prometheus.NewDesc(m.name, m.help, nil, nil)
	}
	return c
}

// Describe is prometheus.Collector's.
func (c *collector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range c.descs {
		ch <- d
	}
}

// Collect is prometheus.Collector's.
func (c *collector) Collect(ch chan<- prometheus.Metric) {
	for _, m := range hostMetrics {
		ch <- prometheus.MustNewConstMetric(c.descs[m.name], m.kind, m.value(c.h))
	}
}

// Hot is how many instances are live.
func (h *Host) Hot() int { return h.dir.Metrics().Hot }
