package edgetest_test

import (
	"database/sql"
	"errors"
	"fmt"
	"testing"

	"github.com/holdfast-run/holdfast/guest-sdk/edge/d1sql"
	"github.com/holdfast-run/holdfast/guest-sdk/edge/edgetest"
)

func TestD1SQL(t *testing.T) {
	w := world(t, edgetest.D1("DB", "main", migrations(t)))
	must(t, w.Object("Probe", "a"), func(p *probe) (err error) {
		db := d1sql.Open(p.env.D1("DB"))
		defer func() { err = errors.Join(err, db.Close()) }()
		count := func() (n int) {
			err = errors.Join(err, db.QueryRow("SELECT count(*) FROM t").Scan(&n))
			return n
		}
		before := count()
		r, err := db.Exec("INSERT INTO t (v) VALUES (:v)", sql.Named("v", "named"))
		if err != nil {
			return err
		}
		if n, err := r.RowsAffected(); n != 1 || err != nil {
			return fmt.Errorf("%d rows, %v", n, err)
		}
		var text string
		var null sql.NullString
		var blob []byte
		if err := db.QueryRow("SELECT v, NULL, x'0102' FROM t WHERE v = ?", "named").Scan(&text, &null, &blob); err != nil || text != "named" || null.Valid || len(blob) != 2 {
			return fmt.Errorf("%q, %v, %x, %v", text, null, blob, err)
		}
		tx, err := db.Begin()
		if err != nil {
			return err
		}
		if r, err = tx.Exec("INSERT INTO t (v) VALUES ('tx')"); err != nil {
			return err
		}
		if _, err := r.LastInsertId(); !errors.Is(err, d1sql.ErrPending) {
			return fmt.Errorf("a result before Commit: %v", err)
		}
		if _, err := tx.Query("SELECT 1"); !errors.Is(err, d1sql.ErrQueryInTransaction) {
			return fmt.Errorf("a query in a transaction: %v", err)
		}
		if _, err := tx.Exec("INSERT INTO t (v) VALUES (NULL)"); err != nil {
			return err
		}
		if err := tx.Commit(); err == nil {
			return errors.New("a batch with an error was committed")
		}
		if n := count(); n != before+1 || err != nil {
			return fmt.Errorf("%d rows, %v", n, err)
		}
		return rolledBack(db)
	})
}

// rolledBack begins, rolls back, and then commits.
func rolledBack(db *sql.DB) error {
	for _, end := range []func(*sql.Tx) error{(*sql.Tx).Rollback, (*sql.Tx).Commit} {
		tx, err := db.Begin()
		if err != nil {
			return err
		}
		if _, err := tx.Exec("INSERT INTO t (v) VALUES ('once')"); err != nil {
			return err
		}
		if err := end(tx); err != nil {
			return err
		}
	}
	var n int
	if err := db.QueryRow("SELECT count(*) FROM t WHERE v = 'once'").Scan(&n); err != nil || n != 1 {
		return fmt.Errorf("%d rows, %v", n, err)
	}
	return nil
}
