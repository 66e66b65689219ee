package d1

import (
	"cmp"
	"context"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/ncruces/go-sqlite3"

	"github.com/holdfast-run/holdfast/guest-sdk/abi"
	"github.com/holdfast-run/holdfast/host/storage/sqltext"
)

// MigrationsTable is the table that keeps the names of applied migrations,
// unless another is asked for.
const MigrationsTable = "d1_migrations"

// Migrate applies the .sql files of fsys that table does not name, in the
// order of the numbers that their names begin with. Each is one transaction
// with its entry in the table: after an error all before it stay applied.
func (h *Host) Migrate(ctx context.Context, src Source, fsys fs.FS, table string) (applied []string, err error) {
	if table == "" {
		table = MigrationsTable
	}
	if err := checkName(table); err != nil {
		return nil, err
	}
	names, err := migrationNames(fsys)
	if err != nil {
		return nil, err
	}
	db, err := h.acquire(src)
	if err != nil {
		return nil, err
	}
	defer h.release(db)
	db.migrating.Lock()
	defer db.migrating.Unlock()
	table = sqlite3.QuoteIdentifier(table)
	known, err := h.appliedMigrations(ctx, src, table)
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		if known[name] {
			continue
		}
		if err := h.migrate(ctx, src, fsys, table, name); err != nil {
			return applied, fmt.Errorf("migration %s: %w", name, err)
		}
		applied = append(applied, name)
	}
	return applied, nil
}

func (h *Host) migrate(ctx context.Context, src Source, fsys fs.FS, table, name string) error {
	text, err := fs.ReadFile(fsys, name)
	if err != nil {
		return fmt.Errorf("read: %w", err)
	}
	var statements []Statement
	for _, statement := range sqltext.Split(string(text)) {
		statements = append(statements, Statement{SQL: statement})
	}
	statements = append(statements, Statement{
		SQL: "INSERT INTO " + table + " (name) VALUES (?)", Params: []abi.Value{abi.Text(name)},
	})
	_, _, err = h.Query(ctx, src, statements, true, "")
	return err
}

// appliedMigrations makes the table if there is none and reads it. A database
// that has it is not written to.
func (h *Host) appliedMigrations(ctx context.Context, src Source, table string) (map[string]bool, error) {
	query := []Statement{{SQL: "SELECT name FROM " + table + " ORDER BY id"}}
	results, _, err := h.Query(ctx, src, query, false, "")
	if err != nil && strings.Contains(err.Error(), "no such table") {
		create := Statement{SQL: "CREATE TABLE IF NOT EXISTS " + table + ` (
			id INTEGER PRIMARY KEY AUTOINCREMENT,
			name TEXT UNIQUE,
			applied_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP NOT NULL
		)`}
		if _, _, err := h.Query(ctx, src, []Statement{create}, false, ""); err != nil {
			return nil, err
		}
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	known := map[string]bool{}
	for _, row := range results[0].Rows {
		known[string(row[0].Bytes)] = true
	}
	return known, nil
}

// migrationNames lists the migrations in order: by number, then by name.
func migrationNames(fsys fs.FS) ([]string, error) {
	entries, err := fs.ReadDir(fsys, ".")
	if err != nil {
		return nil, fmt.Errorf("d1: read migrations: %w", err)
	}
	var names []string
	for _, entry := range entries {
		if !entry.IsDir() && path.Ext(entry.Name()) == ".sql" {
			names = append(names, entry.Name())
		}
	}
	slices.SortFunc(names, func(a, b string) int {
		return cmp.Or(cmp.Compare(migrationNumber(a), migrationNumber(b)), strings.Compare(a, b))
	})
	return names, nil
}

// migrationNumber is the number that name begins with; names without one
// come last.
func migrationNumber(name string) int {
	digits := len(name) - len(strings.TrimLeft(name, "0123456789"))
	number, err := strconv.Atoi(name[:digits])
	if err != nil {
		return int(^uint(0) >> 1)
	}
	return number
}
