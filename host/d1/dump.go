package d1

import (
	"bufio"
	"context"
	"encoding/csv"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/ncruces/go-sqlite3"
)

// DumpOptions say what a dump leaves out.
type DumpOptions struct {
	NoSchema bool
	NoData   bool
	Tables   []string // only these; all if empty
}

// ExportSQL writes a local database, as it is or was, as SQL in D1's form. It
// keeps serving. Virtual tables are written with their contents: FTS5 tables
// as rows, or as a rebuild where another table holds their contents.
func (h *Host) ExportSQL(ctx context.Context, uuidOrName string, at Point, o DumpOptions, w io.Writer) error {
	return h.snapshot(ctx, uuidOrName, at, func(conn *sqlite3.Conn) error {
		d := dumper{conn: conn, w: bufio.NewWriterSize(w, 1<<16), options: o}
		return errors.Join(d.run(), d.w.Flush())
	})
}

// ExportCSV writes a table or view of a local database as CSV (RFC 4180), its
// columns' names first; NULL is an empty field, a blob is in hex digits.
func (h *Host) ExportCSV(ctx context.Context, uuidOrName string, at Point, table string, w io.Writer) error {
	return h.snapshot(ctx, uuidOrName, at, func(conn *sqlite3.Conn) (err error) {
		found, err := texts(conn, "SELECT name FROM sqlite_schema WHERE type IN ('table','view') AND name = ? COLLATE NOCASE", table)
		if err != nil || len(found) == 0 {
			return errors.Join(err, fault(KindNotFound, "The database has no table %q", table))
		}
		stmt, _, err := conn.Prepare("SELECT * FROM " + sqlite3.QuoteIdentifier(found[0]))
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, stmt.Close()) }()
		out := csv.NewWriter(w)
		row := make([]string, stmt.ColumnCount())
		for i := range row {
			row[i] = stmt.ColumnName(i)
		}
		for more := true; more; {
			if err := out.Write(row); err != nil {
				return err
			}
			if more = stmt.Step(); !more {
				break
			}
			for i := range row {
				if row[i] = stmt.ColumnText(i); stmt.ColumnType(i) == sqlite3.BLOB {
					row[i] = hex.EncodeToString(stmt.ColumnRawBlob(i))
				}
			}
		}
		out.Flush()
		return errors.Join(stmt.Err(), out.Error())
	})
}

// dumper writes one database as SQL:
//
//  1. tables, each with its rows
//  2. the counters of AUTOINCREMENT
//  3. virtual tables, which may rest on tables
//  4. indexes, views, triggers
type dumper struct {
	conn    *sqlite3.Conn
	w       *bufio.Writer
	options DumpOptions
}

// entity is a line of sqlite_schema.
type entity struct{ kind, name, table, sql string }

func (d *dumper) run() error {
	all, err := d.entities()
	if err != nil {
		return err
	}
	shadows, err := texts(d.conn, "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'shadow'")
	if err != nil {
		return err
	}
	fmt.Fprintln(d.w, "PRAGMA defer_foreign_keys=TRUE;")
	var virtual, later []entity
	counters := false
	for _, e := range all {
		switch {
		case e.name == "sqlite_sequence":
			counters = true
		case strings.HasPrefix(e.name, "sqlite_"), strings.HasPrefix(e.name, "_cf_"), slices.Contains(shadows, e.name), !d.wanted(e.table):
		case e.kind != "table":
			later = append(later, e)
		case strings.HasPrefix(strings.ToUpper(e.sql), "CREATE VIRTUAL TABLE"):
			virtual = append(virtual, e)
		default:
			if err := d.table(e); err != nil {
				return fmt.Errorf("table %s: %w", e.name, err)
			}
		}
	}
	if err := d.counters(counters); err != nil {
		return err
	}
	for _, e := range virtual {
		if err := d.virtual(e); err != nil {
			return fmt.Errorf("table %s: %w", e.name, err)
		}
	}
	if !d.options.NoSchema {
		for _, e := range later {
			fmt.Fprintf(d.w, "%s;\n", e.sql)
		}
	}
	return nil
}

func (d *dumper) wanted(table string) bool {
	return len(d.options.Tables) == 0 || slices.ContainsFunc(d.options.Tables, func(s string) bool { return strings.EqualFold(s, table) })
}

func (d *dumper) entities() (list []entity, err error) {
	stmt, _, err := d.conn.Prepare("SELECT type, name, tbl_name, sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY type = 'trigger', type = 'view', rowid")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, stmt.Close()) }()
	for stmt.Step() {
		list = append(list, entity{stmt.ColumnText(0), stmt.ColumnText(1), stmt.ColumnText(2), stmt.ColumnText(3)})
	}
	return list, stmt.Err()
}

func (d *dumper) table(e entity) error {
	if !d.options.NoSchema {
		sql := e.sql
		if rest, ok := strings.CutPrefix(sql, "CREATE TABLE "); ok && strings.HasPrefix(rest, `"`) {
			sql = "CREATE TABLE IF NOT EXISTS " + rest
		}
		fmt.Fprintf(d.w, "%s;\n", sql)
	}
	if d.options.NoData {
		return nil
	}
	columns, err := texts(d.conn, "SELECT name FROM pragma_table_xinfo(?) WHERE hidden = 0", e.name)
	if err != nil {
		return err
	}
	return d.rows(e.name, columns)
}

