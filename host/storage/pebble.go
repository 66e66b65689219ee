package storage

import (
	"fmt"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
)

// pebbleFormat is raised on purpose, never by an update of the library.
const pebbleFormat = pebble.FormatValueSeparation

const bloomBitsPerKey = 10

// Gathering of syncs: while many turns wait, the next sync waits a moment for
// more of them to come, which costs each a little time and saves CPU. A few
// waiting turns are synced at once.
const (
	gatherAtTurns = 24
	gatherFor     = 500 * time.Microsecond
)

func (s *syncer) interval() time.Duration {
	if len(s.queue) < gatherAtTurns {
		return 0
	}
	return gatherFor
}

func (c Config) pebbleOptions() *pebble.Options {
	options := &pebble.Options{
		FS:                          c.FS,
		Cache:                       c.cache(),
		MemTableSize:                c.MemTableBytes,
		MemTableStopWritesThreshold: 4,
		L0CompactionThreshold:       pebbleL0CompactionFiles,
		LBaseMaxBytes:               64 << 20,
		MaxOpenFiles:                pebbleOpenFilesMax,
		FormatMajorVersion:          pebbleFormat,
		Merger:                      merger,
		Logger:                      pebbleLogger{c},
		CompactionConcurrencyRange:  func() (int, int) { return 1, 2 },
		EventListener: &pebble.EventListener{
			BackgroundError: func(err error) { c.Logger.Error("storage: background work failed", "error", err) },
			WriteStallBegin: func(info pebble.WriteStallBeginInfo) {
				c.Logger.Warn("storage: writes wait for compaction", "reason", info.Reason)
			},
			WriteStallEnd: func() { c.Logger.Info("storage: writes go on") },
		},
	}
	for i := range options.Levels {
		options.Levels[i].FilterPolicy = bloom.FilterPolicy(bloomBitsPerKey)
	}
	return options
}

// cache is Pebble's cache, out of which Pebble takes its memtables too: without
// room for them it would have none for blocks once they have grown.
func (c Config) cache() *pebble.Cache {
	return pebble.NewCache(c.CacheBytes + memTablesKept*int64(c.MemTableBytes))
}

// end ends the process in order: it is logged, then Config.Fatal is called.
func (c Config) end(message string) {
	c.Logger.Error("storage: pebble cannot go on", "message", message)
	c.Fatal(message)
	panic("storage: Config.Fatal returned: " + message)
}

// pebbleLogger passes Pebble's messages on. Pebble calls Fatalf where it
// cannot go on and expects it not to return.
type pebbleLogger struct{ cfg Config }

func (l pebbleLogger) Infof(string, ...any) {}

func (l pebbleLogger) Errorf(format string, args ...any) {
	l.cfg.Logger.Error("storage: pebble", "message", fmt.Sprintf(format, args...))
}

func (l pebbleLogger) Fatalf(format string, args ...any) { l.cfg.end(fmt.Sprintf(format, args...)) }
