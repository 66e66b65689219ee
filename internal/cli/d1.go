package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/holdfast-run/holdfast/host"
	"github.com/holdfast-run/holdfast/host/admin"
	"github.com/holdfast-run/holdfast/runtime/store"
)

// d1Verbs are the words behind holdfast d1.
const d1Verbs = "list, create, delete, info, execute, migrations, export, import, time-travel or tokens"

// d1Call is one run of holdfast d1: its flags and whom it asks.
type d1Call struct {
	*call
	client                  *client
	transport               http.RoundTripper // to a data directory; nil: to a running host
	host                    string            // in addresses
	at                      *point
	command, file, output   *string
	table, dir, to, role    *string
	migrationsTable, format *string
	noSchema, noData        *bool
	bar                     *bar // of what is done; nil: none is shown
}

// d1Command is holdfast d1.
func d1Command(c *call) error {
	f := c.flags()
	format := &choice{"table", []string{"table", "json", "csv"}}
	f.Var(format, "format", "of execute: table, json or csv; of export: sql is meant by table, csv takes --table")
	data := f.String("data", "", "data directory of a host that does not run, instead of --admin-addr; HOLDFAST_DATA alone does not choose it")
	d := &d1Call{
		call: c, client: f.client(), at: f.point(), format: &format.value,
		command: f.String("command", "", "SQL to execute"), file: f.String("file", "", "file to execute or import, - for standard input"),
		output: f.String("output", "", "file to export to; standard output if not given"), table: f.String("table", "", "only this table"),
		dir: f.String("dir", "migrations", "directory of migrations"), to: f.String("to", "", "name of a fork"),
		role: f.String("role", "read-only", "role of a token: read-only or read-write"), migrationsTable: f.String("migrations-table", "d1_migrations", "table of applied migrations"),
		noSchema: f.Bool("no-schema", false, "export no CREATE statements"), noData: f.Bool("no-data", false, "export no rows"),
	}
	args, err := f.parse()
	if err != nil {
		return err
	}
	if d.host = *d.client.addr; !f.given("data") {
		return d.run(args)
	}
	if f.given("admin-addr") {
		return usage("--data and --admin-addr: expected at most one")
	}
	return d.stopped(*data, func() error { return d.run(args) })
}

// stopped opens the databases of a host that does not run, for run.
func (d *d1Call) stopped(data string, run func() error) (err error) {
	s, err := host.OpenStoppedD1(data, slog.New(slog.NewTextHandler(d.err, &slog.HandlerOptions{Level: slog.LevelError})))
	if errors.Is(err, store.ErrLocked) {
		return usage("--data %s: a host has it open: stop it, or ask it with --admin-addr ADDR (%s unless it was given another)", data, admin.DefaultAddr)
	}
	if errors.Is(err, host.ErrNoData) {
		return usage("--data: %v", err)
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	d.transport, d.host = s.Transport(), "stopped"
	return run()
}

// run runs the verb that args begin with.
func (d *d1Call) run(args []string) error {
	if len(args) == 1 && args[0] == "list" {
		return d.list()
	}
	if len(args) < 2 {
		return usage("expected %s, and the name of a database", d1Verbs)
	}
	verbs := map[string]func(name string, rest []string) error{
		"create": d.create, "delete": d.remove, "info": d.info, "execute": d.execute, "migrations": d.migrations,
		"export": d.export, "import": d.imports, "time-travel": d.timeTravel, "tokens": d.tokens,
	}
	run := verbs[args[0]]
	if run == nil {
		return usage("%q: expected %s", args[0], d1Verbs)
	}
	if second := args[0] == "migrations" || args[0] == "time-travel" || args[0] == "tokens"; second && len(args) > 2 {
		return run(args[2], append([]string{args[1]}, args[3:]...))
	} else if second || len(args) > 2 {
		return usage("expected d1 %s NAME, or d1 migrations|time-travel|tokens VERB NAME", args[0])
	}
	return run(args[1], nil)
}

// rest asks the REST API and decodes the result into out, if out is not nil.
func (d *d1Call) rest(method, path string, body, out any) error {
	var in io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return err
		}
		in = bytes.NewReader(b)
	}
	text, err := d.send(method, "/client/v4/accounts/local/d1/database"+path, in)
	if err != nil {
		return err
	}
	envelope := struct {
		Result any `json:"result"`
	}{out}
	if out == nil {
		return nil
	}
	return json.Unmarshal(text, &envelope)
}

