package storage

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// Defaults and fixed sizes of the engine.
const (
	cacheBytesDefault       = 64 << 20
	memTableBytesDefault    = 32 << 20
	memTablesKept           = 2 // the one that is written, and the one before it
	openDatabasesDefault    = 2000
	sqlCacheKiBDefault      = 256
	sqlMemoryBytesDefault   = 96 << 20
	statementsDefault       = 32
	objectBytesDefault      = 10 << 30
	turnBytesDefault        = 128 << 20
	diskFreeSoftDefault     = 256 << 20
	diskFreeHardDefault     = 64 << 20
	sqlOpsDefault           = 1_000_000_000
	syncQueueDefault        = 4096
	stallDefault            = 10 * time.Second
	sqlMemoryBytesMin       = 8 << 20
	turnBytesCeiling        = 1 << 30
	lastActiveGranularity   = time.Minute
	pageBytesNew            = 1024
	fatalExitCode           = 70
	pointDeletesMax         = 64
	arenaBytesRetainedMax   = 1 << 20
	overlayRetainedMax      = 1024
	pageBuffersRetainedMax  = 16
	batchInitialBytes       = 1 << 10
	batchRetainedBytesMax   = 256 << 10
	pebbleOpenFilesMax      = 2000
	pebbleL0CompactionFiles = 4
)

// Config says where an Engine keeps its data and what it may use. The zero
// value of a field is its default; Dir has none. It is not changed after Open.
type Config struct {
	// Dir is the data directory; it is made if it does not exist.
	Dir string
	// Clock tells the time that creation, activity and death are stamped
	// with. Default time.Now.
	Clock func() time.Time
	// Logger takes the engine's own messages. Default slog.Default.
	Logger *slog.Logger
	// FS is the file system below. Default the operating system's.
	FS vfs.FS

	CacheBytes        int64         // blocks of tables in memory, besides two memtables (64 MiB)
	MemTableBytes     uint64        // one memtable: writes that are not in tables yet (32 MiB)
	OpenDatabasesMax  int           // SQLite databases kept open (2,000)
	SQLCacheKiB       int           // page cache of one database (256)
	SQLMemoryBytesMax int64         // memory of one open database (96 MiB)
	StatementsMax     int           // prepared statements kept an open database (32)
	ObjectBytesMax    int64         // kv + SQL of one object (10 GiB): store.ErrFull
	TurnBytesMax      int           // batch of one turn (128 MiB): store.ErrTooLarge
	HostBytesMax      int64         // kv + SQL of all objects (0: no bound): store.ErrFull
	SQLOpsMax         int64         // steps of SQLite's machine in one turn (1,000,000,000): SQLITE_INTERRUPT
	DiskFreeBytesSoft uint64        // below it what grows is refused (256 MiB): store.ErrDiskFull
	DiskFreeBytesHard uint64        // below it every write is refused (64 MiB)
	StallMax          time.Duration // writes standing still while tables cannot be written (10 s): Fatal
	SyncQueueMax      int           // turns waiting for their sync; then Commit waits (4,096)

	// Failing is called once, on a goroutine of its own, after a sync has
	// failed: the engine takes no more writes.
	Failing func(error)

	// Fatal is called, after logging, when Pebble finds that it cannot go on
	// (a manifest that cannot be written, a corrupt table). It must not
	// return. Default: exit with status 70, for a supervisor to restart.
	Fatal func(message string)
}

func (c Config) withDefaults() Config {
	if c.Clock == nil {
		c.Clock = time.Now
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	if c.FS == nil {
		c.FS = vfs.Default
	}
	if c.Fatal == nil {
		c.Fatal = func(string) { os.Exit(fatalExitCode) }
	}
	setDefault(&c.CacheBytes, cacheBytesDefault)
	setDefault(&c.MemTableBytes, memTableBytesDefault)
	setDefault(&c.OpenDatabasesMax, openDatabasesDefault)
	setDefault(&c.SQLCacheKiB, sqlCacheKiBDefault)
	setDefault(&c.SQLMemoryBytesMax, sqlMemoryBytesDefault)
	setDefault(&c.StatementsMax, statementsDefault)
	setDefault(&c.ObjectBytesMax, objectBytesDefault)
	setDefault(&c.TurnBytesMax, turnBytesDefault)
	setDefault(&c.SQLOpsMax, sqlOpsDefault)
	setDefault(&c.DiskFreeBytesSoft, diskFreeSoftDefault)
	setDefault(&c.DiskFreeBytesHard, min(diskFreeHardDefault, c.DiskFreeBytesSoft))
	setDefault(&c.SyncQueueMax, syncQueueDefault)
	setDefault(&c.StallMax, stallDefault)
	return c
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// Validate reports the first field that cannot work. It judges the config
// with its defaults filled in.
func (c Config) Validate() error {
	c = c.withDefaults()
	switch {
	case c.Dir == "":
		return errors.New("storage: Dir is empty")
	case c.CacheBytes < 0, c.OpenDatabasesMax < 0, c.SQLCacheKiB < 0, c.StatementsMax < 0,
		c.ObjectBytesMax < 0, c.TurnBytesMax < 0, c.SyncQueueMax < 0, c.HostBytesMax < 0, c.SQLOpsMax < 0:
		return errors.New("storage: a limit is negative")
	case c.SQLMemoryBytesMax < sqlMemoryBytesMin:
		return fmt.Errorf("storage: SQLMemoryBytesMax is %d, at least %d is needed", c.SQLMemoryBytesMax, sqlMemoryBytesMin)
	case c.DiskFreeBytesHard > c.DiskFreeBytesSoft:
		return fmt.Errorf("storage: DiskFreeBytesHard is %d, above DiskFreeBytesSoft, %d", c.DiskFreeBytesHard, c.DiskFreeBytesSoft)
	case c.TurnBytesMax > turnBytesCeiling:
		return fmt.Errorf("storage: TurnBytesMax is %d, at most %d is possible", c.TurnBytesMax, turnBytesCeiling)
	}
	return nil
}
