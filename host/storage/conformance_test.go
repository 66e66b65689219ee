package storage

import (
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/holdfast-run/holdfast/runtime/store"
	"github.com/holdfast-run/holdfast/runtime/store/storetest"
)

// openMem opens an engine in memory.
func openMem(t testing.TB, fs vfs.FS, change func(*Config)) *Engine {
	t.Helper()
	cfg := Config{Dir: "data", FS: fs, MemTableBytes: 4 << 20, CacheBytes: 8 << 20,
		Fatal: func(message string) { panic(message) }}
	if change != nil {
		change(&cfg)
	}
	e, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestConformance(t *testing.T) {
	storetest.Run(t, storetest.Subject{SQL: true, New: func(t *testing.T) func() store.Engine {
		fs := vfs.NewMem()
		return func() store.Engine { return openMem(t, fs, nil) }
	}})
}

// TestConformance_FewDatabases closes a database whenever another is opened.
func TestConformance_FewDatabases(t *testing.T) {
	storetest.Run(t, storetest.Subject{SQL: true, New: func(t *testing.T) func() store.Engine {
		fs := vfs.NewMem()
		return func() store.Engine {
			return openMem(t, fs, func(c *Config) { c.OpenDatabasesMax, c.StatementsMax = 1, 1 })
		}
	}})
}
