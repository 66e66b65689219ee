package native

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/holdfast-run/holdfast/guest-sdk/abi"
	"github.com/holdfast-run/holdfast/guest-sdk/edge"
	"github.com/holdfast-run/holdfast/guest-sdk/edge/edgetest/internal/appconfig"
	"github.com/holdfast-run/holdfast/guest-sdk/edge/edgetest/internal/litesql"
)

// database is one D1 database.
type database struct {
	db       *litesql.DB
	sequence uint64
}

func (d *database) close() { _ = d.db.Close() } // the world ends

// openDatabases opens and migrates the databases that bindings name; those of
// a pattern open when they are first used.
func (w *World) openDatabases() error {
	for _, b := range w.cfg.App.Databases {
		if !strings.Contains(b.Name, "*") {
			if _, err := w.openDatabase(b, b.Name); err != nil {
				return fmt.Errorf("D1 binding %s: %w", b.Binding, err)
			}
		}
	}
	return nil
}

func (w *World) openDatabase(b appconfig.Database, name string) (*database, error) {
	if d := w.databases[name]; d != nil {
		return d, nil
	}
	db, err := litesql.Open()
	if err != nil {
		return nil, err
	}
	d := &database{db: db}
	w.databases[name] = d
	return d, d.migrate(b)
}

// migrate applies the .sql files of the binding's directory by number.
func (d *database) migrate(b appconfig.Database) error {
	if b.MigrationsDir == "" {
		return nil
	}
	files, err := filepath.Glob(filepath.Join(b.MigrationsDir, "*.sql"))
	if err != nil {
		return err
	}
	slices.SortFunc(files, func(x, y string) int {
		return cmp.Or(cmp.Compare(number(x), number(y)), strings.Compare(x, y))
	})
	table := `"` + strings.ReplaceAll(cmp.Or(b.Table, "d1_migrations"), `"`, `""`) + `"`
	create := "CREATE TABLE IF NOT EXISTS " + table + " (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT UNIQUE, applied_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP NOT NULL)"
	if _, err := d.run([]abi.D1Statement{{SQL: create}}); err != nil {
		return err
	}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			return err
		}
		name := filepath.Base(f)
		_, err = d.run([]abi.D1Statement{{SQL: string(text)}, {SQL: "INSERT INTO " + table + " (name) VALUES (?)", Params: []abi.Value{abi.Text(name)}}})
		if err != nil {
			return fmt.Errorf("migration %s: %w", name, err)
		}
	}
	return nil
}

// number is what a migration's name begins with; those without one come last.
func number(file string) int {
	name := filepath.Base(file)
	n, err := strconv.Atoi(name[:len(name)-len(strings.TrimLeft(name, "0123456789"))])
	if err != nil {
		return int(^uint(0) >> 1)
	}
	return n
}

// source finds the database that a call means, unless the test lets it fail.
func (w *World) source(binding, name string) (*database, error) {
	if w.spared > 0 {
		w.spared--
	} else if w.failures > 0 {
		w.failures--
		return nil, d1Failure(w.failure)
	}
	i := slices.IndexFunc(w.cfg.App.Databases, func(b appconfig.Database) bool { return b.Binding == binding })
	if i < 0 {
		return nil, refuse(abi.NotFound, "the app has no D1 binding %q", binding)
	}
	b := w.cfg.App.Databases[i]
	prefix, suffix, pattern := strings.Cut(b.Name, "*")
	switch {
	case !pattern && name != "" && name != b.Name:
		return nil, refuse(abi.Invalid, "D1 binding %q is the database %q, not %q", binding, b.Name, name)
	case pattern && (len(name) <= len(prefix)+len(suffix) || !strings.HasPrefix(name, prefix) || !strings.HasSuffix(name, suffix)):
		return nil, refuse(abi.Invalid, "D1 binding %q opens databases named %q, not %q", binding, b.Name, name)
	case !pattern:
		name = b.Name
	}
	d, err := w.openDatabase(b, name)
	if err != nil {
		return nil, d1Failure(err)
	}
	return d, nil
}

