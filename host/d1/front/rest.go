package front

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"github.com/valyala/fasthttp"

	"github.com/holdfast-run/holdfast/host/d1"
	"github.com/holdfast-run/holdfast/host/storage/sqltext"
)

// Codes of the REST API's errors.
const (
	codeMalformed = 7400
	codeNotFound  = 7404
	codeQuery     = 7500
	codeExists    = 7502
	codeNoRoute   = 7003
	codeConflict  = 7409
	codeForbidden = 7403
)

// Pages of the list of databases.
const (
	perPageDefault = 1000
	perPageMax     = 10_000
)

// database is a database as the REST API shows it.
type database struct {
	UUID            string           `json:"uuid"`
	Name            string           `json:"name"`
	Version         string           `json:"version"`
	CreatedAt       string           `json:"created_at"`
	FileSize        *int64           `json:"file_size,omitempty"`
	NumTables       *int             `json:"num_tables,omitempty"`
	ReadReplication *readReplication `json:"read_replication,omitempty"`
}

type readReplication struct {
	Mode string `json:"mode"`
}

// brief is a database in a list.
func brief(d d1.Database) database {
	return database{
		UUID: d.UUID, Name: d.Name, Version: "production", CreatedAt: d.CreatedAt.UTC().Format("2006-01-02T15:04:05.000Z"),
	}
}

func full(d d1.Database) database {
	shown := brief(d)
	shown.FileSize, shown.NumTables = &d.FileSize, &d.NumTables
	shown.ReadReplication = &readReplication{Mode: "disabled"}
	return shown
}

// rest answers a path below …/d1/database.
func (f *Front) rest(ctx *fasthttp.RequestCtx, g grant, path string) {
	id, operation, _ := strings.Cut(path, "/")
	method := string(ctx.Method())
	switch {
	case id == "" && !g.operator:
		restFailure(ctx, &d1.Error{Kind: d1.KindForbidden, Message: "The token is one of a database."})
	case id == "" && method == fasthttp.MethodPost:
		f.create(ctx)
	case id == "" && method == fasthttp.MethodGet:
		f.list(ctx)
	case id == "":
		noRoute(ctx)
	default:
		name, err := f.host.Resolve(id)
		if err != nil && operation == "file" && method == fasthttp.MethodPut && g.operator {
			name, err = id, nil // makes it
		}
		if err == nil {
			err = g.allows(name)
		}
		if err != nil {
			restFailure(ctx, err)
			return
		}
		f.database(ctx, g, name, method+" "+operation)
	}
}

// database answers a request for one database.
func (f *Front) database(ctx *fasthttp.RequestCtx, g grant, name, verb string) {
	first, rest, _ := strings.Cut(verb, "/")
	method, _, _ := strings.Cut(verb, " ")
	if err := g.may(first, rest); err != nil {
		restFailure(ctx, err)
		return
	}
	switch first {
	case "GET ":
		f.show(ctx, name)
	case "DELETE ":
		f.remove(ctx, name)
	case "PATCH ", "PUT ":
		f.change(ctx, name)
	case "POST query":
		f.query(ctx, d1.Source{Name: name, ReadOnly: g.readOnly}, appendObjects)
	case "POST raw":
		f.query(ctx, d1.Source{Name: name, ReadOnly: g.readOnly}, appendTable)
	case "POST export":
		f.export(ctx, name)
	case "POST import":
		f.imports(ctx, name)
	case "GET time_travel", "POST time_travel":
		f.timeTravel(ctx, name, method+" "+rest)
	case "GET file", "GET csv":
		f.raw(ctx, name, strings.TrimPrefix(first, "GET "))
	case "PUT file":
		f.putFile(ctx, name)
	case "GET tokens", "POST tokens", "DELETE tokens":
		f.tokens(ctx, name, method, rest)
	default:
		noRoute(ctx)
	}
}

