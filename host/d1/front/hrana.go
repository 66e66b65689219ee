package front

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/valyala/fasthttp"

	"github.com/holdfast-run/holdfast/host/d1"
	"github.com/holdfast-run/holdfast/host/storage/sqltext"
)

// Codes of Hrana's errors that are not SQLite's.
const (
	codeArgsInvalid   = "ARGS_INVALID"
	codeArgsBoth      = "ARGS_BOTH_POSITIONAL_AND_NAMED"
	codeStreamExpired = "STREAM_EXPIRED"
	codeTooMany       = "TOO_MANY_STREAMS"
	codeProtocol      = "HRANA_PROTO_ERROR"
	codeInternal      = "INTERNAL_ERROR"
)

// Limits of stored texts, of one stream.
const (
	storedTextsMax     = 256
	storedTextBytesMax = 4 << 20
	conditionDepthMax  = 64
)

// pipeline is the body of a request.
type pipeline struct {
	Baton    *string        `json:"baton"`
	Requests []hranaRequest `json:"requests"`
}

// hranaRequest is any of the requests of a stream; Type says which fields count.
type hranaRequest struct {
	Type  string      `json:"type"`
	Stmt  *hranaStmt  `json:"stmt"`
	Batch *hranaBatch `json:"batch"`
	SQL   *string     `json:"sql"`
	SQLID *int64      `json:"sql_id"`
}

type hranaStmt struct {
	SQL       *string      `json:"sql"`
	SQLID     *int64       `json:"sql_id"`
	Args      []hranaValue `json:"args"`
	NamedArgs []namedArg   `json:"named_args"`
	WantRows  *bool        `json:"want_rows"`
}

type namedArg struct {
	Name  string     `json:"name"`
	Value hranaValue `json:"value"`
}

type hranaBatch struct {
	Steps []struct {
		Stmt      hranaStmt  `json:"stmt"`
		Condition *condition `json:"condition"`
	} `json:"steps"`
}

// condition says whether a step of a batch runs.
type condition struct {
	Type  string      `json:"type"`
	Step  int         `json:"step"`
	Cond  *condition  `json:"cond"`
	Conds []condition `json:"conds"`
}

// hranaError is a failure as Hrana tells it. It is an error.
type hranaError struct {
	Message string `json:"message"`
	Code    string `json:"code"`
}

func (e *hranaError) Error() string { return e.Message }

func hranaFault(code, format string, args ...any) *hranaError {
	return &hranaError{fmt.Sprintf(format, args...), code}
}

// messageCode is the end that D1's texts have: ": SQLITE_ERROR" and the like.
var messageCode = regexp.MustCompile(`: (SQLITE_[A-Z0-9_]+)(?: \(extended: (SQLITE_[A-Z_]+)\))?$`)

// asHrana puts an error of the host into Hrana's form: D1's code stands beside
// the message.
func asHrana(err error) *hranaError {
	var known *hranaError
	if err == nil || errors.As(err, &known) {
		return known
	}
	fault := asFault(err)
	code := fault.Code
	message := fault.Message
	if found := messageCode.FindStringSubmatch(message); found != nil {
		message = strings.TrimSuffix(message, found[0])
		code = found[1]
	}
	switch {
	case code != "":
	case fault.Kind == d1.KindOverloaded:
		code = "SQLITE_BUSY"
	case fault.Kind == d1.KindTimeout:
		code = "SQLITE_INTERRUPT"
	case fault.Kind == d1.KindSQL, fault.Kind == d1.KindInvalid:
		code = "SQL_INPUT_ERROR"
	default:
		code = codeInternal
	}
	return &hranaError{message, code}
}

// hrana answers Hrana over HTTP, versions 2 and 3 in JSON, for one database.
func (f *Front) hrana(ctx *fasthttp.RequestCtx, src d1.Source, operation string) {
	switch operation {
	case "v2", "v3":
		answer(ctx, fasthttp.StatusOK, []byte(`{}`))
		return
	case "v2/pipeline", "v3/pipeline", "v3/cursor":
	default:
		hranaFailure(ctx, fasthttp.StatusNotFound, hranaFault(codeProtocol, "This path is not served."))
		return
	}
	if !ctx.IsPost() {
		hranaFailure(ctx, fasthttp.StatusMethodNotAllowed, hranaFault(codeProtocol, "Only POST is answered here."))
		return
	}
	if operation == "v3/cursor" {
		f.cursor(ctx, src)
		return
	}
	var request pipeline
	if err := decode(ctx.PostBody(), &request); err != nil {
		hranaFailure(ctx, fasthttp.StatusBadRequest, hranaFault(codeProtocol, "%s", err))
		return
	}
	stream, status, err := f.streams.take(f.host, src, request.Baton)
	if err != nil {
		hranaFailure(ctx, status, asHrana(err))
		return
	}
	body := []byte(`"results":[`)
	for i, r := range request.Requests {
		if i > 0 {
			body = append(body, ',')
		}
		response, err := stream.request(background(), r)
		if err != nil {
			body = append(append(append(body, `{"type":"error","error":`...), asHrana(err).json()...), '}')
			continue
		}
		body = append(append(append(body, `{"type":"ok","response":`...), response...), '}')
	}
	head := append([]byte(`{"baton":`), f.streams.put(stream)...)
	answer(ctx, fasthttp.StatusOK, append(append(append(head, `,"base_url":null,`...), body...), `]}`...))
}

func (e *hranaError) json() []byte {
	b := appendString([]byte(`{"message":`), e.Message)
	return append(appendString(append(b, `,"code":`...), e.Code), '}')
}

