package front

import (
	"bytes"
	"encoding/hex"
	"io"
	"os"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/holdfast-run/holdfast/host/d1"
)

// The files of exports and imports have one step here where D1 has several:
// the first answer is complete already. Clients that poll go on to poll.

// transferAnswer is what a client polls for.
type transferAnswer struct {
	Type       string   `json:"type"`
	Success    bool     `json:"success"`
	Status     string   `json:"status"`
	AtBookmark string   `json:"at_bookmark"`
	Messages   []string `json:"messages"`
	Error      string   `json:"error,omitempty"`
	Result     any      `json:"result,omitempty"`
}

// exportFile is an export that can be fetched.
type exportFile struct {
	Filename  string `json:"filename"`
	SignedURL string `json:"signed_url"`
}

// export makes a dump, waits until it is whole, and says where it lies.
func (f *Front) export(ctx *fasthttp.RequestCtx, name string) {
	var request struct {
		OutputFormat string  `json:"output_format"`
		Bookmark     *string `json:"current_bookmark"`
		Options      struct {
			NoSchema bool     `json:"no_schema"`
			NoData   bool     `json:"no_data"`
			Tables   []string `json:"tables"`
		} `json:"dump_options"`
	}
	if err := decode(ctx.PostBody(), &request); err != nil {
		restFailure(ctx, err)
		return
	}
	if request.OutputFormat != "" && request.OutputFormat != "polling" {
		restFailure(ctx, invalid(`output_format is "polling"`))
		return
	}
	mark, err := f.host.Bookmark(name, d1.Point{})
	if err != nil {
		restFailure(ctx, err)
		return
	}
	entry := &file{name: name + "-" + mark + ".sql", database: name}
	options := d1.DumpOptions{NoSchema: request.Options.NoSchema, NoData: request.Options.NoData, Tables: request.Options.Tables}
	entry.path, err = f.host.ScratchFile(func(w io.Writer) error {
		return f.host.ExportSQL(background(), name, d1.Point{}, options, w)
	})
	if err != nil {
		restFailure(ctx, err)
		return
	}
	token, err := f.files.add(entry)
	if err != nil {
		restFailure(ctx, err)
		return
	}
	succeed(ctx, transferAnswer{
		Type: "export", Success: true, Status: "complete", AtBookmark: mark, Messages: []string{},
		Result: exportFile{entry.name, fileURL(ctx, token)},
	}, nil)
}

// fileURL is a file's address as the client reached this host.
func fileURL(ctx *fasthttp.RequestCtx, token string) string {
	scheme := "http"
	if ctx.IsTLS() {
		scheme = "https"
	}
	return scheme + "://" + string(ctx.Host()) + filesPath + token
}

// imports runs a step of an import.
func (f *Front) imports(ctx *fasthttp.RequestCtx, name string) {
	var request struct {
		Action   string `json:"action"`
		ETag     string `json:"etag"`
		Filename string `json:"filename"`
		Bookmark string `json:"current_bookmark"`
	}
	if err := decode(ctx.PostBody(), &request); err != nil {
		restFailure(ctx, err)
		return
	}
	switch request.Action {
	case "init":
		f.importInit(ctx, name, request.ETag)
	case "ingest":
		f.importIngest(ctx, name, request.Filename)
	case "poll":
		succeed(ctx, transferAnswer{Type: "import", Success: false, Status: "error", Error: "Not currently importing anything.", Messages: []string{}}, nil)
	default:
		restFailure(ctx, invalid(`action is "init", "ingest" or "poll"`))
	}
}

func (f *Front) importInit(ctx *fasthttp.RequestCtx, name, etag string) {
	if sum, err := hex.DecodeString(etag); err != nil || len(sum) != 16 {
		restFailure(ctx, invalid("etag is the file's MD5 in 32 hex digits"))
		return
	}
	path, err := f.host.ScratchFile(func(io.Writer) error { return nil })
	if err != nil {
		restFailure(ctx, err)
		return
	}
	token, err := f.files.add(&file{path: path, etag: etag, database: name, upload: true})
	if err != nil {
		restFailure(ctx, err)
		return
	}
	succeed(ctx, map[string]any{"filename": token, "upload_url": fileURL(ctx, token), "success": true}, nil)
}

