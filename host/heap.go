package host

import (
	"runtime/metrics"

	"github.com/prometheus/client_golang/prometheus"
)

// Names of the Go runtime's own figures.
const (
	heapLive     = "/gc/heap/live:bytes"
	heapGoal     = "/gc/heap/goal:bytes"
	goTotal      = "/memory/classes/total:bytes"
	heapReleased = "/memory/classes/heap/released:bytes"
)

// goMemory is a figure of the Go runtime; 0 where it has none of that name.
func goMemory(name string) float64 {
	s := []metrics.Sample{{Name: name}}
	metrics.Read(s)
	if s[0].Value.Kind() != metrics.KindUint64 {
		return 0
	}
	return float64(s[0].Value.Uint64())
}

// memoryMetrics say what the process's memory is made of, but for instances.
var memoryMetrics = []metric{
	{name: "holdfast_heap_live_bytes", help: "What the last collection of the host's own heap left, caches of storage among it.", kind: prometheus.GaugeValue, value: func(*Host) float64 { return goMemory(heapLive) }},
	{name: "holdfast_heap_goal_bytes", help: "The size of the host's own heap at which the next collection ends.", kind: prometheus.GaugeValue, value: func(*Host) float64 { return goMemory(heapGoal) }},
	{name: "holdfast_heap_held_bytes", help: "What the Go runtime has of the system's memory.", kind: prometheus.GaugeValue, value: func(*Host) float64 { return goMemory(goTotal) - goMemory(heapReleased) }},
	{name: "holdfast_storage_cache_bytes", help: "Blocks of tables kept in memory.", kind: prometheus.GaugeValue, value: func(h *Host) float64 { return float64(h.storage.Memory().CacheBytes) }},
	{name: "holdfast_storage_memtable_bytes", help: "Writes kept in memory until they are in tables.", kind: prometheus.GaugeValue, value: func(h *Host) float64 { return float64(h.storage.Memory().MemTableBytes) }},
	{name: "holdfast_sql_databases_open", help: "SQLite databases kept open.", kind: prometheus.GaugeValue, value: func(h *Host) float64 { return float64(h.storage.Memory().Databases) }},
}