// d1Failure is a D1 error as it crosses to the guest.
func d1Failure(err error) error {
	var own *failure
	if errors.As(err, &own) {
		return own
	}
	f := &failure{status: abi.D1Failed, message: err.Error()}
	var e *edge.Error
	if errors.As(err, &e) {
		for i, n := range abi.StatusNames {
			if n == e.Code && i > 0 {
				f.status = abi.Status(i)
			}
		}
		if e.Retryable {
			f.flags |= abi.FailureRetryable
		}
		if e.Overloaded {
			f.flags |= abi.FailureOverloaded
		}
	}
	return f
}

// indentedComment is what D1 takes out of a query before it asks whether
// anything is left; a comment at the very start stays, and is no statement.
var indentedComment = regexp.MustCompile(`(?m)^\s+--.*`)

// run runs statements as one transaction: on an error nothing has happened.
func (d *database) run(statements []abi.D1Statement) ([]abi.D1Result, error) {
	statements = slices.DeleteFunc(slices.Clone(statements), func(s abi.D1Statement) bool {
		return strings.TrimSpace(indentedComment.ReplaceAllString(s.SQL, "")) == ""
	})
	if len(statements) == 0 {
		return nil, errors.New("No SQL statements detected.")
	}
	if err := d.db.Begin(0); err != nil {
		return nil, err
	}
	var out []abi.D1Result
	for _, s := range statements {
		r, err := d.statement(s)
		if err == nil && d.db.Lost() {
			err = errors.New("the transaction was rolled back by its own SQL")
		}
		if err != nil {
			return nil, errors.Join(err, d.db.Rollback())
		}
		out = append(out, r)
	}
	if err := d.db.Commit(); err != nil {
		return nil, err
	}
	d.sequence++
	return out, nil
}

func (d *database) statement(s abi.D1Statement) (abi.D1Result, error) {
	began := time.Now()
	changes, rowID, size := d.db.Changes(), d.db.LastRowID(), d.db.Size()
	rows, err := d.db.Exec(s.SQL, s.Params, nil)
	if err != nil {
		return abi.D1Result{}, err
	}
	r := abi.D1Result{
		Columns: rows.Columns, DurationMs: float64(time.Since(began)) / float64(time.Millisecond), Changes: d.db.Changes() - changes,
		LastRowID: d.db.LastRowID(), SizeAfter: d.db.Size(), RowsRead: rows.RowsRead, RowsWritten: rows.RowsWritten,
	}
	r.ChangedDB = r.Changes != 0 || r.LastRowID != rowID || r.SizeAfter != size
	for _, row := range rows.Values {
		r.Values = append(r.Values, row...)
	}
	return r, nil
}

func d1Query(o *object, m *abi.D1QueryRequest) (uint32, error) {
	if len(m.Statements) > abi.D1StatementsMax {
		return 0, refuse(abi.TooLarge, "d1_query: over 10,000 statements")
	}
	return o.start(func() (message, error) {
		d, err := o.w.source(m.Binding, m.Name)
		if err != nil {
			return nil, err
		}
		rs, err := d.run(m.Statements)
		if err != nil {
			return nil, d1Failure(err)
		}
		return &abi.D1Results{Results: rs, Bookmark: fmt.Sprintf("%08x-%08x-%08x-%032x", 0, 1, d.sequence, 0)}, nil
	})
}

func d1Exec(o *object, m *abi.D1ExecRequest) (uint32, error) {
	return o.start(func() (message, error) {
		d, err := o.w.source(m.Binding, m.Name)
		if err != nil {
			return nil, err
		}
		var statements []abi.D1Statement
		for _, line := range strings.Split(strings.TrimSpace(m.SQL), "\n") {
			statements = append(statements, abi.D1Statement{SQL: line})
		}
		rs, err := d.run(statements)
		if err != nil {
			return nil, d1Failure(err)
		}
		out := &abi.D1ExecResult{Count: uint32(len(rs))}
		for _, r := range rs {
			out.DurationMs += r.DurationMs
		}
		return out, nil
	})
}
