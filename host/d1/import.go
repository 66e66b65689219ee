package d1

import (
	"context"
	"errors"

	"github.com/holdfast-run/holdfast/host/storage/sqltext"
)

// Imported is what an import has done.
type Imported struct {
	Queries  int // statements
	Bookmark string
	Meta     Meta // of all of them
}

// ImportSQL runs a text of statements of any length on a local database, as
// one transaction. D1's limits on statements do not hold for it.
func (h *Host) ImportSQL(ctx context.Context, name, sql string) (done Imported, err error) {
	statements := sqltext.Split(sql)
	if len(statements) == 0 {
		return done, fault(KindSQL, "%s", textNoStatement)
	}
	done.Queries = len(statements)
	err = h.aloneFor(ctx, h.cfg.ImportTimeout, name, func(l *local) (func() error, error) {
		l.object.SetRelaxed(true)
		defer l.object.SetRelaxed(h.cfg.relaxed(l.name))
		ctx, cancel := context.WithTimeout(ctx, h.cfg.ImportTimeout)
		defer cancel()
		defer l.limit(ctx)()
		for _, s := range statements {
			budget := h.cfg.ResultBytesMax
			if err := l.object.OpenSQL(); err != nil {
				return nil, err
			}
			result, err := l.statement(Statement{SQL: s}, &budget)
			if err != nil {
				return nil, errors.Join(err, l.object.Abort())
			}
			done.Meta.DurationMs += result.Meta.DurationMs
			done.Meta.Changes += result.Meta.Changes
			done.Meta.RowsRead += result.Meta.RowsRead
			done.Meta.RowsWritten += result.Meta.RowsWritten
			done.Meta.LastRowID, done.Meta.SizeAfter = result.Meta.LastRowID, result.Meta.SizeAfter
		}
		if err := l.commit(); err != nil {
			return nil, err
		}
		done.Meta.ChangedDB, done.Bookmark = true, l.bookmark()
		if l.last == nil {
			return nil, nil
		}
		return l.last.wait, nil
	})
	return done, err
}