// hranaFailure is an answer about a whole request. Clients differ in which
// key they read.
func hranaFailure(ctx *fasthttp.RequestCtx, status int, e *hranaError) {
	b := appendString([]byte(`{"message":`), e.Message)
	b = appendString(append(b, `,"code":`...), e.Code)
	b = appendString(append(b, `,"error":`...), e.Message)
	answer(ctx, status, append(b, '}'))
}

// request runs one request of a pipeline and returns the response's JSON.
func (s *hranaStream) request(ctx context.Context, r hranaRequest) ([]byte, error) {
	if s.ended && r.Type != "close" {
		return nil, hranaFault(codeProtocol, "The stream is closed.")
	}
	switch r.Type {
	case "execute":
		if r.Stmt == nil {
			return nil, hranaFault(codeProtocol, `"execute" has no "stmt".`)
		}
		result, err := s.execute(ctx, *r.Stmt)
		if err != nil {
			return nil, err
		}
		return append(append([]byte(`{"type":"execute","result":`), result...), '}'), nil
	case "batch":
		if r.Batch == nil {
			return nil, hranaFault(codeProtocol, `"batch" has no "batch".`)
		}
		return s.batch(ctx, *r.Batch)
	case "sequence":
		return s.sequence(ctx, r)
	case "describe":
		return s.describe(ctx, r)
	case "store_sql":
		return []byte(`{"type":"store_sql"}`), s.store(r)
	case "close_sql":
		if r.SQLID != nil {
			s.storedBytes -= len(s.stored[*r.SQLID])
			delete(s.stored, *r.SQLID)
		}
		return []byte(`{"type":"close_sql"}`), nil
	case "get_autocommit":
		return fmt.Appendf(nil, `{"type":"get_autocommit","is_autocommit":%t}`, s.stream.Autocommit()), nil
	case "close":
		s.ended = true
		s.stream.Close()
		return []byte(`{"type":"close"}`), nil
	}
	return nil, hranaFault(codeProtocol, "A request of type %q is not known.", r.Type)
}

func (s *hranaStream) store(r hranaRequest) error {
	switch {
	case r.SQLID == nil || r.SQL == nil:
		return hranaFault(codeProtocol, `"store_sql" needs "sql_id" and "sql".`)
	case len(s.stored) >= storedTextsMax, s.storedBytes+len(*r.SQL) > storedTextBytesMax:
		return hranaFault("SQL_STORE_TOO_LARGE", "A stream stores at most %d texts of %d bytes together.", storedTextsMax, storedTextBytesMax)
	}
	if _, ok := s.stored[*r.SQLID]; ok {
		return hranaFault(codeProtocol, "A text is stored under %d already.", *r.SQLID)
	}
	s.stored[*r.SQLID] = *r.SQL
	s.storedBytes += len(*r.SQL)
	return nil
}

// text is the SQL of a request: given, or stored before.
func (s *hranaStream) text(sql *string, id *int64) (string, error) {
	switch {
	case sql != nil && id == nil:
		return *sql, nil
	case sql == nil && id != nil:
		if text, ok := s.stored[*id]; ok {
			return text, nil
		}
		return "", hranaFault("SQL_NOT_FOUND", "No text is stored under %d.", *id)
	}
	return "", hranaFault(codeProtocol, `Exactly one of "sql" and "sql_id" is needed.`)
}

// run runs one statement.
func (s *hranaStream) run(ctx context.Context, stmt hranaStmt) (d1.Result, error) {
	sql, err := s.text(stmt.SQL, stmt.SQLID)
	if err != nil {
		return d1.Result{}, err
	}
	params, err := hranaParams(sql, stmt)
	if err != nil {
		return d1.Result{}, err
	}
	result, err := s.stream.Execute(ctx, d1.Statement{SQL: sql, Params: params})
	if err == nil && stmt.WantRows != nil && !*stmt.WantRows {
		result.Rows = nil
	}
	return result, err
}

func (s *hranaStream) execute(ctx context.Context, stmt hranaStmt) ([]byte, error) {
	result, err := s.run(ctx, stmt)
	if err != nil {
		return nil, err
	}
	return appendHranaResult(nil, result), nil
}

// sequence runs a text of statements, without parameters, up to the first
// error.
func (s *hranaStream) sequence(ctx context.Context, r hranaRequest) ([]byte, error) {
	sql, err := s.text(r.SQL, r.SQLID)
	if err != nil {
		return nil, err
	}
	for _, statement := range sqltext.Split(sql) {
		if _, err := s.stream.Execute(ctx, d1.Statement{SQL: statement}); err != nil {
			return nil, err
		}
	}
	return []byte(`{"type":"sequence"}`), nil
}

func (s *hranaStream) describe(ctx context.Context, r hranaRequest) ([]byte, error) {
	sql, err := s.text(r.SQL, r.SQLID)
	if err != nil {
		return nil, err
	}
	d, err := s.stream.Describe(ctx, sql)
	if err != nil {
		return nil, err
	}
	type named struct {
		Name *string `json:"name"`
	}
	type column struct {
		Name string  `json:"name"`
		Type *string `json:"decltype"`
	}
	params, columns := []named{}, []column{}
	for _, name := range d.Params {
		params = append(params, named{orNil(name)})
	}
	for i, name := range d.Columns {
		columns = append(columns, column{name, orNil(d.Types[i])})
	}
	return json.Marshal(map[string]any{"type": "describe", "result": map[string]any{
		"params": params, "cols": columns, "is_explain": d.Explain, "is_readonly": d.ReadOnly,
	}})
}

func orNil(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
