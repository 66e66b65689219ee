package d1

import (
	"context"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"github.com/holdfast-run/holdfast/runtime/store"
)

// Database is what the catalog tells of a local database.
type Database struct {
	UUID      string
	Name      string
	CreatedAt time.Time
	FileSize  int64 // bytes
	NumTables int   // of Get and Create; 0 in a list
}

// Create makes a local database.
func (h *Host) Create(ctx context.Context, name string) (Database, error) {
	err := h.alone(ctx, name, func(l *local) (func() error, error) {
		if l.exists {
			return nil, fault(KindExists, "A database with the name %q already exists.", name)
		}
		return l.create()
	})
	if err != nil {
		return Database{}, err
	}
	return h.Get(ctx, name)
}

// Get finds a database by its UUID or its name.
func (h *Host) Get(ctx context.Context, uuidOrName string) (Database, error) {
	info, err := h.find(uuidOrName)
	if err != nil {
		return Database{}, err
	}
	d := describeDatabase(info)
	results, _, err := h.Query(ctx, Source{Name: d.Name}, []Statement{{
		SQL: `SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\_%' ESCAPE '\'`,
	}}, false, "")
	if err != nil {
		return Database{}, err
	}
	d.NumTables = int(results[0].Rows[0][0].Int)
	d.FileSize = results[0].Meta.SizeAfter
	return d, nil
}

// Resolve returns the name of the database with this UUID or name.
func (h *Host) Resolve(uuidOrName string) (name string, err error) {
	info, err := h.find(uuidOrName)
	return info.Ref.Name, err
}

// find looks a database up; a UUID goes before a name.
func (h *Host) find(uuidOrName string) (store.Info, error) {
	id, ok := parseUUID(uuidOrName)
	if !ok {
		var err error
		if id, ok, err = h.cfg.Engine.Lookup(namespace, uuidOrName); err != nil {
			return store.Info{}, h.describe(context.Background(), err)
		}
	}
	if ok {
		info, ok, err := h.cfg.Engine.Stat(namespace, id)
		if err != nil || ok {
			return info, h.describe(context.Background(), err)
		}
	}
	return store.Info{}, fault(KindNotFound, "The database %s could not be found", uuidOrName)
}

// List returns the databases whose names contain part, in the order of their
// names.
func (h *Host) List(part string) ([]Database, error) {
	const page = 256
	var found []Database
	for cursor := ""; ; {
		infos, next, err := h.cfg.Engine.List(namespace, "", cursor, page)
		if err != nil {
			return nil, h.describe(context.Background(), err)
		}
		for _, info := range infos {
			if strings.Contains(info.Ref.Name, part) {
				found = append(found, describeDatabase(info))
			}
		}
		if cursor = next; cursor == "" {
			return found, nil
		}
	}
}

// Delete erases a database; it is gone from the disk's state on return. It is
// refused while an interactive transaction is open.
func (h *Host) Delete(ctx context.Context, uuidOrName string) error {
	info, err := h.find(uuidOrName)
	if err != nil {
		return err
	}
	err = h.alone(ctx, info.Ref.Name, func(l *local) (func() error, error) { return nil, l.erase() })
	if err != nil {
		return err
	}
	h.generation.Add(1)
	return h.dropTokens(formatUUID(info.Ref.ID))
}

// alone runs fn as the only operation of a local database and waits for the
// function that it returns.
func (h *Host) alone(ctx context.Context, name string, fn func(*local) (func() error, error)) error {
	return h.aloneFor(ctx, h.cfg.QueryTimeout, name, fn)
}

func (h *Host) aloneFor(ctx context.Context, timeout time.Duration, name string, fn func(*local) (func() error, error)) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	db, err := h.acquire(Source{Name: name})
	if err != nil {
		return err
	}
	defer h.release(db)
	if db.held.Load() {
		return fault(KindConflict, "The database %s has an open transaction.", name)
	}
	if err := db.queue.enter(ctx); err != nil {
		return err
	}
	durable, err := func() (func() error, error) {
		defer db.queue.leave()
		return fn(db.backend.(*local))
	}()
	if err == nil && durable != nil {
		err = durable()
	}
	return h.describe(ctx, err)
}

func describeDatabase(info store.Info) Database {
	return Database{
		UUID: formatUUID(info.Ref.ID), Name: info.Ref.Name, CreatedAt: info.CreatedAt, FileSize: info.SQLBytes,
	}
}

func formatUUID(id store.ID) string {
	return fmt.Sprintf("%x-%x-%x-%x-%x", id[0:4], id[4:6], id[6:8], id[8:10], id[10:16])
}

func parseUUID(s string) (id store.ID, ok bool) {
	if len(s) != 36 || s[8] != '-' || s[13] != '-' || s[18] != '-' || s[23] != '-' {
		return store.ID{}, false
	}
	raw, err := hex.DecodeString(strings.ReplaceAll(s, "-", ""))
	if err != nil || len(raw) != 16 {
		return store.ID{}, false
	}
	copy(id[:], raw)
	return id, true
}
