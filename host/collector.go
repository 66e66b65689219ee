package host

import (
	"runtime"
	"slices"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/holdfast-run/holdfast/host/socket"
)

// collector reads the layers' counters when it is asked.
type collector struct {
	h     *Host
	list  []metric
	descs []*prometheus.Desc
}

// metric is a figure of the host.
type metric struct {
	name, help string
	kind       prometheus.ValueType
	value      func(h *Host) float64
	ending     string // label of the metrics that have one
}

var hostMetrics = []metric{
	{name: "holdfast_objects_hot", help: "Live instances.", kind: prometheus.GaugeValue, value: func(h *Host) float64 { return float64(h.dir.Metrics().Hot) }},
	{name: "holdfast_objects_hot_bytes", help: "Guest memory of live instances.", kind: prometheus.GaugeValue, value: func(h *Host) float64 { return float64(h.dir.Metrics().HotBytes) }},
	{name: "holdfast_objects_frozen", help: "Frozen instances.", kind: prometheus.GaugeValue, value: func(h *Host) float64 { return float64(h.dir.Metrics().Frozen) }},
	{name: "holdfast_frozen_ram_bytes", help: "Memory of frozen instances.", kind: prometheus.GaugeValue, value: func(h *Host) float64 { return float64(h.freezer.Stats().RAMBytes) }},
	{name: "holdfast_frozen_disk_bytes", help: "Frozen instances on disk.", kind: prometheus.GaugeValue, value: func(h *Host) float64 { return float64(h.freezer.Stats().DiskBytes) }},
	{name: "holdfast_frozen_dropped_total", help: "Frozen instances that went cold for want of room.", kind: prometheus.CounterValue, value: func(h *Host) float64 { return float64(h.freezer.Stats().Drops) }},
	{name: "holdfast_freezes_total", help: "Instances frozen.", kind: prometheus.CounterValue, value: func(h *Host) float64 { return float64(h.dir.Metrics().Freezes) }},
	{name: "holdfast_thaws_total", help: "Frozen instances woken.", kind: prometheus.CounterValue, value: func(h *Host) float64 { return float64(h.dir.Metrics().Thaws) }},
	{name: "holdfast_objects_known", help: "Objects in memory, live or with sockets.", kind: prometheus.GaugeValue, value: func(h *Host) float64 { return float64(h.dir.Metrics().Objects) }},
	{name: "holdfast_activations_total", help: "Instances made.", kind: prometheus.CounterValue, value: func(h *Host) float64 { return float64(h.dir.Metrics().Activations) }},
	{name: "holdfast_evictions_total", help: "Idle instances sent cold.", kind: prometheus.CounterValue, value: func(h *Host) float64 { return float64(h.dir.Metrics().Evictions) }},
	{name: "holdfast_crashes_total", help: "Instances discarded after a trap, abort or failed commit.", kind: prometheus.CounterValue, value: func(h *Host) float64 { return float64(h.dir.Metrics().Crashes) }},
	{name: "holdfast_overloads_total", help: "Events refused because a queue or the host was full.", kind: prometheus.CounterValue, value: func(h *Host) float64 { return float64(h.dir.Metrics().Overloads) }},
	{name: "holdfast_alarms_fired_total", help: "Alarm handlers that have ended.", kind: prometheus.CounterValue, value: func(h *Host) float64 { return float64(h.dir.Alarms().Fired()) }},
	{name: "holdfast_crons_fired_total", help: "Cron triggers that came due.", kind: prometheus.CounterValue, value: func(h *Host) float64 { return float64(h.crons.fired.Load()) }},
	{name: "holdfast_sockets_open", help: "Open WebSockets.", kind: prometheus.GaugeValue, value: func(h *Host) float64 { return float64(h.sockets.Stats().Sockets) }},
	{name: "holdfast_sockets_opened_total", help: "WebSockets opened.", kind: prometheus.CounterValue, value: func(h *Host) float64 { return float64(h.sockets.Stats().Opened) }},
	{name: "holdfast_socket_auto_responses_total", help: "WebSocket messages answered without waking an object.", kind: prometheus.CounterValue, value: func(h *Host) float64 { return float64(h.sockets.Stats().AutoResponses) }},
	{name: "holdfast_socket_bytes_in_total", help: "Bytes received on WebSockets.", kind: prometheus.CounterValue, value: func(h *Host) float64 { return float64(h.sockets.Stats().BytesIn) }},
	{name: "holdfast_socket_bytes_out_total", help: "Bytes that the kernel has taken for WebSockets.", kind: prometheus.CounterValue, value: func(h *Host) float64 { return float64(h.sockets.Stats().BytesOut) }},
	{name: "holdfast_socket_pings_total", help: "Pings sent to silent WebSockets.", kind: prometheus.CounterValue, value: func(h *Host) float64 { return float64(h.sockets.Stats().Pings) }},
	{name: "holdfast_socket_messages_in_total", help: "WebSocket messages received.", kind: prometheus.CounterValue, value: func(h *Host) float64 { return float64(h.sockets.Stats().MessagesIn) }},
	{name: "holdfast_socket_messages_out_total", help: "WebSocket messages sent.", kind: prometheus.CounterValue, value: func(h *Host) float64 { return float64(h.sockets.Stats().MessagesOut) }},
	{name: "holdfast_socket_queued_bytes", help: "Bytes that wait for slow readers.", kind: prometheus.GaugeValue, value: func(h *Host) float64 { return float64(h.sockets.Stats().QueuedBytes) }},
	{name: "holdfast_socket_slow_closes_total", help: "Sockets closed with 1013.", kind: prometheus.CounterValue, value: func(h *Host) float64 { return float64(h.sockets.Stats().SlowCloses) }},
	{name: "holdfast_goroutines", help: "Goroutines of the process.", kind: prometheus.GaugeValue, value: func(*Host) float64 { return float64(runtime.NumGoroutine()) }},
	{name: "holdfast_storage_bytes", help: "Bytes of kv and SQL of all objects and D1 databases.", kind: prometheus.GaugeValue, value: func(h *Host) float64 { return float64(h.storage.Bytes()) }},
	{name: "holdfast_storage_refusing", help: "1 while writes are refused: the disk is nearly full, or tables cannot be written.", kind: prometheus.GaugeValue, value: func(h *Host) float64 {
		if h.storage.Failed() == nil && h.storage.DiskError() != nil {
			return 1
		}
		return 0
	}},
	{name: "holdfast_storage_failed", help: "1 after a failed sync: no writes are taken.", kind: prometheus.GaugeValue, value: func(h *Host) float64 {
		if h.storage.Failed() != nil {
			return 1
		}
		return 0
	}},
}

// endingMetrics count ended connections by how they ended.
func endingMetrics() []metric {
	var out []metric
	for i, name := range socket.EndingNames {
		out = append(out, metric{
			name: "holdfast_sockets_ended_total", help: "WebSockets that have ended, by how.", kind: prometheus.CounterValue, ending: name,
			value: func(h *Host) float64 { return float64(h.sockets.Stats().Ended[i]) },
		})
	}
	return out
}

func newCollector(h *Host) *collector {
	c := &collector{h: h, list: slices.Concat(hostMetrics, memoryMetrics, endingMetrics())}
	for _, m := range c.list {
		var labels prometheus.Labels
		if m.ending != "" {
			labels = prometheus.Labels{"ending": m.ending}
		}
		c.descs = append(c.descs, prometheus.NewDesc(m.name, m.help, nil, labels))
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
	for i, m := range c.list {
		ch <- prometheus.MustNewConstMetric(c.descs[i], m.kind, m.value(c.h))
	}
}

// Hot is how many instances are live.
func (h *Host) Hot() int { return h.dir.Metrics().Hot }