// may says what the token of a database allows: what only an operator may do
// reaches beyond the database, or ends it.
func (g grant) may(verb, rest string) error {
	refused := &d1.Error{Kind: d1.KindForbidden, Message: "The token does not allow this."}
	switch {
	case g.operator:
		return nil
	case strings.HasSuffix(verb, " tokens"), verb == "DELETE ", verb == "PATCH ", verb == "PUT ", rest == "fork":
		return refused
	case g.readOnly && (verb == "POST import" || verb == "POST time_travel" || verb == "PUT file"):
		return refused
	}
	return nil
}

func (f *Front) create(ctx *fasthttp.RequestCtx) {
	var request struct {
		Name string `json:"name"`
	}
	if err := decode(ctx.PostBody(), &request); err != nil {
		restFailure(ctx, err)
		return
	}
	d, err := f.host.Create(background(), request.Name)
	if err != nil {
		restFailure(ctx, err)
		return
	}
	succeed(ctx, full(d), nil)
}

// resultInfo tells of the page that a list shows.
type resultInfo struct {
	Page       int `json:"page"`
	PerPage    int `json:"per_page"`
	Count      int `json:"count"`
	TotalCount int `json:"total_count"`
}

func (f *Front) list(ctx *fasthttp.RequestCtx) {
	page := queryInt(ctx, "page", 1, 1<<30)
	perPage := queryInt(ctx, "per_page", perPageDefault, perPageMax)
	all, err := f.host.List(string(ctx.QueryArgs().Peek("name")))
	if err != nil {
		restFailure(ctx, err)
		return
	}
	shown := []database{}
	start := min((page-1)*perPage, len(all))
	for _, d := range all[start:min(start+perPage, len(all))] {
		shown = append(shown, brief(d))
	}
	succeed(ctx, shown, &resultInfo{Page: page, PerPage: perPage, Count: len(shown), TotalCount: len(all)})
}

// queryInt is a positive number of the query, within bounds.
func queryInt(ctx *fasthttp.RequestCtx, name string, otherwise, most int) int {
	n, err := strconv.Atoi(string(ctx.QueryArgs().Peek(name)))
	if err != nil || n < 1 {
		return otherwise
	}
	return min(n, most)
}

func (f *Front) show(ctx *fasthttp.RequestCtx, id string) {
	d, err := f.host.Get(background(), id)
	if err != nil {
		restFailure(ctx, err)
		return
	}
	var wanted []string // the SDK repeats the field, others list with commas
	for _, list := range ctx.QueryArgs().PeekMulti("fields") {
		wanted = append(wanted, strings.Split(string(list), ",")...)
	}
	if len(wanted) == 0 || wanted[0] == "" {
		succeed(ctx, full(d), nil)
		return
	}
	encoded, err := json.Marshal(full(d))
	picked := map[string]json.RawMessage{}
	if err == nil {
		err = json.Unmarshal(encoded, &picked)
	}
	if err != nil {
		restFailure(ctx, err)
		return
	}
	for name := range picked {
		if !slices.Contains(wanted, name) {
			delete(picked, name)
		}
	}
	succeed(ctx, picked, nil)
}

func (f *Front) remove(ctx *fasthttp.RequestCtx, id string) {
	if err := f.host.Delete(background(), id); err != nil {
		restFailure(ctx, err)
		return
	}
	succeed(ctx, nil, nil)
}

// change takes the one thing that can be changed, replication, and leaves it
// off: there is one copy.
func (f *Front) change(ctx *fasthttp.RequestCtx, id string) {
	var request struct {
		ReadReplication readReplication `json:"read_replication"`
	}
	if err := decode(ctx.PostBody(), &request); err != nil {
		restFailure(ctx, err)
		return
	}
	if mode := request.ReadReplication.Mode; mode != "auto" && mode != "disabled" {
		restFailure(ctx, invalid(`read_replication.mode is "auto" or "disabled"`))
		return
	}
	d, err := f.host.Get(background(), id)
	if err != nil {
		restFailure(ctx, err)
		return
	}
	succeed(ctx, full(d), nil)
}