func (f *Front) importIngest(ctx *fasthttp.RequestCtx, name, filename string) {
	entry, ok := f.files.find(filename)
	if !ok || !entry.upload || !entry.ready || entry.database != name {
		restFailure(ctx, invalid("No file of that name has been uploaded for this database."))
		return
	}
	text, err := os.ReadFile(entry.path)
	if err != nil {
		restFailure(ctx, err)
		return
	}
	done, err := f.host.ImportSQL(background(), name, string(text))
	if dropped := f.files.drop(filename); err == nil && dropped != nil {
		err = dropped
	}
	if err != nil {
		succeed(ctx, transferAnswer{Type: "import", Success: false, Status: "error", Error: asFault(err).Message, Messages: []string{}}, nil)
		return
	}
	succeed(ctx, transferAnswer{
		Type: "import", Success: true, Status: "complete", AtBookmark: done.Bookmark, Messages: []string{},
		Result: map[string]any{"num_queries": done.Queries, "final_bookmark": done.Bookmark, "meta": rawMeta(done.Meta)},
	}, nil)
}

// pointOf reads a state of the past from the query.
func pointOf(ctx *fasthttp.RequestCtx) (at d1.Point, err error) {
	at.Bookmark = string(ctx.QueryArgs().Peek("bookmark"))
	if text := string(ctx.QueryArgs().Peek("timestamp")); text != "" {
		if at.Time, err = time.Parse(time.RFC3339, text); err != nil {
			return at, invalid("timestamp is " + text + ", expected one such as 2026-01-02T15:04:05Z")
		}
	}
	return at, nil
}

// timeTravel answers below time_travel: bookmark, restore, and, beyond D1,
// fork.
func (f *Front) timeTravel(ctx *fasthttp.RequestCtx, name, verb string) {
	at, err := pointOf(ctx)
	if err != nil {
		restFailure(ctx, err)
		return
	}
	switch verb {
	case "GET bookmark":
		mark, err := f.host.Bookmark(name, at)
		if err != nil {
			restFailure(ctx, err)
			return
		}
		succeed(ctx, map[string]string{"bookmark": mark}, nil)
	case "POST restore":
		mark, undo, err := f.host.Restore(background(), name, at)
		if err != nil {
			restFailure(ctx, err)
			return
		}
		succeed(ctx, map[string]string{
			"bookmark": mark, "previous_bookmark": undo,
			"message": "The database was restored to bookmark " + mark + ". To undo this, restore it to " + undo + ".",
		}, nil)
	case "POST fork":
		made, err := f.host.Fork(background(), name, at, string(ctx.QueryArgs().Peek("name")))
		if err != nil {
			restFailure(ctx, err)
			return
		}
		succeed(ctx, full(made), nil)
	default:
		noRoute(ctx)
	}
}

// raw sends a database as a SQLite file, or one of its tables as CSV.
func (f *Front) raw(ctx *fasthttp.RequestCtx, name, format string) {
	at, err := pointOf(ctx)
	if err != nil {
		restFailure(ctx, err)
		return
	}
	contentType := "application/vnd.sqlite3"
	write := func(w io.Writer) error { return f.host.ExportFile(name, at, w) }
	if format == "csv" {
		contentType = "text/csv; charset=utf-8"
		table := string(ctx.QueryArgs().Peek("table"))
		write = func(w io.Writer) error { return f.host.ExportCSV(background(), name, at, table, w) }
	}
	path, err := f.host.ScratchFile(write)
	if err != nil {
		restFailure(ctx, err)
		return
	}
	sendFile(ctx, path, contentType, func() { _ = os.Remove(path) }) // swept at the next start
}

// putFile makes a database what a SQLite file holds.
func (f *Front) putFile(ctx *fasthttp.RequestCtx, name string) {
	if err := f.host.ImportFile(background(), name, bytes.NewReader(ctx.PostBody())); err != nil {
		restFailure(ctx, err)
		return
	}
	d, err := f.host.Get(background(), name)
	if err != nil {
		restFailure(ctx, err)
		return
	}
	succeed(ctx, full(d), nil)
}

// tokens answers below tokens, beyond D1.
func (f *Front) tokens(ctx *fasthttp.RequestCtx, name, method, id string) {
	switch {
	case method == fasthttp.MethodGet && id == "":
		list, err := f.host.Tokens(name)
		if err != nil {
			restFailure(ctx, err)
			return
		}
		succeed(ctx, list, nil)
	case method == fasthttp.MethodPost && id == "":
		var request struct {
			Role      string    `json:"role"`
			ExpiresAt time.Time `json:"expires_at"`
		}
		if err := decode(ctx.PostBody(), &request); err != nil {
			restFailure(ctx, err)
			return
		}
		secret, t, err := f.host.CreateToken(background(), name, request.Role, request.ExpiresAt)
		if err != nil {
			restFailure(ctx, err)
			return
		}
		succeed(ctx, struct {
			d1.Token
			Secret string `json:"token"`
		}{t, secret}, nil)
	case method == fasthttp.MethodDelete && id != "":
		if err := f.host.DeleteToken(name, id); err != nil {
			restFailure(ctx, err)
			return
		}
		succeed(ctx, nil, nil)
	default:
		noRoute(ctx)
	}
}
