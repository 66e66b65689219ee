package cli

import (
	"bytes"
	"crypto/md5"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"text/tabwriter"
)

// d1Result is the answer to one statement.
type d1Result struct {
	Results struct {
		Columns []string `json:"columns"`
		Rows    [][]any  `json:"rows"`
	} `json:"results"`
	Meta struct {
		Changes  int64   `json:"changes"`
		Duration float64 `json:"duration"`
	} `json:"meta"`
}

// query runs a text of statements as one transaction.
func (d *d1Call) query(name, sql string) (list []d1Result, err error) {
	err = d.rest(http.MethodPost, "/"+url.PathEscape(name)+"/raw", map[string]string{"sql": sql}, &list)
	return list, err
}

// execute is d1 execute NAME: of a text, or of what a person types.
func (d *d1Call) execute(name string, _ []string) error {
	if *d.command == "" && *d.file == "" && d.terminal(d.in) {
		return d.prompt(name)
	}
	sql, err := d.input()
	if err != nil {
		return err
	}
	return d.show(name, sql)
}

// show runs a text and prints what comes of it.
func (d *d1Call) show(name, sql string) error {
	if *d.format == "json" {
		var list json.RawMessage
		if err := d.rest(http.MethodPost, "/"+url.PathEscape(name)+"/query", map[string]string{"sql": sql}, &list); err != nil {
			return err
		}
		_, err := fmt.Fprintln(d.out, string(list))
		return err
	}
	list, err := d.query(name, sql)
	if err != nil {
		return err
	}
	for _, r := range list {
		switch {
		case len(r.Results.Columns) == 0:
			_, err = fmt.Fprintf(d.err, "%d rows changed\n", r.Meta.Changes)
		case *d.format == "csv":
			err = d.writeCSV(r)
		default:
			err = d.writeTable(r)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// cell is a value as people read it.
func cell(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	case []any:
		b := make([]byte, len(v))
		for i, n := range v {
			f, _ := n.(float64) // a byte
			b[i] = byte(f)
		}
		return hex.EncodeToString(b)
	}
	return fmt.Sprint(v)
}

func (d *d1Call) writeCSV(r d1Result) error {
	w := csv.NewWriter(d.out)
	if err := w.Write(r.Results.Columns); err != nil {
		return err
	}
	for _, row := range r.Results.Rows {
		cells := make([]string, len(row))
		for i, v := range row {
			cells[i] = cell(v)
		}
		if err := w.Write(cells); err != nil {
			return err
		}
	}
	w.Flush()
	return w.Error()
}

func (d *d1Call) writeTable(r d1Result) error {
	w := tabwriter.NewWriter(d.out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, strings.Join(r.Results.Columns, "\t"))
	clean := strings.NewReplacer("\t", " ", "\n", " ", "\r", " ")
	for _, row := range r.Results.Rows {
		cells := make([]string, len(row))
		for i, v := range row {
			if cells[i] = clean.Replace(cell(v)); v == nil {
				cells[i] = "NULL"
			}
		}
		fmt.Fprintln(w, strings.Join(cells, "\t"))
	}
	return w.Flush()
}

// migrations is d1 migrations create|list|apply NAME.
func (d *d1Call) migrations(name string, rest []string) error {
	if rest[0] == "create" && len(rest) == 2 {
		return d.createMigration(rest[1])
	}
	if len(rest) != 1 || rest[0] != "list" && rest[0] != "apply" {
		return usage("expected d1 migrations list NAME, apply NAME or create NAME TITLE")
	}
	pending, err := d.pending(name, rest[0] == "apply")
	if err != nil {
		return err
	}
	for _, file := range pending {
		if rest[0] == "apply" {
			text, err := os.ReadFile(filepath.Join(*d.dir, file))
			if err != nil {
				return err
			}
			record := fmt.Sprintf("\n;INSERT INTO %s (name) VALUES ('%s');", quoteName(*d.migrationsTable), strings.ReplaceAll(file, "'", "''"))
			if _, err := d.query(name, string(text)+record); err != nil {
				return fmt.Errorf("%s: %w", file, err)
			}
		}
		fmt.Fprintln(d.out, file)
	}
	return nil
}

func quoteName(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

// pending are the migrations that a database has not seen, in order. To apply
// them, the table is made.
func (d *d1Call) pending(name string, apply bool) ([]string, error) {
	if apply {
		_, err := d.query(name, "CREATE TABLE IF NOT EXISTS "+quoteName(*d.migrationsTable)+
			" (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT UNIQUE, applied_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP NOT NULL)")
		if err != nil {
			return nil, err
		}
	}
	seen := map[string]bool{}
	list, err := d.query(name, "SELECT name FROM "+quoteName(*d.migrationsTable))
	if err != nil && !strings.Contains(err.Error(), "no such table") {
		return nil, err
	}
	for _, r := range list {
		for _, row := range r.Results.Rows {
			seen[cell(row[0])] = true
		}
	}
	files, err := filepath.Glob(filepath.Join(*d.dir, "*.sql"))
	if err != nil {
		return nil, usage("--dir: %v", err)
	}
	var pending []string
	for _, file := range files {
		if file = filepath.Base(file); !seen[file] {
			pending = append(pending, file)
		}
	}
	sort.SliceStable(pending, func(i, j int) bool { return fileNumber(pending[i]) < fileNumber(pending[j]) })
	return pending, nil
}

// fileNumber is the number that a migration's name begins with.
func fileNumber(name string) int {
	n, err := strconv.Atoi(name[:len(name)-len(strings.TrimLeft(name, "0123456789"))])
	if err != nil {
		return 1 << 62
	}
	return n
}

func (d *d1Call) createMigration(title string) error {
	if err := os.MkdirAll(*d.dir, 0o755); err != nil {
		return err
	}
	files, err := filepath.Glob(filepath.Join(*d.dir, "*.sql"))
	if err != nil {
		return usage("--dir: %v", err)
	}
	next := 1
	for _, file := range files {
		if n := fileNumber(filepath.Base(file)); n < 1<<62 {
			next = max(next, n+1)
		}
	}
	title = strings.Map(func(r rune) rune {
		if r == ' ' || r == '/' || r == '\\' {
			return '_'
		}
		return r
	}, title)
	path := filepath.Join(*d.dir, fmt.Sprintf("%04d_%s.sql", next, title))
	if err := os.WriteFile(path, []byte("-- "+title+"\n"), 0o644); err != nil {
		return err
	}
	_, err = fmt.Fprintln(d.out, path)
	return err
}

// export is d1 export NAME: SQL, CSV of a table, or, to a file that ends in
// .sqlite or .db, the database itself.
func (d *d1Call) export(name string, _ []string) error {
	path := "/client/v4/accounts/local/d1/database/" + url.PathEscape(name)
	var text []byte
	var err error
	d.bar = d.newBar("export " + name)
	defer d.bar.end()
	switch ext := filepath.Ext(*d.output); {
	case *d.format == "csv":
		if *d.table == "" {
			return usage("d1 export --format csv: expected --table")
		}
		text, err = d.send(http.MethodGet, path+"/csv?table="+url.QueryEscape(*d.table), nil)
	case ext == ".sqlite" || ext == ".db":
		text, err = d.send(http.MethodGet, path+"/file", nil)
	default:
		text, err = d.exportSQL(name)
	}
	if d.bar.end(); err != nil {
		return err
	}
	if *d.output == "" {
		_, err = d.out.Write(text)
		return err
	}
	return os.WriteFile(*d.output, text, 0o600)
}

func (d *d1Call) exportSQL(name string) ([]byte, error) {
	options := map[string]any{"no_schema": *d.noSchema, "no_data": *d.noData}
	if *d.table != "" {
		options["tables"] = []string{*d.table}
	}
	var out struct {
		Result struct {
			SignedURL string `json:"signed_url"`
		}
	}
	err := d.rest(http.MethodPost, "/"+url.PathEscape(name)+"/export", map[string]any{"output_format": "polling", "dump_options": options}, &out)
	if err != nil {
		return nil, err
	}
	return d.send(http.MethodGet, out.Result.SignedURL, nil)
}

// imports is d1 import NAME: SQL, or a SQLite file, which replaces the
// database.
func (d *d1Call) imports(name string, _ []string) error {
	input, err := d.input()
	if err != nil {
		return err
	}
	text := []byte(input)
	d.bar = d.newBar("import " + name)
	defer d.bar.end()
	if bytes.HasPrefix(text, []byte("SQLite format 3\x00")) {
		_, err := d.send(http.MethodPut, "/client/v4/accounts/local/d1/database/"+url.PathEscape(name)+"/file", d.bar.sends(text))
		return err
	}
	sum := md5.Sum(text)
	etag, path := hex.EncodeToString(sum[:]), "/"+url.PathEscape(name)+"/import"
	var begun struct {
		Filename  string
		UploadURL string `json:"upload_url"`
	}
	if err := d.rest(http.MethodPost, path, map[string]string{"action": "init", "etag": etag}, &begun); err != nil {
		return err
	}
	if _, err := d.send(http.MethodPut, begun.UploadURL, d.bar.sends(text)); err != nil {
		return err
	}
	var done struct {
		Error  string
		Result struct {
			Queries int `json:"num_queries"`
		}
	}
	if err := d.rest(http.MethodPost, path, map[string]string{"action": "ingest", "etag": etag, "filename": begun.Filename}, &done); err != nil {
		return err
	}
	if d.bar.end(); done.Error != "" {
		return fmt.Errorf("%s", done.Error)
	}
	_, err = fmt.Fprintf(d.out, "%d queries\n", done.Result.Queries)
	return err
}