func (f *Front) query(ctx *fasthttp.RequestCtx, src d1.Source, format resultsFormat) {
	var request struct {
		statement
		Batch []statement `json:"batch"`
	}
	if err := decode(ctx.PostBody(), &request); err != nil {
		restFailure(ctx, err)
		return
	}
	statements, err := restStatements(request.statement, request.Batch)
	if err != nil {
		restFailure(ctx, err)
		return
	}
	results, _, err := f.host.Query(background(), src, statements, true, "")
	if err != nil {
		restFailure(ctx, err)
		return
	}
	body := append([]byte(`{"success":true,"errors":[],"messages":[],"result":`), appendResults(nil, results, format)...)
	answer(ctx, fasthttp.StatusOK, append(body, '}'))
}

// restStatements are the statements of a request, each with a result of its
// own; the parameters are the last one's.
func restStatements(one statement, batch []statement) ([]d1.Statement, error) {
	if batch != nil {
		return hostStatements(batch)
	}
	whole, err := one.host()
	if err != nil {
		return nil, err
	}
	pieces := sqltext.Split(whole.SQL)
	if len(pieces) < 2 {
		return []d1.Statement{whole}, nil
	}
	statements := make([]d1.Statement, len(pieces))
	for i, piece := range pieces {
		statements[i].SQL = piece
	}
	statements[len(pieces)-1].Params = whole.Params
	return statements, nil
}

// envelope is what every answer of the REST API lies in.
type envelope struct {
	Success    bool        `json:"success"`
	Errors     []restError `json:"errors"`
	Messages   []string    `json:"messages"`
	Result     any         `json:"result"`
	ResultInfo *resultInfo `json:"result_info,omitempty"`
}

type restError struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
}

func succeed(ctx *fasthttp.RequestCtx, result any, info *resultInfo) {
	send(ctx, fasthttp.StatusOK, envelope{Success: true, Errors: []restError{}, Result: result, ResultInfo: info})
}

func send(ctx *fasthttp.RequestCtx, status int, e envelope) {
	e.Messages = []string{}
	body, err := json.Marshal(e)
	if err != nil {
		status, body = fasthttp.StatusInternalServerError, []byte(`{"success":false,"errors":[{"code":7500,"message":"The answer could not be encoded."}],"messages":[],"result":null}`)
	}
	answer(ctx, status, body)
}

// refusals are the answers to errors of the host.
var refusals = map[d1.Kind]struct{ status, code int }{
	d1.KindSQL:          {fasthttp.StatusBadRequest, codeQuery},
	d1.KindInvalid:      {fasthttp.StatusBadRequest, codeMalformed},
	d1.KindNotFound:     {fasthttp.StatusNotFound, codeNotFound},
	d1.KindExists:       {fasthttp.StatusBadRequest, codeExists},
	d1.KindConflict:     {fasthttp.StatusConflict, codeConflict},
	d1.KindForbidden:    {fasthttp.StatusForbidden, codeForbidden},
	d1.KindOverloaded:   {fasthttp.StatusTooManyRequests, codeQuery},
	d1.KindTimeout:      {fasthttp.StatusRequestTimeout, codeQuery},
	d1.KindCanceled:     {fasthttp.StatusRequestTimeout, codeQuery},
	d1.KindUnavailable:  {fasthttp.StatusBadGateway, codeQuery},
	d1.KindUnauthorized: {fasthttp.StatusBadGateway, codeQuery},
	d1.KindStorage:      {fasthttp.StatusServiceUnavailable, codeQuery},
	d1.KindInternal:     {fasthttp.StatusInternalServerError, codeQuery},
}

func restFailure(ctx *fasthttp.RequestCtx, err error) {
	fault := asFault(err)
	refusal := refusals[fault.Kind]
	send(ctx, refusal.status, envelope{Errors: []restError{{refusal.code, fault.Message}}})
}

func noRoute(ctx *fasthttp.RequestCtx) {
	send(ctx, fasthttp.StatusNotFound, envelope{Errors: []restError{{
		codeNoRoute, "unsupported: " + string(ctx.Method()) + " " + string(ctx.Path()),
	}}})
}
