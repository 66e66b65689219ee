package d1

import (
	"container/list"
	"context"
	"errors"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
)

// Source names a database: a local one by its name, or a remote one by the
// URL of its server.
type Source struct {
	Name  string
	URL   string // "" for a local database
	Token string // of a remote one

	// ReadOnly refuses what would change a local database.
	ReadOnly bool
	// Place, if not nil, is where a query stands in the line before the
	// database; of one query.
	Place *Place
}

// Host serves databases. Its methods may be called from any goroutine.
//
// Lock order: mu is a leaf; it is not held while a database is opened, used
// or closed.
type Host struct {
	cfg    Config
	client *client

	generation   atomic.Uint64
	remoteMark   atomic.Uint64 // of the last bookmark of a remote database
	tokenChanges sync.Mutex    // before everything else

	mu     sync.Mutex
	open   map[Source]*database
	lines  map[Source]*Place // the last place taken before a database
	unused list.List         // databases that no query uses, last used first
	closed bool
}

// database is one open database.
type database struct {
	source  Source
	queue   *queue
	backend backend
	failed  error         // of the opening
	ready   chan struct{} // closed when backend or failed is set
	users   int
	element *list.Element // in Host.unused
	closing chan struct{} // closed when an evicted database is closed

	held atomic.Bool // an interactive transaction owns the queue

	migrating sync.Mutex // one Migrate at a time; taken before the queue
}

// request is what a backend runs as one transaction.
type request struct {
	statements []Statement
	readOnly   bool // refuse changes
	latest     bool // show what any answer before has shown
}

// backend runs transactions for one query at a time.
type backend interface {
	// transact runs a request as one transaction. durable, if it is not
	// nil, waits until what the results show is durable; it is called
	// after the next query may have begun.
	transact(ctx context.Context, r request) (results []Result, durable func() error, err error)
	// bookmark is the state after the transaction before; any goroutine.
	bookmark() string
	close() error
}

// New makes a host. Close it before its engine.
func New(cfg Config) (*Host, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	h := &Host{cfg: cfg.withDefaults(), open: map[Source]*database{}, lines: map[Source]*Place{}}
	client, err := newClient(h.cfg.Engine.DSN())
	if err != nil {
		return nil, err
	}
	h.client = client
	if !h.cfg.HistoryAsStored {
		if err := h.cfg.Engine.SetHistory(namespace, h.cfg.History); err != nil {
			return nil, err
		}
	}
	return h, h.sweepScratch()
}

// Close closes all databases. Queries must have ended.
func (h *Host) Close() error {
	h.mu.Lock()
	h.closed = true
	var open []*database
	for _, db := range h.open {
		open = append(open, db)
	}
	h.open = map[Source]*database{}
	h.mu.Unlock()
	var errs []error
	for _, db := range open {
		if <-db.ready; db.backend != nil {
			errs = append(errs, db.backend.close())
		}
	}
	return errors.Join(errs...)
}

var nameForm = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.-]*$`)

// checkName: a name is part of URLs and of the registry's keys.
func checkName(name string) error {
	if len(name) > nameBytesMax || !nameForm.MatchString(name) {
		return fault(KindInvalid, "%q is no name of a database: 1 to %d letters, digits, '_', '-' and '.'", name, nameBytesMax)
	}
	return nil
}

func (s Source) check() error {
	if s.URL == "" {
		return checkName(s.Name)
	}
	for _, scheme := range []string{"libsql://", "https://", "http://"} {
		if strings.HasPrefix(s.URL, scheme) {
			return nil
		}
	}
	return fault(KindInvalid, "%q is no URL of a database: libsql://, https:// or http:// is needed", s.URL)
}

// key leaves out what does not tell databases apart.
func (s Source) key() Source {
	if s.URL == "" {
		return Source{Name: s.Name}
	}
	return Source{URL: s.URL, Token: s.Token}
}

// acquire returns an open database; release must follow.
func (h *Host) acquire(src Source) (*database, error) {
	if err := src.check(); err != nil {
		return nil, err
	}
	key := src.key()
	db, first, err := h.use(key)
	if err != nil {
		return nil, err
	}
	if first {
		db.backend, db.failed = h.openBackend(key)
		close(db.ready)
	}
	if <-db.ready; db.failed != nil {
		h.release(db)
		return nil, h.describe(context.Background(), db.failed)
	}
	return db, nil
}

// use counts a user of a database; the first one has to open it. One that is
// being closed is waited for.
func (h *Host) use(key Source) (db *database, first bool, err error) {
	for {
		h.mu.Lock()
		if h.closed {
			h.mu.Unlock()
			return nil, false, fault(KindInternal, "%s", textInternal)
		}
		db, ok := h.open[key]
		if ok && db.closing != nil {
			h.mu.Unlock()
			<-db.closing
			continue
		}
		if !ok {
			db = &database{source: key, queue: newQueue(h.cfg.QueueMax), ready: make(chan struct{})}
			h.open[key] = db
		}
		db.users++
		if db.element != nil {
			h.unused.Remove(db.element)
			db.element = nil
		}
		h.mu.Unlock()
		return db, !ok, nil
	}
}

func (h *Host) openBackend(src Source) (backend, error) {
	if src.URL != "" {
		return h.openRemote(src)
	}
	return h.openLocal(src.Name)
}

// release ends a use of db. A database that could not be opened is forgotten;
// of the others the longest unused are closed beyond OpenMax.
func (h *Host) release(db *database) {
	h.mu.Lock()
	db.users--
	var victims []*database
	switch {
	case db.users > 0 || h.open[db.source] != db:
	case db.failed != nil:
		delete(h.open, db.source)
	default:
		db.element = h.unused.PushFront(db)
		victims = h.evict()
	}
	h.mu.Unlock()
	for _, victim := range victims {
		if err := victim.backend.close(); err != nil {
			h.cfg.Logger.Warn("d1: close database", "name", victim.source.Name, "error", err)
		}
		h.mu.Lock()
		delete(h.open, victim.source)
		h.mu.Unlock()
		close(victim.closing)
	}
}

// evict chooses the longest unused databases beyond OpenMax. It is called
// with mu held; the caller closes them.
func (h *Host) evict() []*database {
	var victims []*database
	for len(h.open)-len(victims) > h.cfg.OpenMax && h.unused.Len() > 0 {
		db := h.unused.Remove(h.unused.Back()).(*database)
		db.element, db.closing = nil, make(chan struct{})
		victims = append(victims, db)
	}
	return victims
}
