package d1

import (
	"errors"
	"log/slog"
	"time"

	"github.com/holdfast-run/holdfast/host/storage"
)

// Defaults and fixed sizes.
const (
	queryTimeoutDefault  = 30 * time.Second
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

	QueryTimeout   time.Duration // of one Query or Exec, its wait included (30 s)
	QueueMax       int           // waiting a database; then "Too many requests queued." (1,000)
	OpenMax        int           // databases kept open (1,000)
	ResultBytesMax int           // text and blobs of one answer (64 MiB)
	StatementsMax  int           // of one batch or exec (10,000)
}

func (c Config) withDefaults() Config {
	if c.Clock == nil {
		c.Clock = time.Now
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	setDefault(&c.QueryTimeout, queryTimeoutDefault)
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
	case c.QueryTimeout < 0, c.QueueMax < 0, c.OpenMax < 0, c.ResultBytesMax < 0, c.StatementsMax < 0:
		return errors.New("d1: a limit is negative")
	}
	return nil
}