// send sends a request to a path or a whole address and returns the answer.
func (d *d1Call) send(method, path string, in io.Reader) ([]byte, error) {
	address := path
	if strings.HasPrefix(path, "/") {
		address = "http://" + d.host + path
	}
	req, err := http.NewRequest(method, address, in)
	if err != nil {
		return nil, usage("--admin-addr: %v", err)
	}
	if *d.client.token != "" {
		req.Header.Set("Authorization", "Bearer "+*d.client.token)
	}
	resp, err := (&http.Client{Timeout: clientTimeout, Transport: d.transport}).Do(req)
	if err != nil {
		return nil, fmt.Errorf("no host answers at %s (the databases of one that is stopped: --data DIR): %w", d.host, err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(d.bar.reads(resp.Body, resp.ContentLength))
	if err != nil || resp.StatusCode < 400 {
		return text, err
	}
	var envelope struct {
		Errors []struct{ Message string }
		Error  struct{ Message string }
	}
	switch err := json.Unmarshal(text, &envelope); {
	case err != nil:
	case len(envelope.Errors) > 0:
		return nil, fmt.Errorf("%s", envelope.Errors[0].Message)
	case envelope.Error.Message != "":
		return nil, fmt.Errorf("%s", envelope.Error.Message)
	}
	return nil, fmt.Errorf("the host answered %s", resp.Status)
}

// d1Database is a database as the REST API shows it.
type d1Database struct {
	UUID      string `json:"uuid"`
	Name      string `json:"name"`
	CreatedAt string `json:"created_at"`
	FileSize  int64  `json:"file_size"`
	NumTables int    `json:"num_tables"`
}

func (d *d1Call) list() error {
	w := tabwriter.NewWriter(d.out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "NAME\tUUID\tCREATED")
	for page := 1; ; page++ {
		var list []d1Database
		if err := d.rest(http.MethodGet, fmt.Sprintf("?page=%d&per_page=1000", page), nil, &list); err != nil {
			return err
		}
		for _, one := range list {
			fmt.Fprintf(w, "%s\t%s\t%s\n", one.Name, one.UUID, one.CreatedAt)
		}
		if len(list) < 1000 {
			return w.Flush()
		}
	}
}

func (d *d1Call) create(name string, _ []string) error {
	var made d1Database
	if err := d.rest(http.MethodPost, "", map[string]string{"name": name}, &made); err != nil {
		return err
	}
	_, err := fmt.Fprintf(d.out, "%s %s\n", made.UUID, made.Name)
	return err
}

func (d *d1Call) remove(name string, _ []string) error {
	return d.rest(http.MethodDelete, "/"+url.PathEscape(name), nil, nil)
}

func (d *d1Call) info(name string, _ []string) error {
	var one d1Database
	if err := d.rest(http.MethodGet, "/"+url.PathEscape(name), nil, &one); err != nil {
		return err
	}
	_, err := fmt.Fprintf(d.out, "name     %s\nuuid     %s\ncreated  %s\nbytes    %d\ntables   %d\n", one.Name, one.UUID, one.CreatedAt, one.FileSize, one.NumTables)
	return err
}

// input is the text of --command, --file or standard input.
func (d *d1Call) input() (string, error) {
	switch {
	case *d.command != "" && *d.file != "":
		return "", usage("--command and --file: expected at most one")
	case *d.command != "":
		return *d.command, nil
	case *d.file != "" && *d.file != "-":
		text, err := os.ReadFile(*d.file)
		if err != nil {
			return "", usage("--file: %v", err)
		}
		return string(text), nil
	}
	text, err := io.ReadAll(d.in)
	return string(text), err
}

// timeTravel is d1 time-travel info|restore|fork NAME.
func (d *d1Call) timeTravel(name string, rest []string) error {
	q := url.Values{}
	body, err := d.at.body()
	if err != nil {
		return err
	}
	if at, ok := body["time"].(time.Time); ok {
		q.Set("timestamp", at.UTC().Format(time.RFC3339Nano))
	} else if mark, ok := body["bookmark"].(string); ok {
		q.Set("bookmark", mark)
	}
	path := "/" + url.PathEscape(name) + "/time_travel/"
	var out struct {
		Bookmark string
		Previous string `json:"previous_bookmark"`
		d1Database
	}
	switch rest[0] {
	case "info":
		if err := d.rest(http.MethodGet, path+"bookmark?"+q.Encode(), nil, &out); err != nil {
			return err
		}
		_, err := fmt.Fprintln(d.out, out.Bookmark)
		return err
	case "restore":
		if len(q) == 0 {
			return usage("d1 time-travel restore: expected --bookmark or --time")
		}
		if err := d.rest(http.MethodPost, path+"restore?"+q.Encode(), nil, &out); err != nil {
			return err
		}
		_, err := fmt.Fprintf(d.out, "restored to %s; --bookmark %s takes that back\n", out.Bookmark, out.Previous)
		return err
	case "fork":
		if *d.to == "" {
			return usage("d1 time-travel fork: expected --to NAME")
		}
		q.Set("name", *d.to)
		if err := d.rest(http.MethodPost, path+"fork?"+q.Encode(), nil, &out); err != nil {
			return err
		}
		_, err := fmt.Fprintf(d.out, "%s %s\n", out.UUID, out.Name)
		return err
	}
	return usage("%q: expected d1 time-travel info, restore or fork", rest[0])
}

// tokens is d1 tokens list|create|delete NAME [ID].
func (d *d1Call) tokens(name string, rest []string) error {
	path := "/" + url.PathEscape(name) + "/tokens"
	type token struct {
		ID, Role, Token string
		CreatedAt       string `json:"created_at"`
	}
	switch {
	case rest[0] == "list" && len(rest) == 1:
		var list []token
		if err := d.rest(http.MethodGet, path, nil, &list); err != nil {
			return err
		}
		for _, t := range list {
			fmt.Fprintf(d.out, "%s  %s  %s\n", t.ID, t.Role, t.CreatedAt)
		}
		return nil
	case rest[0] == "create" && len(rest) == 1:
		var made token
		if err := d.rest(http.MethodPost, path, map[string]string{"role": *d.role}, &made); err != nil {
			return err
		}
		_, err := fmt.Fprintf(d.out, "%s  %s\n", made.ID, made.Token)
		return err
	case rest[0] == "delete" && len(rest) == 2:
		return d.rest(http.MethodDelete, path+"/"+url.PathEscape(rest[1]), nil, nil)
	}
	return usage("expected d1 tokens list NAME, create NAME [--role R] or delete NAME ID")
}