// rows writes the rows of a table.
func (d *dumper) rows(table string, columns []string) (err error) {
	quoted := make([]string, len(columns))
	for i, c := range columns {
		quoted[i] = quoteName(c)
	}
	list := strings.Join(quoted, ",")
	stmt, _, err := d.conn.Prepare("SELECT " + list + " FROM " + quoteName(table))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stmt.Close()) }()
	head := "INSERT INTO " + quoteName(table) + " (" + list + ") VALUES("
	for stmt.Step() {
		_, _ = d.w.WriteString(head) // Flush reports its error
		for i := range columns {
			if i > 0 {
				_ = d.w.WriteByte(',')
			}
			_, _ = d.w.WriteString(literal(stmt, i))
		}
		if _, err := d.w.WriteString(");\n"); err != nil {
			return err
		}
	}
	return stmt.Err()
}

func (d *dumper) counters(exist bool) error {
	if !exist || d.options.NoData || len(d.options.Tables) > 0 {
		return nil
	}
	fmt.Fprintln(d.w, "DELETE FROM sqlite_sequence;")
	return d.rows("sqlite_sequence", []string{"name", "seq"})
}

// virtual writes a virtual table. What it is made of is made anew by filling
// it.
func (d *dumper) virtual(e entity) error {
	if !d.options.NoSchema {
		fmt.Fprintf(d.w, "%s;\n", e.sql)
	}
	module := strings.ToLower(e.sql)
	if _, rest, ok := strings.Cut(module, " using "); ok {
		module = strings.TrimSpace(rest)
	}
	content, external := ftsContent(module)
	switch {
	case d.options.NoData, strings.HasPrefix(module, "fts5vocab"):
		return nil
	case strings.HasPrefix(module, "fts5") && external && content == "":
		return fault(KindSQL, "D1 Export error: the FTS5 table %s keeps no contents; take the database as a file", e.name)
	case strings.HasPrefix(module, "fts5") && external:
		fmt.Fprintf(d.w, "INSERT INTO %s(%s) VALUES('rebuild');\n", quoteName(e.name), quoteName(e.name))
		return nil
	}
	columns, err := texts(d.conn, "SELECT name FROM pragma_table_xinfo(?) WHERE hidden = 0", e.name)
	if err != nil {
		return err
	}
	if strings.HasPrefix(module, "fts5") {
		columns = append([]string{"rowid"}, columns...)
	}
	return d.rows(e.name, columns)
}

// ftsContent finds the option content= of an FTS5 table; arguments are in
// small letters.
func ftsContent(arguments string) (table string, ok bool) {
	for _, part := range strings.Split(arguments, ",") {
		key, value, found := strings.Cut(part, "=")
		key = strings.TrimSpace(key)
		if _, after, inside := strings.Cut(key, "("); inside {
			key = strings.TrimSpace(after)
		}
		if found && key == "content" {
			return strings.Trim(strings.TrimRight(strings.TrimSpace(value), ")"), "\"'` []"), true
		}
	}
	return "", false
}

// literal is a column's value as SQL.
func literal(stmt *sqlite3.Stmt, column int) string {
	switch stmt.ColumnType(column) {
	case sqlite3.INTEGER:
		return strconv.FormatInt(stmt.ColumnInt64(column), 10)
	case sqlite3.FLOAT:
		return floatLiteral(stmt.ColumnFloat(column))
	case sqlite3.TEXT:
		return textLiteral(stmt.ColumnText(column))
	case sqlite3.BLOB:
		return "X'" + strings.ToUpper(hex.EncodeToString(stmt.ColumnRawBlob(column))) + "'"
	}
	return "NULL"
}

func floatLiteral(f float64) string {
	s := strconv.FormatFloat(f, 'g', -1, 64)
	switch {
	case s == "+Inf":
		return "9.0e+999"
	case s == "-Inf":
		return "-9.0e+999"
	case !strings.ContainsAny(s, ".e"):
		s += ".0"
	}
	return s
}

// textLiteral keeps every statement on a line of its own: line breaks are
// written as marks and put back.
func textLiteral(s string) string {
	if strings.ContainsRune(s, 0) {
		return "CAST(X'" + strings.ToUpper(hex.EncodeToString([]byte(s))) + "' AS TEXT)"
	}
	before, after := "", ""
	for _, line := range []struct{ text, mark, char string }{{"\n", `\n`, "char(10)"}, {"\r", `\r`, "char(13)"}} {
		if !strings.Contains(s, line.text) {
			continue
		}
		mark := line.mark
		for n := 0; strings.Contains(s, mark); n++ {
			mark = fmt.Sprintf("(%s%d)", line.mark, n)
		}
		s = strings.ReplaceAll(s, line.text, mark)
		before = "replace(" + before
		after += ",'" + mark + "'," + line.char + ")"
	}
	return before + "'" + strings.ReplaceAll(s, "'", "''") + "'" + after
}

func quoteName(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }
