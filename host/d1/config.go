package d1

import (
	"errors"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/holdfast-run/holdfast/host/storage"
)

// Defaults and fixed sizes.
const (
	historyDefault       = 30 * 24 * time.Hour
	importTimeoutDefault = 10 * time.Minute
	queryTimeoutDefault  = 30 * time.Second
	transactionDefault   = 5 * time.Second
	queueMaxDefault      = 1000
	openMaxDefault       = 1000
	resultBytesDefault   = 64 << 20
	statementsMaxDefault = 10_000
	nameBytesMax         = 64
	sqlTextBytesMax      = 100_000
	parametersMax        = 100
)

// Config says what a Host stands on and what its databases may use. The zero
// value of a field is its default. It is not changed after New.
type Config struct {
	// Engine keeps the local databases. It is required, and outlives the host.
	Engine *storage.Engine
	// Clock stamps creation. Default time.Now.
	Clock func() time.Time
	// Logger takes what no caller hears of. Default slog.Default.
	Logger *slog.Logger

	// History is for how long the past of the databases is kept (30 days).
	History time.Duration
	// NoHistory keeps none.
	NoHistory bool
	// HistoryAsStored leaves what is kept as the last host has set it.
	HistoryAsStored bool
	// Relaxed names the databases, as patterns with one '*' if need be, whose
	// statements and values D1's limits do not bound.
	Relaxed []string
	// Scratch is the directory of temporary files. Default os.TempDir.
	Scratch string

	ImportTimeout time.Duration // of an import (10 min)
	QueryTimeout  time.Duration // of one Query or Exec, its wait included (30 s)
	// TransactionTimeout is how long an interactive transaction may own its
	// database (5 s).
	TransactionTimeout time.Duration

	QueueMax       int // waiting a database; then "Too many requests queued." (1,000)
	OpenMax        int // databases kept open (1,000)
	ResultBytesMax int // text and blobs of one answer (64 MiB)
	StatementsMax  int // of one batch or exec (10,000)
}

func (c Config) withDefaults() Config {
	if c.Clock == nil {
		c.Clock = time.Now
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	if c.Scratch == "" {
		c.Scratch = os.TempDir()
	}
	if setDefault(&c.History, historyDefault); c.NoHistory {
		c.History = 0
	}
	setDefault(&c.ImportTimeout, importTimeoutDefault)
	setDefault(&c.QueryTimeout, queryTimeoutDefault)
	setDefault(&c.TransactionTimeout, transactionDefault)
	setDefault(&c.QueueMax, queueMaxDefault)
	setDefault(&c.OpenMax, openMaxDefault)
	setDefault(&c.ResultBytesMax, resultBytesDefault)
	setDefault(&c.StatementsMax, statementsMaxDefault)
	return c
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// Validate reports the first field that cannot work.
func (c Config) Validate() error {
	c = c.withDefaults()
	switch {
	case c.Engine == nil:
		return errors.New("d1: Engine is missing")
	case c.History < 0, c.ImportTimeout < 0, c.QueryTimeout < 0, c.TransactionTimeout < 0, c.QueueMax < 0, c.OpenMax < 0, c.ResultBytesMax < 0, c.StatementsMax < 0:
		return errors.New("d1: a limit is negative")
	}
	return nil
}

// relaxed reports whether D1's limits are lifted for a database.
func (c *Config) relaxed(name string) bool {
	for _, pattern := range c.Relaxed {
		prefix, suffix, star := strings.Cut(pattern, "*")
		if name == pattern || star && len(name) >= len(prefix)+len(suffix) && strings.HasPrefix(name, prefix) && strings.HasSuffix(name, suffix) {
			return true
		}
	}
	return false
}
